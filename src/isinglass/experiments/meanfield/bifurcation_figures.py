"""The figure of a bifurcation diagram: points, kinds and Lyapunov exponents over β."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.dynamics import Kind
from isinglass.experiments.meanfield.setting import ATTENTION_LABELS, BETA_LABEL
from isinglass.plot import MUTED, kind_legend, subplots

LEADING = 4  # exponents drawn in the middle


def diagram(measured: xr.Dataset) -> Figure:
    """Draw one range: points, their kinds, the leading exponents and all of them."""
    beta, kinds = measured["beta"].values, measured["kind"].values
    exponents, onset = measured["exponents"].values, measured["onset"].item()
    figure, (top, strip, leading, fan) = subplots(
        4,
        1,
        width=7.5,
        height=8.2,
        sharex=True,
        gridspec_kw={"height_ratios": [5, 0.22, 2, 2]},
    )
    is_cycle = np.isin(kinds, (Kind.FIXED_POINT, Kind.PERIODIC))
    for part in (is_cycle, ~is_cycle):
        plot.cloud(beta[part], measured["point"].values[part], kinds[part], top)
    top.set_ylabel(f"{ATTENTION_LABELS[0]} where {ATTENTION_LABELS[1]} = 0")
    top.set_title(f"Attractors, $\\beta \\in [{beta[0]:g}, {beta[-1]:g}]$")
    kind_legend(figure, kinds)
    plot.kind_strip(beta, kinds, strip)
    over_beta = measured.set_coords("beta").swap_dims(value="beta")
    count = min(LEADING, over_beta.sizes["exponent"])
    plot.exponents(over_beta, leading, count=count)
    highest = max(0.05, 1.15 * float(exponents[:, 0].max()))
    leading.set_ylim(-1.3 * highest, highest)
    leading.set_ylabel("leading $\\lambda_i$\n(nats per step)")
    plot.exponents(over_beta, fan)
    deepest = float(np.quantile(exponents[np.isfinite(exponents)], 0.02))
    fan.set_ylim(1.05 * deepest, -0.08 * deepest)
    fan.set_ylabel(f"all {exponents.shape[1]} $\\lambda_i$\n(nats per step)")
    leading.set_xlabel("")
    if beta[0] < onset < beta[-1]:
        dashed = {"color": MUTED, "linewidth": 0.8, "linestyle": "--", "zorder": 0}
        for axes in (top, leading, fan):
            axes.axvline(onset, **dashed)
    fan.set_xlabel(BETA_LABEL)
    fan.set_xlim(beta[0], beta[-1])
    return figure
