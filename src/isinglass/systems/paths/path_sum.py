"""The sum over all paths: exact for a step, and exponential in their number."""

import numpy as np
from jaxtyping import Complex

from isinglass._common.checks import check_kind
from isinglass.systems.paths.coefficients import Coefficients, influence_coefficients
from isinglass.systems.paths.pairs import Pairs, pair_weight, pairs_of, self_weight
from isinglass.systems.paths.system import OpenSystem, TimeGrid, check_system

_MOST = 2**22  # paths: 64 MiB


def sum_paths(system: OpenSystem, grid: TimeGrid) -> Complex[np.ndarray, "n p p"]:
    """The maps ρ(0) ↦ ρ(t) at all times of a grid, by all paths one by one.

    It is what `propagate` gives without a cut, and grows as d^(2N+2).

    Args:
        system: What moves.
        grid: Some 9 steps at most of a two-level system.

    Returns:
        Complex (N + 1, d², d²), on the rows of ρ one after another.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If there are more than 2²² paths.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    pairs = pairs_of(system.positions)
    size = len(pairs.difference)
    if size ** (grid.steps + 1) > _MOST:
        raise ValueError(
            f"grid.steps must leave at most 2^22 paths, got {grid.steps} steps of "
            f"{size} pairs"
        )
    weights = influence_coefficients(system, grid)
    maps = [np.eye(size, dtype=complex)]
    tempo = grid.splitting == "tempo"
    # Axes are the points of a path, the first the open one.
    amplitude = np.ones(size, complex)
    if not tempo:
        amplitude = amplitude * self_weight(pairs, weights.end_self)
    for m in range(1, grid.steps + 1):
        start = (m - 1) * grid.step
        if tempo:
            half = grid.step / 2
            move = system.propagator(start, half)
            if m > 1:
                move = move @ system.propagator(start - half, half)
            final = system.propagator(start + half, half)
        else:
            move, final = system.propagator(start, grid.step), np.eye(size)
        bare = amplitude[..., None] * move.T
        read = bare * _row(pairs, weights, grid, m, final=not tempo)
        amplitude = bare * _row(pairs, weights, grid, m, final=False)
        summed = read.reshape(size, -1, size).sum(1)  # (first, last)
        maps.append(final @ summed.T)
    return np.stack(maps)


def _row(
    pairs: Pairs, weights: Coefficients, grid: TimeGrid, m: int, final: bool
) -> Complex[np.ndarray, "..."]:
    """The weight of the newest point on all points, itself included."""
    size = len(pairs.difference)
    end = weights.end_self if final else weights.inner_self
    row = self_weight(pairs, end).reshape((1,) * m + (size,))
    for lag in range(1, min(m, grid.reach) + 1):
        table = weights.inner
        if lag == m:
            table = weights.ends if final else weights.end_inner
        elif final:
            table = weights.end_inner
        weight = pair_weight(pairs.difference, pairs, table[lag - 1])
        shape = [1] * (m + 1)
        shape[m - lag] = shape[m] = size
        row = row * weight.T.reshape(shape)
    return row
