"""Several ES modules as one script, for a page that is one file.

A module becomes a function that returns what it exports, and an import a constant that
takes from that. This needs imports and exports in the few forms that our modules use,
and refuses any other; a browser and node load the same modules as they stand.
"""

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from posixpath import dirname, join, normpath

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";$', re.MULTILINE)
EXPORT = re.compile(
    r"^export (?=(?:async function|function\*?|class|const) (\w+))", re.MULTILINE
)
OTHER = re.compile(r"^(?:import|export)\b.*|^[^/*\n]*\bimport\(.*", re.MULTILINE)


class BundleError(ValueError):
    """Modules that cannot be put into one script."""


def bundle(modules: Mapping[str, str], main: str) -> str:
    """Put a module and all that it imports into one script.

    Args:
        modules: Sources by path, such as "core/plot.js".
        main: Path of the module that starts everything.

    Returns:
        A script that does what ``main`` does, in which every module is run once, after
        those that it imports.

    Raises:
        BundleError: If a module is missing, modules import each other in a circle, or
            an import or export is of a form that is not understood.
    """
    return "\n".join(_as_function(path, modules[path]) for path in order(modules, main))


def order(modules: Mapping[str, str], main: str) -> list[str]:
    """Return the paths of a module and all that it imports, which come before it.

    Raises:
        BundleError: As `bundle` does.
    """
    graph: dict[str, list[str]] = {}
    waiting = [main]
    while waiting:
        path = waiting.pop()
        if path in graph:
            continue
        if path not in modules:
            raise BundleError(f"there is no module {path}")
        graph[path] = [_target(path, m[2]) for m in IMPORT.finditer(modules[path])]
        waiting += graph[path]
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " imports ".join(error.args[1][::-1])
        raise BundleError(f"modules import each other: {circle}") from None


def _as_function(path: str, source: str) -> str:
    exports = [match[1] for match in EXPORT.finditer(source)]
    body = EXPORT.sub("", IMPORT.sub(lambda match: _taken(path, match), source))
    other = OTHER.search(body)
    if other:
        raise BundleError(f"{path}: not understood: {other[0].strip()}")
    returned = f"return {{ {', '.join(exports)} }};\n" if exports else ""
    return f"const {_name(path)} = (() => {{\n{body.strip()}\n{returned}}})();\n"


def _taken(path: str, match: re.Match[str]) -> str:
    names = ", ".join(
        name.strip().replace(" as ", ": ")
        for name in match[1].split(",")
        if name.strip()
    )
    return f"const {{ {names} }} = {_name(_target(path, match[2]))};"


def _target(path: str, address: str) -> str:
    return normpath(join(dirname(path), address))


def _name(path: str) -> str:
    return "module_" + re.sub(r"\W", "_", path.removesuffix(".js"))
