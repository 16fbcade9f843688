"""Weights between two times of a path: what attention would call a kernel of lags."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

from isinglass._common.checks import check_kind
from isinglass.systems.paths.system import OpenSystem, TimeGrid


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
    check_kind(OpenSystem, system=system)
    check_kind(TimeGrid, grid=grid)
    lags = grid.reach
    half = system.lineshape(grid.step / 2 * np.arange(2 * lags + 3))
    full = half[::2]
    k = np.arange(1, lags + 1)
    inner = full[k + 1] - 2 * full[k] + full[k - 1]
    if grid.splitting == "tempo":
        none = np.zeros_like(inner)
        return Coefficients(0j, complex(full[1]), inner, none, none)
    twice = 2 * k
    end_inner = half[twice + 1] - half[twice] - half[twice - 1] + half[twice - 2]
    ends = half[twice] - 2 * half[twice - 1] + half[twice - 2]
    return Coefficients(complex(half[1]), complex(full[1]), inner, end_inner, ends)
