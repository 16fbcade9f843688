"""The looped transformer, against its equations in NumPy and its own trajectory."""

import math
import re
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.attention import sinusoids
from isinglass.attention import streamed as attention
from isinglass.systems.looped import LoopedConfig, LoopedTransformer

TOKENS = jnp.array([3, 0, 2, 2, 1, 3, 0, 1, 1])

pytestmark = pytest.mark.usefixtures("double_precision")


@cache
def model_of(key=0, **options) -> Any:
    """A model none of whose parameters is 0 or 1."""
    usual: dict[str, Any] = {"iterations": 5}
    return random_model(LoopedTransformer, LoopedConfig(**usual | options), key)


def parameters_of(model):
    """Parameters as NumPy arrays."""
    arrays = {name: x for name, x in vars(model).items() if name != "config"}
    return {name: np.asarray(x) for name, x in arrays.items() if x is not None}


def transcription(w, config, tokens, places=None, iterations=5):
    """X, states and rows of attention, loop by loop, in NumPy.

    Parameters may be complex: a small imaginary part comes out as a derivative.
    """
    n = tokens.shape[-1]
    places = np.arange(n) if places is None else np.asarray(places)
    size = config.width // config.heads
    waves = np.zeros((*places.shape, config.width))
    for k in range(0, config.width, 2):
        angle = places * config.positional_base ** (-k / config.width)
        waves[..., k], waves[..., k + 1] = np.sin(angle), np.cos(angle)
    inputs = w["embedding"][np.asarray(tokens)] + config.positional_scale * waves
    states, all_rows = [np.zeros_like(inputs)], []
    for _ in range(iterations):
        hidden = states[-1] + inputs
        mixed, rows = [], []
        for head in range(config.heads):
            part = slice(head * size, (head + 1) * size)
            query, key, value = (
                hidden @ w[name][:, part] for name in ("query", "key", "value")
            )
            scores = query @ np.swapaxes(key, -1, -2) / size**0.5
            if config.near:
                back = np.maximum(np.arange(n)[:, None] - np.arange(n), 0)
                near = w["near_bias"][np.minimum(back, config.near - 1)]
                scores = scores + near - np.exp(w["recency"]) * np.log1p(back)
            if config.causal:
                scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
            shares = np.exp(scores - np.real(scores).max(-1, keepdims=True))
            shares /= shares.sum(-1, keepdims=True)
            rows.append(shares)
            mixed.append(shares @ value)
        mixed = np.concatenate(mixed, axis=-1)
        inner = mixed @ w["mlp_in"] + w["mlp_in_bias"]
        inner = (
            0.5
            * inner
            * (1 + np.tanh((2 / np.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
        )
        out = inner @ w["mlp_out"] + w["mlp_out_bias"] + config.inner_residual * mixed
        out = out - out.mean(-1, keepdims=True)
        out = out / np.sqrt((out**2).mean(-1, keepdims=True) + 1e-5)
        states.append(states[-1] + out * w["gain"] + w["bias"])
        all_rows.append(rows)
    return inputs, np.array(states), np.array(all_rows)


def means(states, rows, q):
    """What the penalties are made of, from the whole trajectory."""
    kinetic = 0.5 * (np.diff(states, axis=0) ** 2).sum(-1).mean(0)
    # Of complex numbers, the largest is that with the largest real part.
    surprise = -np.log(rows.max(-1)).mean((0, 1))
    powers = np.where(rows == 0, 0, np.where(rows == 0, 1, rows) ** q)
    return kinetic, surprise, ((1 - powers.sum(-1)) / (q - 1)).mean((0, 1))


def derivatives_of(function, parameters):
    """Of each array, a direction and the derivative along it, exact to rounding."""
    rng, step = np.random.default_rng(0), 1e-30
    for name, array in parameters.items():
        along = rng.standard_normal(array.shape)
        moved = parameters | {name: array + 1j * step * along}
        yield name, along, function(moved).imag / step


def assert_close(values, expected, rtol=1e-10):
    """Numbers of a tree, to rounding."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a, b, rtol=rtol, atol=1e-12 * np.abs(b).max()
        ),
        values,
        expected,
    )


OPTIONS = [
    {},
    {"causal": False, "heads": 2, "width": 6},
    {"inner_residual": True, "positional_scale": 1.0},
    {"near": 4, "heads": 2},
]
BATCH = jnp.asarray(np.random.default_rng(0).integers(0, 4, (2, 2, 10)))
PLACES = jnp.asarray(np.random.default_rng(1).integers(1, 9, BATCH.shape).cumsum(-1))


@pytest.mark.parametrize(
    ("options", "q", "tiling"),
    [
        *((options, 1.5, "whole") for options in OPTIONS),
        (OPTIONS[-1], 1.5, "blocks"),
        (OPTIONS[0], 0.7, "blocks"),
    ],
)
def test_all_of_a_batch_and_its_gradients_are_those_of_the_equations(
    options, q, tiling, monkeypatch
):
    """Read in one program, each sequence and each of its states as by itself."""
    if tiling == "blocks":
        monkeypatch.setattr(attention, "BLOCKED", 4)
        monkeypatch.setattr(attention, "SCORES", 4 * BATCH.shape[-1])
    model = model_of(**options)
    config, parameters = model.config, parameters_of(model)
    pulls = np.random.default_rng(2).standard_normal((3, *BATCH.shape))

    def loss(model):
        state, parts = model.energies(BATCH, PLACES, q=q)
        pulled = sum((pull * x).sum() for pull, x in zip(pulls, parts, strict=True))
        return (model.decode(state) ** 2).sum() + pulled, (state, parts)

    @jax.jit
    def read(model):
        trajectory = model.run(BATCH, PLACES)
        hidden = trajectory.states[:-1] + model.embed(BATCH, PLACES)
        alone = model.run(BATCH[0, 1], PLACES[0, 1])
        return (
            jax.value_and_grad(loss, has_aux=True)(model),
            trajectory,
            model.block(hidden),
            model(BATCH, PLACES),
            (*alone, model(BATCH[0, 1], PLACES[0, 1])),
            [model.embed(BATCH, places) for places in (PLACES[0, 0], PLACES[:1, :1])],
        )

    def expected_loss(w):
        _, states, rows = transcription(w, config, BATCH, PLACES)
        logits = states[-1] @ w["readout"] + w["readout_bias"]
        return (logits**2).sum() + (pulls * np.array(means(states, rows, q))).sum()

    ((value, (state, parts)), slopes), trajectory, changes, logits, alone, embedded = (
        read(model)
    )

    inputs, states, rows = transcription(parameters, config, BATCH, PLACES)
    answers = states[-1] @ parameters["readout"] + parameters["readout_bias"]
    assert_close(tuple(trajectory), (states, rows))
    assert_close(changes, np.diff(states, axis=0), rtol=1e-8)
    assert_close((state, tuple(parts)), (states[-1], means(states, rows, q)))
    assert_close(logits, answers)
    assert_close(alone, (states[:, 0, 1], rows[:, :, 0, 1], answers[0, 1]))
    assert_close(*embedded)
    np.testing.assert_allclose(value, expected_loss(parameters), rtol=1e-11)
    for name, along, slope in derivatives_of(expected_loss, parameters):
        ours = np.asarray(getattr(slopes, name))
        scale = np.linalg.norm(ours) * np.linalg.norm(along)
        assert abs((ours * along).sum() - slope) <= 1e-8 * abs(slope) + 1e-9 * scale, (
            name
        )
    assert inputs.shape == embedded[0].shape


def test_no_sequences_have_no_answers():
    assert jax.jit(model_of().__call__)(BATCH[:0]).shape == (0, 2, 10, 4)


def test_without_the_entropy_nothing_else_changes():
    model = model_of()
    (state, energies), (bare, others) = jax.jit(
        lambda model: (model.energies(TOKENS), model.energies(TOKENS, q=None))
    )(model)
    np.testing.assert_array_equal(state, bare)
    np.testing.assert_array_equal(energies.kinetic, others.kinetic)
    np.testing.assert_array_equal(energies.potential, others.potential)
    assert not others.entropy.any()


def test_many_sequences_and_models_at_once_are_each_alone():
    models = [model_of(key) for key in range(3)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *models)
    config, tokens = models[0].config, jnp.asarray(np.asarray(BATCH)[0])

    def loss(model, tokens):
        state, energies = jax.vmap(model.energies)(tokens)
        return jax.vmap(model.decode)(state).mean() + sum(
            part.mean() for part in energies
        )

    def expected_loss(w):
        _, states, rows = transcription(w, config, tokens)
        logits = states[-1] @ w["readout"] + w["readout_bias"]
        return logits.mean() + sum(part.mean() for part in means(states, rows, 1.5))

    together = jax.jit(jax.vmap(jax.value_and_grad(loss), (0, None)))
    values, slopes = together(stacked, tokens)
    for i, model in enumerate(models):
        parameters = parameters_of(model)
        np.testing.assert_allclose(values[i], expected_loss(parameters), rtol=1e-9)
        for name, along, slope in derivatives_of(expected_loss, parameters):
            ours = (np.asarray(getattr(slopes, name)[i]) * along).sum()
            assert ours == pytest.approx(slope, rel=1e-8, abs=1e-11), name


def test_iterations_can_be_other_than_configured():
    model = model_of()

    @jax.jit
    def read(model):
        seven, two = model.run(TOKENS, iterations=7), model(TOKENS, iterations=2)
        after = model.step(seven.states[2], model.embed(TOKENS))
        return seven, two, model.energies(TOKENS, iterations=2)[0], after

    seven, two, state, after = read(model)
    _, *expected = transcription(
        parameters_of(model), model.config, TOKENS, iterations=7
    )
    assert seven.states.shape == (8, len(TOKENS), 8)
    assert_close(tuple(seven), tuple(expected))
    assert_close(two, seven.states[2] @ model.readout + model.readout_bias)
    assert_close(state, seven.states[2])
    assert_close(after, seven.states[3])


def test_positions_are_where_symbols_stand():
    plain, same, moved, waves = jax.jit(
        lambda model, places: (
            model.embed(TOKENS),
            model.embed(TOKENS, places),
            model.embed(TOKENS, places + 5),
            sinusoids(places + 5, 8) - sinusoids(places, 8),
        )
    )(model_of(), jnp.arange(len(TOKENS)))
    np.testing.assert_array_equal(plain, same)
    np.testing.assert_allclose(moved - plain, 0.15 * waves, atol=1e-12)


def test_a_causal_model_does_not_see_the_padding():
    padded, plain = jax.jit(
        lambda model: (model(jnp.pad(TOKENS, (0, 5))), model(TOKENS))
    )(model_of())
    np.testing.assert_allclose(padded[: len(TOKENS)], plain, rtol=1e-12)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("vocabulary", 1),
        ("width", 7),
        ("heads", 3),
        ("heads", 0),
        ("hidden", 0),
        ("iterations", 0),
        ("positional_scale", -0.1),
        ("positional_scale", math.nan),
        ("positional_base", 1.0),
        ("initial_embedding", 0.0),
    ],
)
def test_a_bad_configuration_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=rf"{option}.*got.*{re.escape(str(value))}"):
        LoopedConfig(**{option: value})


@pytest.mark.parametrize("count", [0, -3])
def test_no_iterations_are_refused(count):
    for method in (model_of(), model_of().run, model_of().energies):
        with pytest.raises(ValueError, match="iterations must be at least 1"):
            method(TOKENS, iterations=count)


@pytest.mark.parametrize("q", [0.0, -1.0, 1.0, math.inf, math.nan])
def test_an_entropy_that_is_none_is_refused(q):
    with pytest.raises(ValueError, match="q must be"):
        model_of().energies(TOKENS, q=q)


@pytest.mark.parametrize("token", [-1, 4])
def test_a_symbol_beyond_the_vocabulary_is_refused(token):
    model = model_of()
    for method in (model, model.run, model.energies):
        with pytest.raises(
            ValueError, match=rf"tokens must be in \[0, 3\], got {token}"
        ):
            method(jnp.array([1, token]))


def test_shapes_are_checked():
    with pytest.raises(Exception, match="positions"):
        model_of()(TOKENS, jnp.arange(5))


def test_a_thousand_symbols_through_25_iterations():
    with jax.enable_x64(False):
        model = random_model(LoopedTransformer, LoopedConfig())
        tokens = jnp.asarray(np.random.default_rng(0).integers(0, 4, 1000))
        logits = jax.jit(model.__call__)(tokens)
    assert logits.shape == (1000, 4)
    assert np.isfinite(logits).all()


def test_ten_thousand_symbols_fit_in_memory():
    """Rows would be 400 MB for one iteration in float32, with their gradient more."""

    def loss(model, tokens):
        state, energies = model.energies(tokens)
        return state.sum() + sum(part.sum() for part in energies)

    with jax.enable_x64(False):
        model = random_model(LoopedTransformer, LoopedConfig(iterations=2))
        tokens = jax.ShapeDtypeStruct((10_000,), jnp.int32)
        program = jax.jit(jax.grad(loss)).lower(model, tokens).compile()
    memory = program.memory_analysis()
    assert memory is not None
    assert memory.temp_size_in_bytes < 200e6
