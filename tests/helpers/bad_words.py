"""Calls in rarer places: words for numbers, unequal lengths, what is no instance."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from helpers import looped_training
from helpers.bad_maps import call
from helpers.random_models import random_model
from isinglass import attention, data, dynamics, energy
from isinglass.systems import interference, looped, meanfield, memory

KEY, X = jax.random.PRNGKey(0), jnp.ones((2, 4))
FIELD = meanfield.MeanField(meanfield.Features.paper())
PHYSICS = {"beta": 1.2, "gamma": 20.0, "epsilon": 0.02}
LOOPED = random_model(looped.LoopedTransformer, looped_training.CONFIG)
RNG = np.random.default_rng(0)
BYTES = np.arange(99) % 7


def twice(x: Any) -> Any:
    return 2 * x


def fitted(**options: Any) -> Any:
    model = interference.InterferenceClassifier(**options)
    return model.fit(np.ones((4, 64)), [0, 1, 0, 1])


CALLS = {
    "hysteresis": call("up must be of Dataset", dynamics.hysteresis, 3),
    "cloud": call("first must be rows", dynamics.cloud_distance, "x", X),
    "cloud width": call(
        "first and second must",
        dynamics.cloud_distance,
        np.ones((2, 3)),
        np.ones((2, 2)),
    ),
    "kaplan": call("exponents must", dynamics.kaplan_yorke_dimension, "x"),
    "jacobian": call("state must be an array", dynamics.jacobian_norm, twice, "x"),
    "jacobian of whole numbers": call(
        "state must hold one floating", dynamics.jacobian_norm, twice, np.ones(3, int)
    ),
    "jacobian to whole numbers": call(
        "function must give an array of floating",
        dynamics.jacobian_norm,
        lambda x: x.astype(int),
        X,
    ),
    "jacobian f": call("function must be a function", dynamics.jacobian_norm, 3, X),
    "axis": call("axis must be", dynamics.power_spectrum, np.ones(8), axis=0.5),
    "flow dt": call("dt must be positive", dynamics.flow, twice, "x"),
    "flow period": call("period must", dynamics.flow, twice, 0.1, period="x"),
    "Measure": call("tolerance must", dynamics.Measure, tolerance="x"),
    "Run": call("direction must be one of", dynamics.Run, direction=[]),
    "prompt": call("position must", FIELD.prompt, PHYSICS, 0, "o", 0.5),
    "prompts": call("position must", FIELD.prompt, PHYSICS, 0, "o", np.arange(3)),
    "overlaps at": call("position must", FIELD.overlaps, np.ones((2, 3)), PHYSICS, "x"),
    "overlaps of positions": call(
        "position must", FIELD.overlaps, np.ones((2, 3)), PHYSICS, np.arange(3)
    ),
    "shift": call("shift must", meanfield.Features.shifted_cycle, shift="x"),
    "state": call(
        "random_state must", meanfield.Features.random_segments, random_state=-1
    ),
    "minima": call(
        "patterns must be an array", energy.find_minima, "x", energy.ModernHopfield()
    ),
    "layers 3": call("layers must be a sequence", energy.global_energy, X, 3),
    "critical": call(
        "landscape must be a function", energy.critical_inverse_temperature, X, 3
    ),
    "critical low": call(
        "low must be positive",
        energy.critical_inverse_temperature,
        np.ones((2, 2)),
        energy.NearestNeighbour,
        low="x",
    ),
    "turning": call(
        "force must be of shape (4)", energy.turning_points, np.arange(4.0), np.ones(3)
    ),
    "crossing": call(
        "share must be of shape (3)", energy.crossing, [1, 2, 3], np.ones(2)
    ),
    "published": call("landscape must be of Landscape", energy.published_method, "x"),
    "capacity key": call(
        "key must be one key",
        energy.capacity,
        [energy.Hopfield()],
        energy.RetrievalTask([2]),
        key=3,
    ),
    "flag": call(
        "self_coupling must be True or False",
        energy.hebbian_weights,
        X,
        self_coupling="x",
    ),
    "sinusoids": call(
        "width must be at least 1", attention.sinusoids, jnp.arange(3), -1
    ),
    "sinusoids f": call(
        "width must be a whole", attention.sinusoids, jnp.arange(3), 1.5
    ),
    "attend key": call("key must be an array", attention.attend, X, "x", X),
    "waves": call("n_per_class must be a whole", data.make_waves, 1.5, RNG),
    "waves rng": call("rng must be of Generator", data.make_waves, 1, 3),
    "text context": call("context must be a whole", data.TextSource, BYTES, 1.5, 7),
    "new": call("counted must be one of", data.NewExamples, 48, "x"),
    "hold_out": call("whole must be of ndarray", data.hold_out, "x"),
    "split": call("tokens must be of ndarray", data.split_text, "x"),
    "split share": call("validation must be in (0, 1)", data.split_text, BYTES, "x"),
    "question": call("sentence must be of str", data.question_of, 3),
    "tokenise": call("tokens must be of ByteTokens", data.tokenise, "x", 3),
    "losses": call("examples must be a sequence", data.grammar_losses, "x"),
    "loop": call('must hold "model"', looped.loop_step, X, {"inputs": X}),
    "loop width": call(
        "state must have the axes",
        looped.loop_step,
        jnp.ones((3, 5)),
        looped.loop_parameters(LOOPED, X),
    ),
    "lratio": call("learning_rate must be", looped.Recipe, learning_rate="x"),
    "curriculum": call("length_curriculum must", looped.Recipe, length_curriculum=3),
    "stop": call("stop_at must be in (0, 1]", looped.Evaluation, stop_at="x"),
    "momentum": call("momentum must be finite", looped.LatentHamiltonian, X, X, X, "x"),
    "step": call(
        "parameters must be of LatentHamiltonian", looped.hamiltonian_step, X, X
    ),
    "config": call(
        "config must be of LoopedConfig", looped.LoopedTransformer, 3, key=KEY
    ),
    "mrecipe": call("lowest_rate must", memory.Recipe, lowest_rate="x"),
    "betas": call("betas must be a sequence", memory.Recipe, betas=3),
    "partition": call("radius must hold real", memory.log_ball_partition, "x", 3),
    "partition n": call("n must hold real", memory.log_partition, [1.0], "x"),
    "partitions": call("n must be", memory.log_partition, [1.0], np.zeros((2, 0))),
    "printed partitions": call("n must be", memory.log_partition_misprinted, [1], [2]),
    "nnr seed": call(
        "seed must", memory.nearest_neighbour_radius, np.eye(9, 3), seed=-1
    ),
    "nnr vectors": call("activations must", memory.nearest_neighbour_radius, "x"),
    "matching": call(
        "model must be of Transformer", memory.matching_length, 3, BYTES, 1.5
    ),
    "dropout": call("dropout must be in [0, 1)", memory.TransformerConfig, dropout="x"),
    "load": call("folder must be a path", memory.load_gpt2, 3),
    "epochs": call("epochs must be a whole", fitted, epochs=True),
    "corners": call("grid must be a sequence", interference.corners, 3, 2),
    "corners f": call("n_targets must be a whole", interference.corners, (3, 2), 1.5),
    "reachable routes": call(
        "reachable must", interference.arrivals, np.ones((2, 3, 4)), 3
    ),
    "host d": call(
        "host must have the axes",
        interference.attended_host,
        jnp.ones((5, 2, 3)),
        jnp.ones((2, 3, 4), bool),
        jnp.ones(2),
        0.7,
    ),
    "patch again": call(
        "patch_size must be a sequence",
        interference.encode_images,
        jnp.ones((1, 8, 8)),
        2,
    ),
    "larger": call(
        "patch_size must be at most",
        interference.encode_images,
        jnp.ones((1, 4, 4)),
        (5, 5),
    ),
    "a prior of no class": call(
        "label must", interference.jitter_prior, 0, float("nan"), 2, 3
    ),
    "prior again": call("seed must", interference.jitter_prior, -1, 0, 2, 3),
}
