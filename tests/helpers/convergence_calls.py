"""Valid, small calls of shallow encoders: what a fuzz sets out from."""

import jax.numpy as jnp

from helpers.public_case import KEY, RNG, case
from isinglass.systems import convergence

CONFIG = convergence.ShallowConfig(5, 6)
MODEL = convergence.ShallowEncoder(CONFIG, key=KEY)
INPUTS = jnp.asarray(RNG.normal(size=(4, 3, 5)), jnp.float32)
TARGETS = RNG.normal(size=4)
KERNEL = convergence.tangent_kernel(MODEL, INPUTS)
RECIPE = convergence.DescentRecipe(0.1, 2, 0.5, "single")
DESCENT = convergence.gradient_descent(MODEL, INPUTS, TARGETS, RECIPE)
CONVERGENCE = [
    case(convergence.ShallowConfig, 5, 6, "he", 1.0, "uniform"),
    case(convergence.PooledAttention, CONFIG, key=KEY),
    case(MODEL.layer.__call__, INPUTS),
    case(MODEL.layer.attention, INPUTS),
    case(convergence.ShallowEncoder, CONFIG, key=KEY),
    case(MODEL.__call__, INPUTS),
    case(convergence.distance_from_uniform, MODEL.layer.attention(INPUTS)),
    case(convergence.tangent_kernel, MODEL, INPUTS, block=2),
    case(convergence.TangentKernel, KERNEL.parts),
    case(KERNEL.share, ["readout"]),
    case(KERNEL.drift, KERNEL),
    case(convergence.extreme_eigenvalues, KERNEL.matrix),
    case(convergence.limit_kernel, INPUTS, CONFIG),
    case(convergence.arc_cosine_kernel, INPUTS[0], INPUTS[1]),
    case(convergence.DescentRecipe, 0.1),
    case(convergence.gradient_descent, MODEL, INPUTS, TARGETS, RECIPE),
    case(convergence.Descent, MODEL, DESCENT.losses),
    case(DESCENT.steps_to, 0.5),
    case(convergence.smallest_singular_value, MODEL, INPUTS),
    case(convergence.linear_bound, 1.0, 0.5, 0.1, 3),
]
