"""Weights between two times of a path: what attention would call a kernel of lags."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from isinglass._common.checks import check_kind
from isinglass.systems.paths.system import OpenSystem, TimeGrid, check_system


class Coefficients(NamedTuple):
    """Integrals of the bath's correlation over pairs of slices of time.

    The slice [a, b], later, and [c, e] have g(b−c) − g(b−e) − g(a−c) + g(a−e); a slice
    with itself has g of its length. Lags are from 1, in steps.

    Attributes:
        end_self: η₀₀ of a slice at an end with itself.
        inner_self: η_mm of an inner slice.
        inner: η_mn of two inner slices, (lags,).
        end_inner: η_0m of one at an end and an inner one, (lags,).
        ends: η_0e of both ends, (lags,).
    """

    end_self: complex
    inner_self: complex
    inner: Complex[np.ndarray, " k"]
    end_inner: Complex[np.ndarray, " k"]
    ends: Complex[np.ndarray, " k"]


def influence_coefficients(system: OpenSystem, grid: TimeGrid) -> Coefficients:
    """What the bath weighs slices of time with, by lag, from its lineshape g.

    With the splitting "quapi" (Makri & Makarov 1995; the program of Bose & Walters) the
    slices at both ends are half as long; with "tempo" there are inner slices alone, and
    what is of ends is 0. They do not depend on the number of steps but by how many lags
    there are, `grid.reach`.

    Args:
        system: Its bath, and whether there is a counterterm.
        grid: Step, lags and splitting.

    Raises:
        TypeError: If one is of another class.
        ValueError: If the lineshape diverges.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    half = system.lineshape(_times(grid))
    eta = _between_slices(half, grid)
    return eta._replace(
        end_self=complex(eta.end_self), inner_self=complex(eta.inner_self)
    )


def traced_coefficients(system: OpenSystem, grid: TimeGrid) -> Coefficients:
    """The same, of a bath of which JAX may trace something, by JAX."""
    return _between_slices(system.traced_lineshape(_times(grid)), grid)


def _times(grid: TimeGrid) -> Float[np.ndarray, " n"]:
    return grid.step / 2 * np.arange(2 * grid.reach + 3)


def _between_slices(half: Any, grid: TimeGrid) -> Coefficients:
    """By the lineshape at half steps."""
    lags = grid.reach
    full = half[::2]
    k = np.arange(1, lags + 1)
    inner = full[k + 1] - 2 * full[k] + full[k - 1]
    if grid.splitting == "tempo":
        none = 0 * inner
        return Coefficients(0 * full[1], full[1], inner, none, none)
    twice = 2 * k
    end_inner = half[twice + 1] - half[twice] - half[twice - 1] + half[twice - 2]
    ends = half[twice] - 2 * half[twice - 1] + half[twice - 2]
    return Coefficients(half[1], full[1], inner, end_inner, ends)
