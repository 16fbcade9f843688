"""The shallow encoder in NumPy, and draws of it, in float64."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.systems.convergence import (
    Descent,
    DescentRecipe,
    ShallowConfig,
    ShallowEncoder,
    TangentKernel,
    gradient_descent,
    smallest_singular_value,
    tangent_kernel,
)

N, TOKENS, FEATURES = 6, 3, 5
SHAPES = ((12, 5), (12, 5), (12, 5), (12,))


def features(weights: Any, inputs: np.ndarray, config: ShallowConfig) -> np.ndarray:
    """a of each input, by W_Q, W_K, W_V, …, as the equations have it."""
    rows = []
    for x in inputs:
        scores = config.score_scale * (x @ weights[0].T) @ (x @ weights[1].T).T
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        rows.append(np.maximum(shares @ x @ weights[2].T, 0).mean(0))
    return config.output_scale * np.array(rows)


class Case(NamedTuple):
    """A training from the start of one seed, at a step of 1/λ_max."""

    inputs: np.ndarray
    kernel: TangentKernel
    alpha: float
    descent: Descent
    drift: float
    attention: np.ndarray


@cache
def trained(start: str, exponent: float, width: int, seed: int = 0) -> Case:
    """One training of 300 steps at most, to 10⁻³ of the loss."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(N, TOKENS, FEATURES))
    config = ShallowConfig(FEATURES, width, start, exponent)
    model = ShallowEncoder(config, key=jax.random.key(seed))
    kernel = tangent_kernel(model, inputs)
    descent = gradient_descent(
        model,
        inputs,
        rng.normal(size=N),
        DescentRecipe(1 / kernel.extremes.largest, steps=300, until=1e-3),
    )
    drift = tangent_kernel(descent.model, inputs).drift(kernel)
    alpha = smallest_singular_value(model, inputs)
    attention = np.asarray(model.layer.attention(jnp.asarray(inputs, jnp.float32)))
    return Case(inputs, kernel, alpha, descent, drift, attention)
