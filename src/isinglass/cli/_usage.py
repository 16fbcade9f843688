"""Usage errors in our own words, in one line, and help that names no type of a flag."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from isinglass.cli._errors import say

# What was typed that is no command line: Typer gives no public name to it.
UsageError: Any = typer.BadParameter.__base__
NUMBERS = {"int": "a whole number", "float": "a number"}


def _without_type(parameters: Sequence[Any]) -> list[Any]:
    """Parameters of which a flag is not said to be a bool."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return list(parameters)


class Command(TyperCommand):
    """A command whose help is without the types of flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, that of the help included."""
        return _without_type(super().get_params(ctx))


class Group(TyperGroup):
    """The command that holds the others, and says what is wrong in a call of it."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, that of the help included."""
        return _without_type(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-"):
            close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
            hint = f": did you mean {' or '.join(close)}?" if close else ""
            ctx.fail(f"there is no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run the command line; a wrong one ends with one line and exit code 2."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **options)
        try:
            code = super().main(*args, standalone_mode=False, **options)
        except UsageError as error:
            _refuse(error)
        except typer.Abort:
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Any) -> NoReturn:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        where = error.ctx.command_path if error.ctx else "isinglass"
        message = _in_our_words(error, where.rpartition(" ")[2])
        say(f"isinglass: error: {message} (see `{where} --help`)")
    sys.exit(error.exit_code)


def _in_our_words(error: Any, command: str) -> str:
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    if kind == "NoSuchOption":
        close = sorted(error.possibilities or ())
        hint = f": did you mean {' or '.join(close)}?" if close else ""
        return f"{command} has no option {error.option_name}{hint}"
    if kind == "BadOptionUsage":
        has_value = "not take a value" in error.message
        return f"{error.option_name} {'takes no' if has_value else 'needs a'} value"
    if parameter is None:
        message = error.format_message().rstrip(".")
        return message[0].lower() + message[1:]
    is_option = parameter.opts[0].startswith("-")
    name = parameter.opts[0] if is_option else parameter.metavar or parameter.name
    if kind == "MissingParameter":
        return f"{command} needs {name}"
    expected, value = _expected_number(error)
    if expected:
        return f"{name} must be {expected}, got {value!r}"
    return f"{name}: {error.message}"


def _expected_number(error: Any) -> tuple[str | None, Any]:
    """What was to be a number, and what stood there instead."""
    details = getattr(error.__cause__, "errors", list)()
    if not details:
        return None, None
    return NUMBERS.get(details[0]["type"].split("_")[0]), details[0]["input"]
