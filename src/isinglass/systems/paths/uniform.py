"""A bath at rest as a chain that is the same at all times (Link, Tu & Strunz 2024).

`isinglass.systems.paths.uniform_net` makes the one tensor of all points.
"""

from typing import Any

import numpy as np
from jaxtyping import Complex

from isinglass._common.checks import check_flag, check_in, check_kind
from isinglass.systems.paths.chain import one_thread
from isinglass.systems.paths.process import ProcessTensor
from isinglass.systems.paths.propagate import FINER, Propagation, finite_maps
from isinglass.systems.paths.system import OpenSystem, TimeGrid, check_system
from isinglass.systems.paths.uniform_net import Point, uniform_point


def uniform_propagate(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10, check: bool = True
) -> Propagation:
    """The maps of an open system by a chain of the bath that is the same at all times.

    As `propagate`, and of the same limit. Time grows as the memory and not as steps
    times memory, which is why it is the faster of the two wherever there are more than
    a few steps; with the splitting "tempo" more so, as both ends of "quapi" are points
    of their own.

    Args:
        system: What moves.
        grid: In which steps.
        cutoff: As in `uniform_process_tensor`.
        check: Whether all is done again at a hundredth of the cutoff, to say by how
            much it changes.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the cutoff is not in [0, 1), the lineshape diverges, or the
            cutoff leaves a chain that comes to no rest, or maps that overflow.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    check_in("[0, 1)", cutoff=cutoff)
    check_flag(check=check)
    maps, bond = _maps(system, grid, cutoff)
    change = None
    if check:
        finer, _ = _maps(system, grid, cutoff / FINER)
        change = float(abs(finer - maps).max())
    bonds = np.append(1, np.full(grid.steps, bond))
    return Propagation(grid.times, maps, bonds, cutoff, change)


def uniform_process_tensor(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10
) -> ProcessTensor:
    """The influence of a system's bath on the points of a grid, by one tensor for all.

    As `process_tensor`, from as many cuts as there are lags in memory (Link, Tu &
    Strunz 2024): the tensor of one point serves all, as the bath is at rest. Its bond
    is larger than one that ends need, its time far shorter.

    Args:
        system: Its bath and positions; the Hamiltonian does not count.
        grid: Steps, and memory, if any. The splitting must be "tempo".
        cutoff: At each lag singular values are dropped while the sum of their squares
            is at most this share of that of all.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the splitting or cutoff is another, the lineshape diverges, or
            the cutoff leaves a chain that comes to no rest.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    check_in("[0, 1)", cutoff=cutoff)
    if grid.splitting != "tempo":
        raise ValueError(
            'grid.splitting must be "tempo" for a chain of the bath alone, got '
            f"{grid.splitting!r}"
        )
    return _process(uniform_point(system, grid, cutoff), system, grid)


def _process(point: Point, system: OpenSystem, grid: TimeGrid) -> ProcessTensor:
    first = np.tensordot(point.start, point.site, 1)[None]
    sites = (first, *[point.site] * (grid.steps - 1))
    return ProcessTensor(grid, system.positions, sites, (point.cap,) * grid.steps)


def _maps(system: OpenSystem, grid: TimeGrid, cutoff: float) -> tuple[Any, int]:
    """Maps at all times, and the bond."""
    point = uniform_point(system, grid, cutoff)
    with np.errstate(over="ignore", invalid="ignore"):
        if point.ends is None:
            maps = _process(point, system, grid).maps(system.hamiltonian)
        else:
            maps = _maps_of_ends(point, system, grid)
    return finite_maps(maps, cutoff), len(point.cap)


def _maps_of_ends(
    point: Point, system: OpenSystem, grid: TimeGrid
) -> Complex[np.ndarray, "n p p"]:
    """With the splitting "quapi": each point is read as an end, and goes on as none."""
    assert point.ends is not None
    first, last = point.ends
    size = len(first)
    state = np.eye(size)[:, None] * first[:, :, None]  # pair, bond, open pair
    maps = [np.eye(size, dtype=complex)]
    inner = point.site.transpose(1, 2, 0)
    with one_thread():
        for m in range(grid.steps):
            move = system.propagator(m * grid.step, grid.step)
            state = np.tensordot(move, state, 1)
            maps.append((last[:, None] @ state)[:, 0])
            state = inner @ state
    return np.stack(maps)
