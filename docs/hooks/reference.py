"""Pages of the API reference, made from the public names and so never stale.

Names are read from the stubs ``__init__.pyi``, or from ``__all__`` where a package has
none; nothing is imported. mkdocstrings fills in the docstrings.
"""

import ast
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class PublicName:
    """A name of a package, and where it is defined."""

    name: str
    path: str
    """Dotted, such as "isinglass.energy.capacity.capacity"."""

    @cached_property
    def is_module(self) -> bool:
        """Whether the name is a module or a package."""
        place = SOURCE / self.path.replace(".", "/")
        return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


@cache
def packages() -> list[str]:
    """Return all packages that have public names, the top first."""
    folders = sorted(file.parent for file in SOURCE.rglob("__init__.py"))
    names = [".".join(folder.relative_to(SOURCE).parts) for folder in folders]
    return [
        name
        for name in names
        if not any(part.startswith("_") for part in name.split("."))
        and public_names(name)
    ]


@cache
def public_names(package: str) -> list[PublicName]:
    """Return names that a package gives to its users, in alphabetical order."""
    folder = SOURCE / package.replace(".", "/")
    stub, module = folder / "__init__.pyi", folder / "__init__.py"
    file = stub if stub.is_file() else module
    if not file.is_file():
        return []
    tree = ast.parse(file.read_text("utf-8"))
    names = [
        PublicName(alias.asname or alias.name, _definition(package, node, alias.name))
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    if file == module:
        exported = _exported(tree)
        names = [name for name in names if name.name in exported]
    return sorted(names, key=lambda name: (name.name.lower(), name.name))


@cache
def pages() -> dict[str, str]:
    """Return Markdown of every page of the reference, by its place in the docs."""
    documented: dict[str, str] = {}
    texts = {}
    for package in sorted(packages(), key=lambda name: -name.count(".")):
        texts[f"reference/{package}.md"] = _page(package, documented)
    top = texts.pop("reference/isinglass.md")
    others = sorted(texts, key=lambda place: place.removesuffix(".md"))
    return {"reference/index.md": top, **{place: texts[place] for place in others}}


def _page(package: str, documented: dict[str, str]) -> str:
    names = public_names(package)
    modules = [n for n in names if n.is_module and n.path not in packages()]
    below = [n for n in names if n.path in packages()]
    others = [n for n in names if not n.is_module]
    parts = [f"# `{package}`", _directive(package, "members: false", root=False)]
    if package == "isinglass":
        below = [PublicName(name, name) for name in packages() if name != package]
    if below:
        parts += ["## Packages", "\n".join(f"- {_package_link(n.path)}" for n in below)]
    elsewhere = [n for n in others if n.path in documented]
    for name in others:
        if name not in elsewhere:
            documented[name.path] = package
            parts.append(_directive(name.path))
    if elsewhere:
        lines = [f"- [`{n.name}`][{n.path}]" for n in elsewhere]
        parts += ["## Names of other packages", "\n".join(lines)]
    for module in modules:
        above = [n.name for n in others if n.path.rpartition(".")[0] == module.path]
        filters = ", ".join(['"!^_"', *(f'"!^{name}$"' for name in above)])
        parts.append(_directive(module.path, f"filters: [{filters}]"))
    return "\n\n".join(parts) + "\n"


def _directive(path: str, *options: str, root: bool = True) -> str:
    lines = [f"show_root_heading: {str(root).lower()}", *options]
    return f"::: {path}\n    options:\n" + "\n".join(f"        {x}" for x in lines)


def _package_link(package: str) -> str:
    tree = ast.parse(
        (SOURCE / package.replace(".", "/") / "__init__.py").read_text("utf-8")
    )
    first = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    return f"[`{package}`]({package}.md): {first}"


def _definition(package: str, node: ast.ImportFrom, name: str) -> str:
    """Return where a name is defined that a package imports, through other packages."""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    module = ".".join([*(base if node.level else []), *filter(None, [node.module])])
    if module != package:
        for other in public_names(module):
            if other.name == name:
                return other.path
    return f"{module}.{name}"


def _exported(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()
