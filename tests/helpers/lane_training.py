"""Lines through points, in lanes: a training that compiles next to nothing."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isinglass.training import LaneRecipe, LaneTask, train_lanes

_RNG = np.random.default_rng(0)
_X = _RNG.standard_normal((32, 3))
DATA = {"x": _X, "y": _X @ np.array([0.5, -1.0, 0.25])}
OTHER_DATA = {"x": _X, "y": _X @ np.array([0.5, -1.0, 0.5])}
RATES = (0.05, 0.1)
KEYS = jax.random.split(jax.random.key(2), 4)
RECIPE = LaneRecipe(60, every=25, warmup=5)


class Line(eqx.Module):
    """x · slope + offset, and a whole number that nobody trains."""

    slope: Array
    offset: Array
    count: Array
    name: str = eqx.field(static=True)

    def __init__(self, *, key):
        self.slope, self.offset = jax.random.normal(key, (3,)), jnp.asarray(0.0)
        self.count, self.name = jnp.asarray(3), "line"

    def __call__(self, x):
        return x @ self.slope + self.offset


def mean_square(model, x, y):
    return ((model(x) - y) ** 2).mean()


def loss(model, data, key):
    rows = jax.random.choice(key, 32, (8,))
    return mean_square(model, data["x"][rows], data["y"][rows])


# The step is folded into a lane's key; this is what tells step 13 from the others.
_LAST = jax.random.key_data(jax.vmap(lambda key: jax.random.fold_in(key, 13))(KEYS))


def loss_until_13(model, data, key):
    """One that no lane survives step 13 of."""
    at_13 = (jax.random.key_data(key) == jnp.asarray(_LAST)).all(-1).any()
    return jnp.where(at_13, jnp.nan, 1) * loss(model, data, key)


def validate(model, data):
    return mean_square(model, data["x"], data["y"])


def offset(model):
    return model.offset


def models(lanes=slice(2)):
    """Lines of some keys."""
    return eqx.filter_vmap(lambda key: Line(key=key))(KEYS[lanes])


TASK = LaneTask(loss, DATA, validate, offset, plan={"loss": "mean square"})


def run(recipe=RECIPE, *, task=TASK, start=None, runtime=None, **lanes):
    """Train lines, two with the first two keys if nothing else is said."""
    rates = lanes.pop("rates", RATES)
    return train_lanes(
        models() if start is None else start,
        task,
        recipe,
        learning_rates=rates,
        keys=lanes.pop("keys", KEYS[: len(rates)]),
        runtime=runtime,
    )
