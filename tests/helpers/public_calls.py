"""A valid, small call of every public function and class: what a fuzz sets out from."""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import xarray as xr

from helpers import lane_training, looped_training, memory_training
from helpers.public_case import (
    FOLDER,
    KEY,
    LABELS,
    PICTURES,
    RNG,
    Case,
    case,
    estimator,
)
from helpers.tensor_calls import TENSORS, write_tensor_inputs
from isinglass import attention, data, dynamics, energy, plot, reproduce, training
from isinglass.dynamics import textbook
from isinglass.systems import interference, looped, meanfield, memory

X = jnp.asarray(RNG.normal(size=(2, 4)), jnp.float32)
PATTERNS = np.asarray(RNG.normal(size=(3, 4)), np.float32)
PLANE = RNG.normal(size=(3, 2))
LAYERS = [PATTERNS[:2], PATTERNS[2:]]
HEADS = jnp.ones((2, 3, 4))
START, HENON = np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3}
GRID = {"a": np.linspace(1.0, 1.2, 2)}
FEW = dynamics.Measure(transient=8, steps=16, exponents=1, qr_every=1, extensions=0)
SIGNAL, ORBIT = np.sin(np.arange(32) / 3), RNG.normal(size=(16, 2))


def decay(state: Any, parameters: Any) -> Any:
    return -parameters["a"] * state


def decaying(state: Any, parameters: Any, time: Any) -> Any:
    return -parameters["a"] * state + jnp.sin(time)


def newest(window: Any, parameters: Any, phase: Any) -> Any:
    return parameters["a"] * window[0]


def halved(state: Any, parameters: Any) -> Any:
    return state / 2 + parameters["a"]


def twice(x: Any) -> Any:
    return 2 * x


def squared(model: Any) -> Any:
    return (model**2).sum()


def points(count: int) -> xr.DataArray:
    shape = (count, 8, 2)
    return xr.DataArray(RNG.normal(size=shape), dims=("a", "point", "component"))


