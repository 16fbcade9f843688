"""The kinds of attractors of a sweep, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Num
from rich import box
from rich.markup import escape
from rich.table import Table

from isinglass.plot.bifurcations import varied
from isinglass.plot.kinds import KIND_STYLES

if TYPE_CHECKING:
    import xarray as xr

# Significant digits of a parameter, by how many are varied: the table has 80 columns.
DIGITS = {1: 6, 2: 4}
EXPONENT_DIGITS = 2


def table(dataset: xr.Dataset) -> Table:
    """Tabulate the kinds of attractors: how many, with what exponents, and where.

    Args:
        dataset: What `isinglass.dynamics.bifurcation`, `continuation` or
            `phase_diagram` returns, with kinds.
    """
    names = varied(dataset)
    sizes = " × ".join(f"{dataset.sizes[name]:,}" for name in names)
    layout = Table(
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
        layout.add_column("Way")
    layout.add_column("Kind", no_wrap=True)
    layout.add_column("Values", justify="right", no_wrap=True)
    if exponents:
        unit = dataset["exponents"].attrs["units"].replace("unit of ", "")
        unit = unit.replace(" per ", "/")
        layout.add_column(f"λ₁ ({unit})")
    for name in names:
        layout.add_column(escape(name))
    if ranges:
        layout.add_column("Ranges", justify="right")
    for direction in directions:
        branch = dataset if direction is None else dataset.sel(direction=direction)
        for row in _rows(branch, names, exponents, ranges):
            layout.add_row(*([] if direction is None else [str(direction)]), *row)
    layout.caption = _transients(dataset)
    layout.caption_justify = "left"
    return layout


def _transients(dataset: xr.Dataset) -> str | None:
    """How many orbits were judged later than the transient that was asked for."""
    if "transient_steps" not in dataset:
        return None
    settled = dataset["transient_steps"].values
    later = settled > settled.min()
    if not later.any():
        return None
    return (
        f"{later.sum():,} of {later.size:,} were judged after longer transients than "
        f"{settled.min():,} steps, up to {settled.max():,}."
    )


def _rows(
    branch: xr.Dataset, names: list[str], exponents: bool, ranges: bool
) -> Iterator[list[str]]:
    kinds = branch["kind"].transpose(*names).values
    for number, style in enumerate(KIND_STYLES):
        mask = kinds == number
        if not mask.any():
            continue
        row = [style.label, f"{mask.sum():,} ({_share(mask.mean())})"]
        if exponents:
            leading = branch["exponents"].isel(exponent=0).transpose(*names).values
            row.append(_span(leading[mask], EXPONENT_DIGITS))
        row += _box(branch, names, mask)
        row += [_ranges(branch[names[0]].values, mask)] if ranges else []
        yield row


def _box(
    branch: xr.Dataset, names: list[str], mask: Bool[np.ndarray, "*grid"]
) -> list[str]:
    """The lowest and the highest value of each parameter."""
    spans = []
    for axis, name in enumerate(names):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        values = branch[name].values[mask.any(axis=others)]
        spans.append(_span(values, DIGITS[len(names)]))
    return spans


def _ranges(values: Num[np.ndarray, " n"], mask: Bool[np.ndarray, " n"]) -> str:
    """How many ranges of neighbouring values there are."""
    ordered = mask[np.argsort(values)].astype(int)
    return f"{int((np.diff(ordered, prepend=0) == 1).sum()):,}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "<1 %"


def _span(values: Num[np.ndarray, " n"], digits: int) -> str:
    numbers = values[~np.isnan(values)]
    if not numbers.size:
        return "–"
    low, high = (_number(value, digits) for value in (numbers.min(), numbers.max()))
    return low if low == high else f"{low} to {high}"


def _number(value: Any, digits: int) -> str:
    return f"{value:.{digits}g}".replace("-", "−").replace("inf", "∞")
