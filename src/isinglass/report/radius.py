"""The radius report of a model: a table, files of numbers, a figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from isinglass._common.files import write_together
from isinglass.figures.radius import draw
from isinglass.figures.style import house_style, render

if TYPE_CHECKING:
    import xarray as xr

NAME = "radius"


def rows(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """One row for each layer and share of the sample.

    Args:
        dataset: What `isinglass.systems.memory.layer_radius` returns.
    """
    asymptote = float(dataset["asymptote"])
    found = []
    for layer in dataset["layer"].values:
        for fraction in dataset["fraction"].values:
            one = dataset.sel(layer=layer, fraction=fraction)
            row = {"layer": str(layer), "fraction": float(fraction)}
            row |= {name: int(one[name]) for name in ("vectors", "duplicates")}
            row |= {name: float(one[name]) for name in ("mean", "median")}
            for quantile, value in zip(
                dataset["quantile"].values, one["quantile_distance"].values, strict=True
            ):
                row[f"quantile_{quantile:g}"] = float(value)
            row |= {
                "asymptote": asymptote,
                "unit_volume_radius": float(dataset["unit_volume_radius"]),
                "median_over_asymptote": float(one["median"]) / asymptote,
            }
            found.append(row)
    return found


def table(dataset: xr.Dataset, title: str) -> Table:
    """The rows, for a terminal.

    Args:
        dataset: As for `rows`.
        title: Above it.
    """
    from rich.markup import escape

    shown = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption="Distance to the nearest other activation, in "
        f"{dataset.attrs['dimension']} "
        "dimensions. Equal: vectors that another one equals, at distance 0. Ratio: of "
        "the median to √(n/2πe).",
        caption_justify="left",
    )
    heads = (
        "Layer",
        "Share",
        "Vectors",
        "Equal",
        "Mean",
        "Median",
        "√(n/2πe)",
        "Ratio",
    )
    for head in heads:
        shown.add_column(
            head, justify="left" if head == "Layer" else "right", no_wrap=True
        )
    before = None
    for row in rows(dataset):
        if before not in (None, row["layer"]):
            shown.add_section()
        shown.add_row(
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
    return shown


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
    found = rows(dataset)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    told = {"about": dict(about), "rows": found}
    with house_style():
        figure = draw(dataset)
    content = {
        "csv": text.getvalue().encode(),
        "svg": render(figure, "svg"),
        "png": render(figure, "png"),
        "json": (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    paths = {kind: directory / f"{NAME}.{kind}" for kind in content}
    write_together({paths[kind]: data for kind, data in content.items()})
    return paths
