"""Figures of the mechanism: rows of attention of a sequence, and means by iteration."""

from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.looped import setting
from isinglass.plot import COLOURS, INK, MUTED, attention_rows, log_ticks, subplots
from isinglass.reproduce import Figure


def draw_example(measured: xr.Dataset) -> Figure:
    """The rows of attention of a sequence, in some iterations."""
    source, right = measured.source.values, measured.right.values
    iterations = drawn_iterations(measured.sizes["trained_iteration"])
    symbols = [chr(ord("a") + symbol) for symbol in measured.tokens.values]
    figure, panels = subplots(1, len(iterations), width=12, height=3.5, sharey=True)
    questions = np.flatnonzero(source >= 0)
    square = {"color": COLOURS[1], "markersize": 8, "markeredgewidth": 1.2}
    for axes, iteration in zip(panels, iterations, strict=True):
        rows = measured.rows.isel(trained_iteration=iteration - 1)
        attention_rows(rows, axes, tokens=symbols)
        places = (source[questions] + 1, questions)
        plot.line(*places, axes, "s", markerfacecolor="none", label="match", **square)
        axes.set(title=f"iteration {iteration}", ylabel="")
    for label, good in zip(panels[0].get_yticklabels(), right, strict=True):
        label.set_color(INK if good else MUTED)
    panels[0].set_ylabel("by")
    panels[-1].legend(loc="upper right", fontsize=8)
    figure.colorbar(panels[0].images[0], ax=panels[-1], label="attention", shrink=0.75)
    return Figure(
        figure,
        f"Rows of attention of the best seed for one fresh sequence of {len(symbols)} "
        f"symbols, of which it answers {int(right[questions].sum())} of "
        f"{len(questions)} questions. A square marks the match: what followed the same "
        "symbol when it was last seen, where the answer stands. Rows without one are "
        "asked nothing.",
    )


def drawn_iterations(count: int) -> list[int]:
    """Iterations to draw: the first three, one in the middle and the last."""
    return sorted({1, 2, 3, max(4, count // 2), count} & set(range(1, count + 1)))


def draw_iterations(part: xr.Dataset, whose: str) -> Figure:
    """Attention, answers and sizes by iteration, also beyond the trained ones.

    Args:
        part: The seeds to draw.
        whose: Of which seeds and sequences it is, in words.
    """
    figure, panels = subplots(2, 2, width=10, height=7)
    attention, barred, answers, sizes = panels.ravel()
    trained = part.sizes["trained_iteration"]
    _draw_attention(attention, part)
    _draw_barred(barred, part)
    for axes in (attention, barred):
        axes.set_xlabel("iteration")
        axes.legend(fontsize=8)
    _draw_answers(answers, part)
    _draw_sizes(sizes, part)
    line = {"color": MUTED, "linewidth": 1, "linestyle": "--"}
    for axes in (answers, sizes):
        log_ticks(axes, [1, 3, 10, 30, 100, 200])
        axes.minorticks_off()
        axes.axvline(trained, label="trained $T$", **line)
        axes.set_xlabel("iteration")
        axes.legend(fontsize=8)
    return Figure(
        figure,
        f"{part.sizes['seed']} {whose}. Thin lines are "
        "seeds, thick ones their mean. Top: positions at which previous token, match "
        "and itself are three different places. Right, the place is barred in one "
        "iteration, or (diamonds) in all, and its attention shared out among the rest "
        "of the row; another token is one drawn from the rest. Bottom: all questions, "
        f"and iterations beyond the trained {trained}.",
        part="iterations",
    )


def _draw_attention(axes: Any, part: xr.Dataset) -> None:
    trained = part.sizes["trained_iteration"]
    attention = part.attention.sel(iteration=slice(None, trained))
    plot.curves(attention, axes, along="iteration", hue="attended")
    uniform = float(part.uniform.mean())
    axes.axhline(uniform, color=MUTED, linestyle=":", label="uniform row")
    axes.set_xticks(_ticks(trained))
    axes.set(ylim=(0, 100), ylabel="mean attention in %", title="What rows look at")


def _draw_barred(axes: Any, part: xr.Dataset) -> None:
    trained = part.sizes["trained_iteration"]
    plot.curves(part.barred, axes, along="trained_iteration", hue="place")
    diamond = {"marker": "D", "markersize": 6, "clip_on": False}
    for index, in_all in enumerate(part.always_barred.mean("seed").values):
        plot.line(trained + 1.2, in_all, axes, color=f"C{index}", **diamond)
    unbarred = float(part.unbarred.mean())
    axes.axhline(unbarred, color=MUTED, linestyle=":", label="nothing barred")
    ticks = _ticks(trained)
    axes.set_xticks([*ticks, trained + 1.2], [*map(str, ticks), "all"])
    title = "If an iteration may not look there"
    axes.set(ylim=(0, 102), ylabel="right answers in %", title=title)


def _draw_answers(axes: Any, part: xr.Dataset) -> None:
    after = part.accuracy.isel(times=slice(1, None))
    plot.curves(after, axes, along="times", label="all questions")
    guess = 100 / setting.VOCABULARY
    axes.axhline(guess, color=MUTED, linestyle=":", label="guess")
    title = "Read out after so many iterations"
    axes.set(ylim=(0, 102), ylabel="right answers in %", title=title)


def _draw_sizes(axes: Any, part: xr.Dataset) -> None:
    state = part.state.isel(times=slice(1, None))
    first, second = COLOURS[:2]
    plot.curves(state, axes, along="times", colours=(first,), label="state |Z|")
    plot.curves(
        part.change, axes, along="iteration", colours=(second,), label="change |F|"
    )
    axes.set_yscale("log")
    axes.set_ylabel("root mean square over positions")
    axes.set_title("Size of state and change")


def _ticks(last: int) -> list[int]:
    every = max(1, -(-last // 12))
    return list(range(1, last + 1, every))
