"""Valid, small calls of layers that descend an energy: what a fuzz sets out from."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from helpers.convergence_calls import CONVERGENCE
from helpers.heat_calls import HEAT
from helpers.lookup_calls import LOOKUP
from helpers.paths_calls import PATHS
from helpers.polling_calls import POLLING
from helpers.public_case import FOLDER, KEY, RNG, case
from helpers.quantum_calls import QUANTUM
from isinglass import data, energy
from isinglass.attention import OffsetTables, Positions
from isinglass.systems import descent, diffusion, relative

STATE = jnp.asarray(RNG.normal(size=(5, 6)), jnp.float32)
SHAPE = descent.EnergyTransformerConfig(6, 2, 3, 7)
BLOCK = descent.EnergyTransformer(SHAPE, key=KEY)
HYPERSET = descent.HyperSET(descent.HyperSETConfig(6, 2, 4, step_features=4), key=KEY)
SYMBOLS = descent.SymbolHyperSET(HYPERSET.config, 3, 5, 2, key=KEY)
TOKENS = jnp.array([0, 2, 1, 1, 0])
MIXED = descent.EnergyTransformerConfig(6, 2, 3, 7, mixed_heads=True)
PICTURE = descent.ImageEnergyTransformer(SHAPE, 5, 6, key=KEY)
WHOLE = descent.GraphEnergyTransformer(MIXED, (6, 2, 3), 1, key=KEY)
NODES = descent.NodeEnergyTransformer(SHAPE, 6, key=KEY)
LINKS = jnp.ones((5, 5), bool)
ON_GRAPH = descent.EnergyTransformer(MIXED, key=KEY).on_graph(jnp.ones((5, 5, 2)))
EXACT = descent.HyperSET(
    descent.HyperSETConfig(
        6, 2, 4, "exact", "linear", "gated", step_features=0, rank=2, depth=3
    ),
    key=KEY,
)
OF_STATE = ("energy", "force", "slope", "step", "attention", "started")
OF_ACTIVITY = ("force_of", "memory_energy", "memory_force")
OF_ACTIVITY += ("attention_energy", "attention_force")
HALVES = ("energy", "energies", "force", "attention", "feedforward", "step")


def replaced(step_size: Any, inverse_temperature: Any, memories: Any) -> Any:
    return BLOCK.replaced(
        step_size=step_size, inverse_temperature=inverse_temperature, memories=memories
    )


DESCENT = [
    case(descent.EnergyNorm, 1.0, jnp.zeros(6)),
    case(BLOCK.norm.lagrangian, STATE),
    case(descent.EnergyTransformerConfig),
    case(descent.EnergyTransformer, SHAPE, key=KEY),
    case(BLOCK.__call__, STATE, 2),
    *(case(getattr(BLOCK, name), STATE) for name in (*OF_STATE, *OF_ACTIVITY)),
    *(case(getattr(ON_GRAPH, name), STATE) for name in ("energy", "force")),
    case(replaced, 0.1, jnp.ones(2), jnp.ones((6, 7))),
    case(BLOCK.iterate, STATE, 2),
    case(BLOCK.follow, STATE, 2),
    case(BLOCK.on_graph, jnp.ones((5, 5, 2))),
    case(BLOCK.on_links, jnp.array([[0, 1], [1, 0]])),
    case(descent.activity_map, BLOCK),
    case(descent.activity_map(BLOCK), STATE, {"step_size": 0.1}),
    case(descent.attention_bound, BLOCK, 5),
    case(descent.memory_bound, BLOCK, 5),
    case(energy.block_map, BLOCK),
    case(energy.block_map(BLOCK), STATE, {"step_size": 0.1}),
    case(descent.ImageEnergyTransformer, SHAPE, 5, 6, key=KEY),
    case(PICTURE.__call__, STATE, jnp.arange(5) < 2, 1),
    case(PICTURE.tokens, STATE, jnp.arange(5) < 2),
    case(PICTURE.patches_of, jnp.concatenate([STATE, STATE[:1]])),
    case(descent.GraphEnergyTransformer, MIXED, (6, 2, 3), 1, key=KEY),
    case(WHOLE.__call__, STATE, jnp.ones((5, 5, 2)), key=KEY),
    case(descent.NodeEnergyTransformer, SHAPE, 6, key=KEY),
    case(NODES.__call__, STATE, LINKS),
    case(NODES.__call__, STATE, jnp.array([[0, 1], [1, 0]])),
    case(descent.HyperSETConfig),
    case(descent.HyperSET, HYPERSET.config, key=KEY),
    *(
        case(getattr(layer, name), STATE, 1)
        for layer in (HYPERSET, EXACT)
        for name in HALVES
    ),
    case(HYPERSET.step_sizes, STATE, 1),
    case(HYPERSET.projections, STATE),
    case(HYPERSET.iterate, STATE, 2),
    case(EXACT.follow, STATE, 2),
    case(descent.StepNetwork, 6, 4),
    case(descent.StepNetwork(6, 4).__call__, STATE, 0),
    case(descent.SymbolHyperSET, HYPERSET.config, 3, 5, 2, key=KEY),
    case(SYMBOLS.__call__, TOKENS, 2),
    case(SYMBOLS.embed, TOKENS),
    case(SYMBOLS.decode, STATE),
    case(descent.projection_bounds, 5, 3),
    case(descent.token_spread, STATE),
]
EDGES = np.array([[0, 1, 1, 2], [1, 0, 2, 1]])
GRAPH = diffusion.Graph(EDGES, 5)
HEADS = jnp.asarray(RNG.normal(size=(5, 2, 3)), jnp.float32)
MASK = jnp.array([True, True, False, True, True])
FORMER = diffusion.DIFFormer(diffusion.DIFFormerConfig(6, 2, 4, 2, 1), key=KEY)
FORMERS = [
    diffusion.DIFFormer(diffusion.DIFFormerConfig(6, 2, 4, 1, 2, kind), key=KEY)
    for kind in ("sigmoid", "mean", "none")
]
FLOW = diffusion.Diffusion()
DIFFUSION = [
    case(diffusion.simple_diffusion, HEADS, HEADS, HEADS, MASK, "rows"),
    case(diffusion.sigmoid_diffusion, HEADS, HEADS, HEADS, MASK, 2),
    case(diffusion.conductances, HEADS, HEADS),
    case(diffusion.penalty, STATE, "sigmoid"),
    case(diffusion.conductance, STATE, "simple"),
    case(diffusion.layer_energies, jnp.stack([STATE, STATE]), 0.5),
    case(diffusion.Diffusion, 0.5, "sigmoid"),
    *(case(getattr(FLOW, name), STATE) for name in ("energy", "force", "conductances")),
    case(FLOW.step, STATE, 1),
    case(FLOW.follow, STATE, 2),
    case(diffusion.Graph, EDGES, 5),
    case(GRAPH.convolve, STATE),
    case(diffusion.DIFFormerConfig, 6, 2),
    case(diffusion.DIFFormer, FORMER.config, key=KEY),
    case(FORMER.__call__, STATE, GRAPH, MASK, key=KEY),
    case(FORMER.states, STATE, GRAPH, MASK, key=KEY),
    *(case(former.__call__, STATE, GRAPH, MASK) for former in FORMERS),
    case(FORMER.layers[0].__call__, jnp.ones((5, 4)), GRAPH, MASK),
    case(diffusion.Affine, jnp.ones((6, 4)), jnp.ones(4)),
    case(FORMER.layers[0].flow, jnp.ones((5, 4)), GRAPH),
    case(diffusion.DiffusionLayer, FORMER.config, key=KEY),
]
PLACES = Positions("rpe", 6, 2, 5, True, key=KEY)
OF_PLACES = relative.RelativeConfig(4, 3, 6, 2, 4, 1, 5)
RELATIVE_MODEL = relative.RelativeTransformer(OF_PLACES, key=KEY)
RELATIVE = [
    case(relative.RelativeConfig, 4, positions="rope", causal=True),
    case(relative.RelativeAttention, 6, 2, key=KEY),
    case(RELATIVE_MODEL.layers[0].attention.__call__, STATE, PLACES, present=MASK),
    case(relative.RelativeLayer, OF_PLACES, key=KEY),
    case(RELATIVE_MODEL.layers[0].__call__, STATE, PLACES, present=MASK),
    case(relative.RelativeTransformer, OF_PLACES, key=KEY),
    case(RELATIVE_MODEL.__call__, TOKENS, present=MASK),
    case(RELATIVE_MODEL.states, TOKENS, present=MASK),
    case(relative.position_spread, STATE),
    case(relative.position_rank, STATE, 1e-3),
    case(relative.constant_profile, OffsetTables(jnp.ones((2, 5))), True),
]
IMAGES = RNG.random((2, 8, 8))
GRAPHS = FOLDER / "graphs"
SEED = np.random.default_rng(0)
DATA = [
    case(data.to_patches, IMAGES, (4, 4)),
    case(data.from_patches, data.to_patches(IMAGES, (4, 4)), (8, 8), (4, 4)),
    case(data.hide_patches, 2, 4, 3, 1, rng=SEED),
    case(data.make_sudokus, 4, [2, 1], (6, 8), rng=SEED),
    case(data.count_solutions, np.zeros(16, int)),
    case(data.block_model, 20, 3, (0.5, 0.5), 4.0, rng=SEED),
    case(data.block_model_signal, 20, 3, (0.5, 0.5)),
    case(data.planted_anomalies, 20, 3, 0.1, 0.5, 4.0, rng=SEED),
    case(data.read_graphs, GRAPHS),
    case(data.read_citations, GRAPHS),
    case(data.random_splits, np.arange(20) % 2, 2, 3, 4, rng=SEED),
]
LAYERS = [
    *DESCENT,
    *DIFFUSION,
    *CONVERGENCE,
    *HEAT,
    *LOOKUP,
    *PATHS,
    *POLLING,
    *QUANTUM,
    *RELATIVE,
    *DATA,
]


def write_graphs() -> None:
    """The folder of graphs that cases read."""
    GRAPHS.mkdir(exist_ok=True)
    for name, text in {
        "T_A.txt": "1, 2\n3, 4\n",
        "T_graph_indicator.txt": "1\n1\n2\n2\n",
        "T_graph_labels.txt": "0\n1\n",
        "c.content": "a 0 1 x\nb 1 0 y\n",
        "c.cites": "a b\n",
    }.items():
        (GRAPHS / name).write_text(text)
