"""Rows of attention: who looks at whom, in one iteration of a loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.plain_checks import as_list, check_whole
from isinglass.plot._axes import drawn_on, numbers

FEW = 40  # tokens that have a tick each


def attention_rows(
    rows: Any,
    ax: Axes | None = None,
    *,
    iteration: int | None = None,
    tokens: Iterable[Any] | None = None,
) -> Axes:
    """Draw rows of attention as a picture: the darker, the more a token looks there.

    Args:
        rows: Attention p (n, n), a row a token that looks; of several heads (heads, n,
            n) the mean is drawn. Or what `isinglass.systems.looped.follow_loop`
            returns, whose ``rows`` are (iterations, heads, n, n), or such an array.
        ax: Where to draw; None for a new figure.
        iteration: Of a loop, which iteration, from 1; None for the last.
        tokens: What the n tokens are called; None for their positions.

    Returns:
        The axes, whose image ``ax.images[0]`` goes from 0 to 1, for a colour bar.

    Raises:
        TypeError: If ``rows`` is no such result.
        ValueError: If shapes do not fit or there is no such iteration.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> rows = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
        >>> ax = plot.attention_rows(rows, tokens="abcd")
        >>> ax.get_xlabel()
        'attended to'
    """
    square, title = _square(rows, iteration)
    names = None if tokens is None else _names(tokens, len(square))
    with drawn_on(ax, (4.4, 4.2)) as axes:
        axes.imshow(square, cmap="Blues", vmin=0, vmax=1)
        axes.set(xlabel="attended to", ylabel="by")
        if title:
            axes.set_title(title)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        if names and len(names) <= FEW:
            axes.set_xticks(range(len(names)), names, fontsize=8)
            axes.set_yticks(range(len(names)), names, fontsize=8)
    return axes


def _square(rows: Any, iteration: int | None) -> tuple[Float[np.ndarray, "n n"], str]:
    """The rows that are drawn, and of which iteration they are."""
    accepted = "rows of attention (n, n), or what follow_loop returns"
    array = numbers("rows", getattr(rows, "rows", rows), accepted)
    if array.ndim not in (2, 3, 4) or array.shape[-1] != array.shape[-2]:
        raise ValueError(
            "rows must be of shape (n, n), (heads, n, n) or (iterations, heads, n, n), "
            f"got {array.shape}"
        )
    if array.ndim < 4:
        if iteration is not None:
            raise ValueError(
                f"iteration must be None for rows of one iteration, got {iteration}"
            )
        return (array if array.ndim == 2 else array.mean(axis=0)), ""
    last = len(array)
    chosen = last if iteration is None else iteration
    check_whole(iteration=chosen)
    if chosen > last:
        raise ValueError(f"iteration must be at most {last}, got {chosen}")
    return array[chosen - 1].mean(axis=0), f"iteration {chosen}"


def _names(tokens: Iterable[Any], count: int) -> list[str]:
    names = list(tokens) if isinstance(tokens, str) else as_list("tokens", tokens)
    if len(names) != count:
        raise ValueError(f"tokens must name the {count} tokens, got {len(names)}")
    return [str(name) for name in names]
