"""The command line: list, show, reproduce, report, sweep, resume, radius, explore.

Modules that import JAX are loaded when a command uses them, so that ``--version`` and
``--help`` answer at once.

Exit codes: 0 done; 1 an experiment failed, or something unexpected; 2 bad usage or
input; 130 stopped with Ctrl-C; 143 stopped with SIGTERM. Either is acknowledged at
once, and the second one ends the process at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from isinglass import __version__
from isinglass.cli import _experiments, _explore, _list, _radius, _sweep
from isinglass.cli._errors import FAILED, INTERRUPTED, TERMINATED, complain
from isinglass.cli._signals import acknowledged_signals
from isinglass.cli._usage import Command, Group

app = typer.Typer(
    help="The physics of attention: run published experiments again, number by number, "
    "sweep maps over their parameters, measure a transformer's memory radius, and play "
    "with the systems in the browser.",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list", cls=Command)(_list.list_experiments)
app.command(cls=Command)(_list.show)
app.command(cls=Command)(_experiments.reproduce)
app.command(cls=Command)(_experiments.report)
app.command(cls=Command)(_sweep.sweep)
app.command(cls=Command)(_sweep.resume)
app.command(cls=Command)(_radius.radius)
app.command(cls=Command)(_explore.explore)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    # Figures are written to files. A notebook's backend, which its kernel names for all
    # that it starts, need not be installed beside us.
    os.environ["MPLBACKEND"] = "agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    with acknowledged_signals():
        code = _run_app()
    if code in (INTERRUPTED, TERMINATED):
        # JAX may be compiling in threads of its own; taking the interpreter down under
        # them can crash, and the exit code would be lost.
        os._exit(code)
    sys.exit(code)


def _run_app() -> int:
    code = FAILED
    try:
        app(prog_name="isinglass")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
    except OSError as error:  # of --help or --version; commands tell theirs
        complain(error, debug=False)
    for stream in filter(
        None, (sys.stdout, sys.stderr)
    ):  # None where the shell closed it
        try:
            stream.flush()
        except (
            OSError
        ):  # told already; the interpreter would fail on what is left once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _version(is_asked: bool | None) -> None:
    if is_asked:
        typer.echo(f"isinglass {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool | None,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = None,
) -> None:
    """Options of ``isinglass`` itself."""
