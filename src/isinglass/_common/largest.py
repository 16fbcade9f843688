"""The place of the largest of many numbers, on any device."""

from typing import Any

import jax
import jax.numpy as jnp


def first_largest(values: Any, axis: int, dtype: Any = jnp.int32) -> Any:
    """The place along an axis of the first number that none exceeds, in this type.

    XLA does not vectorise argmax on CPUs, where places are compared instead. Elsewhere
    a program may compute the same numbers twice, for their maximum and for the
    comparison, and round in two ways, so that none of them equals the maximum.
    """

    def by_comparison(values: Any) -> Any:
        length = values.shape[axis]
        places = jnp.arange(length, dtype=dtype)
        places = places.reshape(-1, *[1] * (-axis - 1))
        is_largest = values == values.max(axis, keepdims=True)
        return jnp.where(is_largest, places, jnp.asarray(length, dtype)).min(axis)

    return jax.lax.platform_dependent(
        values, cpu=by_comparison, default=lambda x: x.argmax(axis).astype(dtype)
    )
