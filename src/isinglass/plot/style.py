"""The house style of figures, and their bytes.

Figures are made without pyplot, so that no window system and no global state is
involved: an experiment calls `subplots` and hands the figure back. `house_style` is
switched on while it runs and while its figures are saved.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isinglass._common.plain_checks import (
    as_list,
    check_choice,
    check_kind,
    check_positive,
    check_whole,
)

INK = "#1d2733"
MUTED = "#6b7785"
GRID = "#e3e7ec"
# Okabe & Ito's colours, which people with colour-vision deficiency can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195")

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "font.size": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "image.cmap": "magma",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.bbox": "tight",
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "isinglass",  # the same file from the same figure
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Switch the house style on within a ``with`` block, and the user's own off.

    A style for papers, or a ``text.usetex`` without a LaTeX at hand, would change our
    figures or break them.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def subplots(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = 7.5,
    height: float = 4.2,
    **options: Any,
) -> tuple[Figure, Any]:
    """Make a figure and its axes, as ``pyplot.subplots`` does but without pyplot.

    Args:
        rows: Number of rows of axes.
        columns: Number of columns of axes.
        width: Width of the figure in inches; 7.5 fills the report's page.
        height: Height of the figure in inches.
        **options: Passed to `matplotlib.figure.Figure.subplots` (``sharex``,
            ``squeeze``, …).

    Returns:
        The figure, and one axes or an array of them.
    """
    check_whole(rows=rows, columns=columns)
    check_positive(width=width, height=height)
    with house_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def log_ticks(axes: Axes, values: Iterable[float]) -> None:
    """Make the x axis logarithmic, with a plain number at each of ``values``."""
    check_kind(Axes, axes=axes)
    places = as_list("values", values)
    check_positive(**{f"values[{i}]": value for i, value in enumerate(places)})
    axes.set_xscale("log")
    axes.set_xticks(places, [f"{value:,g}" for value in places])
    axes.minorticks_off()


def render(figure: Figure, kind: Literal["png", "svg"]) -> bytes:
    """The bytes of a figure's image file; the same figure gives the same bytes."""
    check_kind(Figure, figure=figure)
    check_choice(("png", "svg"), kind=kind)
    image = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with house_style():
        figure.savefig(image, format=kind, metadata=metadata)
    return image.getvalue()
