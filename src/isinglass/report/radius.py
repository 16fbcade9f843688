"""The radius report of a model: a table, files of numbers, a figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from isinglass._common.files import write_together
from isinglass.plot import radius_figure, render

if TYPE_CHECKING:
    import xarray as xr

NAME = "radius"
HEADS = ("Layer", "Share", "Vectors", "Equal", "Mean", "Median", "√(n/2πe)", "Ratio")


def rows(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """Make a row of numbers for each layer and share of the sample.

    Args:
        dataset: What `isinglass.systems.memory.layer_radius` returns.
    """
    return [
        _row(dataset, layer, fraction)
        for layer in dataset["layer"].values
        for fraction in dataset["fraction"].values
    ]


def _row(dataset: xr.Dataset, layer: str, fraction: float) -> dict[str, Any]:
    distances = dataset.sel(layer=layer, fraction=fraction)
    asymptote = float(dataset["asymptote"])
    row = {"layer": str(layer), "fraction": float(fraction)}
    row |= {name: int(distances[name]) for name in ("vectors", "duplicates")}
    row |= {name: float(distances[name]) for name in ("mean", "median")}
    for quantile in dataset["quantile"].values:
        distance = distances["quantile_distance"].sel(quantile=quantile)
        row[f"quantile_{quantile:g}"] = float(distance)
    return row | {
        "asymptote": asymptote,
        "unit_volume_radius": float(dataset["unit_volume_radius"]),
        "median_over_asymptote": float(distances["median"]) / asymptote,
    }


def table(dataset: xr.Dataset, title: str) -> Table:
    """Lay the rows out for a terminal.

    Args:
        dataset: As for `rows`.
        title: Above it.
    """
    dimension = dataset.attrs["dimension"]
    layout = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption=f"Distance to the nearest other activation, in {dimension} dimensions. "
        "Equal: vectors that another one equals, at distance 0. Ratio: of the median "
        "to √(n/2πe).",
        caption_justify="left",
    )
    for head in HEADS:
        justify = "left" if head == HEADS[0] else "right"
        layout.add_column(head, justify=justify, no_wrap=True)
    before = None
    for row in rows(dataset):
        if before not in (None, row["layer"]):
            layout.add_section()
        layout.add_row(
            "" if before == row["layer"] else row["layer"],
            f"{row['fraction']:.0%}",
            f"{row['vectors']:,}",
            f"{row['duplicates']:,}",
            f"{row['mean']:.4g}",
            f"{row['median']:.4g}",
            f"{row['asymptote']:.4g}",
            f"{row['median_over_asymptote']:.3g}",
        )
        before = row["layer"]
    return layout


def write(
    dataset: xr.Dataset, directory: Path, about: Mapping[str, Any]
) -> dict[str, Path]:
    """Write radius.csv, radius.json, radius.svg and radius.png into a folder.

    Args:
        dataset: As for `rows`.
        directory: Made if need be.
        about: What was measured, for radius.json.

    Returns:
        Path of each file, by its ending.

    Raises:
        OSError: If they cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    numbers, text = rows(dataset), io.StringIO()
    writer = csv.DictWriter(text, list(numbers[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(numbers)
    record = {"about": dict(about), "rows": numbers}
    figure = radius_figure(dataset)
    content = {
        "csv": text.getvalue().encode(),
        "svg": render(figure, "svg"),
        "png": render(figure, "png"),
        "json": (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    paths = {kind: directory / f"{NAME}.{kind}" for kind in content}
    write_together({paths[kind]: data for kind, data in content.items()})
    return paths
