"""What results show of themselves in a notebook."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

import numpy as np

from isinglass._common.types import ArrayLike

WIDTH, HEIGHT = 240, 160  # of a picture, in pixels
MOST_POINTS = 600
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
