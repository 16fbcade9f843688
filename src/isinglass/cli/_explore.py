"""``isinglass explore``."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from isinglass._common.lazy import lazy_module
from isinglass.cli._errors import Debug, clear_errors, file

# Loaded when the command uses it: all others start without.
page_file = lazy_module("isinglass.explore.browser.page_file")


def explore(
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", parser=file, help="Where to write the page."),
    ] = Path("isinglass-explorer.html"),
    open_it: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Whether to open it in the browser."),
    ] = True,
    debug: Debug = False,
) -> None:
    """Write the explorer, a page in which one plays with the systems, and open it.

    It is one file that asks no host for anything: it can be sent, put on a site, and
    read without a network.
    """
    with clear_errors(debug):
        page = page_file.write_page(out)
    Console().print(f"Explorer: {out}", markup=False, highlight=False, soft_wrap=True)
    if open_it:
        webbrowser.open(page.as_uri())
