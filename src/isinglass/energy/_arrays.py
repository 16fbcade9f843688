"""States and patterns: what is taken, what is refused, and how they are laid out."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Num

from isinglass._common.checks import check_finite, check_real
from isinglass._common.precision import in_floats

LARGEST = 1e18  # a number whose square float32 can hold

State = Num[Array, "*batch n"] | Num[np.ndarray, "*batch n"]
"""States, (…, n)."""

# The width has no name, so that it is `check_state` and not the run-time checker of the
# tests that says what is wrong with it.
Patterns = Num[Array, "m _"] | Num[np.ndarray, "m _"]
"""Patterns in rows, (m, n): a JAX array, or one of NumPy or a file, read in blocks."""

Layers = Sequence[Any]
"""Patterns of each layer: `Patterns`, of one width."""


def check_state(state: Any, patterns: Any, name: str = "patterns") -> None:
    """Refuse a state and patterns (or what else they are called) that have no energy.

    Values are not looked at where they are traced, nor, here, in patterns of NumPy:
    those are checked as they are read.

    Raises:
        TypeError: If one is no array.
        ValueError: Names what is wrong.
    """
    check_patterns(patterns, name)
    check_real(state=state)
    if state.ndim < 1 or state.shape[-1] != patterns.shape[1]:
        raise ValueError(
            f"state must have as many components as the {name}, {patterns.shape[1]}, "
            f"in its last axis; got shape {state.shape}"
        )
    check_finite(state=state)


def check_patterns(patterns: Any, name: str = "patterns") -> None:
    """Refuse what is no pattern, as `check_state` does."""
    check_real(**{name: patterns})
    if patterns.ndim != 2 or 0 in patterns.shape:
        raise ValueError(
            f"{name} must be one or more rows of one or more components, (m, n); "
            f"got shape {patterns.shape}"
        )
    if not isinstance(patterns, np.ndarray):
        check_finite(**{name: patterns})


def check_squares(patterns: Any) -> None:
    """Refuse patterns that are not finite, or whose squares float32 cannot hold."""
    check_finite(patterns=patterns)
    largest = float(np.abs(np.asarray(patterns)).max())
    if largest > LARGEST:
        raise ValueError(
            f"patterns must hold no number beyond {LARGEST:g}, whose squares float32 "
            f"cannot hold, got {largest:g}"
        )


def rows(state: Any) -> jax.Array:
    """The states as rows of real numbers, (s, n)."""
    return jnp.reshape(as_real(state), (-1, state.shape[-1]))


def as_real(x: Any) -> jax.Array:
    """An array as real numbers of 32 bits at least: in 16, squares overflow at 256."""
    x = in_floats(jnp.asarray(x))
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def rng_of(key: Any, *more: int) -> np.random.Generator:
    """Random numbers of the host from a key of JAX: no shape needs a compilation."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    data = jax.random.key_data(key) if typed else key
    return np.random.default_rng([*np.asarray(data).ravel().tolist(), *more])


def random_ranks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers from 0 to n − 1 in random order along the last axis."""
    return rng.random(shape).argsort(-1).argsort(-1)


def squared_length(x: Any) -> jax.Array:
    """|x|² over the last axis."""
    return (x * x).sum(-1)
