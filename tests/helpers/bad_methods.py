"""Calls of methods of public objects: sources, schedules, energies, loops, models."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from helpers import lane_training, looped_training, memory_training
from helpers.bad_maps import call
from helpers.random_models import random_model
from isinglass import data, energy, training
from isinglass.dynamics import basins, textbook
from isinglass.systems import interference, looped, memory

KEY, X = jax.random.PRNGKey(0), jnp.ones((3, 4))
TEXT = data.TextSource(np.frombuffer(memory_training.TEXT, np.uint8)[:128], 8, 256)
ROWS = data.ExampleSource([([1, 2], [1.0, 1.0])], start=0, vocabulary=4)
NEW = data.NewExamples(48, "words and tab")
LOOPED = random_model(looped.LoopedTransformer, looped_training.CONFIG)
SYSTEM = looped.LatentHamiltonian(*[jnp.eye(4)] * 3)
WHOLE, BOTH = jnp.zeros((2, 5), jnp.int32), jnp.ones((2, 5), bool)
BATCH = data.InductionBatch(WHOLE, WHOLE, BOTH, WHOLE)
PLACES = looped.Places(jnp.zeros((4, 2, 5), jnp.int32), BOTH)
GPT = random_model(memory.Transformer, memory.TransformerConfig(256, 16, 8, 2, 1))


def lanes(words, models=None, task: Any = lane_training.TASK, **changes):
    options = {"learning_rates": (0.1, 0.2), "keys": lane_training.KEYS[:2]}
    recipe = training.LaneRecipe(3)
    return call(words, training.train_lanes, models, task, recipe, **options | changes)


CALLS = {
    "rates of lanes": lanes("learning_rates must hold real", learning_rates="x"),
    "rate of a lane": lanes("learning_rates must be positive", learning_rates=(0, 1)),
    "keys of lanes": lanes("keys must be an array of keys", keys=(1, 2)),
    "key of lanes": lanes("keys must be as many", keys=jax.random.key(0)),
    "models of lanes": lanes("models must be of Module"),
    "task of lanes": lanes("task must be of LaneTask", task="x"),
    "runtime of lanes": lanes("runtime must be of Runtime", runtime="x"),
    "devices of lanes": lanes("devices must be", runtime=training.Runtime(devices=2)),
    "loss of a task": call("loss must be a function", training.LaneTask, 1, X),
    "frozen of a task": call(
        "frozen must be a function", training.LaneTask, abs, X, frozen="x"
    ),
    "plan of a task": call("plan must be of Map", training.LaneTask, abs, X, plan=1),
    "lane": call(
        "lane must be",
        training.Lanes(None, xr.Dataset(), np.zeros(2, int)).of,
        2,
    ),
    "ragged bytes": call("tokens must be whole", data.ByteTokens().decode, [[1], []]),
    "places in a text": call("places must be whole numbers", TEXT.take, ["x"]),
    "places beyond": call("places must be in [0, 1)", ROWS.take, [1]),
    "place of none": call("places must be whole numbers", NEW.take, []),
    "place before": call("places must be in", NEW.take, [-1]),
    "rng of a source": call("rng must be of Generator", TEXT.choose, 0, 2),
    "count of a source": call(
        "count must be a whole", ROWS.choose, np.random.default_rng(0), "x"
    ),
    "step of a schedule": call(
        "step must be a whole", training.WarmupCosine(2, 4, 0.1).at, 0.1, "x"
    ),
    "highest": call(
        "highest must be finite", training.WarmupCosine(2, 4, 0.1).at, "x", 3
    ),
    "patterns of signs": call("patterns must", energy.KrotovHopfield().force, X, "x"),
    "energy of a method": call(
        "landscape must be of Landscape", energy.Update().step, {}, X, X
    ),
    "energy of a flow": call(
        "landscape must be of Continuous", energy.Flow().step, energy.Hopfield(), X, X
    ),
    "similarity": call("similarity must", interference.LearningRule().rate, "x"),
    "hidden": call("hidden must have the axes", LOOPED.attention, jnp.ones(3)),
    "state of a loop": call("state must have the axes", LOOPED.step, X[:, :2], X),
    "other inputs": call("state and inputs must fit", LOOPED.step, X[:2], X),
    "inputs of fewer axes": call(
        "state and inputs must fit", LOOPED.step, jnp.ones((2, 3, 4)), X
    ),
    "threshold of energies": call(
        "threshold must be finite",
        interference.energy_over_time,
        jnp.ones((1, 2, 3)),
        jnp.ones((2, 1, 1)),
        jnp.ones((2, 1, 1), bool),
        jnp.ones(3),
        None,
    ),
    "huge patterns": call(
        "patterns must hold no number beyond",
        energy.find_minima,
        X[:, :2] * 1e30,
        energy.NearestNeighbour(1.0),
    ),
    "huge patterns stored": call(
        "patterns must hold no number beyond",
        energy.storage,
        X[:, :2] * 1e30,
        key=jax.random.key(0),
    ),
    "particles of two shapes": call(
        "state.position and state.velocity must have one shape",
        looped.hamiltonian_step,
        looped.Particle(X, X[:0]),
        SYSTEM,
    ),
    "words as pictures": call(
        "pictures must hold real numbers: words are not taken",
        interference.StrokePrior.from_pictures,
        np.full((2, 2, 2), "1"),
    ),
    "ragged tokens": call("tokens must be an array", GPT, [[1], []]),
    "state to decode": call("state must be an array", LOOPED.decode, "x"),
    "no width": call("hidden must be a whole", looped.LoopedConfig, hidden=None),
    "position of a particle": call("position must be", SYSTEM.potential, X * jnp.nan),
    "no particle": call("state must be of Particle", SYSTEM.energy, X),
    "starts of a loop": call(
        "starts must have the axes", looped.fixed_points, LOOPED, X, X
    ),
    "places of numbers": call(
        "places.positions must be whole numbers",
        looped.follow_loop,
        LOOPED,
        BATCH,
        PLACES._replace(positions=PLACES.positions * 1.0),
        2,
    ),
    "no places": call("places must be of", looped.follow_loop, LOOPED, BATCH, None, 2),
    "final of a model": call("final must have the axes", GPT.decode, jnp.ones(3)),
    "context of a text": call(
        "context must be a whole", memory.sequences_of, np.arange(9), None
    ),
    "wide": call("n must be a whole", memory.critical_radius, 10, 6.6e15),
    "starts of whole numbers": call(
        "states must hold at least", basins, textbook.henon, np.zeros((1, 2), int), {}
    ),
    "a path of none": call("path must be a path", data.read_documents, "a\0b"),
    "no path": call("path must be a path", data.read_documents, ""),
}
