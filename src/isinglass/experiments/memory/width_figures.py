"""How D* is drawn: the searches, the law of its growth, and which ratio is constant."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from isinglass import plot
from isinglass.plot import COLOURS, INK, MUTED, subplots

TICKS = [figure * 10**power for power in range(8) for figure in (1, 3)]


def draw_law(
    measured: xr.Dataset, star: np.ndarray, powers: Mapping[str, float], half: float
) -> Figure:
    """Loss against data, parameters against D*, and ratios.

    Args:
        measured: The measurement.
        star: D*, the mean over seeds, by width.
        powers: a of N ∝ D*^a by name: the fit, the linear and the quadratic law.
        half: The loss at D*.
    """
    figure, (left, middle, right) = subplots(1, 3, width=12.0, height=3.9)
    _draw_searches(left, measured, half)
    _draw_powers(middle, measured, star, powers)
    _draw_ratios(right, measured)
    for panel in (left, middle, right):
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
    for panel in (middle, right):
        low, high = panel.get_xlim()
        ticks = [x for x in TICKS if low <= x <= high]
        panel.set_xticks(ticks, [f"{x:,}" for x in ticks], fontsize=8.5)
    return figure


def _draw_searches(panel: Any, measured: xr.Dataset, half: float) -> None:
    """Loss against data, a shade a model."""
    shades = colormaps["viridis"](np.linspace(0, 0.88, measured.sizes["width"]))
    for shade, width in zip(shades, measured.width.values, strict=True):
        models = measured.sel(width=width)
        label = f"{int(models.parameters):,}"
        for data, loss in zip(models.data, models.loss, strict=True):
            line = {"color": to_hex(shade), "markersize": 3.5, "linewidth": 1.1}
            plot.line(data, loss, panel, "o-", label=label, **line)
            label = None
    panel.axhline(half, color=INK, linewidth=1)
    panel.axhline(2 * half, color=MUTED, linewidth=1, linestyle=":")
    least = float(measured.data[0, 0].min())
    most = float(measured.data[-1, 0].max())
    for level, text in ((2 * half, "log V: nothing known"), (half, "half known")):
        panel.text(least / 7, level + 0.05, text, fontsize=8.5, color=MUTED)
    panel.set(xscale="log", xlabel="tokens of data D", title="Loss against data")
    panel.set_ylabel("training loss, nats per token")
    panel.set(xlim=(least / 8, most * 1.5), ylim=(0, 2 * half + 0.35))
    sizes = {"fontsize": 8, "title_fontsize": 8.5}
    panel.legend(title="parameters N", loc="lower left", **sizes)


def _draw_powers(
    panel: Any, measured: xr.Dataset, star: np.ndarray, powers: Mapping[str, float]
) -> None:
    """Parameters against D*, with laws through the middle."""
    sizes = measured.parameters.values.astype(float)
    for of_seed in measured.star.transpose("seed", "width"):
        plot.line(of_seed, sizes, panel, "o", color=COLOURS[0], markersize=5, alpha=0.7)
    across = np.geomspace(star[0] / 1.3, star[-1] * 1.3, 50)
    data, size = (np.exp(np.log(values).mean()) for values in (star, sizes))
    styles = (("-", COLOURS[0]), ("--", COLOURS[2]), ("--", COLOURS[1]))
    for (label, power), (style, colour) in zip(powers.items(), styles, strict=True):
        line = {"color": colour, "linewidth": 1.4, "label": label}
        plot.line(across, size * (across / data) ** power, panel, style, **line)
    panel.set(xscale="log", yscale="log", xlabel="D*, tokens", ylabel="parameters N")
    panel.set(title="The law", ylim=(sizes[0] / 8, sizes[-1] * 8))
    panel.legend(fontsize=8.5, loc="upper left")


def _draw_ratios(panel: Any, measured: xr.Dataset) -> None:
    """N/D* and N/D*² over their values at the least N."""
    sizes = measured.parameters.values.astype(float)
    star = measured.star.transpose("width", "seed").values
    for power, colour, marker, label in (
        (1, COLOURS[2], "s", "N/D*"),
        (2, COLOURS[1], "o", "N/D*²"),
    ):
        ratio = sizes[:, None] / star**power
        ratio = ratio / np.exp(np.log(ratio[0]).mean())
        mean = np.exp(np.log(ratio).mean(axis=1))
        plot.line(sizes, mean, panel, f"{marker}-", color=colour, label=label)
        plot.line(sizes, ratio, panel, marker, color=colour, markersize=3, alpha=0.5)
    panel.axhline(1, color=INK, linewidth=0.9)
    panel.set(xscale="log", yscale="log", xlabel="parameters N")
    panel.set(
        title="Which ratio is constant?", ylabel="ratio, over that of the least N"
    )
    panel.legend(loc="lower left")
