"""Who may import whom; no files import each other in a circle, and nothing late."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

import isinglass
from helpers.style import breaches

PACKAGE = Path(isinglass.__file__).parent
INDENTED = re.compile(r"^[ \t]+(?:import|from +\S+ +import) ", re.MULTILINE)

# A room may import what stands left of it, and nothing beside or right of it.
RULE = """
_common <- attention, energy, dynamics, data <- training <- systems <- reproduce, explore <- experiments, report <- cli
_common <- plot <- reproduce, report
"""  # noqa: E501


def allowed_rooms(rule: str) -> dict[str, set[str]]:
    """Return for every room those that it may import beside itself."""
    below: dict[str, set[str]] = {}
    for line in rule.strip().splitlines():
        levels = [set(level.split(", ")) for level in line.split(" <- ")]
        below |= {room: below.get(room, set()) for level in levels for room in level}
        for lower, upper in pairwise(levels):
            for room in upper:
                below[room] |= lower
    order = TopologicalSorter(below).static_order()
    for room in order:
        below[room] = below[room].union(*(below[lower] for lower in below[room]))
    return below


ALLOWED = allowed_rooms(RULE)


@cache
def imported_modules(source: str, file: str) -> tuple[str, ...]:
    """What a file imports from the package, without the leading isinglass."""
    return tuple(_imported_modules(source, file))


def _imported_modules(source: str, file: str) -> Iterator[str]:
    package = ("isinglass", *Path(file).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, _, rest = name.partition(".")
            if root == "isinglass":
                yield rest


def room_of(module: str) -> str:
    """Return "data" for "data.mnist"; a system is a room of its own."""
    room, *rest = module.split(".")
    return f"systems.{rest[0]}" if room == "systems" and rest else room


def forbidden_imports(source: str, file: str) -> list[str]:
    if file == "__init__.py":  # what the package shows may come from anywhere
        return []
    room = "cli" if file == "__main__.py" else room_of(file.replace("/", "."))
    level = room.partition(".")[0]
    return [
        f"{file} must not import {module or 'isinglass'}"
        for module in imported_modules(source, file)
        if module != "__version__"
        and room_of(module) != room
        and room_of(module).partition(".")[0] not in ALLOWED[level]
    ]


def circle(sources: Mapping[str, str]) -> list[str]:
    """Return files, the first again at the end, of which each imports the next, if any.

    An import of a name counts as one of the file that the name is in: of a package,
    its ``__init__``.
    """

    def file_of(module: str) -> str | None:
        path = module.replace(".", "/")
        candidates = (f"{path}.py", f"{path}/__init__.py")
        return next((file for file in candidates if file in sources), None)

    def imported_files(file: str) -> Iterable[str]:
        for module in imported_modules(sources[file], file):
            target = file_of(module) or file_of(module.rpartition(".")[0])
            if target:
                yield target

    try:
        TopologicalSorter({file: imported_files(file) for file in sources}).prepare()
    except CycleError as error:
        return error.args[1][::-1]
    return []


def late_imports(source: str) -> list[str]:
    if not INDENTED.search(source):  # most files: they need not be parsed
        return []
    return [what for _, rule, what in breaches(source, "src/") if rule == "import"]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def test_every_room_imports_only_what_stands_left_of_it(sources):
    forbidden = [
        breach
        for file, source in sources.items()
        for breach in forbidden_imports(source, file)
    ]
    assert not forbidden, "\n".join(forbidden)


def test_no_files_import_each_other_in_a_circle(sources):
    files = circle(sources)
    assert not files, " imports ".join(files)


def test_only_optional_extras_are_imported_inside_functions(sources):
    late = [
        f"{file}: {what}"
        for file, source in sources.items()
        for what in late_imports(source)
    ]
    assert not late, "\n".join(late)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("energy/a.py", "import isinglass.systems.memory"),
        ("energy/a.py", "from isinglass.data import b"),
        ("dynamics/a.py", "from isinglass.energy import b"),
        ("attention/a.py", "from isinglass.training import b"),
        ("data/a.py", "from isinglass.energy import b"),
        ("training/a.py", "from isinglass.systems.looped import b"),
        ("systems/interference/a.py", "from isinglass.systems.looped import b"),
        ("systems/interference/a.py", "from isinglass.systems import meanfield"),
        ("systems/interference/a.py", "from ..looped import b"),
        ("systems/interference/a.py", "from .. import looped"),
        ("systems/interference/a.py", "def f():\n    import isinglass.reproduce.run"),
        ("systems/interference/a.py", "from isinglass.plot import b"),
        ("plot/a.py", "from isinglass.dynamics import b"),
        ("reproduce/a.py", "from isinglass.report import html"),
        ("reproduce/a.py", "from isinglass.explore import run"),
        ("explore/a.py", "from isinglass.plot import style"),
        ("reproduce/a.py", "import isinglass.experiments.memory.quarter"),
        ("reproduce/a.py", "from isinglass import cli"),
        ("explore/a.py", "from isinglass.reproduce import b"),
        ("report/a.py", "from isinglass.experiments import b"),
        ("experiments/a.py", "from isinglass.report import b"),
        ("report/a.py", "from isinglass.cli import b"),
        ("_common/a.py", "from isinglass.data import mnist"),
        ("energy/a.py", "import isinglass"),
        ("energy/a.py", "from isinglass import MeanField"),
    ],
)
def test_a_forbidden_import_is_reported(file, source):
    assert len(forbidden_imports(source, file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("systems/memory/a.py", "from .b import c\nfrom isinglass.energy import d"),
        ("systems/memory/a.py", "from isinglass.systems.memory.b import c"),
        ("systems/memory/a.py", "from isinglass._common import files"),
        ("reproduce/a.py", "import isinglass.systems.interference, numpy"),
        ("reproduce/a.py", "from isinglass import __version__"),
        ("reproduce/a.py", "from isinglass.plot import style"),
        ("experiments/a.py", "from isinglass.plot import phase_plane"),
        ("report/a.py", "from isinglass.plot import b"),
        ("cli/a.py", "from isinglass.plot import b\nimport isinglass.report.html"),
        ("__main__.py", "from isinglass.cli import main"),
        ("__init__.py", "from isinglass.systems.meanfield import MeanField"),
    ],
)
def test_an_import_from_the_left_passes(file, source):
    assert forbidden_imports(source, file) == []


def test_a_circle_is_reported():
    assert circle(
        {
            "energy/__init__.py": "from isinglass.energy.a import x",
            "energy/a.py": "from .b import y",
            "energy/b.py": "import numpy\ndef f():\n    from isinglass.energy import x",
        }
    ) in (
        ["energy/__init__.py", "energy/a.py", "energy/b.py", "energy/__init__.py"],
        ["energy/a.py", "energy/b.py", "energy/__init__.py", "energy/a.py"],
        ["energy/b.py", "energy/__init__.py", "energy/a.py", "energy/b.py"],
    )


def test_a_line_of_files_is_no_circle():
    assert not circle(
        {
            "energy/__init__.py": "from isinglass.energy.a import x",
            "energy/a.py": "from isinglass.energy import b",
            "energy/b.py": "import numpy",
        }
    )


def test_a_late_import_is_reported_but_of_an_optional_extra():
    late = "def f():\n    import {0}\n    from {0}.a import b"
    assert len(late_imports(late.format("isinglass.data"))) == 2
    assert len(late_imports(late.format("scipy"))) == 2
    assert late_imports(late.format("distributed")) == []