MAP = (textbook.henon, START, HENON)
DRIVEN = dynamics.flow(decaying, 0.1, period=math.inf)
DYNAMICS = [
    case(dynamics.Measure, angles={0: 6.28}, exponents=1),
    case(dynamics.Section, 0, tolerance=1e-3),
    case(dynamics.Sampling, 3),
    case(dynamics.Run, direction="up", lanes=4),
    case(dynamics.Workers),
    case(dynamics.Resolution),
    case(dynamics.DelayMap, newest, 3),
    case(dynamics.DelayMap(newest, 3, 2).start, np.ones((3, 1)), 0),
    case(dynamics.flow, decay, 0.1),
    case(dynamics.flow, decaying, 0.1, period=0.2),
    case(dynamics.Flow, decay, 0.1),
    case(DRIVEN.start, START),
    case(dynamics.trajectory, *MAP, 4),
    case(dynamics.trajectory, DRIVEN, DRIVEN.start(START), {"a": 1.0}, 4),
    case(dynamics.lyapunov_spectrum, *MAP, FEW),
    case(dynamics.attractor, *MAP, FEW),
    case(dynamics.basins, textbook.henon, START[None], HENON, FEW),
    case(dynamics.bifurcation, *MAP, GRID, FEW, dynamics.Run(progress=False)),
    case(dynamics.continuation, *MAP, GRID, FEW, dynamics.Run(progress=False)),
    case(dynamics.phase_diagram, *MAP, GRID | {"b": [0.1, 0.3]}, FEW),
    case(dynamics.cycle, *MAP, angles={0: 6.28}),
    case(dynamics.follow_cycle, *MAP, GRID),
    case(dynamics.onset, halved, START, {"a": 1.0}, GRID),
    case(dynamics.fixed_points, halved, np.ones((2, 1, 2)), {"a": 1.0}, steps=20),
    case(dynamics.jacobian_norm, twice, jnp.ones((2, 2))),
    case(dynamics.kaplan_yorke_dimension, np.array([0.4, -1.6])),
    case(dynamics.cloud_distance, ORBIT, ORBIT[:8], angles={0: 6.28}),
    case(
        dynamics.classify,
        RNG.normal(size=(32, 2, 1)),
        np.array([[0.4]]),
        np.array([[0.1]]),
        8,
    ),
    case(dynamics.hysteresis, points(3), points(3)),
    case(dynamics.power_spectrum, SIGNAL),
    case(dynamics.autocorrelation, SIGNAL, 4, period=6.28),
    case(dynamics.poincare, ORBIT, 0, angles={1: 6.28}),
    case(dynamics.poincare, ORBIT, 0, tolerance=0.1),
    case(dynamics.read_plan, FOLDER / "sweep"),
    case(dynamics.resume, FOLDER / "sweep", textbook.henon, START, progress=False),
]
HOPFIELD = energy.ModernHopfield(1.0)
TASK = energy.RetrievalTask([2, 3], noises=[0.1], dimension=8, trials=1, probes=2)
OF_STATES = (
    energy.attention_energy,
    energy.attention_force,
    energy.demircigil_energy,
    energy.demircigil_force,
    energy.hopfield_energy,
    energy.hopfield_force,
    energy.krotov_hopfield_energy,
    energy.krotov_hopfield_force,
    energy.modern_hopfield_energy,
    energy.modern_hopfield_force,
    energy.modern_hopfield_slack,
    energy.modern_hopfield_update,
    energy.modern_nearest_slack,
    energy.nearest_distance_slack,
    energy.nearest_neighbour_energy,
    energy.nearest_neighbour_energy_and_force,
    energy.nearest_neighbour_force,
    energy.nearest_neighbour_update,
    energy.nearest_pattern,
    energy.squared_nearest_distance,
)
ENERGY = [
    *(case(function, X, PATTERNS) for function in OF_STATES),
    case(energy.Flow, 0.1),
    case(energy.KrotovHopfield),
    case(energy.ModernHopfield),
    case(energy.NearestNeighbour),
    case(energy.StorageProbe, 2, steps=10),
    case(energy.RetrievalTask, [2, 3]),
    case(energy.ball_radii, PATTERNS),
    case(energy.capacity, [HOPFIELD], TASK, key=KEY, steps=5),
    case(energy.combined_energy, X),
    case(energy.critical_inverse_temperature, PLANE, energy.NearestNeighbour),
    case(energy.crossing, [1, 2, 3], np.array([1.0, 0.6, 0.2])),
    case(energy.descend, X, PATTERNS, HOPFIELD, energy.Update(), steps=5),
    case(energy.descend_layers, X, LAYERS, [1.0, 1.0], steps=5),
    case(energy.find_minima, PLANE, HOPFIELD, PLANE),
    case(energy.fixed_point_capacity, energy.Hopfield(), 16),
    case(energy.global_energy, X, LAYERS),
    case(energy.global_energy_slack, X, LAYERS),
    case(energy.global_force, X, LAYERS),
    case(energy.layer_energies, X, LAYERS),
    case(energy.half_point, 2.0, [1, 2, 3], np.array([[1.0], [0.6], [0.2]]), 2.0),
    case(energy.hebbian_weights, PATTERNS),
    case(energy.hopfield_energy_of_weights, X, jnp.eye(4), jnp.ones(4)),
    case(energy.ising_energy, HEADS, jnp.ones(4), threshold=0.5),
    case(energy.ising_force, HEADS, jnp.ones(4), threshold=0.5),
    case(energy.published_method, HOPFIELD),
    case(energy.retrieve, X, PATTERNS, steps=5),
    case(energy.separation_capacity, 2.0, 16),
    case(energy.shard_patterns, PATTERNS),
    case(energy.split_layers, PATTERNS, 2),
    case(energy.storage, PATTERNS, key=KEY, probe=energy.StorageProbe(2, steps=5)),
    case(energy.storage_certificate, PATTERNS, HOPFIELD, jnp.ones(3)),
    case(energy.turning_points, np.arange(4.0), np.array([1.0, -1.0, 1.0, -1.0])),
]
PLACES = [
    attention.Positions(kind, 4, 2, 3, True, key=KEY)
    for kind in ("none", "absolute", "rope", "alibi", "rpe")
]
TABLES = attention.OffsetTables(
    *(jnp.ones((HEADS.shape[0], 2 * HEADS.shape[1] - 1)) for _ in range(2))
)
ALL = jnp.ones(HEADS.shape[1], bool)
ATTENTION = [
    case(attention.Normalisation, 4),
    case(attention.attend, X, X, X, q=1.5, bias=jnp.ones(2)),
    case(attention.attention_rows, X, X),
    case(attention.causal_attention, HEADS, HEADS, HEADS),
    case(attention.lay_out, "offset", KEY, 2, 5, 9),
    case(attention.sinusoids, jnp.arange(3.0), 4),
    case(attention.OffsetTables, None, jnp.ones((2, 3))),
    case(attention.Positions, "rpe", 4, 2, 3, True, key=KEY),
    *(
        case(method, 2)
        for places in PLACES
        for method in (places.at_places, places.tables)
    ),
    *(case(places.turned, X) for places in PLACES),
    case(attention.alibi_bias, 2, 3),
    case(attention.relative_attention, HEADS, HEADS, HEADS, tables=TABLES, present=ALL),
    case(attention.relative_rows, HEADS, HEADS, tables=TABLES, present=ALL),
    case(attention.resize_offsets, jnp.ones((2, 5)), 2),
    case(attention.rotary, X),
]


