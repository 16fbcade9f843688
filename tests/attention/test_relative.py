"""Attention by offset: the dense form, blocks, tables, and memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isinglass.attention.relative as relative
from isinglass.attention import (
    OffsetTables,
    alibi_bias,
    relative_attention,
    relative_rows,
    rotary,
)

B, H, N, C = 3, 2, 7, 4
EXACT = 1e-10
OFFSETS = np.arange(N) - np.arange(N)[:, None] + N - 1  # key − query

pytestmark = pytest.mark.usefixtures("double_precision")


def drawn(seed):
    keys = jax.random.split(jax.random.key(seed), 5)
    heads = [2 * jax.random.normal(key, (B, H, N, C)) for key in keys[:3]]
    return *heads, *(jax.random.normal(key, (H, 2 * N - 1)) for key in keys[3:])


def dense(query, key, bias, visible):
    scores = query @ key.swapaxes(-1, -2) / C**0.5 + bias[:, OFFSETS]
    return jax.nn.softmax(jnp.where(visible, scores, -jnp.inf), axis=-1)


def both_forms(seed):
    """Outputs and gradients of ours in blocks less those of the dense form, by case."""
    *parts, cotangent = *drawn(seed), drawn(seed + 1)[2]
    there = jax.random.bernoulli(jax.random.key(seed), 0.7, (B, N)).at[:, 0].set(True)
    errors = []
    for causal in (False, True):
        visible = there[:, None, None] & (np.tri(N, dtype=bool) | (not causal))

        def ours(q, k, v, b, c, causal=causal):
            options = {"tables": OffsetTables(b, c), "causal": causal}
            return relative_attention(q, k, v, present=there, **options)

        def theirs(q, k, v, b, c, visible=visible):
            return (dense(q, k, b, visible) * c[:, OFFSETS]) @ v

        first, second = (jax.vjp(f, *parts) for f in (ours, theirs))
        pairs = [(first[0], second[0])]
        pairs += zip(first[1](cotangent), second[1](cotangent), strict=True)
        errors += [jnp.abs(a - b).max() for a, b in pairs]
    return jnp.stack(errors)


@pytest.mark.parametrize("rows", [3, N])
def test_it_is_the_dense_form_whatever_the_blocks(monkeypatch, rows):
    monkeypatch.setattr(relative, "BLOCKED", rows)
    run = jax.jit(lambda seed: both_forms(seed))  # compiled for these blocks
    for seed in range(5):
        assert run(seed).max() < EXACT


@jax.jit
def laws(seed):
    query, key, value, bias, coupling = drawn(seed)
    tables = OffsetTables(bias, coupling)
    output, pull = jax.vjp(
        lambda c: relative_attention(query, key, value, tables=OffsetTables(bias, c)),
        coupling,
    )
    shares = relative_rows(query, key, tables=OffsetTables(bias))
    products = shares * (output @ value.swapaxes(-1, -2))
    by_offset = [
        jnp.trace(products, offset, -2, -1).sum(0) for offset in range(1 - N, N)
    ]
    rows = relative_rows(query, key, tables=tables)
    bound = jnp.abs(coupling).max(-1)[:, None] * jnp.abs(value).max((-2, -1))[..., None]
    return (
        pull(output)[0] - jnp.stack(by_offset, -1),
        rows @ value - output,
        shares.sum(-1) - 1,
        bound[..., None] - jnp.abs(output),
        jnp.stack([rows.min(), jnp.ptp(rows.sum(-1))]),
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_coupling_leaves_the_hull_but_not_its_bound(seed):
    gradient, output, sums, room, (least, spread) = laws(seed)
    assert max(abs(x).max() for x in (gradient, output, sums)) < EXACT
    assert room.min() >= 0
    assert least < 0
    assert spread > 0.1


def test_a_coupling_of_1_is_none_and_none_is_a_markov_step():
    query, key, value, bias, coupling = drawn(0)
    run = jax.jit(
        lambda *tables: relative_attention(
            query, key, value, tables=OffsetTables(*tables)
        )
    )
    ones = jnp.ones_like(coupling)
    np.testing.assert_allclose(run(bias, ones), run(bias, None), atol=1e-14)
    np.testing.assert_allclose(run(0 * bias, None), run(None, None), atol=1e-14)


def test_a_token_that_sees_none_gets_0():
    query, key, value, bias, coupling = drawn(0)
    there = np.ones((B, N), bool)
    there = jnp.asarray(there & (np.arange(N) >= 2))

    def loss(q, b):
        output = relative_attention(
            q,
            key,
            value,
            tables=OffsetTables(b, coupling),
            causal=True,
            present=there,
        )
        return (output**2).sum(), output

    gradient, output = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(query, bias)
    assert not output[:, :, :2].any()
    assert output[:, :, 2:].all()
    assert all(jnp.isfinite(x).all() for x in gradient)


def test_memory_is_linear_in_the_length():
    """20,000 tokens with their gradient: all rows would take 1.5 GiB."""

    def loss(query, bias, coupling):
        tables = OffsetTables(bias, coupling)
        return (relative_attention(query, query, query, tables=tables) ** 2).sum()

    n = 20_000
    table = jax.ShapeDtypeStruct((1, 2 * n - 1), jnp.float32)
    query = jax.ShapeDtypeStruct((1, n, 16), jnp.float32)
    with jax.enable_x64(False):
        program = jax.jit(jax.grad(loss, (0, 1, 2))).lower(query, table, table)
    analysis = program.compile().memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes < 2**27


def test_scores_of_turned_queries_and_keys_depend_on_differences():
    query, key = np.random.default_rng(0).normal(size=(2, 1, C))
    turned = [rotary(jnp.asarray(np.repeat(x, N, 0))) for x in (query, key)]
    scores = np.asarray(turned[0] @ turned[1].T)
    for offset in range(1 - N, N):
        np.testing.assert_allclose(np.ptp(np.diagonal(scores, offset)), 0, atol=1e-12)
    np.testing.assert_allclose(scores[0, 0], (query @ key.T)[0, 0])
    assert np.ptp(scores) > 0.1


@pytest.mark.parametrize(
    ("kind", "error"), [(jnp.bfloat16, 2**-8), (jnp.float16, 2**-11), (jnp.int32, 0)]
)
def test_tokens_of_any_type_turn_by_their_own_angle(kind, error):
    turned = rotary(jnp.ones((600, 2), kind))  # token i by i radians
    assert turned.dtype == (float if kind == jnp.int32 else kind)
    places = np.arange(600)
    right = np.stack([np.cos(places) - np.sin(places), np.cos(places) + np.sin(places)])
    np.testing.assert_allclose(
        turned.astype(float).T, right, rtol=error, atol=1e-4 if error else 1e-12
    )


def test_alibi_falls_by_the_distance():
    np.testing.assert_allclose(alibi_bias(8, 2)[:, 0], -(2.0 ** -np.arange(1, 9)))
    np.testing.assert_array_equal(alibi_bias(1, 3)[0] * 256, [-2, -1, 0, -1, -2])
