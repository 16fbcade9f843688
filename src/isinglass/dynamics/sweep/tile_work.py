"""The computing of one tile of a sweep, in a thread here or on a worker far away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from isinglass._common.precision import double_precision
from isinglass.dynamics._layout import lane_axes, lanes_last, pick, repeated
from isinglass.dynamics._precision import at_precision
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.kinds import Kind
from isinglass.dynamics.maps import DelayMap, Step, newest
from isinglass.dynamics.measure import Measure
from isinglass.dynamics.sweep.tiles import Tile

PROBE_STEPS = 3

Leaves = list[np.ndarray]


@dataclass(frozen=True, eq=False)
class Work:
    """All that the tiles of a sweep are computed from.

    Attributes:
        step: The map.
        state: The initial state, or a function of the parameters that gives it.
        parameters: Values of the parameters that are not varied.
        vary: Values of the varied parameters, by name, in the order of the grid's last
            axes.
        measure: What is measured in each cell.
        axes: Names of all axes of the grid.
        tile: Cells of a tile along each axis.
        starts: How many states ``state`` holds along the leading axis of each leaf, or
            None.
        sequential: Whether the cells of a tile follow each other along the last axis,
            each from the final state of the one before.
    """

    step: Callable[[Any, Any], Any]
    state: Any
    parameters: Mapping[str, np.ndarray]
    vary: Mapping[str, np.ndarray]
    measure: Measure
    axes: tuple[str, ...]
    tile: tuple[int, ...]
    starts: int | None = None
    sequential: bool = False

    def __getstate__(self) -> dict[str, Any]:
        # A JAX array unpickled where float64 is off would come out as float32.
        return {**self.__dict__, "state": _to_numpy(self.state)}


def compute(
    work: Work,
    tile: Tile,
    before: Leaves | None,
    tick: Callable[[float], None] | None = None,
) -> tuple[dict[str, np.ndarray], Leaves]:
    """Measure the cells of a tile.

    Args:
        work: What the sweep is.
        tile: Which cells.
        before: Final state of the tile that this one goes on from, if it does.
        tick: Called now and then with the share of the tile that is done.

    Returns:
        The measured variables, each of shape (sides of the tile, …), and the leaves of
        the final state of a sequential tile, lanes last.
    """
    devices = jax.local_devices()
    # Left alone on a CPU, where naming the device would only compile everything once
    # more.
    device = (
        None if devices[0].platform == "cpu" else devices[tile.index % len(devices)]
    )
    with double_precision(), jax.default_device(device):
        run = _sequential if work.sequential else _parallel
        return run(work, tile, before, tick or (lambda share: None))


def start(work: Work, parameters: Mapping[str, Any], starts: np.ndarray) -> Any:
    """Initial states of lanes.

    Args:
        work: What the sweep is.
        parameters: Those of the lanes, lanes last.
        starts: Which of the states each lane starts from.

    Raises:
        ValueError: If the states of a `DelayMap` are at different phases.
    """
    if callable(work.state):
        state = _computed(
            work.state, work.starts is None, dict(parameters), jnp.asarray(starts)
        )
    else:
        state = jax.tree.map(partial(_in_lanes, work, starts), work.state)
    if isinstance(work.step, DelayMap):
        phases = np.unique(state.phase)
        if len(phases) > 1:
            raise ValueError(
                f"state must have one phase for all starts, got {phases.tolist()}"
            )
        state = state._replace(phase=np.asarray(state.phase)[0])
    return state


def _in_lanes(work: Work, starts: np.ndarray, leaf: Any) -> np.ndarray:
    """What each lane starts from of a leaf of the states, lanes last.

    By NumPy: JAX compiles a program for what it does to an array outside of one.
    """
    leaf = np.asarray(leaf)
    if work.starts is None or leaf.ndim == 0:  # or a phase that all states share
        return repeated(leaf, len(starts))
    return np.moveaxis(leaf[starts], 0, -1)


@partial(jax.jit, static_argnums=(0, 1))
def _computed(
    start: Callable[[Any], Any],
    single: bool,
    parameters: Mapping[str, jax.Array],
    which: jax.Array,
) -> Any:
    """What a start gives for the parameters of every lane."""

    def lane(values: Mapping[str, jax.Array], which: jax.Array) -> Any:
        state = jax.tree.map(jnp.asarray, start(values))
        return state if single else pick(state, which)

    return jax.vmap(lane, in_axes=-1, out_axes=-1)(parameters, which)


def probe(work: Work) -> list[float | None]:
    """Numbers that tell the map, its initial state and the observable from others.

    They are taken on the CPU, the initial state and a few steps from it, at the two
    ends of the grid; each leaf gives two weighted means. NaN and infinity are given as
    None.
    """
    last_start = 0 if work.starts is None else work.starts - 1
    ends, which = np.array([0, -1, 0, -1]), np.array([0, 0, last_start, last_start])
    try:
        cpu = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX was told to use accelerators only
        cpu = None
    with double_precision(), jax.default_device(cpu):
        varied = {name: values[ends] for name, values in work.vary.items()}
        parameters = _lanes({**work.parameters, **varied}, set(work.vary), len(ends))
        parameters = at_precision(parameters, "float64")
        state = at_precision(start(work, parameters, which), "float64")
        observable = work.measure.observable or newest
        numbers: list[float] = []
        for _ in range(1 + PROBE_STEPS):
            shown, after = _shown_and_next(work.step, observable, state, parameters)
            numbers += _signature(state) + _signature(shown)
            state = after
    return [number if np.isfinite(number) else None for number in numbers]


@partial(jax.jit, static_argnums=(0, 1))
def _shown_and_next(
    step: Step, observable: Callable[[Any], Any], state: Any, parameters: Any
) -> Any:
    """What is observed of the states of lanes, and these states one step later."""
    axes = lane_axes(step, state)
    shown = jax.vmap(observable, in_axes=(axes,), out_axes=-1)(state)
    return shown, jax.vmap(step, in_axes=(axes, -1), out_axes=axes)(state, parameters)


def _signature(tree: Any) -> list[float]:
    numbers: list[float] = []
    for leaf in jax.tree.leaves(tree):
        lanes = np.atleast_1d(np.asarray(leaf, dtype=np.float64))
        lanes = lanes.reshape(-1, lanes.shape[-1])
        # Weights that no symmetry has: an exchange of two elements shows.
        weights = np.cos(1.0 + np.arange(len(lanes)))[:, None]
        numbers += [
            *lanes.mean(axis=0).tolist(),
            *(weights * lanes).mean(axis=0).tolist(),
        ]
    return numbers


def _parallel(
    work: Work, tile: Tile, before: Leaves | None, tick: Callable[[float], None]
) -> tuple[dict[str, np.ndarray], Leaves]:
    places = np.meshgrid(*_padded(work, tile), indexing="ij")
    index = {name: place.ravel() for name, place in zip(work.axes, places, strict=True)}
    n_lanes = places[0].size
    varied = {name: values[index[name]] for name, values in work.vary.items()}
    parameters = _lanes({**work.parameters, **varied}, set(work.vary), n_lanes)
    state = start(work, parameters, index.get("start", np.zeros(n_lanes, dtype=int)))
    result = dict(measure_cells(work.step, state, parameters, work.measure, tick=tick))
    del result["final_state"]
    filled = tuple(slice(part.stop - part.start) for part in tile.region)
    return {
        name: np.asarray(value).reshape(work.tile + value.shape[1:])[filled]
        for name, value in result.items()
    }, []


def _sequential(
    work: Work, tile: Tile, before: Leaves | None, tick: Callable[[float], None]
) -> tuple[dict[str, np.ndarray], Leaves]:
    (name,) = work.vary
    has_starts = work.starts is not None
    starts = _padded(work, tile)[-2] if has_starts else np.zeros(1, dtype=int)
    order = range(tile.region[-1].start, tile.region[-1].stop)
    order = order[::-1] if tile.reverse else order

    def fresh(parameters: Mapping[str, np.ndarray]) -> Any:
        return start(work, parameters, starts)

    state, diverged = None, np.zeros(len(starts), dtype=bool)
    rows = {}
    for done, place in enumerate(order):
        value = np.full(len(starts), work.vary[name][place])
        parameters = _lanes({**work.parameters, name: value}, {name}, len(starts))
        if state is None:
            state = fresh(parameters)
            if before is not None:
                state = jax.tree.unflatten(jax.tree.structure(state), before)
        state = _recalled(state, diverged, lambda: fresh(parameters))  # noqa: B023 (called at once)
        shared = _share_of(tick, done, len(order))
        rows[place] = dict(
            measure_cells(work.step, state, parameters, work.measure, tick=shared)
        )
        state = lanes_last(work.step, rows[place].pop("final_state"))
        if work.measure.classify:
            diverged = rows[place]["kind"] == Kind.DIVERGED
    blocks = [rows[place] for place in sorted(rows)]
    # (lane, value, …), which is (direction, value, …) where there are no starts
    stacked = {
        variable: np.stack([block[variable] for block in blocks], axis=1)
        for variable in blocks[0]
    }
    if has_starts:
        filled = slice(tile.region[-2].stop - tile.region[-2].start)
        stacked = {name: values[None, filled] for name, values in stacked.items()}
    return stacked, [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def _share_of(
    tick: Callable[[float], None], done: int, total: int
) -> Callable[[float], None]:
    return lambda share: tick((done + share) / total)


def _recalled(
    state: Any, diverged: Bool[np.ndarray, "n"], fresh: Callable[[], Any]
) -> Any:
    """``state``, started afresh in the lanes that have left for infinity."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state) if np.ndim(leaf)]
    gone = diverged.copy()
    for leaf in leaves:
        gone |= ~np.isfinite(leaf).all(axis=tuple(range(leaf.ndim - 1)))
    if not gone.any():
        return state
    return jax.tree.map(
        lambda old, new: np.where(gone, new, old) if np.ndim(old) else old,
        state,
        fresh(),
    )


def _padded(work: Work, tile: Tile) -> list[np.ndarray]:
    """Places along each axis, the last one repeated where a tile ends early.

    All tiles so have one shape and are computed by one program.
    """
    sides = zip(tile.region, work.tile, strict=True)
    return [
        np.minimum(part.start + np.arange(side), part.stop - 1) for part, side in sides
    ]


def _lanes(
    parameters: Mapping[str, np.ndarray], varied: set[str], n_lanes: int
) -> dict[str, np.ndarray]:
    """Every parameter with a trailing axis of lanes."""
    return {
        name: np.asarray(value) if name in varied else repeated(value, n_lanes)
        for name, value in parameters.items()
    }


def _to_numpy(state: Any) -> Any:
    if callable(state):
        return state
    return jax.tree.map(np.asarray, state)
