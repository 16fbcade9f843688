"""What results show of themselves in a notebook."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal

import numpy as np

from isinglass._common.types import ArrayLike

WIDTH, HEIGHT = 240, 160  # of a picture, in pixels
MOST_POINTS = 600
MOST_MAPS = 12
BLUE = "#0072b2"


def html_table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """A small table in HTML, for a ``_repr_html_``.

    Args:
        caption: What it is of, above the table.
        header: Names of the columns; none for rows that begin with their names.
        rows: Cells as they are shown, of which the first names the row.
    """

    def cells(row: Sequence[str], scope: str) -> str:
        first, *rest = map(escape, row)
        tag = f'th scope="{scope}"'
        others = rest if scope == "row" else []
        heads = [first] if scope == "row" else [first, *rest]
        return (
            "<tr>"
            + "".join(f"<{tag}>{text}</th>" for text in heads)
            + "".join(f"<td>{text}</td>" for text in others)
            + "</tr>"
        )

    head = f"<thead>{cells(header, 'col')}</thead>" if header else ""
    body = "".join(cells(row, "row") for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption>{head}"
        f"<tbody>{body}</tbody></table>"
    )


def html_picture(
    label: str, x: ArrayLike, y: ArrayLike, kind: Literal["dots", "line"]
) -> str:
    """A small picture in SVG, for a ``_repr_html_``: points in the box they fill.

    It needs no Matplotlib, so that what shows itself imports none.

    Args:
        label: What it shows, for readers who do not see it, and above it.
        x: Across, ascending for a line.
        y: Upwards; where one of both is not finite there is no point.
        kind: Whether the points are dots or joined. Of many, some are drawn.
    """
    points = np.stack([np.asarray(x, float), np.asarray(y, float)], axis=1)
    points = points[np.isfinite(points).all(axis=1)]
    points = points[:: -(-len(points) // MOST_POINTS) or 1]
    if not len(points):
        return ""
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    # A border of 5 pixels, y downwards; what has no extent is in the middle.
    share = np.where(extent > 0, (points - low) / np.where(extent > 0, extent, 1), 0.5)
    places = 5 + share * (WIDTH - 10, HEIGHT - 10)
    places[:, 1] = HEIGHT - places[:, 1]
    path = " ".join(f"{across:.0f},{down:.0f}" for across, down in places)
    style = f'fill="none" stroke="{BLUE}"'
    if kind == "line":
        drawn = f'<polyline points="{path}" {style} stroke-width="1"/>'
    else:
        # Steps of no length with round ends are dots.
        dots = "".join(f"M{place}h0" for place in path.split(" "))
        drawn = f'<path d="{dots}" {style} stroke-width="3" stroke-linecap="round"/>'
    name = escape(label, quote=True)
    return (
        f'<figure><figcaption>{name}</figcaption><svg role="img" aria-label="{name}" '
        f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">{drawn}'
        "</svg></figure>"
    )


def html_curve(metrics: Any, name: str) -> str:
    """A small picture of a metric of a training over its steps, for a ``_repr_html_``.

    Args:
        metrics: A Dataset with the coordinate "step".
        name: Of the variable; the mean is drawn of what it has beside the steps. There
            is no picture of fewer than two records.
    """
    if name not in metrics or metrics.sizes["step"] < 2:
        return ""
    metric = metrics[name]
    mean = metric.mean([dim for dim in metric.dims if dim != "step"])
    steps = metrics["step"].values
    label = f"{name}, {mean.values[0]:.4g} to {mean.values[-1]:.4g}"
    return html_picture(f"{label}, by step to {steps[-1]:,}", steps, mean, "line")


def html_maps(label: str, maps: Mapping[str, ArrayLike]) -> str:
    """Small grey pictures of arrays side by side, for a ``_repr_html_``.

    The largest number of all is black, and 0 or the least, if that is below, white. Of
    many arrays the first are shown.

    Args:
        label: What they show, above them.
        maps: Arrays (rows, columns) by name; what is not finite is white.
    """
    arrays = {name: np.asarray(values, float) for name, values in maps.items()}
    some = dict(list(arrays.items())[:MOST_MAPS])
    finite = [values[np.isfinite(values)] for values in some.values()]
    if not any(part.size for part in finite):
        return ""
    every = np.concatenate(finite)
    low, high = min(0.0, every.min()), every.max()
    pictures = []
    for name, values in some.items():
        share = np.nan_to_num((values - low) / ((high - low) or 1.0))
        grey = np.rint(255 * (1 - np.clip(share, 0, 1))).astype(np.uint8)
        word = escape(name, quote=True)
        pictures.append(
            f'<figure style="display: inline-block; margin: 0 8px 0 0">'
            f'<img alt="{word}" width="72" height="72" '
            f'style="image-rendering: pixelated; border: 1px solid #b4bcc6" '
            f'src="data:image/png;base64,{b64encode(_png(grey)).decode()}"/>'
            f"<figcaption>{word}</figcaption></figure>"
        )
    more = f" (the first {len(some)} of {len(arrays)})" * (len(arrays) > len(some))
    return f"<div><div>{escape(label)}{more}</div>{''.join(pictures)}</div>"


def _png(grey: np.ndarray) -> bytes:
    """The bytes of a picture of grey values, (rows, columns) of uint8."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows, columns = grey.shape
    lines = b"".join(b"\0" + row.tobytes() for row in grey)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
