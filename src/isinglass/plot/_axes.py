"""Where a picture is drawn, and what it is drawn of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.lazy import lazy_module
from isinglass._common.plain_checks import check_kind, shown
from isinglass.plot.style import house_style

# It looks for a window system when it is loaded, which given axes have no need of.
pyplot = lazy_module("matplotlib.pyplot")

SIZE = (6.0, 4.2)  # of a new figure, in inches


@contextmanager
def drawn_on(ax: Axes | None, size: tuple[float, float] = SIZE) -> Iterator[Axes]:
    """Give the axes, or those of a new figure, on which the house style holds.

    Args:
        ax: Where to draw; None for a new figure.
        size: Width and height of a new figure in inches.

    Raises:
        TypeError: If ``ax`` is neither axes nor None.
    """
    if ax is not None:
        check_kind(Axes, ax=ax)
        yield ax
        return
    with house_style():
        figure, axes = pyplot.subplots(figsize=size, layout="constrained")
        try:
            yield axes
        except BaseException:  # pyplot would keep, and a notebook show, a half picture
            pyplot.close(figure)
            raise


def refuse(name: str, value: Any, accepted: str) -> TypeError:
    """Return the error for a result of another kind: what it is and what is accepted.

    Args:
        name: Of the argument.
        value: What it is.
        accepted: What it must be, after "must be".
    """
    kind, text = type(value).__name__, shown(value)
    text = text if len(text) < 80 else f"an object of {kind}"
    return TypeError(f"{name} must be {accepted}, got {text}")


def numbers(name: str, value: Any, accepted: str) -> Float[np.ndarray, "..."]:
    """Return an array of real numbers, of which some may be NaN or infinite.

    Raises:
        TypeError: If it is none.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:  # ragged lists
        raise refuse(name, value, accepted) from error
    if array.dtype.kind not in "biuf":
        raise refuse(name, value, accepted)
    return array.astype(float)


def has(value: Any, names: Iterable[str]) -> bool:
    """Whether a record has all of some attributes, or a Dataset all those variables."""
    return all(hasattr(value, name) for name in names)
