"""Work shared by devices: a mesh of them, arrays on all, sequences spread over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from isinglass.data.sources import Source

AXIS = "data"


HERE, SPREAD = PartitionSpec(), PartitionSpec(None, AXIS)


def mesh_of(devices: Sequence[Any] | None) -> Mesh:
    """All devices of all hosts, or some."""
    return Mesh(
        np.asarray(jax.devices() if devices is None else list(devices)), (AXIS,)
    )


def on_all(tree: Any, mesh: Mesh) -> Any:
    """Arrays on every device, which do not share memory with the ones given."""
    where = NamedSharding(mesh, HERE)
    return jax.tree.map(
        lambda x: jax.make_array_from_callback(
            np.shape(x), where, lambda _: np.array(x)
        ),
        tree,
    )


def rows_of_host(mesh: Mesh, batch: int) -> slice:
    """Which of so many sequences this host hands in, if devices of a host stand together."""
    mine = [
        i
        for i, each in enumerate(mesh.devices)
        if each.process_index == jax.process_index()
    ]
    each = batch // mesh.size
    return slice(mine[0] * each, (mine[-1] + 1) * each)


def hand_in(
    source: Source, places: Any, mesh: Mesh, accumulate: int = 1
) -> tuple[Array, ...]:
    """The arrays of a `Batch` at places, (accumulate, b / accumulate, n), spread over devices.

    A device has its sequences of every part, whichever host it belongs to.
    """
    own = source.take(places[rows_of_host(mesh, len(places))])
    where = NamedSharding(mesh, SPREAD)
    local = len(
        [each for each in mesh.devices if each.process_index == jax.process_index()]
    )

    def spread(x: np.ndarray, dtype: Any) -> Array:
        # (devices, parts, rows, n) to (parts, devices × rows, n).
        parts = np.asarray(x, dtype).reshape(local, accumulate, -1, x.shape[-1])
        parts = np.moveaxis(parts, 0, 1).reshape(accumulate, -1, x.shape[-1])
        return jax.make_array_from_process_local_data(where, parts)

    return tuple(map(spread, own, (np.int32, np.int32, np.float32)))
