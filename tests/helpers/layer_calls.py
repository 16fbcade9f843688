"""Valid, small calls of layers that descend an energy: what a fuzz sets out from."""

import jax.numpy as jnp

from helpers.public_case import KEY, RNG, case
from isinglass import energy
from isinglass.systems import descent

STATE = jnp.asarray(RNG.normal(size=(5, 6)), jnp.float32)
SHAPE = descent.EnergyTransformerConfig(6, 2, 3, 7)
BLOCK = descent.EnergyTransformer(SHAPE, key=KEY)
HYPERSET = descent.HyperSET(descent.HyperSETConfig(6, 2, 4, step_features=4), key=KEY)
SYMBOLS = descent.SymbolHyperSET(HYPERSET.config, 3, 5, 2, key=KEY)
TOKENS = jnp.array([0, 2, 1, 1, 0])
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
    case(descent.HyperSETConfig),
    case(descent.HyperSET, HYPERSET.config, key=KEY),
    *(case(getattr(HYPERSET, name), STATE) for name in ("energies", "force", "step")),
    *(case(getattr(HYPERSET, name), STATE) for name in ("attention", "projections")),
    case(descent.StepNetwork, 6, 4),
    case(descent.StepNetwork(6, 4).__call__, STATE, 0),
    case(descent.SymbolHyperSET, HYPERSET.config, 3, 5, 2, key=KEY),
    case(SYMBOLS.__call__, TOKENS, 2),
    case(SYMBOLS.embed, TOKENS),
    case(SYMBOLS.decode, STATE),
    case(descent.projection_bounds, 5, 3),
    case(descent.token_spread, STATE),
]
LAYERS = [*DESCENT]
