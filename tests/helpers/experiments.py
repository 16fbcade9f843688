"""Experiments as the runner measures and tells them, without its files."""

from functools import cached_property
from pathlib import Path
from types import ModuleType

import xarray as xr

from isinglass.reproduce.catalogue import Entry, entries
from isinglass.reproduce.context import Context
from isinglass.reproduce.experiment import Resolution
from isinglass.reproduce.ledger import Ledger, Row
from isinglass.reproduce.views import Figure, text, views


def measure(
    experiment: ModuleType,
    *,
    seeds: int = 1,
    seed: int = 0,
    resolution: str = "quick",
    workspace: Path | None = None,
    **paths: Path,
) -> xr.Dataset:
    """What an experiment measures, with the attributes that the runner adds."""
    context = Context(
        seeds=range(seeds),
        seed=seed,
        resolution=Resolution(resolution),
        paths=paths,
        workspace=workspace,
    )
    measured = experiment.measure(context)
    return measured.assign_attrs(resolution=resolution, seeds=seeds, seed=seed)


class LazyViews:
    """The views of a measurement, each made where it is asked for: figures are slow."""

    def __init__(self, experiment: ModuleType, entry: Entry, measured: xr.Dataset):
        self.experiment, self.entry, self.measured = experiment, entry, measured

    @cached_property
    def rows(self) -> list[Row]:
        ledger = Ledger(self.entry.name, self.entry.experiment.source)
        self.experiment.compare(self.measured, ledger)
        return ledger.rows

    @cached_property
    def findings(self) -> str:
        return text(self.experiment, self.measured)

    @cached_property
    def figures(self) -> list[Figure]:
        return views(self.entry, self.measured).figures


def tell(experiment: ModuleType, measured: xr.Dataset) -> LazyViews:
    """All views of a measurement."""
    *_, system, name = experiment.__name__.split(".")
    entry = entries()[f"{system}-{name.replace('_', '-')}"]
    return LazyViews(experiment, entry, measured)


def rows_of(outcome: LazyViews) -> dict[str, Row]:
    """The rows of the ledger by what they are of, which no two share."""
    rows = {row.quantity: row for row in outcome.rows}
    assert len(rows) == len(outcome.rows)
    return rows


def parts(outcome: LazyViews) -> list[str]:
    """What tells the figures from each other."""
    return [figure.part for figure in outcome.figures]
