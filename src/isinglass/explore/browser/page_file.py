"""The page of the explorer as one file that asks no host for anything."""

import json
from collections.abc import Mapping
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from isinglass._common.files import write_text
from isinglass._common.plain_checks import as_path
from isinglass.explore.browser.bundle import bundle
from isinglass.explore.browser.sections import PANELS, shipped

NAME = "isinglass-explorer.html"
MAIN = "main.js"


def write_page(path: str | Path = NAME, docs: str | None = None) -> Path:
    """Write the explorer, and return where it lies.

    Args:
        path: The file. Its folder must exist.
        docs: Address of the documentation, to which panels link, such as "../" where
            the page stands beside it. The one that the package's metadata name if None;
            without any, panels name the pages of the docs and link to the papers alone.

    Raises:
        OSError: If it cannot be written.
    """
    path = as_path("path", path)
    write_text(path, page(docs))
    return path.resolve()


def page(docs: str | None = None) -> str:
    """Return the whole page as HTML; ``docs`` is as in `write_page`."""
    root = resources.files("isinglass.explore.browser") / "page"
    address = documentation() if docs is None else docs
    data = {
        "docs": f"{address.rstrip('/')}/" if address else "",
        "version": metadata.version("isinglass"),
        "panels": {name: shipped(name) for name in PANELS},
    }
    parts = {
        "style": (root / "style.css").read_text("utf-8"),
        "data": as_json(data),
        "script": _inline(bundle(modules(root), MAIN)),
    }
    return _filled((root / "index.html").read_text("utf-8"), parts)


def modules(root: Traversable, below: str = "") -> dict[str, str]:
    """Return the sources of the ES modules in a folder and below, by path."""
    sources: dict[str, str] = {}
    for entry in root.iterdir():
        if entry.is_dir():
            sources |= modules(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(".js"):
            sources[below + entry.name] = entry.read_text("utf-8")
    return sources


def documentation() -> str:
    """Return the documentation's address by the package's metadata, or ""."""
    addresses = metadata.metadata("isinglass").get_all("Project-URL") or []
    by_name = dict(line.split(", ", 1) for line in addresses)
    return by_name.get("Documentation", "")


def as_json(value: Any) -> str:
    """Write a value as JSON that cannot end the script of HTML which holds it.

    Raises:
        ValueError: If it holds NaN or infinity, which JSON does not have.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _inline(script: str) -> str:
    """A script that HTML takes as a whole: what could end it is within strings."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _filled(template: str, parts: Mapping[str, str]) -> str:
    for name, text in parts.items():
        before, mark, after = template.partition(f"<!-- {name} -->")
        if not mark:
            raise ValueError(f"index.html lacks the place <!-- {name} -->")
        template = before + text + after
    return template