class Counter(training.Trainer[Any, Any]):
    """Trains nothing: its state is the number of steps taken."""

    metrics: ClassVar = {"steps": training.Metric(("step",), "steps", "1")}

    def records(self) -> list[int]:
        return [1, 2]

    def plan(self) -> dict[str, Any]:
        return {"system": "counter"}

    def state_after(self, step: int) -> Any:
        return jnp.array(step)

    def advance(self, state: Any, step: int, until: int) -> Any:
        return state + until - step, []

    def measure(self, state: Any, step: int) -> Any:
        return state, {"steps": state}

    def result(self, state: Any, step: int, metrics: xr.Dataset) -> Any:
        return metrics


WEIGHTS = {"w": jnp.ones((2, 2))}
PLANES = training.filter_normalised_directions(X, KEY)
TRAINING = [
    case(training.LaneRecipe, 3),
    case(
        training.LaneTask,
        lane_training.loss,
        lane_training.DATA,
        lane_training.validate,
        lane_training.offset,
    ),
    case(training.Runtime),
    case(training.WarmupCosine, 2, 4, 0.1),
    case(training.adamw, 1e-3, weight_decay=0.1, clip=1.0),
    case(training.curvature, squared, X, PLANES, eigenvalues=2, probes=2, key=KEY),
    case(training.displaced, X, PLANES, 0.1, 0.2),
    case(training.filter_normalised_directions, X, KEY),
    case(training.loss_surface, squared, X, PLANES, 1.0, 3),
    case(training.mesh_of, None),
    case(training.run_trainer, Counter(), training.Runtime(progress=repr)),
    case(
        training.train_lanes,
        lane_training.models(),
        lane_training.TASK,
        training.LaneRecipe(3),
        learning_rates=(0.1, 0.2),
        keys=lane_training.KEYS[:2],
    ),
    case(
        training.weighted_cross_entropy,
        X,
        jnp.ones((5, 4)),
        jnp.array([0, 1]),
        jnp.ones(2),
        "float32",
    ),
]
BYTES = np.frombuffer(memory_training.TEXT, np.uint8)
EXAMPLES = data.QuestionSource().sample(3, 0)
INDUCTION = data.InductionTask()
DATA = [
    case(data.BytePairTokens, FOLDER / "gpt2"),
    case(data.ExampleSource, [([1, 2], [1.0, 1.0])], start=0, vocabulary=4),
    case(data.InductionTask),
    case(INDUCTION.batch, KEY, 2, 5),
    case(INDUCTION.questions, jnp.array([0, 1, 0])),
    case(data.NewExamples, 48, "words and tab"),
    case(data.QuestionSource),
    case(data.QuestionSource().sample, 3, 0),
    case(data.TextSource, BYTES, 8, 256),
    case(data.estimated_figures, EXAMPLES),
    case(data.full_sequence, KEY, 2, 5, 4),
    case(data.grammar_losses, EXAMPLES),
    case(data.hold_out, BYTES),
    case(data.last_token, KEY, 2, 5, 4),
    case(data.make_waves, 2, np.random.default_rng(0), n_steps=5),
    case(data.python_text),
    case(data.question_of, EXAMPLES[0].source.rpartition(" ")[0]),
    case(data.question_source, EXAMPLES),
    case(data.save_tokens, data.ByteTokens(), FOLDER / "tokens"),
    case(data.sentence_entropy),
    case(data.split_text, BYTES),
    case(data.tokenise, FOLDER / "text", data.ByteTokens()),
    case(data.tokens_of, FOLDER / "gpt2", 256),
]
PROBABILITIES, REACHABLE = np.full((2, 3, 4), 0.25), np.ones((2, 3, 4), bool)
ARRIVING = interference.arrivals(PROBABILITIES, REACHABLE)
DIPOLES = jnp.asarray(RNG.normal(size=(5, 2, 3)))
STAGE = interference.Geometry([[-1.0], [1.0]], [[-2.0], [2.0]])
WAVES = data.make_waves(2, np.random.default_rng(0), n_steps=8)
HOST = jnp.array([0.0, 0.6, 0.8])


