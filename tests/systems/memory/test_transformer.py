from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.memory_training import random_model
from isinglass.systems.memory import Execution, Transformer, TransformerConfig
from isinglass.training.cross_entropy import weighted_cross_entropy

CONFIG = TransformerConfig(vocabulary=11, context=12, width=8, heads=2, layers=3)


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)  # far from the start: attention is not uniform


def draws(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


@pytest.mark.parametrize("symbols", [7, 16_500])  # columns are filled up for the second
def test_cross_entropy_in_parts_is_that_of_all_logits(symbols, monkeypatch):
    final, embedding = draws((9, 3), (symbols, 3))
    targets = jnp.asarray(np.random.default_rng(1).integers(0, symbols, 9))
    weights = jnp.asarray([0.0, 1, 2, 0.5, 1, 1, 0, 3, 1])

    def plain(final, embedding):
        logs = jax.nn.log_softmax(final @ embedding.T)
        return -(weights * jnp.take_along_axis(logs, targets[:, None], 1)[:, 0]).sum()

    def ours(final, embedding):
        loss: Any = weighted_cross_entropy(
            final, embedding, targets, weights, "float32"
        )
        return 3 * loss

    monkeypatch.setattr("isinglass.training.cross_entropy._LOGITS", 2 * 16_512)

    @jax.jit
    def both(*args):
        whole = jax.value_and_grad(lambda *args: 3 * plain(*args), (0, 1))(*args)
        return whole, jax.value_and_grad(ours, (0, 1))(*args), ours(*args)

    expected, parts, forward = both(final, embedding)
    assert float(forward) == pytest.approx(float(parts[0]), rel=1e-6)
    for mine, theirs in zip(
        jax.tree.leaves(parts), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_token_changes_nothing_before_it(data, model):
    tokens = st.lists(st.integers(0, 10), min_size=12, max_size=12)
    first, second = np.array(data.draw(tokens)), np.array(data.draw(tokens))
    cut = data.draw(st.integers(1, 11))
    second[:cut] = first[:cut]
    left, right = (
        jax.tree.map(np.asarray, RUN(model, jnp.asarray(each)))
        for each in (first, second)
    )
    np.testing.assert_array_equal(left.logits[:cut], right.logits[:cut])
    np.testing.assert_array_equal(left.stream[:, :cut], right.stream[:, :cut])


RUN = jax.jit(lambda model, tokens: model.run(tokens))


def test_activations_lead_to_the_logits(model):
    tokens = jnp.arange(9)
    result = jax.tree.map(np.asarray, RUN(model, tokens))
    embedding, positions = np.asarray(model.embedding), np.asarray(model.positions)
    final, logits = jax.jit(lambda model, x: (model.after(x), model(tokens)))(
        model, result.stream[-1]
    )
    assert result.stream.shape == (4, 9, 8)
    np.testing.assert_allclose(
        result.stream[0], embedding[:9] + positions[:9], rtol=1e-6
    )
    np.testing.assert_allclose(result.final, final, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        result.logits, result.final @ embedding.T, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(logits, result.logits, rtol=1e-5, atol=1e-5)


def test_several_sequences_are_each_as_alone(model):
    tokens = np.random.default_rng(2).integers(0, 11, (3, 9))
    together = RUN(model, jnp.asarray(tokens))
    alone = jax.jit(jax.vmap(lambda tokens: model.run(tokens)))(tokens)
    assert together.stream.shape == (4, 3, 9, 8)
    for ours, sequences in (
        (together.logits, alone.logits),
        (jnp.moveaxis(together.stream, 1, 0), alone.stream),
        (together.final, alone.final),
    ):
        np.testing.assert_allclose(ours, sequences, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("changes", [{"checkpoint": True}, {"unroll": True}])
def test_layers_computed_otherwise_have_the_same_gradient(model, changes):
    def loss(model, execution):
        return (model.final(jnp.arange(9), execution) ** 3).sum()

    plain, again = (
        jax.jit(jax.grad(loss), static_argnums=1)(model, execution)
        for execution in (Execution(), Execution(**changes))
    )
    for mine, theirs in zip(
        jax.tree.leaves(again), jax.tree.leaves(plain), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


def test_half_the_bits_change_logits_by_rounding_only(model):
    exact, rounded = jax.jit(
        lambda model: [
            model(jnp.arange(9), Execution(x)) for x in ("float32", "bfloat16")
        ]
    )(model)
    assert rounded.dtype == jnp.float32
    exact, rounded = np.asarray(exact), np.asarray(rounded)
    assert not (rounded == exact).all()
    np.testing.assert_allclose(rounded, exact, atol=0.03 * float(abs(exact).max()))


def test_dropout_needs_a_key_and_keeps_the_mean():
    dropping = random_model(TransformerConfig(11, 12, 8, 2, 1, dropout=0.5))

    def states(key):
        return dropping.stream(TOKENS, key=key, pick=lambda x: x)[1]

    @jax.jit
    def all_states(keys):
        return jax.vmap(states)(keys), states(None)

    some, whole = map(
        np.asarray, all_states(jax.random.split(jax.random.key(3), 4_000))
    )
    plain = np.asarray(dropping.embedding)[:5] + np.asarray(dropping.positions)[:5]
    zero = some[:, 0] == 0
    assert float(zero.mean()) == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(
        some[:, 0].mean(0), plain, atol=0.1 * float(abs(plain).max())
    )
    # Of what a part adds, half is dropped too, so that the last state is hardly ever
    # the same.
    assert len(np.unique(some[:, 1, 0, 0])) > 100
    np.testing.assert_allclose(whole[0], plain, rtol=1e-6)


TOKENS = jnp.arange(5)


def test_new_parameters_have_the_spread_of_gpt2():
    config = TransformerConfig(500, 64, 64, 2, 8)
    fresh = jax.jit(Transformer, static_argnums=0)(config, key=jax.random.key(0))
    fresh = jax.tree.map(np.asarray, fresh)
    for weights, spread in [
        (fresh.embedding, 0.02),
        (fresh.blocks.attention_in, 0.02),
        (fresh.blocks.attention_out, 0.02 / 4),
        (fresh.blocks.mlp_out, 0.02 / 4),
    ]:
        assert float(weights.std()) == pytest.approx(spread, rel=0.03)
    assert fresh.blocks.attention_in.shape == (8, 64, 192)
    assert not (fresh.blocks.mlp_in[0] == fresh.blocks.mlp_in[1]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": 1}, "vocabulary must be at least 2, got 1"),
        ({"layers": 0}, "layers must be at least 1, got 0"),
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"heads": 5}, "width must be a multiple of heads, got width 768 and 5 heads"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"epsilon": float("nan")}, "epsilon must be positive and finite, got nan"),
    ],
)
def test_a_config_out_of_range_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("float16",), "dtype must be one of"),
        (("float32", False, "flash"), "attention must be one of"),
        (("float32", False, "cudnn"), 'attention "cudnn" needs dtype "bfloat16"'),
    ],
)
def test_an_execution_that_is_unknown_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Execution(*arguments)


@pytest.mark.parametrize("token", [-1, 11])
def test_a_token_beyond_the_vocabulary_is_refused(token, model):
    message = rf"tokens must be in \[0, 10\], got {token}"
    with pytest.raises(ValueError, match=message):
        model(jnp.array([1, token, 2]))
    with pytest.raises(ValueError, match=message):
        model.run(jnp.array([1, token, 2]))


@pytest.mark.parametrize("n", [0, 13])
def test_too_few_or_too_many_tokens_are_refused(n, model):
    with pytest.raises(ValueError, match=f"tokens must be 1 to 12 in number, got {n}"):
        model(jnp.zeros(n, int))
