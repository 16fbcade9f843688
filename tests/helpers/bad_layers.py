"""Calls of layers that descend an energy, with what they cannot compute with."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from helpers.bad_convergence import CONVERGENCE
from helpers.bad_heat import BAD_HEAT
from helpers.bad_maps import call
from helpers.lookup_calls import BAD_LOOKUP
from helpers.paths_calls import BAD_PATHS
from helpers.polling_calls import BAD_POLLING
from helpers.quantum_calls import BAD_QUANTUM
from helpers.random_models import random_model
from isinglass import data, energy
from isinglass.attention import (
    OffsetTables,
    Positions,
    alibi_bias,
    relative_attention,
    resize_offsets,
    rotary,
)
from isinglass.systems import descent, diffusion, relative

KEY, X = jax.random.PRNGKey(0), jnp.ones((5, 6))
SHAPE = descent.EnergyTransformerConfig(6, 2, 3, 7)
BLOCK = random_model(descent.EnergyTransformer, SHAPE)
GRAPH = BLOCK.on_graph(jnp.ones((5, 5, 2)))


def transformer(**shape: Any) -> Any:
    return descent.EnergyTransformer(descent.EnergyTransformerConfig(**shape), key=KEY)


BLOCKS = {
    "gain below 0": call("gain must be positive", descent.EnergyNorm, -1.0, X[0]),
    "gain of 0": call("gain must be positive", descent.EnergyNorm, 0.0, X[0]),
    "shift of a matrix": call("shift must have", descent.EnergyNorm, 1.0, X),
    "width of 1": call("width must be at least 2", transformer, width=1),
    "step size of 0": call("step_size must be positive", transformer, step_size=0),
    "own key, a word": call("own_key must be True", transformer, own_key="no"),
    "state of another width": call("state must", BLOCK.energy, X[:, :4]),
    "state of no tokens": call("state must", BLOCK.force, X[0]),
    "state of words": call("state must be real", BLOCK.step, np.array([["x"] * 6])),
    "state of NaN": call("state must be finite", BLOCK.iterate, X * jnp.nan, 1),
    "no steps": call("steps must be at least 1", BLOCK.follow, X, 0),
    "temperature below 0": call(
        "inverse_temperature must be positive",
        BLOCK.replaced,
        inverse_temperature=jnp.array([0.1, -0.1]),
    ),
    "a field of words": call("step_size must be real", BLOCK.replaced, step_size="x"),
    "a field of nothing": call(
        "step_size must be of shape", BLOCK.replaced, step_size=jnp.ones(0)
    ),
    "a map of numbers": call("activity must be", descent.activity_map(BLOCK), None, {}),
    "parameters of a word": call(
        "parameters must be", descent.activity_map(BLOCK), X, "step_size"
    ),
    "a field that is none": call("gamma must be one of", BLOCK.replaced, gamma=1.0),
    "edges without heads": call("edges must have", BLOCK.on_graph, jnp.ones((5, 5))),
    "edges of NaN": call(
        "edges must be finite", BLOCK.on_graph, jnp.full((5, 5, 2), jnp.nan)
    ),
    "more tokens than nodes": call(
        "state must have as many tokens as edges has nodes, 5, got 6",
        GRAPH.force,
        jnp.ones((6, 6)),
    ),
    "links of no whole numbers": call(
        "links must be numbers of nodes", BLOCK.on_links, jnp.ones((2, 3))
    ),
    "links of three ends": call(
        "links must have", BLOCK.on_links, jnp.ones((3, 3), int)
    ),
    "a link below no link": call(
        "links must be at least -1", BLOCK.on_links, jnp.full((2, 3), -2)
    ),
    "a link to no node": call(
        "links must be of 5 nodes, 0 to 4, got 5",
        BLOCK.on_links(jnp.array([[0], [5]])).force,
        X,
    ),
    "bound of a graph": call(
        "block must have no edges", descent.attention_bound, GRAPH, 5
    ),
    "map of no block": call("block must be of EnergyBlock", energy.block_map, X),
    "time of a word": call("time must be finite", energy.block_map, BLOCK, "x"),
    "activity of no block": call("block must be of", descent.activity_map, None),
}


def hyperset(**shape: Any) -> Any:
    return descent.HyperSET(descent.HyperSETConfig(**shape), key=KEY)


SYMBOLS = random_model(
    lambda config, key: descent.SymbolHyperSET(config, 3, 5, 2, key=key),
    descent.HyperSETConfig(6, 2, 4, step_features=0),
)
HYPERSETS = {
    "heads that do not divide": call("width must be a multiple", hyperset, heads=7),
    "a step of another kind": call("step must be one of", hyperset, step="Euler"),
    "an energy of no name": call("attention must be", hyperset, attention="cosine"),
    "odd waves": call("step_features must be even", hyperset, step_features=3),
    "norms of linear attention": call(
        "separate_norms", hyperset, separate_norms=True, attention="linear"
    ),
    "hyperset of another width": call("state must", SYMBOLS.layer.force, X[:, :4]),
    "symbols out of range": call("tokens", SYMBOLS, jnp.array([0, 1, 2, 3, 0])),
    "symbols of other places": call("tokens must have", SYMBOLS, jnp.array([0, 1])),
    "no iterations": call("iterations must be", SYMBOLS, jnp.zeros(5, int), 0),
    "bounds of a token": call("tokens must be", descent.projection_bounds, 1, 4),
    "spread of a token": call("state must have two", descent.token_spread, X[:1]),
}
V = jnp.ones((5, 2, 3))
EMPTY = jnp.zeros(5, bool)
FORMER = random_model(diffusion.DIFFormer, diffusion.DIFFormerConfig(6, 2, 4, 2, 1))
RING = np.array([[0, 1], [1, 0]])


def graph(edges: Any, nodes: int = 3, **options: Any) -> Any:
    return diffusion.Graph(np.array(edges), nodes, **options)


DIFFUSIONS = {
    "a mask of none": call(
        "mask must leave", diffusion.simple_diffusion, V, V, V, EMPTY
    ),
    "a mask of numbers": call(
        "mask must be True or False", diffusion.sigmoid_diffusion, V, V, V, jnp.ones(5)
    ),
    "a mask of others": call("mask must have", FORMER, X, None, jnp.ones(4, bool)),
    "a mask of a batch": call("mask must be of shape", FORMER, X, None, ~EMPTY[None]),
    "keys of another batch": call(
        "queries, keys, values must have batch axes",
        diffusion.simple_diffusion,
        jnp.ones((2, 5, 2, 3)),
        jnp.ones((3, 5, 2, 3)),
        V,
    ),
    "a model's mask of none": call("mask must leave", FORMER, X, None, EMPTY),
    "a norm of no name": call(
        "norm must be", diffusion.simple_diffusion, V, V, V, None, "columns"
    ),
    "keys of others": call("keys must", diffusion.simple_diffusion, V, V[:4], V),
    "queries of infinity": call(
        "queries must be finite", diffusion.simple_diffusion, V * jnp.inf, V, V
    ),
    "no block": call("block must be", diffusion.sigmoid_diffusion, V, V, V, None, 0),
    "tau of 2": call("step_size must be in", diffusion.Diffusion, 2.0),
    "weight of 0": call(
        "weight must be positive", diffusion.layer_energies, jnp.ones((2, 5, 3)), 0.0
    ),
    "a state alone": call("states must", diffusion.layer_energies, X, 1.0),
    "a penalty of no name": call("kind must be", diffusion.penalty, X, "gauss"),
    "loops that count twice": call("edges must have no self loops", graph, [[0], [0]]),
    "an edge that is twice": call(
        "edges must hold each edge and self loop once",
        graph,
        [[0, 1, 0, 1], [1, 0, 1, 0]],
    ),
    "an edge of one direction": call("both directions", graph, [[0], [1]]),
    "an edge to no node": call("edges must be between", graph, [[0, 3], [3, 0]]),
    "edges of fractions": call("edges must be whole", graph, [[0.5], [0.5]]),
    "edges in pairs": call("edges must", graph, [[0, 1, 2]]),
    "values of other nodes": call("values must have", graph(RING).convolve, X),
    "a graph for a batch": call(
        "graph must be None for a batch", FORMER, X[None], graph(RING, 5)
    ),
    "inputs of other nodes": call(
        "inputs must have a row for each of the 3 nodes", FORMER, X, graph(RING)
    ),
    "inputs of another width": call("inputs must", FORMER, X[:, :3]),
    "a graph weight of 2": call(
        "graph_weight must be in", diffusion.DIFFormerConfig, 6, 2, graph_weight=2.0
    ),
    "a waking key": call("key must be one key", FORMER, X, key=3),
    "a time beyond int32": call("time must be", SYMBOLS.layer.step, X, 1 << 31),
    "a graph of a batch": call(
        "state must keep its shape",
        BLOCK.on_graph(jnp.ones((3, 5, 5, 2))).iterate,
        X,
        2,
    ),
    "a slope of a word": call("state must be an array", BLOCK.slope, "x"),
    "a time that is no number": call("time must be", SYMBOLS.layer.step, X, "late"),
    "memories of numbers": call("activity must be", BLOCK.memory_force, None),
}
Q = jnp.ones((2, 5, 3))
PLACES = Positions("rpe", 6, 2, 4, key=KEY)
RELATIVE_MODEL = random_model(
    relative.RelativeTransformer, relative.RelativeConfig(4, 3, 6, 2, 4, 1, 5)
)
SYMBOLS_5 = jnp.arange(5) % 4


def relative_config(heads: int = 2, positions: str = "rpe") -> Any:
    return relative.RelativeConfig(4, 3, 6, heads, positions=positions)


RELATIVES = {
    "a table of other heads": call(
        "bias must have", relative_attention, Q, Q, Q, tables=OffsetTables(Q[0, :, :3])
    ),
    "a coupling of infinity": call(
        "coupling must be finite",
        relative_attention,
        *(Q, Q, Q),
        tables=OffsetTables(None, jnp.full((2, 9), jnp.inf)),
    ),
    "tables of no names": call(
        "tables must be of OffsetTables", relative_attention, Q, Q, Q, tables=None
    ),
    "values of another batch": call(
        "value must have the batch axes", relative_attention, Q, Q, Q[None]
    ),
    "tokens there of another batch": call(
        "present must be of shape",
        relative_attention,
        *(Q, Q, Q),
        present=jnp.ones((1, 5), bool),
    ),
    "an even table": call("table must hold an odd", resize_offsets, Q[..., :2], 1),
    "a table that is too short": call(
        "at most the 2 tokens", resize_offsets, jnp.ones(3), 3
    ),
    "a rule of no name": call(
        "beyond must be one of", resize_offsets, jnp.ones(3), 3, "zero"
    ),
    "odd features that turn": call("x must have an even number", rotary, Q),
    "no heads": call("heads must be at least 1", alibi_bias, 0, 3),
    "positions of no name": call(
        "kind must be one of", Positions, "urpe", 6, 2, 4, key=KEY
    ),
    "a sequence beyond positions": call(
        "at most the 4 tokens", RELATIVE_MODEL.layers[0].attention, X, PLACES
    ),
    "positions of other heads": call(
        "positions must be of 2 heads",
        RELATIVE_MODEL.layers[0].attention,
        X,
        Positions("none", 6, 3, 5, key=KEY),
    ),
    "symbols beyond positions": call(
        "at most the 5 tokens", RELATIVE_MODEL, jnp.arange(6) % 4
    ),
    "symbols beyond the vocabulary": call("tokens must", RELATIVE_MODEL, jnp.arange(5)),
    "symbols there of others": call(
        "present must be of shape", RELATIVE_MODEL, SYMBOLS_5, present=~EMPTY[:4]
    ),
    "3 heads of 4 features": call("width must be a multiple", relative_config, heads=4),
    "odd heads that turn": call(
        "an even number of features", relative_config, positions="rope"
    ),
    "a tolerance of 1": call("tolerance must be in", relative.position_rank, X, 1.0),
    "outputs of NaN": call(
        "outputs must be finite", relative.position_spread, X * jnp.nan
    ),
    "a profile of nothing": call(
        "got neither", relative.constant_profile, OffsetTables()
    ),
}
SIZES = (6, 2, 3)
PICTURE, NODES, WHOLE = (
    random_model(kind, SHAPE)
    for kind in (
        lambda shape, key: descent.ImageEnergyTransformer(shape, 5, 6, key=key),
        lambda shape, key: descent.NodeEnergyTransformer(shape, 6, key=key),
        lambda shape, key: descent.GraphEnergyTransformer(shape, SIZES, 1, key=key),
    )
)
MODELS = {
    "hidden, numbers": call("hidden must be True or", PICTURE, X, jnp.ones(5)),
    "hidden of others": call("hidden must have", PICTURE, X, jnp.ones(4, bool)),
    "patches of others": call("patches must", PICTURE, X[:4], jnp.ones(4, bool)),
    "tokens without CLS": call("tokens must have", PICTURE.patches_of, X),
    "steps below 0": call("steps must be", PICTURE, X, jnp.ones(5, bool), -1),
    "links of numbers": call("adjacency must be True", NODES, X, jnp.ones((5, 5))),
    "links that are not square": call(
        "adjacency must have the axes (..., n, n)", NODES, X, jnp.ones((4, 5), bool)
    ),
    "pairs in whole numbers": call(
        "adjacency must have the axes (2, e)", NODES, X, jnp.ones((5, 5), int)
    ),
    "links of more graphs": call(
        "adjacency must have the batch axes of nodes",
        NODES,
        X,
        jnp.ones((1, 5, 5), bool),
    ),
    "edges of more graphs": call(
        "edges must have the batch axes of nodes", WHOLE, X, jnp.ones((3, 5, 5, 2))
    ),
    "edges of others": call("edges must have", WHOLE, X, jnp.ones((4, 4, 2))),
    "noise below 0": call(
        "noise must be", WHOLE, X, jnp.ones((5, 5, 2)), key=KEY, noise=-1.0
    ),
    "two sizes": call(
        "sizes must be 3", descent.GraphEnergyTransformer, SHAPE, (6, 2), key=KEY
    ),
    "a kernel of 2": call(
        "kernel must be", descent.GraphEnergyTransformer, SHAPE, SIZES, 1, 2, key=KEY
    ),
}
RNG = np.random.default_rng(0)
DATA = {
    "patches that do not divide": call(
        "images must", data.to_patches, np.ones((8, 8)), (3, 4)
    ),
    "patches of another picture": call(
        "patches must", data.from_patches, np.ones((4, 9)), (8, 8)
    ),
    "more scored than there are": call(
        "scored must be at most", data.hide_patches, 1, 4, 5, rng=RNG
    ),
    "a sudoku of 5": call(
        "size must be one of", data.make_sudokus, 5, [1], (3, 4), rng=RNG
    ),
    "givens that fall": call(
        "givens must rise", data.make_sudokus, 4, [1], (9, 4), rng=RNG
    ),
    "13 sets of 4 by 4": call(
        "counts must be at most 12", data.make_sudokus, 4, [1] * 13, (6, 8), rng=RNG
    ),
    "a puzzle of 7": call("puzzle must be 16", data.count_solutions, np.zeros(7, int)),
    "a puzzle of 17s": call("puzzle must hold", data.count_solutions, np.full(16, 17)),
    "edges beyond the degree": call(
        "signals must have", data.block_model, 20, 3, (3.0, 1.0), 4.0, rng=RNG
    ),
    "one signal": call("signals must be two", data.block_model, 20, 3, 1.0, rng=RNG),
    "camouflage of 2": call(
        "camouflage must be", data.planted_anomalies, 20, 3, camouflage=2.0, rng=RNG
    ),
    "a folder of a number": call("folder must be a path", data.read_graphs, 3),
    "a folder that is not there": call("folder must", data.read_citations, "nowhere"),
    "a class that is small": call(
        "per_class=20 is more", data.random_splits, np.arange(4), rng=RNG
    ),
}
CALLS = CONVERGENCE | DATA | MODELS | BLOCKS | HYPERSETS | DIFFUSIONS
CALLS |= BAD_HEAT | BAD_LOOKUP | BAD_PATHS | BAD_POLLING | BAD_QUANTUM | RELATIVES
