"""Looped models without their training, which takes long to compile."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import xarray as xr

from isinglass.experiments.looped import models
from isinglass.experiments.looped.models import Training
from isinglass.reproduce import Context
from isinglass.systems.looped import LoopedTransformer, Recipe, Run


def untrained(context: Context, training: Training) -> Run:
    """In place of `models.trained`: models as they begin."""
    seeds, recipe = models.seeds(context), training.recipe
    config: Any = training.config
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    model = eqx.filter_vmap(lambda key: LoopedTransformer(config, key=key))(keys)
    return Run(
        model,
        xr.Dataset(),
        training.config,
        training.task,
        (recipe,) if isinstance(recipe, Recipe) else tuple(recipe),
        seeds,
        dict.fromkeys(seeds, "took no steps"),
    )
