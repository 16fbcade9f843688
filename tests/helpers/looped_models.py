"""Looped models without their training or their drawing, which is long to compile."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass.experiments.looped import models
from isinglass.experiments.looped.models import Training
from isinglass.reproduce import Context
from isinglass.systems.looped import LoopedTransformer, Recipe, Run

# A model as it begins, in one program.
drawn = jax.jit(LoopedTransformer, static_argnums=0)


def untrained(context: Context, training: Training) -> Run:
    """In place of `models.trained`: models as they begin."""
    seeds, recipe = models.seeds(context), training.recipe
    config: Any = training.config
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    model = jax.jit(jax.vmap(lambda key: drawn(config, key=key)))(keys)
    return Run(
        model,
        xr.Dataset(),
        training.config,
        training.task,
        (recipe,) if isinstance(recipe, Recipe) else tuple(recipe),
        seeds,
        dict.fromkeys(seeds, "took no steps"),
    )


def random_model(kind: Any, config: Any, seed: int = 0, spread: float = 0.4) -> Any:
    """A model of any kind, drawn by NumPy; none of its parameters is 0 or 1.

    In the precision of the moment: float64 where `jax.enable_x64` is on.
    """
    like = eqx.filter_eval_shape(lambda key: kind(config, key=key), jax.random.key(0))
    rng = np.random.default_rng(seed)

    def parameter(path: Any, leaf: Any) -> jax.Array:
        draw = spread * rng.standard_normal(leaf.shape)
        is_gain = getattr(path[-1], "name", "") == "gain"
        draw = 1 + draw if is_gain else draw
        return jax.device_put(np.asarray(draw, jax.dtypes.canonicalize_dtype(float)))

    return jax.tree_util.tree_map_with_path(parameter, like)