def learn_pictures(X: Any, y: Any, sample_weight: Any = None, **parameters: Any) -> Any:
    model = interference.InterferenceClassifier(**parameters)
    return model.fit(X, y, sample_weight).predict_proba(X)


def learn_waves(X: Any, y: Any, sample_weight: Any = None, **parameters: Any) -> Any:
    return interference.WaveClassifier(**parameters).fit(X, y, sample_weight).predict(X)


LEARNED = interference.InterferenceClassifier(random_state=0).fit(PICTURES, LABELS)
INTERFERENCE = [
    estimator(learn_pictures, interference.InterferenceClassifier, PICTURES, LABELS),
    estimator(
        learn_waves, interference.WaveClassifier, *WAVES, geometry=STAGE, random_state=0
    ),
    case(LEARNED.predict, PICTURES),
    case(LEARNED.energy_over_time, PICTURES),
    case(LEARNED.save, FOLDER / "classifier"),
    case(interference.InterferenceClassifier.load, FOLDER / "classifier"),
    case(interference.Geometry, [[-1.0], [1.0]], [[-2.0], [2.0]]),
    case(STAGE.reachable, 5),
    case(interference.LearningRule),
    case(interference.arrival_entropy, np.ones((5, 2), bool), ARRIVING[0]),
    case(interference.arrival_times, PROBABILITIES, REACHABLE),
    case(interference.arrivals, PROBABILITIES, REACHABLE),
    case(interference.attended_host, DIPOLES, jnp.asarray(ARRIVING[1]), HOST, 0.7),
    case(interference.corners, (3, 3), 4),
    case(interference.encode_images, jnp.ones((2, 8, 8)), (2, 2)),
    case(
        interference.energy_over_time,
        DIPOLES,
        *map(jnp.asarray, ARRIVING),
        HOST,
        0.7,
    ),
    case(interference.ensemble_energies, [LEARNED, LEARNED], PICTURES),
    case(interference.expected_similarity, np.asarray(DIPOLES), ARRIVING[0]),
    case(interference.jitter_prior, 0, 1, 2, 3),
    case(interference.learn_sample, PROBABILITIES, 1, np.zeros(2), REACHABLE),
    case(
        interference.route_probabilities,
        PROBABILITIES,
        np.zeros((2, 3, 1)),
        REACHABLE,
    ),
    case(interference.to_dipoles, X),
    case(interference.uniform_host, 3),
]


def watch_learning(
    probabilities: Any,
    dipoles: Any,
    targets: Any,
    host: Any,
    reachable: Any,
    rule: Any = None,
) -> Any:
    steps = interference.watch_learning(
        probabilities, dipoles, targets, host=host, reachable=reachable, rule=rule
    )
    return list(steps)


