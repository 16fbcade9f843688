"""``isinglass reproduce`` and ``report``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from isinglass._common.lazy import lazy_module
from isinglass.cli._compute import prepare
from isinglass.cli._errors import (
    FAILED,
    Debug,
    clear_errors,
    complain,
    console,
    exit_code,
    file,
    folder,
    say,
)
from isinglass.cli._list import selectable_names
from isinglass.reproduce import catalogue, inputs

if TYPE_CHECKING:
    from isinglass.reproduce.catalogue import Entry
    from isinglass.reproduce.results import Result

# Loaded when a command uses them: they import JAX, xarray or Matplotlib.
html = lazy_module("isinglass.report.html")
numbers = lazy_module("isinglass.report.numbers")
bars_module = lazy_module("isinglass._common.bars")
results = lazy_module("isinglass.reproduce.results")
runner = lazy_module("isinglass.reproduce.runner")
terminal = lazy_module("isinglass.report.terminal")

REPORT = Path("isinglass-report")

Outcomes = Iterator[Any]  # `Finished` or `Failed` of the runner


def _with_inputs(command: Callable[..., None]) -> Callable[..., None]:
    """A command that has an option for each of the user's inputs, given as keywords."""
    options = {
        source.name: Annotated[
            Path | None,
            typer.Option(
                metavar="DIR" if source.is_folder else "FILE",
                parser=folder if source.is_folder else file,
                help=source.help,
                show_default=False,
            ),
        ]
        for source in inputs.INPUTS
    }
    signature = inspect.signature(command, eval_str=True)
    *own, debug, _ = signature.parameters.values()
    added = [
        inspect.Parameter(name, debug.kind, default=None, annotation=option)
        for name, option in options.items()
    ]
    full = signature.replace(parameters=[*own, *added, debug])

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        command(*args, **kwargs)

    wrapper.__dict__["__signature__"] = full
    wrapper.__annotations__ = {
        name: parameter.annotation for name, parameter in full.parameters.items()
    }
    return wrapper


@_with_inputs
def reproduce(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Experiments as `isinglass list` shows them, a system such as "
            "'interference' for all of its experiments, or 'all'.",
            show_default=False,
            autocompletion=selectable_names,
        ),
    ],
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Independent repetitions, 1 to 1000000; by default each experiment's "
            "own number.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Base seed of all random numbers, at least 0.")
    ] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=folder,
            help="Folder for the report, the ledger and the figures.",
        ),
    ] = REPORT,
    quick: Annotated[
        bool, typer.Option("--quick", help="Rough numbers in seconds.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="The published resolution, of experiments that `isinglass list` "
            "marks.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep results in DIR that the same code got with the same settings.",
        ),
    ] = False,
    debug: Debug = False,
    **paths: Path | None,
) -> None:
    """Run published experiments and compare every number with the paper's.

    Prints the paper's value, ours with its 95 % confidence interval, and a verdict, and
    writes report.html, ledger.json, ledger.csv and the figures. A folder keeps the
    results of earlier runs: the report shows all of them.
    """
    # The bars come first: what follows imports for seconds.
    with bars_module.Bars(console()) as bars:
        with clear_errors(debug):
            chosen = catalogue.select(names)
            bars.step("starting: " + _summary(chosen))
            prepare()
            request = runner.Request(out, seeds, seed, quick, full, resume, paths)
            outcomes = runner.run(chosen, request, bars)
        results_and_failures = _run(outcomes, len(chosen), out, debug)
    _show(*results_and_failures, out, debug)


def report(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            parser=folder,
            help="Folder of `isinglass reproduce --out DIR`.",
        ),
    ] = REPORT,
    debug: Debug = False,
) -> None:
    """Write tables, figures, findings and the page of a finished run anew.

    Nothing is measured: all is told from the measurements that lie in DIR.
    """
    with bars_module.Bars(console()) as bars:
        with clear_errors(debug):
            bars.step(f"reading {out}")
            entries = catalogue.entries()
            count = len(results.measured_experiments(out) & entries.keys())
            outcomes = runner.tell(entries, out, bars)
        results_and_failures = _run(outcomes, count, out, debug)
    _show(*results_and_failures, out, debug)


def _summary(entries: Sequence[Entry]) -> str:
    """What is to be run, in a few words."""
    first, *others = [entry.name for entry in entries]
    return f"{first} and {len(others)} more" if others else first


def _show(finished: Sequence[Result], failures: int, out: Path, debug: bool) -> None:
    """Print what came out, and fail if anything did."""
    with clear_errors(debug, bad_input=False):
        _print_results(finished, out)
    if failures:
        raise typer.Exit(FAILED)


def _run(
    outcomes: Outcomes, total: int, out: Path, debug: bool
) -> tuple[list[Result], int]:
    """Go through the outcomes; rebuild the page after each, and say how it ended.

    Returns:
        What finished, and how much went wrong.
    """
    with clear_errors(debug, bad_input=False), _results_stay(out):
        return _follow(outcomes, total, out, debug)


def _follow(
    outcomes: Outcomes, total: int, out: Path, debug: bool
) -> tuple[list[Result], int]:
    finished: list[Result] = []
    failures = 0
    for count, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, runner.Failed):
            failures += 1
            say(f"[{count}/{total}] {outcome.entry.name}: failed")
            complain(outcome.error, debug)
            continue
        result = outcome.result
        finished.append(result)
        errors = [outcome.ledger_error] if outcome.ledger_error else []
        try:
            html.write(results.load_all(out, order=list(catalogue.entries())), out)
        except (OSError, results.ResultFileError) as error:
            errors.append(error)
        duration = numbers.duration(result.run.seconds)
        end = "kept" if outcome.is_earlier else f"done in {duration}"
        say(f"[{count}/{total}] {result.name}: {end}")
        for error in errors:
            complain(error, debug)
        failures += len(errors)
    return finished, failures


def _print_results(finished: Sequence[Result], out: Path) -> None:
    if not finished:
        return
    stdout = Console()
    for result in finished:
        stdout.print(terminal.result_table(result, stdout.width))
    stdout.print(terminal.summary(finished))
    page = out / html.NAME
    if page.is_file():
        stdout.print(f"Report: {page}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _results_stay(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        count = len(list((out / "results").glob("*.json")))
        say(
            f"isinglass: interrupted; {count} finished "
            f"result{'' if count == 1 else 's'} in {out}. "
            "The same command with --resume goes on from there."
        )
        raise typer.Exit(exit_code(stop)) from None
