"""What a sweep found, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Num
from rich import box
from rich.markup import escape
from rich.table import Table

from isinglass.figures.attractors import KIND_STYLES
from isinglass.figures.diagram import varied

if TYPE_CHECKING:
    import xarray as xr

DIGITS = {
    1: 6,
    2: 4,
}  # significant ones of a parameter, by how many are varied: 80 columns
EXPONENT_DIGITS = 2


def table(dataset: xr.Dataset) -> Table:
    """The kinds of attractor found: how many, with what leading exponents, and where.

    Args:
        dataset: What `isinglass.dynamics.bifurcation`, `continuation` or
            `phase_diagram` returns, with kinds.
    """
    names = varied(dataset)
    sizes = " × ".join(f"{dataset.sizes[name]:,}" for name in names)
    found = Table(
        title=escape(f"{dataset.attrs['title']}: {sizes} values"),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    directions = (
        list(dataset["direction"].values) if "direction" in dataset.dims else [None]
    )
    exponents, ranges = "exponents" in dataset, len(names) == 1 and directions == [None]
    if directions != [None]:
        found.add_column("Way")
    found.add_column("Kind", no_wrap=True)
    found.add_column("Values", justify="right", no_wrap=True)
    if exponents:
        found.add_column("λ₁ (nats/step)")
    for name in names:
        found.add_column(escape(name))
    if ranges:
        found.add_column("Ranges", justify="right")
    for direction in directions:
        branch = dataset if direction is None else dataset.sel(direction=direction)
        for row in _rows(branch, names, exponents, ranges):
            found.add_row(*([] if direction is None else [str(direction)]), *row)
    return found


def _rows(
    branch: xr.Dataset, names: list[str], exponents: bool, ranges: bool
) -> Iterator[list[str]]:
    kinds = branch["kind"].transpose(*names).values
    for number, style in enumerate(KIND_STYLES):
        here = kinds == number
        if not here.any():
            continue
        row = [style.label, f"{here.sum():,} ({_share(here.mean())})"]
        if exponents:
            leading = branch["exponents"].isel(exponent=0).transpose(*names).values
            row.append(_span(leading[here], EXPONENT_DIGITS))
        row += _box(branch, names, here)
        row += [_ranges(branch[names[0]].values, here)] if ranges else []
        yield row


def _box(
    branch: xr.Dataset, names: list[str], here: Bool[np.ndarray, "*grid"]
) -> list[str]:
    """The lowest and the highest value of each parameter."""
    told = []
    for axis, name in enumerate(names):
        others = tuple(other for other in range(here.ndim) if other != axis)
        told.append(
            _span(branch[name].values[here.any(axis=others)], DIGITS[len(names)])
        )
    return told


def _ranges(values: Num[np.ndarray, " n"], here: Bool[np.ndarray, " n"]) -> str:
    """How many ranges of neighbouring values there are."""
    ordered = here[np.argsort(values)].astype(int)
    return f"{int((np.diff(ordered, prepend=0) == 1).sum()):,}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "<1 %"


def _span(values: Num[np.ndarray, " n"], digits: int) -> str:
    seen = values[~np.isnan(values)]
    if not seen.size:
        return "–"
    low, high = (_number(value, digits) for value in (seen.min(), seen.max()))
    return low if low == high else f"{low} to {high}"


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}".replace("-", "−").replace("inf", "∞")
