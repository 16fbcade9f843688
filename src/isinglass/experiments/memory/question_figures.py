"""How losses on question formation are drawn: on the way, and by which tokens count."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.plot import COLOURS, INK, MUTED, subplots


def draw_training(
    measured: xr.Dataset,
    titles: Sequence[str],
    lines: Mapping[str, float],
    by_heart: float,
) -> Figure:
    """Losses over training, a panel an arm.

    Args:
        measured: The measurement.
        titles: Of the panels.
        lines: Losses to mark, by what they are: one solid, one dotted.
        by_heart: The loss of who knows the repeated set by heart.
    """
    figure, panels = subplots(1, 2, width=9.5, height=4.0, sharey=True)
    for panel, arm, title in zip(panels, measured.arm.values, titles, strict=True):
        for colour, depth in zip(COLOURS, measured.depth.values, strict=False):
            models = measured.sel(arm=arm, depth=depth)
            step = models.step.isel(seed=0)
            runs, mean = models.training.T, models.mean("seed")
            plot.line(step, runs, panel, color=colour, alpha=0.3, linewidth=0.9)
            for loss, style, width, label in (
                (mean.training, "-", 1.8, f"{depth} layers, training"),
                (mean.validation, "--", 1.4, f"{depth} layers, new examples"),
            ):
                line = {"color": colour, "linewidth": width, "label": label}
                plot.line(step, loss, panel, style, **line)
        for (label, loss), style in zip(lines.items(), ("-", ":"), strict=True):
            mark = {"linewidth": 1.1, "linestyle": style, "label": label}
            panel.axhline(loss, color=INK, **mark)
        panel.set(xlabel="step", title=title, ylim=(0, 3.2))
        panel.set_xlim(0, float(measured.step.sel(arm=arm).max()))
    panels[1].axhline(by_heart, color=MUTED, linewidth=1.2, linestyle="-.")
    words = {"va": "top", "fontsize": 8.5, "color": MUTED}
    place = 0.02 * panels[1].get_xlim()[1]
    panels[1].text(place, by_heart - 0.03, "known by heart", **words)
    panels[0].set_ylabel("loss, nats per token")
    labels = panels[0].get_legend_handles_labels()
    figure.legend(*labels, loc="outside lower center", ncols=3)
    return figure


# Where words stand beside the points of a counting.
NOTES = {
    "source": ("source alone", (-8, 6)),
    "words": ("words, with or without\ntab and line end", (10, -14)),
    "target": ("target alone", (10, 0)),
}


def draw_countings(measured: xr.Dataset, bound: float) -> Figure:
    """Losses on new examples against the least that the data allow, by counting."""
    figure, panel = subplots(1, 1, width=5.2, height=4.2)
    plot.line([0, 2.2], [0, 2.2], panel, ":", color=INK, linewidth=1.2)
    words = {"fontsize": 8.5, "color": INK, "ha": "center", "va": "center"}
    panel.text(1.62, 1.48, "entropy of the data", rotation=38, **words)
    panel.axhline(bound, color=INK, linewidth=1.1)
    words = {"fontsize": 8.5, "color": INK, "ha": "right"}
    panel.text(2.18, 1.03, "bound of Proposition 4", **words)
    for number, depth in enumerate(measured.depth.values):
        loss = measured.loss.sel(arm="new", depth=depth).transpose("seed", "counted")
        plot.line(
            np.tile(measured.floor, loss.sizes["seed"]),
            loss.values.ravel(),
            panel,
            "os"[number % 2],
            color=COLOURS[number],
            markersize=7 - 2 * number,
            label=f"{depth} layers",
            alpha=0.8,
        )
    for name, (note, offset) in NOTES.items():
        place = float(measured.floor.sel(counted=name))
        side = {"ha": "right" if offset[0] < 0 else "left", "va": "center"}
        panel.annotate(
            note,
            (place, place),
            textcoords="offset points",
            xytext=offset,
            fontsize=8.5,
            color=MUTED,
            **side,
        )
    panel.set(xlim=(-0.1, 2.25), ylim=(-0.1, 2.25))
    panel.set_xlabel("least loss that the data allow, nats per token")
    panel.set_ylabel("loss on new examples, nats per token")
    panel.set_title("The same predictions, counted in five ways")
    panel.legend(loc="upper left")
    return figure
