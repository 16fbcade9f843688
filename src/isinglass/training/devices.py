"""Work shared by devices: a mesh of them, arrays on all, and what each takes part in.

Parameters lie on every device. What is shared is either the sequences of a batch, each
device adding its part of the gradient, or, where several models are trained side by
side, these models themselves, so that no device waits for another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Integer

from isinglass._common.checks import (
    as_list,
    check_in,
    check_kind,
    check_whole,
)
from isinglass.data.sources import Source

AXIS = "data"  # name of the mesh's only axis
REPLICATED = PartitionSpec()  # the same on every device
BY_LANE = PartitionSpec(AXIS)  # a leading axis of lanes, spread over devices
BY_SEQUENCE = PartitionSpec(None, AXIS)  # (parts, sequences, …), sequences spread

Devices = int | Sequence[Any] | None


def mesh_of(devices: Devices) -> Mesh:
    """The devices of a training, in a row.

    Args:
        devices: How many of the first of JAX's devices, or which; None for all, of all
            hosts. A CPU counts as one, or as many as the environment's
            JAX_NUM_CPU_DEVICES says.

    Raises:
        ValueError: If there are not so many.
    """
    available = jax.devices()
    if devices is None:
        chosen = available
    elif isinstance(devices, int):
        check_whole(devices=devices)
        check_in(f"[1, {len(available)}]", devices=devices)
        chosen = available[:devices]
    else:
        chosen = as_list("devices", devices)
        for device in chosen:
            check_kind(jax.Device, devices=device)
    return Mesh(np.asarray(chosen), (AXIS,))


def on_mesh(
    function: Callable[..., Any], mesh: Mesh, inputs: Any, outputs: Any
) -> Callable[..., Any]:
    """A function that every device runs on its own part of the arguments.

    Args:
        function: What each runs; sums over devices are its own affair
            (`jax.lax.psum` over `AXIS`), which is why JAX is not to check them.
        mesh: The devices.
        inputs: How each argument is spread.
        outputs: How the results are.
    """
    return jax.shard_map(
        function, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False
    )


def replicated(tree: Any, mesh: Mesh) -> Any:
    """Arrays on every device, which share no memory with those passed."""
    where = NamedSharding(mesh, REPLICATED)
    return jax.tree.map(
        lambda x: jax.make_array_from_callback(
            np.shape(x), where, lambda _: np.array(x)
        ),
        tree,
    )


@dataclass(frozen=True)
class Sharing:
    """How devices share the training of lanes, models trained side by side.

    Where the number of lanes is a multiple of that of devices, each takes its part of
    the lanes. Else all of them take every lane and a part of each batch: gradients are
    summed over devices, and all go on with the same parameters.

    Attributes:
        mesh: The devices.
        lanes: How many models there are.
    """

    mesh: Mesh
    lanes: int

    @property
    def parts(self) -> int:
        """How many parts each batch is cut into: 1 where devices share the lanes."""
        return 1 if self.lanes % self.mesh.size == 0 else self.mesh.size

    @property
    def lane_spec(self) -> PartitionSpec:
        """How an array with a leading axis of lanes lies on the devices."""
        return BY_LANE if self.parts == 1 else REPLICATED

    def place(self, specs: Sequence[PartitionSpec], *arguments: Any) -> list[Any]:
        """Lay each argument (a tree of arrays) on the devices as its spec says."""
        return [
            jax.device_put(tree, NamedSharding(self.mesh, spec))
            for tree, spec in zip(arguments, specs, strict=True)
        ]


def own_part(tree: Any, parts: int, axis: int) -> Any:
    """What this device takes of arrays cut into equal parts along an axis."""

    def part(x: Array) -> Array:
        size = x.shape[axis] // parts
        first = jax.lax.axis_index(AXIS) * size
        return jax.lax.dynamic_slice_in_dim(x, first, size, axis=axis)

    return jax.tree.map(part, tree)


def rows_of_host(mesh: Mesh, batch: int) -> slice:
    """Which sequences of a batch this host reads; its devices must stand together."""
    places = _places_of_host(mesh)
    share = batch // mesh.size
    return slice(places[0] * share, (places[-1] + 1) * share)


def spread_batch(
    source: Source, places: Integer[np.ndarray, "b"], mesh: Mesh, parts: int = 1
) -> tuple[Array, Array, Array]:
    """The tokens, targets and weights at places of a source, spread over devices.

    Args:
        source: Where to read; each host reads what its own devices take.
        places: Where in it; b is a multiple of devices × parts.
        mesh: The devices.
        parts: In how many parts, one after the other, a device takes its sequences.

    Returns:
        Three arrays (parts, b / parts, n). A device has its sequences of every part,
        whichever host it belongs to.
    """
    own = source.take(places[rows_of_host(mesh, len(places))])
    where, local = NamedSharding(mesh, BY_SEQUENCE), len(_places_of_host(mesh))

    def spread(x: np.ndarray, dtype: Any) -> Array:
        # (devices, parts, rows, n) to (parts, devices × rows, n).
        cut = np.asarray(x, dtype).reshape(local, parts, -1, x.shape[-1])
        cut = np.moveaxis(cut, 0, 1).reshape(parts, -1, x.shape[-1])
        return jax.make_array_from_process_local_data(where, cut)

    tokens, targets, weights = own
    return (
        spread(tokens, np.int32),
        spread(targets, np.int32),
        spread(weights, np.float32),
    )


def _places_of_host(mesh: Mesh) -> list[int]:
    """Where in the mesh this host's devices stand."""
    return [
        place
        for place, device in enumerate(mesh.devices)
        if device.process_index == jax.process_index()
    ]
