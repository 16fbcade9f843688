"""Who may import whom: foundations ← systems ← reproduce ← report ← cli."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import isinglass

PACKAGE = Path(isinglass.__file__).parent
FOUNDATIONS = {"energy", "dynamics"}
SYSTEMS = {"interference", "meanfield", "looped", "memory"}
ALLOWED = {
    **dict.fromkeys(FOUNDATIONS, FOUNDATIONS),
    **{system: {system, "data", *FOUNDATIONS} for system in SYSTEMS},
    "data": {"data"},
    "reproduce": {"reproduce", "data", *FOUNDATIONS, *SYSTEMS},
    "report": {"report", "reproduce"},
    # A sweep that a user asks for is no experiment of a paper, and a system cannot hold
    # it: it is of any map. So it has a part of its own.
    "sweeps": {"sweeps", "meanfield", *FOUNDATIONS},
    # `isinglass radius` measures a model of the user's own, which is no experiment.
    "cli": {"cli", "report", "reproduce", "sweeps", "data", "memory"},
}


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to: "data" for data/mnist.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_open_to_all(part: str) -> bool:
    """Private helpers beside the parts, and names of the package itself."""
    return part.startswith("_")


def imported_parts(source: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and part of every import from isinglass in a module."""
    package = ("isinglass", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = (
                ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            )
            module = ".".join(filter(None, [base, node.module]))
            modules = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            root, *rest = module.split(".")
            if root == "isinglass" and rest:
                yield node.lineno, rest[0]


def violations(source: str, path: Path) -> list[str]:
    part = part_of(path)
    allowed = set() if is_open_to_all(part) else ALLOWED[part]
    return [
        f"{path.relative_to(PACKAGE)}:{line}: {part} must not import {imported}"
        for line, imported in imported_parts(source, path)
        if imported not in allowed and not is_open_to_all(imported)
    ]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_every_module_keeps_the_rule(path):
    assert violations(path.read_text("utf-8"), path) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("energy/hopfield.py", "import isinglass.systems.memory"),
        ("interference/a.py", "from isinglass.systems.looped import b"),
        ("interference/a.py", "from isinglass import meanfield"),
        ("interference/a.py", "from ..looped import b"),
        ("interference/a.py", "from .. import looped"),
        ("interference/a.py", "def f():\n    import isinglass.reproduce.ledger"),
        ("data/a.py", "from isinglass.energy import b"),
        ("reproduce/a.py", "from isinglass.report import html"),
        ("report/a.py", "from isinglass.systems.interference import b"),
        ("reproduce/a.py", "from isinglass import cli"),
        ("reproduce/a.py", "from isinglass import sweeps"),
        ("sweeps/a.py", "from isinglass.reproduce import figures"),
        ("cli/a.py", "from isinglass.systems.meanfield import Features"),
        ("_atomic.py", "from isinglass.data import mnist"),
    ],
)
def test_a_breach_is_found(file, source):
    assert len(violations(source, PACKAGE / file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "interference/a.py",
            "from .geometry import b\nfrom isinglass.energy import c",
        ),
        ("interference/a.py", "from isinglass import _atomic, __version__"),
        ("reproduce/a.py", "import isinglass.systems.interference, numpy"),
        (
            "cli/a.py",
            "from isinglass.reproduce import runner\nfrom isinglass.explore import run",
        ),
        (
            "sweeps/a.py",
            "from isinglass.dynamics import b\nfrom isinglass.systems.meanfield import "
            "c",
        ),
    ],
)
def test_what_is_allowed_passes(file, source):
    assert violations(source, PACKAGE / file) == []
