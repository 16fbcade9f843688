"""Looped models without their training or their drawing, which is long to compile."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from isinglass.experiments.looped import models
from isinglass.experiments.looped.models import Training
from isinglass.reproduce import Context
from isinglass.systems.looped import (
    BaselineConfig,
    LoopedBaseline,
    LoopedTransformer,
    Run,
)
from isinglass.systems.looped.recipe import recipes_in_order
from isinglass.systems.looped.training import LoopedTrainer

# A model as it begins, in one program.
drawn = jax.jit(LoopedTransformer, static_argnums=0)


def untrained(
    context: Context, training: Training, names: Sequence[int] | None = None
) -> Run:
    """In place of `models.trained`: models as they begin, if they could be trained."""
    seeds = models.seeds(context) if names is None else tuple(names)
    config: Any = training.config
    recipes = recipes_in_order(training.recipe)
    LoopedTrainer(config, training.task, recipes, training.evaluate, seeds)
    model = _as_begun(config, seeds)
    return Run(
        model,
        xr.Dataset(),
        training.config,
        training.task,
        recipes,
        seeds,
        dict.fromkeys(seeds, "took no steps"),
    )


def _as_begun(config: Any, seeds: Sequence[int]) -> Any:
    """Models of several seeds, drawn by NumPy as spread as new ones are."""
    is_baseline = isinstance(config, BaselineConfig)
    kind = LoopedBaseline if is_baseline else LoopedTransformer
    like = eqx.filter_eval_shape(lambda key: kind(config, key=key), jax.random.key(0))
    rngs = [np.random.default_rng(seed) for seed in seeds]

    def parameters(path: Any, leaf: Any) -> jax.Array:
        shape = leaf.shape
        if len(shape) < 2:
            value = float(getattr(path[-1], "name", "") == "gain")
            return jax.device_put(np.full((len(seeds), *shape), value, np.float32))
        draws = np.stack([rng.standard_normal(shape, np.float32) for rng in rngs])
        return jax.device_put(draws / np.float32(shape[0] ** 0.5))

    return jax.tree_util.tree_map_with_path(parameters, like)
