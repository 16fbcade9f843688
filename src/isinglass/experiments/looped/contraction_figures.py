"""Figures of Theorem 3.2.1 over training: assumptions, bound, norms and exponents."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.looped.parts import by_setting
from isinglass.experiments.looped.setting import OURS
from isinglass.plot import MUTED, subplots
from isinglass.reproduce import Figure
from isinglass.systems.looped.contraction_profile import LARGEST_NORM, LARGEST_VALUE


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """All quantities over training, a figure for each setting."""
    for name, part in by_setting(measured, "step", "iteration"):
        figure, panels = subplots(2, 3, width=12, height=7)
        accuracy, sizes, bounds, steps, exponents, iterations = panels.ravel()
        _over_training(accuracy, {"": part.accuracy})
        accuracy.set(
            ylim=(0, 102),
            ylabel="right answers in %",
            title=f"Accuracy at L = {int(part.length)}",
        )
        _draw_sizes(sizes, part)
        _draw_bounds(bounds, part)
        _draw_steps(steps, part)
        _draw_exponents(exponents, part)
        _draw_iterations(iterations, part)
        yield Figure(figure, _caption(name, part), part="" if name == OURS else "paper")


def _caption(name: str, part: xr.Dataset) -> str:
    return (
        f"{name[0].upper()}{name[1:]}, {part.sizes['seed']} seeds (thin lines; thick: "
        f"their mean), sequences of {int(part.length)} symbols. Norms are operator "
        "norms of derivatives by Z, means over sequences and iterations; the bound is "
        "that of the theorem for attention alone, A(X + Z). Scaled: with X, Z and W_V "
        "shrunk to what it assumes; the norm there is the largest over its bound, "
        "times the mean bound. Long run: the largest Lyapunov exponent. Dotted at 1 "
        "and 0: contraction is below."
    )


def _draw_sizes(axes: Any, part: xr.Dataset) -> None:
    lines = {
        "$|W_V|_F$": part.value,
        "$|X|_F$": part.inputs,
        "$|Z|_F$ at the end": part.state.isel(iteration=-1, drop=True),
    }
    _over_training(axes, lines)
    dotted = {"linestyle": ":", "linewidth": 1.8}
    axes.axhline(LARGEST_VALUE, color="C0", label="assumed of $W_V$", **dotted)
    axes.axhline(LARGEST_NORM, color=MUTED, label="assumed of $X$ and $Z$", **dotted)
    axes.set_title("What the theorem assumes")
    _on_log_scale(axes)


def _draw_bounds(axes: Any, part: xr.Dataset) -> None:
    lines = {
        "bound": part.bound.mean("iteration"),
        "norm": part.attention.mean("iteration"),
        "bound, scaled": part.scaled_bound,
        "norm, scaled": part.worst * part.scaled_bound,
    }
    _over_training(axes, lines)
    axes.axhline(1, color=MUTED, linestyle=":")
    axes.set_title("Derivative of attention alone")
    _on_log_scale(axes)


def _on_log_scale(axes: Any) -> None:
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.02)  # room for what the lines are
    axes.legend(fontsize=8, loc="lower center", ncols=2)


def _draw_steps(axes: Any, part: xr.Dataset) -> None:
    lines = {"$Z + F(Z + X)$": part.loop, "$F(Z + X)$": part.block}
    _over_training(axes, {label: x.mean("iteration") for label, x in lines.items()})
    axes.axhline(1, color=MUTED, linestyle=":")
    axes.set_title("Norm of a whole step")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)


def _draw_exponents(axes: Any, part: xr.Dataset) -> None:
    lines = {
        "loop, trained iterations": part.growth,
        "loop, long run": part.loop_exponent,
        "$Z = F(Z + X)$, long run": part.block_exponent,
    }
    _over_training(axes, lines)
    axes.axhline(0, color=MUTED, linestyle=":")
    axes.set(ylabel="nats per iteration", title="Growth of small differences")
    axes.legend(fontsize=8)


def _draw_iterations(axes: Any, part: xr.Dataset) -> None:
    last = part[["bound", "attention", "loop", "block"]].isel(step=-1)
    plot.curves(last.to_dataarray("line"), axes, along="iteration", hue="line")
    axes.axhline(1, color=MUTED, linestyle=":")
    title = f"Norms by iteration, step {int(last.step):,}"
    axes.set(yscale="log", xlabel="iteration", title=title)
    axes.legend(fontsize=8)


def _over_training(axes: Any, lines: Mapping[str, xr.DataArray]) -> None:
    """Curves over the steps of training, which stand at equal distances."""
    values = xr.Dataset(lines).to_dataarray("line")
    steps = values.step.values
    places = np.arange(len(steps))
    dots = {"marker": "o", "markersize": 4}
    plot.curves(
        values.assign_coords(step=places), axes, along="step", hue="line", **dots
    )
    axes.set_xticks(places, [f"{step:,}" for step in steps], fontsize=8)
    axes.set_xlabel("step of training")
