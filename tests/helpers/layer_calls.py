"""Valid, small calls of layers that descend an energy: what a fuzz sets out from."""

import jax.numpy as jnp

from helpers.public_case import KEY, RNG, case
from isinglass import energy
from isinglass.systems import descent

STATE = jnp.asarray(RNG.normal(size=(5, 6)), jnp.float32)
SHAPE = descent.EnergyTransformerConfig(6, 2, 3, 7)
BLOCK = descent.EnergyTransformer(SHAPE, key=KEY)
DESCENT = [
    case(descent.EnergyNorm, 1.0, jnp.zeros(6)),
    case(BLOCK.norm.lagrangian, STATE),
    case(descent.EnergyTransformerConfig),
    case(descent.EnergyTransformer, SHAPE, key=KEY),
    case(BLOCK.__call__, STATE, 2),
    *(case(getattr(BLOCK, name), STATE) for name in ("energy", "force", "step")),
    *(case(getattr(BLOCK, name), STATE) for name in ("attention", "memory_force")),
    case(BLOCK.iterate, STATE, 2),
    case(BLOCK.follow, STATE, 2),
    case(BLOCK.on_graph, jnp.ones((5, 5, 2))),
    case(descent.activity_map, BLOCK),
    case(descent.attention_bound, BLOCK, 5),
    case(descent.memory_bound, BLOCK, 5),
    case(energy.block_map, BLOCK),
]
LAYERS = [*DESCENT]
