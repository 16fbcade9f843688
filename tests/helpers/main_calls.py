"""The main calls of every system, tiny: python main_calls.py FILE.npz."""

import dataclasses
import sys
import tempfile

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from helpers import looped_training, memory_training
from isinglass import dynamics, energy, plot
from isinglass.data import InductionTask
from isinglass.data.double_slit import make_waves
from isinglass.dynamics import textbook
from isinglass.systems import (
    descent,
    diffusion,
    heat,
    interference,
    lookup,
    looped,
    meanfield,
    memory,
    polling,
    quantum,
    relative,
)

CALLS = {}


def call(function):
    CALLS[function.__name__] = function
    return function


# Models are made and called in one program each, which compiles sooner than all of
# their operations by themselves; those are called so in test_promotion.
@eqx.filter_jit
def new(kind, config):
    return kind(config, key=jax.random.key(0))


def pictures(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = rng.random((count, 28, 28)) * 0.4
    for image, label in zip(images, labels, strict=True):
        image[4 + 8 * label : 8 + 8 * label] = 1
    return images.reshape(count, -1), labels


@call
def pictures_are_classified():
    X, y = pictures(12, 0)
    model = interference.InterferenceClassifier(random_state=0).fit(X, y)
    return model.tally_, model.decision_function(X[:3]), model.energy_over_time(X[:1])


@call
def waves_are_classified():
    X, y = make_waves(3, np.random.default_rng(0))
    stage = interference.Geometry(sources=[[-1.0], [1.0]], targets=[[-2.0], [2.0]])
    options = {"geometry": stage, "host": (0.0, 1.0), "random_state": 0}
    model = interference.WaveClassifier(**options).fit(X, y)
    return model.decision_function(X)


@call
def couplings_are_learned():
    X, y = pictures(12, 0)
    encoder = interference.DipoleEncoder(hosts=2, places=2)
    strokes = interference.StrokePrior(n=9, copies=2)
    prior = strokes.from_pictures(X, strokes, encoder=encoder)
    models = [
        interference.CoupledClassifier(encoder=encoder, prior=kind).fit(X, y)
        for kind in (strokes, prior)
    ]
    return models[0].pair_sums_, *(model.predict_proba(X) for model in models)


@call
def towers_and_texts_are_learned():
    X, y = pictures(12, 0)
    levels = (interference.Level(6, stride=4),)
    tower = interference.TowerClassifier(levels, random_state=0).fit(X, y)
    texts = ["one two three", "four five", "one three", "five four six"]
    reader = interference.TextInterference(2**8).fit(texts, [0, 1, 0, 1])
    return tower.decision_function(X), reader.decision_function(texts)


@call
def tensors_respond():
    solutions = interference.mean_field_solutions([0.5, 1.5], [0.3, 0.1])
    path = interference.hysteresis([0.5, 1.5], [[0.3, 0.3], [0.0, 0.0]])
    rate = jax.grad(lambda h: interference.mean_field_solutions(1.5, h).upper)
    return solutions, path, np.float32(rate(0.1))


@call
def the_mean_field_moves():
    features = meanfield.Features.random_segments(2, 2, n_spins=20, random_state=0)
    field = meanfield.MeanField(features, 2)  # small: the paper's compile for long
    gamma = meanfield.gamma_of(2.2, 100, n_patterns=3)
    parameters = {"beta": 1.26, "gamma": gamma, "epsilon": 0.02}
    start = field.start_from_pattern(parameters)
    orbit = dynamics.trajectory(  # pyright: ignore[reportCallIssue]
        field.map, start, parameters, 20
    )
    measure = dynamics.Measure(transient=0, steps=60, exponents=2, qr_every=4)
    spectrum = dynamics.lyapunov_spectrum(field.map, start, parameters, measure)
    return orbit, spectrum.exponents


@call
def a_network_of_spins_moves():
    network = meanfield.SelfAttentionNetwork.from_features(
        meanfield.Features.paper(), 60
    )
    parameters = {"beta": 1.26, "gamma": 10.0, "epsilon": 0.02}
    return tuple(network.sample(jax.random.key(0), parameters, 5, replicas=2))


@call
def a_diagram_is_drawn():
    return dynamics.bifurcation(
        textbook.henon,
        np.array([0.1, 0.1]),
        {"b": 0.3},
        {"a": [1.0, 1.4]},
        dynamics.Measure(transient=50, steps=100, exponents=2),
    ).exponents.values


@call
def flows_cycles_and_basins_are_known():
    at = {"r": 1.5, "h": 0.01}
    there = dynamics.cycle(textbook.cubic, np.array([0.6]), at)
    starts = np.array([[-0.5], [0.5]])
    few = dynamics.Measure(transient=50, steps=50)
    reached = dynamics.basins(textbook.cubic, starts, at, few, lanes=2)
    orbit = dynamics.trajectory(
        dynamics.flow(textbook.rossler, 0.1),
        np.ones(3),
        {"a": 0.2, "b": 0.2, "c": 5.7},
        10,
    )
    return there.state, reached.labels, orbit


@call
def a_picture_is_drawn():
    with plot.house_style():
        figure, axes = plot.subplots()
        axes.set_xlabel("x^2 % _")  # which TeX would refuse
        return np.frombuffer(plot.render(figure, "png"), np.uint8)


@call
def patterns_are_retrieved():
    patterns = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    starts = patterns + np.float32(0.1)
    descent = energy.retrieve(starts, patterns, 2.0)
    return descent.state, energy.modern_hopfield_energy(starts[0], patterns, 2.0)


@call
def sequences_are_drawn():
    last, full = (InductionTask(form=form) for form in ("last-token", "full-sequence"))
    batch = full.batch(jax.random.key(0), 2, 6)
    return (
        last.batch(jax.random.key(0), 2, 6),
        last.questions(batch.tokens[0]),
        full.questions(batch.tokens[0]),
        looped.find_places(batch, jax.random.key(1)),
    )


@call
def a_looped_transformer_is_trained():
    recipe = looped.Recipe(steps=4, batch=4, shortest=5, longest=5)
    run = looped_training.run(
        recipe, evaluate=looped.Evaluation(lengths=(5,), every=2, sequences=4)
    )
    return run.model, run.metrics.loss.values


@call
def looped_transformers_are_new_and_read():
    tokens = jnp.array([0, 3, 1, 2, 0], jnp.int32)
    near = dataclasses.replace(looped_training.CONFIG, near=3)
    baseline = new(looped.LoopedBaseline, looped_training.BASELINE)
    model = new(looped.LoopedTransformer, near)
    return (
        model,
        baseline,
        eqx.filter_jit(model)(tokens),
        eqx.filter_jit(baseline)(tokens),
        looped.kinetic_energy(eqx.filter_jit(model.run)(tokens).states),
    )


@call
def a_gpt2_is_new_and_saved_and_trained():
    model = new(memory.Transformer, memory_training.CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        memory.save_gpt2(model, folder)
        again = memory.load_gpt2(folder)
    training, validation = memory_training.sources()
    how = memory_training.recipe(steps=2, batch=2, every=1, validation=2)
    run = memory.train(again, training, how, validation=validation)
    return (
        model,
        eqx.filter_jit(again)(jnp.arange(8, dtype=jnp.int32)),
        run.model,
        run.metrics.loss.values,
    )


@call
def tokens_go_down_an_energy():
    tokens = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    shape = descent.EnergyTransformerConfig(6, 2, 3, 7)
    block = descent.EnergyTransformer(shape, key=jax.random.key(0))
    hyper = descent.HyperSETConfig(6, 2, 4, step_features=0)
    layer = descent.HyperSET(hyper, key=jax.random.key(0))
    return block, tuple(block.follow(tokens, 3)), layer.iterate(tokens, 3)


@call
def instances_exchange_heat():
    points = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)
    config = diffusion.DIFFormerConfig(6, 2, 4, 1, 2, "sigmoid")
    model = new(diffusion.DIFFormer, config)
    answers = eqx.filter_jit(model)(jnp.asarray(points))
    return model, answers, diffusion.Diffusion().iterate(points, 3)


@call
def pictures_conduct():
    model = new(heat.VHeat, heat.VHeatConfig(3, (8, 12), 1, 4, (1,)))
    pixels = np.random.default_rng(0).random((2, 8, 12, 1)).astype(np.float32)

    @eqx.filter_jit
    def both(model, pixels):
        return model(pixels), model.resampled((16, 24)).conductivities()

    return model, both(model, jnp.asarray(pixels))


@call
def places_are_visible():
    config = relative.RelativeConfig(4, 3, 6, 2, 4, 1, 5)
    model = new(relative.RelativeTransformer, config)
    states = eqx.filter_jit(model.states)(jnp.arange(5) % 4)
    return model, relative.position_spread(states)


@call
def places_are_polled():
    sampler = polling.PollAndPoolConfig(4, 2, key_layers=2, key_positions=True)
    sizes = {"height": 8, "breadth": 12, "classes": 3, "width": 4, "heads": 2}
    config = polling.PollingDetectorConfig(**sizes, sampler=sampler, layers=1)
    model = polling.PollingDetector(config, key=jax.random.key(0))
    pixels = np.random.default_rng(0).random((2, 8, 12)).astype(np.float32)
    said = model(jnp.asarray(pixels), 0.5)
    tokens = said.tokens
    assert tokens is not None
    states = polling.reverse_projection(tokens.features, tokens)
    return model, said, states, polling.mean_score(tokens)


@call
def tables_are_read():
    X, y = pictures(12, 0)
    model = lookup.LookupClassifier((6, 6), 2, 1, epochs=3, random_state=0).fit(X, y)
    tables = lookup.LookupMixerConfig(4, 5, 2, 3)
    config = lookup.LookupTransformerConfig(3, 2, 3, 4, 2, 1, "lookup", 5, tables)
    net = new(lookup.LookupTransformer, config)
    patches = np.random.default_rng(0).random((2, 3, 2)).astype(np.float32)
    return model.network_, model.logits(X), net, net(jnp.asarray(patches))


@call
def a_spin_is_read():
    model = new(quantum.SASQuaTCh, quantum.SASQuaTChConfig((2, 1)))
    fields = jnp.asarray(np.random.default_rng(0).random((3, 8)), jnp.float32)
    return model, eqx.filter_jit(model)(fields), quantum.quadratic_form(model)


@call
def neighbours_are_near():
    rows = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    near = memory.nearest_neighbours(rows)
    return tuple(near), memory.log_ball_partition(3.0, 8)


def answers():
    """Every array that a call gives, by the call's name and its place."""
    return {
        f"{name} {place}": np.asarray(leaf)
        for name, function in CALLS.items()
        for place, leaf in enumerate(jax.tree.leaves(function()))
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **answers())  # pyright: ignore[reportArgumentType]
