"""A depthwise 3 × 3 convolution of fields with features last, and a gain of each mode.

Both have a gradient that sums over many fields, which XLA does slowly on a CPU: it is
written out here. So neither can be differentiated forwards (`jax.jvp`).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SHORT = 512  # numbers of a row, below which a loop costs more than it saves
SHIFTS = [(down, across) for down in range(3) for across in range(3)]


@jax.custom_vjp
def depthwise(
    field: Float[Array, "b h w c"],
    kernel: Float[Array, "3 3 c"],
    bias: Float[Array, "c"],
) -> Float[Array, "b h w c"]:
    """Each channel convolved with its 3 × 3 kernel, zeros around the plate."""
    return _convolved(field, kernel) + bias


def _convolved(field: Array, kernel: Array) -> Array:
    """One pass over the field: XLA fuses the nine slices, and has no fast group."""
    parts = zip(_shifted(field), SHIFTS, strict=True)
    return sum(part * kernel[place] for part, place in parts)  # pyright: ignore


def _shifted(field: Array) -> list[Array]:
    height, width = field.shape[1:3]
    padded = jnp.pad(field, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return [padded[:, i : i + height, j : j + width] for i, j in SHIFTS]


def _forward(field: Array, kernel: Array, bias: Array) -> tuple[Array, tuple]:
    return depthwise(field, kernel, bias), (field, kernel)


def _backward(saved: tuple, slope: Array) -> tuple[Array, Array, Array]:
    field, kernel = saved
    by_kernel = jax.lax.platform_dependent(
        field, slope, cpu=_products_by_row, default=_products
    )
    back = _convolved(slope, kernel[::-1, ::-1])
    return back, by_kernel.reshape(kernel.shape), slope.sum((0, 1, 2))


def _products(field: Array, slope: Array) -> Array:
    """Of each shift, the sum over places of field and slope, (9, C)."""
    return jnp.stack([(part * slope).sum((0, 1, 2)) for part in _shifted(field)])


def _products_by_row(field: Array, slope: Array) -> Array:
    """The same a row at a time: XLA would read all of both nine times on a CPU."""
    batch, height, width, channels = field.shape
    if width * channels < SHORT:
        return _products(field, slope)
    padded = jnp.pad(field, [(0, 0), (1, 1), (1, 1), (0, 0)])

    def add(row: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        place = row // height, row % height, 0, 0
        rows = jax.lax.dynamic_slice(padded, place, (1, 3, width + 2, channels))[0]
        own = jax.lax.dynamic_slice(slope, place, (1, 1, width, channels))[0, 0]
        return tuple(
            total + rows[i, j : j + width] * own
            for total, (i, j) in zip(sums, SHIFTS, strict=True)
        )

    none = (jnp.zeros((width, channels), slope.dtype),) * len(SHIFTS)
    return jnp.stack(jax.lax.fori_loop(0, batch * height, add, none)).sum(1)


depthwise.defvjp(_forward, _backward)


@jax.custom_vjp
def scaled(
    modes: Float[Array, "b h w c"], gains: Float[Array, "h w c"]
) -> Float[Array, "b h w c"]:
    """The modes of all fields, multiplied by the same gains."""
    return modes * gains


def _scaled_forward(modes: Array, gains: Array) -> tuple[Array, tuple]:
    return modes * gains, (modes, gains)


def _scaled_backward(saved: tuple, slope: Array) -> tuple[Array, Array]:
    modes, gains = saved
    by_gains = jax.lax.platform_dependent(
        modes, slope, cpu=_summed_by_field, default=lambda a, b: (a * b).sum(0)
    )
    return slope * gains, by_gains


def _summed_by_field(modes: Array, slope: Array) -> Array:
    """Over the fields, one at a time: XLA would go through memory by columns."""

    def add(place: Array, total: Array) -> Array:
        return total + modes[place] * slope[place]

    return jax.lax.fori_loop(0, len(modes), add, jnp.zeros_like(modes[0]))


scaled.defvjp(_scaled_forward, _scaled_backward)
