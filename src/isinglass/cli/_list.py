"""``isinglass list`` and ``show``, and the names that a shell completes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console

from isinglass._common.lazy import lazy_module
from isinglass.cli._errors import Debug, clear_errors
from isinglass.reproduce import catalogue

# Loaded when a command uses them.
experiment_card = lazy_module("isinglass.report.experiment_card")
experiment_list = lazy_module("isinglass.report.experiment_list")

Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def experiment_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of experiments that begin so, with their titles."""
    for name, entry in catalogue.entries().items():
        if name.startswith(incomplete):
            yield name, entry.experiment.title


def system_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of systems that begin so, with their papers."""
    papers: dict[str, dict[str, None]] = {}  # in order, none twice
    for entry in catalogue.entries().values():
        papers.setdefault(entry.system, {})[entry.paper.citation] = None
    for name, citations in papers.items():
        if name.startswith(incomplete):
            yield name, ", ".join(citations)


def selectable_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Whatever `isinglass reproduce` takes that begins so."""
    yield from system_names(incomplete)
    yield from experiment_names(incomplete)
    if "all".startswith(incomplete):
        yield "all", "every experiment"


def list_experiments(
    system: Annotated[
        str | None,
        typer.Argument(
            metavar="SYSTEM",
            help="Only of this system, such as 'meanfield'; by default of all.",
            show_default=False,
            autocompletion=system_names,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what can be reproduced, from which paper, and how long it takes."""
    with clear_errors(debug):
        entries = catalogue.select(["all" if system is None else system])
    with clear_errors(debug, bad_input=False):
        if as_json:
            _print_json([experiment_card.record(entry) for entry in entries])
        else:
            Console().print(experiment_list.table(entries))


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An experiment, as `isinglass list` shows it.",
            show_default=False,
            autocompletion=experiment_names,
        ),
    ],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show one experiment: its paper, what it asks, what it takes, how to run it."""
    with clear_errors(debug):
        entry, *others = catalogue.select([name])
        if others or entry.name != name:
            raise catalogue.UnknownExperimentError(
                f"{name!r} stands for several experiments: name one that `isinglass "
                f"list{'' if name == 'all' else f' {name}'}` shows"
            )
    with clear_errors(debug, bad_input=False):
        if as_json:
            _print_json(experiment_card.record(entry))
        else:
            Console().print(experiment_card.card(entry))


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
