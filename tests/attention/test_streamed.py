"""Attention with row statistics, against dense softmax and its derivatives."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from isinglass.attention import attend, attention_rows
from isinglass.attention import streamed as attention


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["whole", "blocks"])
def tiling(request, monkeypatch):
    """All rows at a time, or few, the last block not full."""
    if request.param == "blocks":
        monkeypatch.setattr(attention, "BLOCKED", 4)
        monkeypatch.setattr(attention, "SCORES", 3 * 13)


def inputs(n=13, c=3, d=4, batch=(2,), seed=0, spread=2.0) -> Any:
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = (c, c, d)
    return tuple(
        spread * jax.random.normal(key, (*batch, n, size))
        for key, size in zip(keys, shapes, strict=True)
    )


def dense(query, key, value, causal=True, q: float | None = 1.5, bias=None):
    """The same from whole rows, with nothing clever."""
    scores = jnp.einsum("...ic,...jc->...ij", query, key)
    if bias is not None:
        place = jnp.arange(scores.shape[-1])
        scores = scores + bias[jnp.abs(place[:, None] - place)]
    visible = jnp.tril(jnp.ones(scores.shape[-2:], bool)) | (not causal)
    rows = jax.nn.softmax(jnp.where(visible, scores, -jnp.inf), axis=-1)
    surprise = -jnp.log(rows.max(-1))
    if q is None:
        power = jnp.zeros_like(surprise)
    else:
        power = jnp.where(rows > 0, jnp.where(rows > 0, rows, 1.0) ** q, 0.0).sum(-1)
    return rows @ value, (surprise, power)


def streamed(query, key, value, causal=True, q: float | None = 1.5, bias=None):
    output, statistics = attend(query, key, value, causal=causal, q=q, bias=bias)
    return output, tuple(statistics)


def compare_with_dense(arguments, **options):
    """Values, and the pull of random weights on every number of them."""

    def values_and_pull(function):
        def apply(query, key, value, bias=None):
            return function(query, key, value, bias=bias, **options)

        @jax.jit
        def both(arguments):
            values, pull = jax.vjp(apply, *arguments)
            key = jax.random.key(9)
            weights = [jax.random.normal(key, x.shape) for x in jax.tree.leaves(values)]
            return values, pull(jax.tree.unflatten(jax.tree.structure(values), weights))

        return both(arguments)

    (values, slopes), (expected, dense_slopes) = map(values_and_pull, (streamed, dense))
    for a, b in zip(jax.tree.leaves(values), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    for a, b in zip(slopes, dense_slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("causal", "q"),
    [(True, 1.5), (True, 2.0), (True, 0.7), (False, 1.5), (False, 3.2), (True, None)],
)
def test_values_and_gradients_are_those_of_dense_softmax(tiling, causal, q):
    compare_with_dense(inputs(), causal=causal, q=q)


def test_a_bias_by_distance_is_added_to_the_scores_and_has_its_gradient(tiling):
    bias = jax.random.normal(jax.random.key(5), (13,))
    compare_with_dense((*inputs(batch=(2, 3)), bias), q=1.5)


def test_a_bias_by_distance_needs_a_causal_model():
    with pytest.raises(ValueError, match="causal must be True"):
        attend(*inputs(), causal=False, bias=jnp.zeros(13))


def test_batches_and_lengths_that_differ_are_refused():
    query, key, value = (jnp.moveaxis(x, -1, 0) for x in inputs())
    for other in (key[:, :1], key[:, 0], key[..., 1:]):
        with pytest.raises(
            ValueError, match=r"one batch and one length, got \(2, 13\), "
        ):
            attention._check(query, other, value, None, True)


@pytest.mark.parametrize("q", [1.5, 0.7])
def test_gradients_are_finite_differences(tiling, q):
    check_grads(
        jax.jit(lambda *x: streamed(*x, causal=True, q=q)),
        inputs(n=11, spread=0.7),
        1,
        ["rev"],
        eps=1e-5,
        rtol=1e-5,
    )


def test_second_derivatives_are_those_of_dense_softmax():
    arguments = inputs(n=6, batch=())
    along = inputs(n=6, batch=(), seed=1)

    def bend(attention):
        def loss(query, key, value):
            output, (surprise, power) = attention(query, key, value, True, 1.5)
            return (output**2).sum() + (surprise * power).sum()

        slope = jax.grad(loss, (0, 1, 2))
        return jax.jit(lambda x, v: jax.jvp(slope, x, v)[1])(arguments, along)

    for a, b in zip(bend(streamed), bend(dense), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_tied_keys_leave_the_slope_of_one_of_them():
    """Four equal keys: 1/4 each, and only pushing the first up lowers the surprise."""
    scores = jnp.eye(4)
    surprise = lambda query: attend(query, scores, scores, causal=False)[1].surprise[0]  # noqa: E731
    slope = jax.grad(surprise)(jnp.zeros((4, 4)))[0]
    np.testing.assert_allclose(slope, [-0.75, 0.25, 0.25, 0.25], atol=1e-15)


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_large_scores_neither_overflow_nor_spoil_gradients(size):
    with jax.enable_x64(False):
        query, key, value = (size**0.5 * x for x in inputs(batch=(), spread=1.0))
        query, key, value = (x.astype(jnp.float32) for x in (query, key, value))

        def loss(*x):
            output, rows = attend(*x, q=1.5)
            return output.sum() + rows.surprise.sum() + rows.power.sum()

        step = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
        value, slopes = step(query, key, value)
    assert all(np.isfinite(numbers).all() for numbers in (value, *slopes))


def test_a_row_with_one_key_is_certain():
    query, key, value = inputs(batch=())
    output, rows = attend(query, key, value, q=1.5)
    np.testing.assert_allclose(output[0], value[0])
    assert rows.surprise[0] == 0
    assert rows.power[0] == 1


def test_causal_rows_do_not_see_what_comes_after(tiling):
    query, key, value = inputs()
    before, _ = attend(query, key, value)
    after, _ = attend(query, key.at[:, 7:].set(9.0), value.at[:, 7:].set(9.0))
    np.testing.assert_array_equal(before[:, :7], after[:, :7])


def test_rows_are_shares_and_nothing_above_the_diagonal():
    query, key, _ = inputs()
    rows = attention_rows(query, key)
    np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-14)
    assert (np.triu(rows, 1) == 0).all()
    assert (attention_rows(query, key, causal=False) > 0).all()


def test_a_batch_is_what_its_members_are_alone(tiling):
    arguments = inputs(batch=(2, 3))

    @jax.jit
    def apply(*x):
        return streamed(*x), jax.vmap(jax.vmap(streamed))(*x)

    together, mapped = apply(*arguments)
    alone = jax.jit(streamed)(*(x[1, 2] for x in arguments))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), together, mapped
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1, 2], b, rtol=1e-13), together, alone
    )
