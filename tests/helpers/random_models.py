"""Models whose parameters NumPy draws: JAX would compile a program for each of them."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np


def random_model(
    kind: Callable[..., Any], config: Any, seed: int = 0, spread: float = 0.4
) -> Any:
    """A model of any kind; none of its parameters is 0 or 1, and single numbers are ½.

    In the precision of the moment: float64 where `jax.enable_x64` is on.
    """
    like = eqx.filter_eval_shape(lambda key: kind(config, key=key), jax.random.key(0))
    rng = np.random.default_rng(seed)

    def parameter(path: Any, leaf: Any) -> jax.Array:
        draw = spread * rng.standard_normal(leaf.shape) if leaf.shape else 0.5
        is_gain = getattr(path[-1], "name", "") == "gain"
        draw = 1 + draw if is_gain else draw
        return jax.device_put(np.asarray(draw, jax.dtypes.canonicalize_dtype(float)))

    return jax.tree_util.tree_map_with_path(parameter, like)
