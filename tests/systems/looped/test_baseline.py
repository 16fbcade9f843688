"""The looped GPT-2 baseline, against its equations in plain NumPy."""

import math
import re
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import log_softmax

from helpers.random_models import random_model
from isinglass.data.induction import FORMS, InductionTask
from isinglass.systems.looped.baseline import (
    AdaptiveBaseline,
    BaselineConfig,
    LoopedBaseline,
)

TOKENS = jnp.array([3, 0, 2, 2, 1, 3, 0, 1, 1])

pytestmark = pytest.mark.usefixtures("double_precision")


@cache
def model_of(key=0, **options) -> Any:
    """A small model none of whose parameters is 0 or 1, whose weights are not tiny."""
    usual: dict[str, Any] = {"width": 8, "heads": 2, "iterations": 4}
    return random_model(LoopedBaseline, BaselineConfig(**usual | options), key)


@jax.jit
def by_loops(model, tokens):
    """Logits after 1 to 9 loops, read off one course of states."""
    return model.decode(model.run(tokens, iterations=9).states[1:])


def transcription(model, tokens, loops):
    """States and rows of attention, loop by loop, in NumPy."""
    w = jax.tree.map(np.asarray, model)
    config, n = model.config, len(tokens)
    size = config.width // config.heads

    def normalise(x, by):
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        return x * by.gain + by.bias

    inputs = w.embedding[np.asarray(tokens)]
    for k in range(0, config.width, 2):
        angle = np.arange(n) * config.positional_base ** (-k / config.width)
        pair = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        inputs = inputs + config.positional_scale * np.pad(
            pair, ((0, 0), (k, config.width - k - 2))
        )
    states, all_rows = [np.zeros_like(inputs)], []
    for _ in range(loops):
        x = states[-1] + inputs
        together = (
            normalise(x, w.before_attention) @ w.attention_in + w.attention_in_bias
        )
        mixed, rows = [], []
        for head in range(config.heads):
            query, key, value = (
                part[:, head * size : (head + 1) * size]
                for part in np.split(together, 3, axis=1)
            )
            scores = query @ key.T / size**0.5
            if config.causal:
                scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            rows.append(shares)
            mixed.append(shares @ value)
        x = x + np.concatenate(mixed, axis=1) @ w.attention_out + w.attention_out_bias
        inner = normalise(x, w.before_mlp) @ w.mlp_in + w.mlp_in_bias
        inner = (
            0.5
            * inner
            * (1 + np.tanh((2 / np.pi) ** 0.5 * (inner + 0.044715 * inner**3)))
        )
        states.append(normalise(x + inner @ w.mlp_out + w.mlp_out_bias, w.after))
        all_rows.append(rows)
    return np.array(states), np.array(all_rows)


@pytest.mark.parametrize(
    "options", [{}, {"causal": False}, {"heads": 1, "positional_scale": 0.5}]
)
def test_every_state_and_row_is_that_of_the_equations(options):
    model = model_of(**options)
    trajectory, logits = jax.jit(lambda model: (model.run(TOKENS), model(TOKENS)))(
        model
    )
    states, rows = transcription(model, TOKENS, 4)
    np.testing.assert_allclose(trajectory.states, states, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(trajectory.rows, rows, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        logits, states[-1] @ model.readout + model.readout_bias, rtol=1e-9
    )


def test_energies_and_their_gradients_are_those_of_the_trajectory():
    model = model_of()

    def streamed(model):
        state, energies = model.energies(TOKENS)
        return (model.decode(state) ** 2).sum() + sum(part.sum() for part in energies)

    def whole(model):
        states, rows = model.run(TOKENS)
        kinetic = 0.5 * (jnp.diff(states, axis=0) ** 2).sum(-1).mean(0)
        surprise = -jnp.log(rows.max(-1)).mean((0, 1))
        powers = jnp.where(rows > 0, jnp.where(rows > 0, rows, 1.0) ** 1.5, 0.0)
        entropy = ((1 - powers.sum(-1)) / 0.5).mean((0, 1))
        return (model.decode(states[-1]) ** 2).sum() + (
            kinetic + surprise + entropy
        ).sum()

    value, slopes = jax.jit(jax.value_and_grad(streamed))(model)
    expected, others = jax.jit(jax.value_and_grad(whole))(model)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a, b, rtol=1e-7, atol=1e-9 * np.abs(b).max()
        ),
        slopes,
        others,
    )


def test_it_has_the_published_shape():
    config = BaselineConfig()
    model = random_model(LoopedBaseline, config)
    assert (config.width, config.heads, config.positional_scale) == (64, 4, 0.0)
    assert model.mlp_in.shape == (64, 256)


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_a_batch_is_read_as_each_of_its_sequences(scale):
    model = model_of(positional_scale=scale)
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, 4, (3, 10)))

    @jax.jit
    def together_and_alone(model, tokens):
        hidden = model.embed(tokens)
        pairs = [
            (read(tokens), jax.vmap(read)(tokens)) for read in (model, model.energies)
        ]
        rows = jnp.moveaxis(jax.vmap(model.attention)(hidden), 0, 1)
        return [*pairs, (model.attention(hidden), rows)]

    for together, alone in together_and_alone(model, tokens):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12),
            together,
            alone,
        )


