"""States and patterns: what is taken, and what is refused."""

import operator
import weakref
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Num

State = Num[Array, "*batch n"] | Num[np.ndarray, "*batch n"]
"""States, (…, n)."""

# The width has no name, so that it is `checked` and not the run-time checker of the tests that says
# what is wrong with it.
Patterns = Num[Array, "m _"] | Num[np.ndarray, "m _"]
"""Patterns, one a row, (m, n): a JAX array, or a NumPy array or `numpy.memmap` read in blocks."""

Layers = Sequence[Any]
"""Patterns of each layer: `Patterns`, of one width."""

_FEW = 1 << 14  # numbers that are sooner fetched than a program for them is compiled
_known_finite: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


@jax.jit
def _all_finite(x: Any) -> Any:
    return jnp.isfinite(x).all()


def checked(state: Any, patterns: Any, name: str = "patterns") -> None:
    """Refuse a state and patterns (or what else they are called) that have no energy.

    Values are not looked at where they are traced, nor, here, in patterns of NumPy: those are
    checked as they are read.

    Raises:
        TypeError: If one is no array.
        ValueError: Names what is wrong.
    """
    checked_patterns(patterns, name)
    refuse_unreal("state", state)
    if state.ndim < 1 or state.shape[-1] != patterns.shape[1]:
        raise ValueError(
            f"state must have as many components as the {name}, {patterns.shape[1]}, in its last "
            f"axis; got shape {state.shape}"
        )
    refuse_infinite("state", state)


def checked_patterns(patterns: Any, name: str = "patterns") -> None:
    """Refuse what is no pattern (see `checked`)."""
    refuse_unreal(name, patterns)
    if patterns.ndim != 2 or 0 in patterns.shape:
        raise ValueError(
            f"{name} must be one or more rows of one or more components, (m, n); "
            f"got shape {patterns.shape}"
        )
    if not isinstance(patterns, np.ndarray):
        refuse_infinite(name, patterns)


def refuse_unreal(name: str, value: Any) -> None:
    """Raise an error that names the argument unless it is an array of real numbers."""
    if not isinstance(value, np.ndarray | jax.Array):
        raise TypeError(f"{name} must be an array of NumPy or JAX, got {type(value).__name__}")
    if not jnp.issubdtype(value.dtype, jnp.number) or jnp.iscomplexobj(value):
        raise ValueError(f"{name} must be real numbers, got {value.dtype}")


def refuse_infinite(name: str, value: Any) -> None:
    """Raise a `ValueError` that names the argument unless it is finite, or traced.

    A JAX array does not change, so that a large one is read once.
    """
    if isinstance(value, Tracer) or _known_finite.get(id(value)) is value:
        return
    if np.size(value) <= _FEW:
        finite = np.isfinite(np.asarray(value)).all()
    else:
        with jax.ensure_compile_time_eval():  # constants are looked at where code is traced, too
            finite = bool(_all_finite(value))
    if not finite:
        raise ValueError(
            f"{name} must be finite, got NaN or infinity among {np.size(value)} numbers"
        )
    if isinstance(value, jax.Array):
        _known_finite[id(value)] = value


def positive(name: str, value: Any) -> None:
    """Raise a `ValueError` that names the argument unless it is positive and finite, or traced."""
    if isinstance(value, Tracer):
        return
    try:
        fits = np.ndim(value) == 0 and bool(0 < value < np.inf)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must be positive and finite, got {value}")


def whole(name: str, value: Any, least: int) -> None:
    """Raise a `ValueError` that names the argument unless it is a whole number of some size."""
    try:
        fits = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")


def rows(state: Any) -> jax.Array:
    """The states as rows of real numbers, (s, n)."""
    return jnp.reshape(as_real(state), (-1, state.shape[-1]))


def as_real(x: Any) -> jax.Array:
    """An array as real numbers of 32 bits at least: in 16, squares overflow at 256."""
    x = jnp.asarray(x)
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32) if floating else float)


def generator(key: Any, *more: int) -> np.random.Generator:
    """Random numbers of the host from a key of JAX: nothing is compiled for each shape."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    data = jax.random.key_data(key) if typed else key
    return np.random.default_rng([*np.asarray(data).ravel().tolist(), *more])


def random_ranks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers from 0 to n − 1 in random order along the last axis."""
    return rng.random(shape).argsort(-1).argsort(-1)


def squared_length(x: Any) -> jax.Array:
    """|x|² over the last axis."""
    return (x * x).sum(-1)
