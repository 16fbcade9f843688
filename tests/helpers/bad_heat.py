"""Calls of heat conduction with what it cannot compute with."""

import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import call
from helpers.random_models import random_model
from isinglass.systems import heat

U = jnp.ones((2, 4, 5, 3))
SHAPE = heat.HeatConfig(3, (4, 5))
LAYER = random_model(heat.HeatConduction, SHAPE)
SHARED = random_model(
    lambda config, key: heat.HeatConduction(config, shares_embedding=True, key=key),
    SHAPE,
)
FILTER = random_model(heat.HeatConduction, heat.HeatConfig(3, (4, 5), "filter"))
MODEL = random_model(heat.VHeat, heat.VHeatConfig(5, (8, 8), 3, 4, (1,)))
OF_FILTERS = random_model(
    heat.VHeat, heat.VHeatConfig(5, (8, 8), 3, 4, (1,), kind="filter")
)
PLATES = np.ones((2, 4, 5, 3))
BAD_HEAT = {
    "conductivity below 0": call(
        "conductivity must be at least 0, got -0.1", heat.conduct, U, -0.1
    ),
    "one below 0": call(
        "conductivity must be at least 0", heat.conduct, U, [1.0, 0.0, -2.0]
    ),
    "conductivity of NaN": call("conductivity must be finite", heat.conduct, U, np.nan),
    "conductivity of others": call(
        "conductivity must fit into", heat.conduct, U, np.ones(4)
    ),
    "conductivity, a word": call("conductivity must", heat.conduct, U, "hot"),
    "width of what is below 0": call(
        "conductivity must be at least 0", heat.effective_width, [-1.0]
    ),
    "a field of one axis": call("field must have", heat.conduct, U[0, 0], 1.0),
    "a field of infinity": call("field must be finite", heat.conduct, U / 0, 1.0),
    "a spectrum of no name": call("spectrum must be", heat.conduct, U, 1.0, "wave"),
    "a method of no name, of heat": call(
        "method must be", heat.cosine_transform, U, "haar"
    ),
    "gains of others": call("gains must fit", heat.filter_modes, U, np.ones((4, 4, 3))),
    "plate of one side": call("shape must be", heat.decay_rates, (4,)),
    "plate of no cells": call("shape must be", heat.decay_rates, (4, 0)),
    "a rule of no name, of heat": call(
        "rule must be", heat.resample_conductivity, U[0], (8, 8), "nearest"
    ),
    "resampled, below 0": call(
        "conductivity must be at least 0", heat.resample_conductivity, -U[0], (8, 8)
    ),
    "resampled, of a batch": call(
        "conductivity must have", heat.resample_conductivity, U, (8, 8)
    ),
    "plates after of others": call(
        "after must", heat.recover_conductivity, PLATES, PLATES[:1]
    ),
    "one plate by mode": call(
        "before must hold 2 plates", heat.recover_modes, PLATES[:1], PLATES[:1]
    ),
    "plates of NaN": call(
        "before must be finite", heat.recover_modes, PLATES * np.nan, PLATES
    ),
    "a constant below 0": call(
        "constant must be finite and at least 0",
        heat.HeatConfig,
        3,
        (4, 5),
        constant=-1.0,
    ),
    "a kind of no name, of heat": call(
        "kind must be", heat.HeatConfig, 3, (4, 5), "wind"
    ),
    "fields of another shape": call("x must have", LAYER, jnp.ones((5, 4, 3))),
    "fields of NaN": call("x must be finite", LAYER, U * jnp.nan),
    "a missing embedding": call("embedding must be passed", SHARED, U),
    "an embedding of others": call("embedding must have", SHARED, U, U[0, :, :, :2]),
    "a filter's conductivity": call("kind must not be", FILTER.conductivities),
    "a filter, resampled": call("kind must not be", FILTER.resampled, (8, 10)),
    "pictures resampled to one side": call("shape must be", MODEL.resampled, (16,)),
    "pictures resampled to no pixels": call("shape must be", MODEL.resampled, (0, 16)),
    "pictures by a rule of no name": call(
        "rule must be", MODEL.resampled, (16, 16), "nearest"
    ),
    "pictures of a filter, resampled": call(
        "kind must not be", OF_FILTERS.resampled, (16, 16)
    ),
    "a drop of 1": call("drop must be in", heat.BranchConfig, drop=1.0),
    "a scale of 0": call(
        "layer_scale must be positive", heat.BranchConfig, layer_scale=0.0
    ),
    "a size of no name, of heat": call(
        "size must be", heat.VHeatConfig.published, "huge"
    ),
    "an attribute that is none": call(
        "options must be one of", heat.VHeatConfig.published, "tiny", heads=3
    ),
    "a width of 1": call("width must be at least 2", heat.VHeatConfig, width=1),
    "no such stage": call("number must be in", heat.VHeatConfig().stage, 4),
    "pictures of another size": call("pictures must have", MODEL, jnp.ones((9, 8, 3))),
}
