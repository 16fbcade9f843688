"""How radii of models are drawn, by layer and by size of the sample."""

from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.plot import COLOURS, MUTED, subplots


def draw_radii(models: dict[str, xr.Dataset]) -> Figure:
    """Distances in units of theory, free of scale, and by size; a colour a model."""
    figure, (units, spreads, sizes) = subplots(
        1, 3, width=12.0, height=4.1, gridspec_kw={"wspace": 0.08}
    )
    for (name, model), colour in zip(models.items(), COLOURS, strict=False):
        _draw_layers(units, spreads, name, model, colour)
        _draw_sizes(sizes, model, colour)
    for value, label in ((1, "√(n/2πe)"), (2, "2 √(n/2πe)")):
        units.axhline(value, color=MUTED, linewidth=1, zorder=1.5)
        units.annotate(
            label,
            (1, value),  # beside the panel, where no curve is
            (4, 0),
            ("axes fraction", "data"),
            "offset points",
            color=MUTED,
            fontsize="small",
            va="center",
        )
    units.set(yscale="log", title="Radius", ylabel="mean distance / √(n/2πe)")
    units.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    spreads.set(title="Free of scale", ylabel="mean distance / distance of any two")
    spreads.set_ylim(0, None)
    for panel in (units, spreads):
        panel.set_xticks([0, 0.5, 1, 1.2], ["0", "½", "last", "LN"])
        panel.set(xlabel="layer", xlim=(0, 1.28))
    sizes.set(title="By size of the sample", xlabel="% of the sample")
    sizes.set_ylabel("mean distance / that at 25 %")
    lines = units.get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=4, fontsize="small")
    return figure


def _draw_layers(
    units: Any, spreads: Any, name: str, model: xr.Dataset, colour: str
) -> None:
    """One model by layer, trained and not, and what is made of it by rescaling."""
    depth, mean = int(model.depth[0]), model.mean("seed")
    *layers, _ = model.layer.values
    depths = [int(layer) / depth for layer in layers] + [1.2]
    for weights, style, face, label in (
        ("trained", "o-", colour, name),
        ("untrained", "o--", "white", f"{name}, untrained"),
    ):
        line = {"color": colour, "markersize": 4, "markerfacecolor": face}
        kind = mean.sel(weights=weights)
        plot.line(depths, kind.in_units, units, style, label=label, **line)
        plot.line(depths, kind.over_spread, spreads, style, **line)
    cross = {"color": colour, "markersize": 8, "markeredgewidth": 2}
    rescaled = float(mean.rescaled_distance / model.unit)
    plot.line([1], [rescaled], units, "x", label=f"{name}, rescaled", **cross)
    spreads.axhline(float(mean.normal_over_spread), color=colour, linestyle=":")
    label = f"normal vectors, n = {int(model.width[0]):,}"
    plot.line([], [], units, ":", color=colour, label=label)


def _draw_sizes(panel: Any, model: xr.Dataset, colour: str) -> None:
    """Distances in larger shares of the sample, over that in the smallest."""
    percent = 100 * model.fraction
    last = model.mean_distance.sel(weights="trained").isel(layer=-2)
    for distance, style in ((last, "o-"), (model.normal_distance, ":")):
        relative = (distance / distance.isel(fraction=0)).mean("seed")
        plot.line(percent, relative, panel, style, color=colour, markersize=4)
    panel.set_xticks(percent)
