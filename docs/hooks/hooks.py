"""What MkDocs cannot know of our pages: those that are made, and links out of docs/.

MkDocs loads this file, and calls the functions that begin with ``on_``. Made are the
reference, the gallery, the command's help, the changelog, files that pages link to, and
the explorer. All of it is plain functions of text, which another builder can call, too.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import commands
import gallery
import reference
from formulas import as_mathml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from isinglass.explore.browser.page_file import page as explorer_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Pages of the site that lie outside docs/, by the file that they show.
OUTSIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s:]+)\)")
EXPLORER = "explorer/isinglass-explorer.html"
PICTURE = "images/interference-worldlines-spacetime.png"
# On a phone the explorer is a page of its own: one scrolls, or one draws.
PLAYED = f"""<iframe class="explorer" src="{EXPLORER}" title="The explorer"
loading="lazy"></iframe>

[![A digit in space and time]({PICTURE})]({EXPLORER}){{ .phone }}

[Open the explorer]({EXPLORER}){{ .md-button .md-button--primary }}
[What there is in it](explorer.md){{ .md-button }}
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the reference into the navigation."""
    pages = [
        {page.removeprefix("reference/").removesuffix(".md"): page}
        for page in reference.pages()
        if not page.endswith("index.md")
    ]
    config.nav = [
        {"Reference": ["reference/index.md", *pages]} if "Reference" in entry else entry
        for entry in config.nav or []
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made to what lies in docs/."""
    pages = {**reference.pages(), "command.md": commands.page()}
    pages |= {page: (ROOT / file).read_text("utf-8") for file, page in OUTSIDE.items()}
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    shown = gallery.run_all() if config.extra["gallery"] else {}
    files.append(File.generated(config, "gallery.md", content=gallery.page(shown)))
    for name, example in shown.items():
        picture = File.generated(config, f"gallery/{name}.png", content=example.picture)
        files.append(picture)
    for place, text in _linked_sources().items():
        hidden = InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, place, content=text, inclusion=hidden))
    files.append(File.generated(config, EXPLORER, content=_explorer()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to pages of the site."""
    place = page.file.src_uri
    markdown = markdown.replace("<!-- explorer -->", PLAYED)
    origins = {shown: file for file, shown in OUTSIDE.items()}
    origin = PurePosixPath(origins.get(place, f"docs/{place}"))

    def turned(match: re.Match[str]) -> str:
        target, hash_, anchor = match[2].partition("#")
        if not target:
            return match[0]
        shown = _place_on_site(normpath(str(origin.parent / target)))
        if shown == "explorer.md" and anchor:  # a state of the explorer
            shown = EXPLORER
        if shown is None:
            return match[1][1:-1]
        up = "../" * place.count("/")
        return f"{match[1]}({up}{shown}{hash_}{anchor})"

    return LINK.sub(turned, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Draw formulas."""
    return as_mathml(html)


def _place_on_site(file: str) -> str | None:
    """Return where the site shows a file of the repository, or None if nowhere."""
    if file in OUTSIDE:
        return OUTSIDE[file]
    if file.startswith("docs/"):
        return file.removeprefix("docs/")
    if file.startswith("examples"):
        name = PurePosixPath(file).stem
        return "gallery.md" if file == "examples" else f"gallery.md#{name}"
    return _source_page(file) if (ROOT / file).is_file() else None


def _source_page(file: str) -> str:
    return f"source/{file.replace('/', '.')}.md"


def _linked_sources() -> dict[str, str]:
    """Return pages that show the files of the repository to which pages link."""
    texts = {}
    pages = [*DOCS.rglob("*.md"), *(ROOT / file for file in OUTSIDE)]
    for page in pages:
        for _, target in LINK.findall(page.read_text("utf-8")):
            path = (page.parent / target.partition("#")[0]).resolve()
            file = path.relative_to(ROOT).as_posix() if path.is_file() else ""
            if file.startswith(("src/", "tests/", "benchmarks/")):
                code = path.read_text("utf-8").rstrip()
                title = f"---\nsearch:\n  exclude: true\n---\n# `{file}`\n\n"
                texts[_source_page(file)] = f"{title}````python\n{code}\n````\n"
    return texts


def _explorer() -> str:
    return explorer_page("../")
