"""Commands on pages have the options and experiments that pages say; none is run."""

import re
import shlex
from typing import Any

import pytest
import typer

from helpers.pages import Page, all_pages
from isinglass.cli import app
from isinglass.reproduce import entries

COMMAND: Any = typer.main.get_command(app)


def commands(page: Page) -> list[list[str]]:
    """The calls of `isinglass` in blocks of shell and between single ticks."""
    shell = "\n".join(block.text for block in page.of_language("bash"))
    lines = shell.replace("\\\n", " ").replace("&&", "\n").splitlines()
    ticks = re.findall(r"(?<!`)`((?:[A-Z_]+=\S+ )*isinglass [^`]+)`(?!`)", page.prose)
    calls = []
    for line in [*lines, *ticks]:
        words = shlex.split(line.replace("\n", " "), comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and words[0].rpartition("/")[2] == "isinglass" and len(words) > 1:
            calls.append(words[1:])
    return calls


@pytest.mark.parametrize(
    "page", [page for page in all_pages() if commands(page)], ids=lambda p: p.name
)
def test_commands_are_there_with_their_options(page: Page) -> None:
    for name, *words in commands(page):
        if name.startswith("-") or not name.islower():
            continue
        assert name in COMMAND.commands, name
        command = COMMAND.commands[name]
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        available = {flag for p in command.params for flag in p.opts}
        available |= {flag for p in command.params for flag in p.secondary_opts}
        available |= {"--help"}
        assert set(options) - available == set(), (name, words)
        if name in ("list", "show", "reproduce"):
            assert_experiments(words)


def assert_experiments(words: list[str]) -> None:
    """The first words name experiments or groups, or are placeholders in capitals."""
    names = {*entries(), *(entry.system for entry in entries().values()), "all"}
    for word in words:
        if word.startswith("-"):
            return
        if re.fullmatch(r"[a-z-]+", word):
            assert word in names, words