INTERFERENCE.append(
    Case(
        "isinglass.systems.interference.learning.watch_learning",
        watch_learning,
        case(
            watch_learning,
            PROBABILITIES,
            np.asarray(DIPOLES)[:2],
            [0, 1],
            np.asarray(HOST),
            REACHABLE,
        ).arguments,
    )
)
PHYSICS = {"beta": 1.2, "gamma": 20.0, "epsilon": 0.02}
FIELD = meanfield.MeanField(meanfield.Features.paper())
FEATURES = FIELD.features
COLUMNS = FEATURES.draw_weights(6)
SPINS = meanfield.SelfAttentionNetwork(COLUMNS, 2)
MEANFIELD = [
    case(meanfield.MeanField, FEATURES),
    case(meanfield.SelfAttentionNetwork, COLUMNS, 2),
    case(meanfield.SelfAttentionNetwork.from_features, FEATURES, 6),
    case(meanfield.Prompt, np.zeros((1, 3))),
    case(meanfield.gamma_of, 2.2, 100, 3),
    case(meanfield.semantic_overlaps, COLUMNS[..., :6], np.ones(6)),
    case(meanfield.Features.from_weights, COLUMNS, 2),
    case(
        meanfield.Features.from_columns,
        FEATURES.columns,
        np.ones(3),
        FEATURES.positional,
    ),
    case(meanfield.Features.random_segments),
    case(
        meanfield.Features.from_correlations,
        *[np.eye(3)] * 3,
        FEATURES.positional,
    ),
    case(meanfield.Features.gaussian_correlations),
    case(meanfield.Features.shifted_cycle),
    case(FEATURES.overlaps_of_pattern, 0),
    case(FEATURES.draw_weights, 6),
    case(FIELD.token, jnp.ones(3), PHYSICS, 0),
    case(FIELD.overlaps, np.ones((2, 3)), PHYSICS, 0),
    case(FIELD.prompt, PHYSICS),
    case(FIELD.start_from_pattern, PHYSICS),
    case(FIELD.start_from_token, PHYSICS, np.ones((4, 3))),
    case(FIELD.start_from_window, PHYSICS, np.ones((2, 3))),
    case(SPINS.sample, KEY, PHYSICS, 2),
    case(SPINS.repeated, 2),
]
LOOPED = looped.LoopedTransformer(looped_training.CONFIG, key=KEY)
BASELINE = looped.LoopedBaseline(looped_training.BASELINE, key=KEY)
TOKENS = jnp.array([0, 3, 1, 0])
INPUTS = jnp.asarray(RNG.normal(size=(3, 4)), jnp.float32)
HEAD = (jnp.eye(4), jnp.eye(4), jnp.eye(4))
ROWS = jnp.full((3, 3), 1 / 3)
BATCH = INDUCTION.batch(KEY, 2, 5)
PLACES = looped.find_places(BATCH, KEY)
SAMPLE = looped.Sample([5], KEY, 2)
PARAMETERS = looped.loop_parameters(LOOPED, INPUTS)
HAMILTONIAN = looped.LatentHamiltonian(*HEAD)
BRIEF = looped.Recipe(steps=1, batch=2, shortest=4, longest=5)
LOOPS = [
    case(looped.AdaptiveBaseline, BASELINE, INDUCTION, 2),
    case(looped.BaselineConfig),
    case(looped.EnergyEntropyObjective),
    case(looped.Evaluation),
    case(looped.LatentHamiltonian, *HEAD),
    case(looped.LoopedBaseline, looped_training.BASELINE, key=KEY),
    case(looped.LoopedConfig),
    case(looped.LoopedTransformer, looped_training.CONFIG, key=KEY),
    case(LOOPED.__call__, TOKENS),
    case(LOOPED.run, TOKENS),
    case(BASELINE.adapt, TOKENS, most=2),
    case(looped.Recipe),
    case(looped.Sample, [5], KEY),
    case(looped.accuracy_by_length, LOOPED, INDUCTION, SAMPLE),
    case(looped.assumptions, *HEAD),
    case(looped.attention_jacobian_norm, HEAD, INPUTS, INPUTS),
    case(looped.barred_accuracy, LOOPED, BATCH, PLACES),
    case(
        looped.barred_logits,
        LOOPED,
        TOKENS,
        jnp.array([0, 0, 1, 2]),
        jnp.array([True, False]),
    ),
    case(looped.block_step, INPUTS, PARAMETERS),
    case(looped.contraction_bound, HEAD, ROWS),
    case(looped.entropy_penalty, ROWS[None]),
    case(looped.find_places, BATCH, KEY),
    case(looped.fixed_points, LOOPED, INPUTS, INPUTS[None], steps=5),
    case(looped.follow_loop, LOOPED, BATCH, PLACES, 2),
    case(looped.hamiltonian_step, HAMILTONIAN.at_rest(INPUTS), HAMILTONIAN),
    case(looped.kinetic_energy, INPUTS[:, None]),
    case(looped.loop_jacobian_norm, LOOPED, INPUTS, INPUTS),
    case(looped.loop_parameters, LOOPED, INPUTS),
    case(looped.loop_step, INPUTS, PARAMETERS),
    case(looped.measure_contraction, LOOPED, TOKENS),
    case(looped.potential_energy, ROWS[None]),
    case(looped.terms_by_length, LOOPED, INDUCTION, SAMPLE),
    case(
        looped.train,
        looped_training.CONFIG,
        INDUCTION,
        BRIEF,
        evaluate=looped.Evaluation(lengths=(5,), sequences=2),
    ),
    case(looped.tsallis_entropy, ROWS),
]
GPT_SHAPE = memory.TransformerConfig(256, 16, 8, 2, 1)
GPT = memory.Transformer(GPT_SHAPE, key=KEY)
TEXTS = BYTES[:48].reshape(6, 8).astype(np.int32)
SOURCE = data.TextSource(BYTES[:128], 8, 256)
MEMORY = [
    case(memory.Execution),
    case(memory.Reading),
    case(memory.Recipe),
    case(memory.Transformer, GPT_SHAPE, key=KEY),
    case(memory.TransformerConfig),
    case(GPT.__call__, jnp.asarray(TEXTS[0])),
    case(memory.activations, GPT, TEXTS),
    case(memory.ball_partition_bounds, 1.0, 8),
    case(memory.claimed_cross_entropy, 1.0),
    case(memory.continue_greedily, GPT, TEXTS, 2),
    case(memory.critical_radius, 10, 8),
    case(memory.evaluate, GPT, SOURCE, batch=4),
    case(memory.layer_radius, GPT, TEXTS),
    case(memory.load_gpt2, FOLDER / "gpt2"),
    case(memory.log_ball_partition, 1.0, 8),
    case(memory.log_ball_volume, [1.0, 2.0], 8),
    case(memory.log_partition, [1.0, 2.0], 8),
    case(memory.log_partition_misprinted, [1.0, 2.0], 8),
    case(memory.matching_length, GPT, TEXTS, 5),
    case(memory.nearest_neighbour_radius, RNG.normal(size=(9, 3))),
    case(memory.nearest_neighbours, RNG.normal(size=(9, 3))),
    case(memory.parameters_against_data, [4, 8]),
    case(memory.rescaled, GPT, 2.0),
    case(memory.save_gpt2, GPT, FOLDER / "saved"),
    case(memory.sequences_of, BYTES, 8),
    case(
        memory.train, GPT_SHAPE, SOURCE, memory.Recipe(steps=1, batch=2, validation=1)
    ),
    case(memory.unit_volume_radius, 8),
    case(memory.unit_volume_radius_asymptote, 8),
]
FIGURE, AXES = plot.subplots()
REPRODUCE = [
    case(plot.log_ticks, AXES, [1.0, 2.0]),
    case(plot.render, FIGURE, "png"),
    case(plot.subplots, 1, 1, width=3.0, height=2.0),
    case(reproduce.Context, seeds=[0]),
    case(reproduce.Ledger, "name", "source"),
]


def write_inputs() -> None:
    """The folders and files that cases read."""
    (FOLDER / "text").write_bytes(memory_training.TEXT)
    memory.save_gpt2(GPT, FOLDER / "gpt2")
    data.save_tokens(data.ByteTokens(), FOLDER / "gpt2")
    LEARNED.save(FOLDER / "classifier")
    write_tensor_inputs()
    run = dynamics.Run(store=FOLDER / "sweep", progress=False)
    dynamics.bifurcation(*MAP, GRID, FEW, run)


CASES = [
    *DYNAMICS,
    *ENERGY,
    *ATTENTION,
    *TRAINING,
    *DATA,
    *INTERFERENCE,
    *TENSORS,
    *MEANFIELD,
    *LOOPS,
    *MEMORY,
    *REPRODUCE,
]
