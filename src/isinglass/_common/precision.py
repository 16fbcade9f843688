"""The precision in which JAX computes, and its rules of promotion, in our functions.

A user may have set JAX to another precision, or to refuse mixed types or ranks, for
programs of their own; and of float32 products GPUs take ten bits by default. Functions
that compute here say what they were written for, in their own thread and for as long as
they run: a result does not depend on such a flag.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp


@contextmanager
def usual_promotion() -> Iterator[None]:
    """Let types and ranks be mixed as in NumPy, and multiply with all digits."""
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.default_matmul_precision("highest"),
    ):
        yield


@contextmanager
def double_precision() -> Iterator[None]:
    """Compute in float64, as chaos and exact sums need."""
    with jax.enable_x64(True), usual_promotion():
        yield


@contextmanager
def single_precision() -> Iterator[None]:
    """Compute in float32, as training does."""
    with jax.enable_x64(False), usual_promotion():
        yield


def in_floats(x: Any) -> Any:
    """An array of real numbers as it is, one of whole numbers as the usual floats."""
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
