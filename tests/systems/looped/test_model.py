"""The looped transformer, against its equations in NumPy and its own trajectory."""

import math
import re
import subprocess
import sys
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.attention import sinusoids
from isinglass.attention import streamed as attention
from isinglass.systems.looped import LoopedConfig, LoopedTransformer

TOKENS = jnp.array([3, 0, 2, 2, 1, 3, 0, 1, 1])


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@cache
def model_of(key=0, **options) -> Any:
    """A model none of whose parameters is 0 or 1."""
    usual: dict[str, Any] = {"iterations": 5}
    config = LoopedConfig(**usual | options)

    @jax.jit
    def drawn():
        leaves, tree = jax.tree.flatten(
            LoopedTransformer(config, key=jax.random.key(key))
        )
        keys = map(jax.random.key, range(len(leaves)))
        noise = (
            jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)
        )
        return jax.tree.unflatten(
            tree, [x + 0.1 * y for x, y in zip(leaves, noise, strict=True)]
        )

    return drawn()


def transcription(model, tokens, iterations):
    """States and rows of attention, loop by loop, in NumPy."""
    w = {name: np.asarray(x) for name, x in vars(model).items() if name != "config"}
    config, n = model.config, len(tokens)
    size = config.width // config.heads
    waves = np.zeros((n, config.width))
    for k in range(0, config.width, 2):
        angle = np.arange(n) * config.positional_base ** (-k / config.width)
        waves[:, k], waves[:, k + 1] = np.sin(angle), np.cos(angle)
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
            scores = query @ key.T / size**0.5
            if config.near:
                back = np.maximum(np.arange(n)[:, None] - np.arange(n), 0)
                near = w["near_bias"][np.minimum(back, config.near - 1)]
                scores = scores + near - np.exp(w["recency"]) * np.log1p(back)
            if config.causal:
                scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            rows.append(shares)
            mixed.append(shares @ value)
        mixed = np.concatenate(mixed, axis=1)
        inner = mixed @ w["mlp_in"] + w["mlp_in_bias"]
        inner = (
            0.5
            * inner
            * (1 + np.tanh((2 / np.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
        )
        out = inner @ w["mlp_out"] + w["mlp_out_bias"] + config.inner_residual * mixed
        out = (out - out.mean(1, keepdims=True)) / np.sqrt(
            out.var(1, keepdims=True) + 1e-5
        )
        states.append(states[-1] + out * w["gain"] + w["bias"])
        all_rows.append(rows)
    return np.array(states), np.array(all_rows)


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
    {"causal": False},
    {"heads": 2, "width": 6},
    {"inner_residual": True, "positional_scale": 1.0},
    {"near": 4, "heads": 2},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_every_state_and_row_is_that_of_the_equations(options):
    model = model_of(**options)
    trajectory, logits = jax.jit(lambda model: (model.run(TOKENS), model(TOKENS)))(
        model
    )
    states, rows = transcription(model, TOKENS, 5)
    np.testing.assert_allclose(trajectory.states, states, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(trajectory.rows, rows, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(
        logits, states[-1] @ model.readout + model.readout_bias, rtol=1e-10
    )


def means(states, rows, q):
    """What the penalties are made of, from the whole trajectory."""
    kinetic = 0.5 * (jnp.diff(states, axis=0) ** 2).sum(-1).mean(0)
    surprise = -jnp.log(rows.max(-1)).mean((0, 1))
    powers = jnp.where(rows > 0, jnp.where(rows > 0, rows, 1.0) ** q, 0.0)
    return kinetic, surprise, ((1 - powers.sum(-1)) / (q - 1)).mean((0, 1))


@pytest.mark.parametrize(
    ("options", "q", "tiling"),
    [
        *((options, 1.5, "whole") for options in OPTIONS),
        (OPTIONS[2], 1.5, "blocks"),
        (OPTIONS[0], 0.7, "blocks"),
    ],
)
def test_energies_and_their_gradients_are_those_of_the_trajectory(
    options, q, tiling, monkeypatch
):
    if tiling == "blocks":
        monkeypatch.setattr(attention, "BLOCKED", 4)
        monkeypatch.setattr(attention, "SCORES", 4 * len(TOKENS))
    model = model_of(**options)
    pulls = jax.random.normal(jax.random.key(9), (3, len(TOKENS)))

    def total(state, parts):
        return (model.decode(state) ** 2).sum() + sum(map(jnp.vdot, pulls, parts))

    def streamed(model):
        return total(*model.energies(TOKENS, q=q))

    def whole(model):
        states, rows = model.run(TOKENS)
        return total(states[-1], means(states, rows, q))

    value, slopes = jax.jit(jax.value_and_grad(streamed))(model)
    expected, others = jax.jit(jax.value_and_grad(whole))(model)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    for name in vars(slopes):
        a, b = getattr(slopes, name), getattr(others, name)
        if name != "config" and a is not None:
            np.testing.assert_allclose(
                a, b, rtol=1e-8, atol=1e-9 * np.abs(b).max(), err_msg=name
            )


def test_the_loss_falls_along_its_gradient_as_finite_differences_say():
    model = model_of()
    leaves, tree = jax.tree.flatten(model)
    along = [
        jax.random.normal(jax.random.key(i), x.shape) for i, x in enumerate(leaves)
    ]

    @jax.jit
    def loss(h):
        shifted = jax.tree.unflatten(
            tree, [x + h * v for x, v in zip(leaves, along, strict=True)]
        )
        state, energies = shifted.energies(TOKENS)
        return (shifted.decode(state) ** 2).mean() + sum(
            part.mean() for part in energies
        )

    difference = (loss(1e-5) - loss(-1e-5)) / 2e-5
    np.testing.assert_allclose(jax.grad(loss)(0.0), difference, rtol=1e-6)


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
    tokens = jax.random.randint(jax.random.key(0), (4, 12), 0, 4)

    def loss(model, tokens):
        state, energies = jax.vmap(model.energies)(tokens)
        return jax.vmap(model.decode)(state).mean() + sum(
            part.mean() for part in energies
        )

    step = jax.value_and_grad(loss)
    together = jax.jit(jax.vmap(step, (0, None)))(stacked, tokens)
    single = jax.jit(step)
    for i, model in enumerate(models):
        alone = single(model, tokens)
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(
                a[i], b, rtol=1e-9, atol=1e-12
            ),
            together,
            alone,
        )


@pytest.mark.parametrize(
    ("options", "tiling"),
    [(options, "whole") for options in OPTIONS]
    + [({}, "blocks"), (OPTIONS[4], "blocks")],
)
def test_a_batch_is_read_as_each_of_its_sequences(options, tiling, monkeypatch):
    """One program for all; its gradient is the sum over the sequences, too."""
    if tiling == "blocks":
        monkeypatch.setattr(attention, "BLOCKED", 4)
    model = model_of(**options)
    tokens = jax.random.randint(jax.random.key(0), (2, 3, 10), 0, 4)
    places = jnp.cumsum(jax.random.randint(jax.random.key(1), (2, 3, 10), 1, 9), -1)

    def single(function):
        return jax.vmap(jax.vmap(function))

    def loss(model, energies):
        state, parts = energies(model)(tokens)
        return (model.decode(state) ** 2).sum() + sum(part.sum() for part in parts)

    @jax.jit
    def together_and_alone(model):
        hidden = model.embed(tokens)
        whole, alone = model.run(tokens), single(model.run)(tokens)
        yields = [
            (read(tokens, places), single(read)(tokens, places))
            for read in (model, model.embed, model.energies)
        ]
        yields += [
            (model.embed(tokens), single(model.embed)(tokens)),
            (model.embed(tokens, places[0, 0]), model.embed(tokens, places[:1, :1])),
            (model.block(hidden), single(model.block)(hidden)),
            (model.step(hidden, hidden), single(model.step)(hidden, hidden)),
            (whole.states, jnp.moveaxis(alone.states, 2, 0)),
            (whole.rows, jnp.moveaxis(alone.rows, (2, 3), (0, 1))),
        ]
        slopes = [
            jax.grad(loss)(model, energies)
            for energies in (lambda m: m.energies, lambda m: single(m.energies))
        ]
        return yields, slopes

    yields, slopes = together_and_alone(model)
    for values, expected in yields:
        assert_close(values, expected)
    assert_close(*slopes, rtol=1e-9)
    assert model(tokens[:0]).shape == (0, 3, 10, model.config.vocabulary)


def test_iterations_can_be_other_than_configured():
    model = model_of()
    states = model.run(TOKENS, iterations=7).states
    assert states.shape == (8, len(TOKENS), 8)
    np.testing.assert_array_equal(states[:6], model.run(TOKENS).states)
    np.testing.assert_allclose(
        model(TOKENS, iterations=2), model.decode(states[2]), rtol=1e-12
    )
    np.testing.assert_allclose(
        model.step(states[2], model.embed(TOKENS)), states[3], rtol=1e-12
    )


def test_positions_are_where_symbols_stand():
    model = model_of()
    np.testing.assert_array_equal(
        model.embed(TOKENS), model.embed(TOKENS, jnp.arange(len(TOKENS)))
    )
    shift = model.embed(TOKENS, jnp.arange(len(TOKENS)) + 5) - model.embed(TOKENS)
    waves = sinusoids(jnp.arange(len(TOKENS)) + 5, 8) - sinusoids(
        jnp.arange(len(TOKENS)), 8
    )
    np.testing.assert_allclose(shift, 0.15 * waves, atol=1e-12)


def test_a_causal_model_does_not_see_the_padding():
    model = model_of()
    padded = jnp.pad(TOKENS, (0, 5))
    np.testing.assert_allclose(model(padded)[: len(TOKENS)], model(TOKENS), rtol=1e-12)


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
        model = LoopedTransformer(LoopedConfig(), key=jax.random.key(0))
        logits = eqx.filter_jit(model)(
            jax.random.randint(jax.random.key(1), (1000,), 0, 4)
        )
    assert logits.shape == (1000, 4)
    assert np.isfinite(logits).all()


def test_ten_thousand_symbols_fit_in_memory():
    """Rows would be 10 GB for one iteration in float32; the limit is 8 GiB in all."""
    code = """
import equinox, jax, resource
from isinglass.systems.looped import LoopedConfig, LoopedTransformer
model = LoopedTransformer(LoopedConfig(iterations=2), key=jax.random.key(0))
tokens = jax.random.randint(jax.random.key(1), (10_000,), 0, 4)
logits = equinox.filter_jit(model)(tokens)
assert bool(jax.numpy.isfinite(logits).all())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 8
