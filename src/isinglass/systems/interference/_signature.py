"""What tells two encoders or priors apart, as far as what they compute goes."""

import hashlib
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

_EXACT = 2**53  # up to here floats hold whole numbers, and far beyond none


def signature(value: Any) -> Any:
    """Something to compare that is equal for equal settings, in any process.

    Of an estimator its class and parameters, and, if it needs to be fitted, all that it
    has learned; of an array its content; of a function its name; of anything else its
    class and attributes, or how it shows itself.
    """
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, np.ndarray | jax.Array):
        if jnp.issubdtype(value.dtype, jax.dtypes.extended):  # a random key
            return (name, signature(jax.random.key_data(value)))
        array = np.asarray(value)
        if not array.ndim:
            return signature(array.item())
        if array.dtype != object:
            array = np.ascontiguousarray(
                array, float if array.dtype.kind in "iuf" else None
            )
            content = hashlib.sha256(array.tobytes()).hexdigest()
            return (array.dtype.str, array.shape, content)
        return signature(array.tolist())
    if isinstance(value, int) and abs(value) > _EXACT:
        return repr(value)
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, dict):
        return tuple(
            (str(key), signature(value[key])) for key in sorted(value, key=str)
        )
    if isinstance(value, list | tuple):
        return tuple(signature(part) for part in value)
    if isinstance(value, BaseEstimator):
        fixed = not hasattr(value, "transform") or not get_tags(value).requires_fit
        state = value.get_params(deep=False) if fixed else vars(value)
        return (name, signature(state))
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if hasattr(value, "__dict__"):
        return (name, signature(vars(value)))
    return repr(value)


class Signed:
    """Stands for a value as it is now: equal to one of the same signature."""

    def __init__(self, value: Any):
        self._signature, self._shown = signature(value), repr(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signed) and self._signature == other._signature

    def __hash__(self) -> int:
        return hash(self._signature)

    def __repr__(self) -> str:
        return self._shown
