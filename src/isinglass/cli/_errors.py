"""How a command ends: what it says of an error, and its exit code."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from isinglass._common.shared_console import SharedConsole

FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 1, 2, 130, 143

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever handles Ctrl-C handles it."""


def folder(name: str | Path) -> Path:
    if not str(name):
        raise typer.BadParameter("it must name a folder, got an empty text")
    return Path(name)


def file(name: str | Path) -> Path:
    if not str(name):
        raise typer.BadParameter("it must name a file, got an empty text")
    return Path(name)


@contextmanager
def clear_errors(debug: bool, *, bad_input: bool = True) -> Iterator[None]:
    """Turn an error into one line on stderr and an exit code.

    Args:
        debug: Whether to show the traceback too.
        bad_input: Whether a ValueError or OSError here is the user's to mend.
    """
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt as stop:
        say("isinglass: interrupted")
        raise typer.Exit(exit_code(stop)) from None
    except Exception as error:
        expected = bad_input and isinstance(error, ValueError | OSError)
        complain(error, debug, expected=expected)
        raise typer.Exit(BAD_INPUT if expected else FAILED) from None


def exit_code(stop: KeyboardInterrupt) -> int:
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED


def complain(error: Exception, debug: bool, *, expected: bool = False) -> None:
    if debug:
        say("".join(traceback.format_exception(error)).rstrip())
    what = str(error) if expected else f"{type(error).__name__}: {error}"
    hint = "" if expected or debug else " (--debug shows the traceback)"
    say(f"isinglass: error: {what}{hint}")


def say(message: str) -> None:
    """Write a line to stderr, above any progress bars."""
    with suppress(OSError):  # where stderr takes nothing, nobody can be told
        console().print(message, markup=False, highlight=False, soft_wrap=True)


@functools.cache  # one console: lines written beside its bars go above them
def console() -> SharedConsole:
    return SharedConsole(stderr=True)