def test_without_positions_only_the_order_of_causality_is_seen():
    read = jax.jit(lambda model, *x: model(*x))
    plain = read(model_of(), TOKENS, jnp.arange(9))
    np.testing.assert_array_equal(
        plain, read(model_of(), TOKENS, jnp.asarray(np.arange(9) * 7))
    )
    free = model_of(causal=False)
    order = np.array([4, 2, 0, 8, 1, 3, 7, 5, 6])
    moved = jnp.asarray(np.asarray(TOKENS)[order])
    np.testing.assert_allclose(
        np.asarray(read(free, TOKENS))[order], read(free, moved), rtol=1e-8
    )


def test_it_answers_where_it_is_most_confident():
    model = model_of()
    adapted = jax.jit(lambda model: model.adapt(TOKENS, most=9, least=3))(model)
    logits = np.asarray(by_loops(model, TOKENS))
    unsure = -log_softmax(logits, axis=-1).max(-1).mean(-1)
    np.testing.assert_allclose(adapted.cross_entropy, unsure, rtol=1e-10)
    best = 3 + int(np.argmin(unsure[2:]))
    assert int(adapted.iterations) == best
    np.testing.assert_allclose(adapted.logits, logits[best - 1], rtol=1e-10)


def test_confidence_is_asked_only_where_it_counts():
    model = model_of()
    mask = np.arange(9) == 8

    @jax.jit
    def adapt(model):
        padding = (0, 3)
        tokens, counted = jnp.pad(TOKENS, padding), jnp.asarray(np.pad(mask, padding))
        return (
            model.adapt(TOKENS, most=6, counted=jnp.asarray(mask)),
            model.adapt(tokens, most=6, counted=counted),
        )

    adapted, padded = adapt(model)
    expected = -log_softmax(by_loops(model, TOKENS), axis=-1)[:6, 8].max(-1)
    np.testing.assert_allclose(adapted.cross_entropy, expected, rtol=1e-10)
    np.testing.assert_allclose(padded.logits[:9], adapted.logits, rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_adaptive_answers_are_of_the_loop_most_confident_where_it_counts(form):
    model, symbols = model_of(), np.random.default_rng(1).integers(0, 4, 9)
    tokens = jnp.asarray(symbols)
    logits = np.asarray(by_loops(model, tokens))[:5]
    confidence = log_softmax(logits, axis=-1).max(-1)
    questions = [i for i in range(9) if symbols[i] in symbols[:i]]
    assert 0 < len(questions) < 8
    counted = [8] if form == "last-token" else questions
    best = confidence[:, counted].mean(-1).argmax()
    adaptive = AdaptiveBaseline(model, InductionTask(form, 4), most=5)
    answered = jax.jit(adaptive.__call__)(tokens)
    np.testing.assert_allclose(answered, logits[best], rtol=1e-5)


def test_sequences_of_a_batch_may_stop_at_different_loops():
    model = model_of()
    tokens = jnp.asarray(np.random.default_rng(3).integers(0, 4, (20, 9)))
    adapt = jax.vmap(lambda tokens: model.adapt(tokens, most=9))
    together = jax.jit(adapt)(tokens)
    logits = jax.vmap(by_loops, (None, 0))(model, tokens)
    unsure = -log_softmax(logits, axis=-1).max(-1).mean(-1)
    np.testing.assert_array_equal(together.iterations, 1 + unsure.argmin(1))
    assert len(np.unique(together.iterations)) > 1


def test_a_few_steps_of_training_lower_the_loss():
    """Copying the symbol before is in reach of attention that counts back by one."""
    config = BaselineConfig(width=16, iterations=3, positional_scale=0.02)
    model: Any = jax.jit(LoopedBaseline, static_argnums=0)(
        config, key=jax.random.key(0)
    )
    tokens = jnp.asarray(np.random.default_rng(1).integers(0, 4, (16, 12)))
    optimiser = optax.adam(3e-3)

    def loss(model):
        logits = jax.vmap(model)(tokens)[:, 1:]
        return optax.softmax_cross_entropy_with_integer_labels(
            logits, tokens[:, :-1]
        ).mean()

    def step(carry, _):
        model, state = carry
        value, slope = jax.value_and_grad(loss)(model)
        updates, state = optimiser.update(slope, state)
        return (optax.apply_updates(model, updates), state), value

    @jax.jit
    def trained(model):
        first = (model, optimiser.init(model))
        return jax.lax.scan(step, first, None, length=60)[1]

    values = np.asarray(trained(model))
    assert values[0] == pytest.approx(math.log(4), rel=0.05)
    assert values[-1] < 0.9 * values[0]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("vocabulary", 1),
        ("width", 7),
        ("heads", 3),
        ("hidden", 0),
        ("iterations", 0),
        ("positional_scale", -0.1),
        ("positional_base", math.inf),
    ],
)
def test_a_bad_configuration_is_refused_by_name(option, value):
    with pytest.raises(ValueError, match=rf"{option}.*got.*{re.escape(str(value))}"):
        BaselineConfig(**{option: value})


@pytest.mark.parametrize("token", [-1, 4])
def test_a_symbol_beyond_the_vocabulary_is_refused(token):
    model = model_of()
    for method in (model, model.run, model.energies):
        with pytest.raises(
            ValueError, match=rf"tokens must be in \[0, 3\], got {token}"
        ):
            method(jnp.array([1, token]))


def test_bad_counts_are_refused():
    model = model_of()
    with pytest.raises(ValueError, match="iterations must be at least 1, got 0"):
        model(TOKENS, iterations=0)
    for least, most in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"least must be .*, got {least}"):
            model.adapt(TOKENS, most=most, least=least)
    with pytest.raises(ValueError, match="q must be"):
        model.energies(TOKENS, q=1.0)
