"""The page of the command: what ``--help`` says of each."""

import os
import re

import typer
from typer.testing import CliRunner

from isinglass.cli import app

WIDTH = 88
INTRODUCTION = """# The command

`isinglass --help` and the `--help` of each of its commands, as they are printed.
"""


def page() -> str:
    """Return Markdown with the help of the command and of all that it has."""
    names = sorted(typer.main.get_command(app).commands)
    parts = [INTRODUCTION, "## isinglass", _help([])]
    for name in names:
        parts += [f"## isinglass {name}", _help([name])]
    return "\n\n".join(parts)


def _help(arguments: list[str]) -> str:
    terminal = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"}
    result = CliRunner().invoke(
        app,
        [*arguments, "--help"],
        prog_name="isinglass",
        env={**os.environ, **terminal},
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
    return "```text\n" + text.strip("\n") + "\n```"
