"""Where a reader of the report goes on: the docs, and the code that measured."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from isinglass.reproduce.results import Result


def documentation(result: Result) -> str:
    """Address of the page on the experiment's system, or "" where there is none.

    It is the "Documentation" that the package which declares the experiment names in
    its metadata, with the name of the system behind it.
    """
    package, *_ = result.module.split(".")
    try:
        addresses = metadata.metadata(package).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    by_name = dict(line.split(", ", 1) for line in addresses)
    address = by_name.get("Documentation", "")
    return f"{address.rstrip('/')}/{_system(result)}/" if address else ""


def page(result: Result) -> str:
    """Place of that page in the source of this package, or "" for other packages'."""
    ours = result.module.partition(".")[0] == "isinglass"
    return f"docs/{_system(result)}.md" if ours else ""


def _system(result: Result) -> str:
    return result.name.split("-")[0]


def source(result: Result) -> str:
    """The code of the module that measures, as it is installed here, or ""."""
    try:
        spec = find_spec(result.module)
    except ModuleNotFoundError:
        return ""
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return ""
    return Path(spec.origin).read_text("utf-8")
