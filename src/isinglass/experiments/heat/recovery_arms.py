"""What learns a plate's conduction from pairs: heat, free gains, attention, a kernel.

All are linear in the field, and each channel is by itself. Of n places they have n
numbers a channel or about as many, but for one k of each channel, which is the truth.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass.systems.heat import conduct, filter_modes

SINGLE, BY_MODE, GAINS = "k per channel", "k per mode", "free gains"
KERNEL, ATTENTION = "convolution", "attention"
NAMES = (SINGLE, BY_MODE, GAINS, KERNEL, ATTENTION)
START = -1.0  # log k


class Plate(eqx.Module):
    """A map of fields (…, N, N, C) to what they are after unit time.

    Attributes:
        weights: What is learned.
        name: Which map.
    """

    weights: tuple[Float[Array, "..."], ...]
    name: str = eqx.field(static=True)

    def __call__(self, field: Float[Array, "*b n n c"]) -> Float[Array, "*b n n c"]:
        """Return the fields after unit time."""
        return self.after(field, 1)

    def after(
        self, field: Float[Array, "*b n n c"], time: int
    ) -> Float[Array, "*b n n c"]:
        """Return the fields after a time: k · t where there is k, else applied t times.

        For free gains that is the same as their power.
        """
        if self.name in (SINGLE, BY_MODE):
            return conduct(field, time * jnp.exp(self.weights[0]))
        for _ in range(time):
            field = self._once(field)
        return field

    def _once(self, field: Array) -> Array:
        if self.name == GAINS:
            return filter_modes(field, self.weights[0])
        size, channels = field.shape[-2:]
        matrix = self._matrix(size)
        flat = field.reshape(-1, size * size, channels)
        return jnp.einsum("cij,bjc->bic", matrix, flat).reshape(field.shape)

    def _matrix(self, size: int) -> Array:
        """From place j to place i, (C, n², n²)."""
        if self.name == KERNEL:
            place, inside = _shifts(size, self.weights[0].shape[0])
            kernel = self.weights[0].reshape(-1, self.weights[0].shape[-1])
            return jnp.moveaxis(kernel[place] * inside[..., None], -1, 0)
        positions, forms = self.weights
        scores = jnp.einsum("ia,cab,jb->cij", positions, forms, positions)
        return jax.nn.softmax(scores, axis=-1)


def start(name: str, size: int, channels: int) -> Plate:
    """The map before training; none of them draws anything."""
    full = (size, size, channels)
    if name == SINGLE:
        return Plate((jnp.full(channels, START),), name)
    if name == BY_MODE:
        return Plate((jnp.full(full, START),), name)
    if name == GAINS:
        return Plate((jnp.full(full, 0.5),), name)
    if name == KERNEL:
        side = size - 1 + size % 2  # odd, so that it has a middle
        kernel = jnp.zeros((side, side, channels))
        return Plate((kernel.at[side // 2, side // 2].set(0.5),), name)
    return Plate((_positions(size), jnp.zeros((channels, 4, 4))), name)


def count(plate: Plate) -> int:
    """Numbers that are learned."""
    return sum(leaf.size for leaf in jax.tree.leaves(plate.weights))


def _positions(size: int) -> Array:
    """x, y, x² + y² and 1, of which forms make any Gaussian."""
    x = np.linspace(-1.5, 1.5, size)
    across, down = (grid.ravel() for grid in np.meshgrid(x, x))
    square = across**2 + down**2
    columns = [across, down, square - square.mean(), np.ones(size * size)]
    return jnp.asarray(np.stack(columns, 1), jnp.float32)


def _shifts(size: int, side: int) -> tuple[Any, Any]:
    """Which weight of the kernel leads from j to i, and whether there is one."""
    place = np.arange(size)
    offset = place[:, None] - place + side // 2
    inside = (offset >= 0) & (offset < side)
    offset = np.clip(offset, 0, side - 1)
    rows = offset[:, None, :, None] * side + offset[None, :, None, :]
    both = inside[:, None, :, None] & inside[None, :, None, :]
    shape = (size * size, size * size)
    return rows.reshape(shape), both.reshape(shape)
