"""Calls of shallow encoders with what they cannot compute with."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from helpers.bad_maps import call
from helpers.random_models import random_model
from isinglass.systems import convergence

X, Y = np.ones((4, 3, 5), np.float32), np.ones(4)
CONFIG = convergence.ShallowConfig(5, 6)
MODEL = random_model(convergence.ShallowEncoder, CONFIG)
KERNEL = convergence.TangentKernel({"readout": np.eye(4)})
DESCENT = convergence.Descent(MODEL, np.array([2.0, 1.0]))


def descend(inputs: Any, targets: Any, **options: Any) -> Any:
    recipe = convergence.DescentRecipe(0.1, 2)
    return convergence.gradient_descent(MODEL, inputs, targets, recipe, **options)


CONVERGENCE = {
    "encoders of no width": call(
        "width must be at least 1", convergence.ShallowConfig, 5, 0
    ),
    "a start of no name": call(
        "start must be", convergence.ShallowConfig, 5, start="xavier"
    ),
    "a scale that grows": call(
        "exponent must be",
        convergence.ShallowConfig,
        5,
        exponent=-0.5,
    ),
    "no mixing": call("mixing must be", convergence.ShallowConfig, 5, mixing="none"),
    "tokens of others": call("inputs must have", MODEL, jnp.ones((3, 4))),
    "tokens of NaN": call(
        "inputs must be finite", MODEL.layer, jnp.ones(5) * X * np.nan
    ),
    "attention of words": call(
        "attention must be real",
        convergence.distance_from_uniform,
        np.array([["a", "b"]]),
    ),
    "a kernel of no part": call("parts must hold", convergence.TangentKernel, {}),
    "a kernel of other inputs": call(
        "must have the axes",
        convergence.TangentKernel,
        {"readout": np.eye(4), "layer.query": np.eye(3)},
    ),
    "no sequence at all": call(
        "inputs must hold a token", convergence.smallest_singular_value, MODEL, X[:0]
    ),
    "a kernel of float32": call(
        "kernel must be float64", convergence.extreme_eigenvalues, np.eye(3, dtype="f4")
    ),
    "a kernel of whole numbers": call(
        "kernel must be float64", convergence.extreme_eigenvalues, np.eye(3, dtype=int)
    ),
    "a kernel that is skew": call(
        "kernel must be symmetric",
        convergence.extreme_eigenvalues,
        np.array([[1.0, 2], [0, 1]]),
    ),
    "a kernel that is flat": call(
        "kernel must have", convergence.extreme_eigenvalues, np.ones((2, 3))
    ),
    "a kernel of no module": call(
        "model must be", convergence.tangent_kernel, np.sin, X
    ),
    "a kernel of many outputs": call(
        "model must give one number", convergence.tangent_kernel, MODEL.layer, X
    ),
    "a kernel of no parameters": call(
        "model must have parameters", convergence.tangent_kernel, eqx.nn.Identity(), X
    ),
    "a kernel of no inputs": call(
        "inputs must be of shape", convergence.tangent_kernel, MODEL, X[:0]
    ),
    "no block": call(
        "block must be at least 1", convergence.tangent_kernel, MODEL, X, block=0
    ),
    "a share of nothing": call("names must be", KERNEL.share, ["layer.bias"]),
    "a drift from others": call(
        "start must be of as many",
        KERNEL.drift,
        convergence.TangentKernel({"readout": np.eye(3)}),
    ),
    "a limit of other tokens": call(
        "inputs must be of shape", convergence.limit_kernel, X[..., :4], CONFIG
    ),
    "cosines of order 2": call(
        "order must be", convergence.arc_cosine_kernel, X[0], X[0], order=2
    ),
    "cosines of others": call(
        "others must be of shape", convergence.arc_cosine_kernel, X[0], X[0, :, :2]
    ),
    "targets of others": call("targets must be one number", descend, X, Y[:3]),
    "targets of infinity": call("targets must be finite", descend, X, Y * np.inf),
    "no steps": call(
        "steps must be at least 1", convergence.DescentRecipe, 0.1, steps=0
    ),
    "a step backward": call(
        "step_size must be positive", convergence.DescentRecipe, -1
    ),
    "until the start": call(
        "until must be in", convergence.DescentRecipe, 0.1, until=1.0
    ),
    "half precision": call(
        "precision must be", convergence.DescentRecipe, 0.1, precision="half"
    ),
    "all is frozen": call(
        "model must hold arrays that are trained", descend, X, Y, frozen=lambda m: m
    ),
    "frozen that is no part": call(
        "frozen must give parts of the model", descend, X, Y, frozen=lambda m: "x"
    ),
    "steps to nothing": call("share must be in", DESCENT.steps_to, 0.0),
    "a singular value of no encoder": call(
        "model must be", convergence.smallest_singular_value, MODEL.layer, X
    ),
    "a bound that turns negative": call(
        "step_size must be at most", convergence.linear_bound, 1.0, 2.0, 1.0, 3
    ),
    "a bound of a loss below 0": call(
        "start_loss must be",
        convergence.linear_bound,
        -1.0,
        2.0,
        0.1,
        3,
    ),
}
