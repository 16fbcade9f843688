"""Experiments as the runner measures and tells them, without its files."""

from pathlib import Path
from types import ModuleType

import xarray as xr

from isinglass.reproduce.catalogue import entries
from isinglass.reproduce.context import Context
from isinglass.reproduce.experiment import Resolution
from isinglass.reproduce.ledger import Row
from isinglass.reproduce.views import Views, views


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


def tell(experiment: ModuleType, measured: xr.Dataset) -> Views:
    """All views of a measurement."""
    *_, system, name = experiment.__name__.split(".")
    return views(entries()[f"{system}-{name.replace('_', '-')}"], measured)


def rows_of(outcome: Views) -> dict[str, Row]:
    """The rows of the ledger by what they are of, which no two share."""
    rows = {row.quantity: row for row in outcome.rows}
    assert len(rows) == len(outcome.rows)
    return rows


def parts(outcome: Views) -> list[str]:
    """What tells the figures from each other."""
    return [figure.part for figure in outcome.figures]
