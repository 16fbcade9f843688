"""Attention with row statistics, against dense softmax and its derivatives."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.attention import attend, attention_rows
from isinglass.attention import streamed as attention

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.fixture(params=["whole", "blocks"])
def tiling(request, monkeypatch):
    """All rows at a time, or few, the last block not full."""
    if request.param == "blocks":
        monkeypatch.setattr(attention, "BLOCKED", 4)
        monkeypatch.setattr(attention, "SCORES", 3 * 13)


def inputs(n=13, c=3, d=4, batch=(2,), seed=0, spread=2.0) -> Any:
    rng = np.random.default_rng(seed)
    draws = (spread * rng.standard_normal((*batch, n, size)) for size in (c, c, d))
    return tuple(map(jnp.asarray, draws))


def dense(query, key, value, causal=True, q: float | None = 1.5, bias=None):
    """The same from whole rows, with nothing clever; in JAX or, faster, in NumPy.

    Of complex numbers in NumPy, small imaginary parts come out as derivatives.
    """
    is_numpy = isinstance(query, np.ndarray)
    xp = np if is_numpy else jnp
    scores = query @ xp.swapaxes(key, -1, -2)
    if bias is not None:
        place = np.arange(scores.shape[-1])
        scores = scores + bias[np.abs(place[:, None] - place)]
    visible = np.tril(np.ones(scores.shape[-2:], bool)) | (not causal)
    scores = xp.where(visible, scores, -np.inf)
    shares = xp.exp(scores - xp.real(scores).max(-1, keepdims=True))
    rows = shares / shares.sum(-1, keepdims=True)
    surprise = -xp.log(rows.max(-1))
    if q is None:
        power = xp.zeros_like(surprise)
    else:
        power = xp.where(visible, xp.where(visible, rows, 1.0) ** q, 0.0).sum(-1)
    return rows @ value, (surprise, power)


def streamed(query, key, value, causal=True, q: float | None = 1.5, bias=None):
    output, statistics = attend(query, key, value, causal=causal, q=q, bias=bias)
    return output, tuple(statistics)


def compare_with_dense(arguments, **options):
    """Values, and the pull of random weights on every number of them."""
    query, key, value, *bias = map(np.asarray, arguments)
    bias = bias[0] if bias else None
    output, (surprise, power) = dense(query, key, value, bias=bias, **options)
    rng = np.random.default_rng(9)
    weights = [rng.standard_normal(x.shape) for x in (output, surprise, power)]

    def pulled(values):
        return sum((w * x).sum() for w, x in zip(weights, values, strict=True))

    @jax.jit
    def values_and_pull(arguments):
        def loss(arguments):
            query, key, value, *bias = arguments
            bias = bias[0] if bias else None
            output, rows = streamed(query, key, value, bias=bias, **options)
            return pulled((output, *rows)), (output, *rows)

        return jax.grad(loss, has_aux=True)(arguments)

    slopes, values = values_and_pull(tuple(arguments))
    for a, b in zip(values, (output, surprise, power), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    # Along several directions, exact to rounding by steps into the complex plane.
    for i, slope in enumerate(slopes):
        for _ in range(5):
            moved = [np.asarray(x) for x in arguments]
            along = rng.standard_normal(moved[i].shape)
            moved[i] = moved[i] + 1e-30j * along
            query, key, value, *rest = moved
            bias = rest[0] if rest else None
            output, rows = dense(query, key, value, bias=bias, **options)
            expected = pulled((output, *rows)).imag / 1e-30
            scale = np.linalg.norm(slope) * np.linalg.norm(along)
            assert abs((slope * along).sum() - expected) < 1e-11 * scale


@pytest.mark.parametrize(
    ("causal", "q"),
    [(True, 1.5), (True, 2.0), (True, 0.7), (False, 1.5), (False, 3.2), (True, None)],
)
def test_values_and_gradients_are_those_of_dense_softmax(tiling, causal, q):
    compare_with_dense(inputs(), causal=causal, q=q)


def test_a_bias_by_distance_is_added_to_the_scores_and_has_its_gradient(tiling):
    bias = jnp.asarray(np.random.default_rng(5).standard_normal(13))
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
    slope = jax.jit(jax.grad(surprise))(jnp.zeros((4, 4)))[0]
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
    output, rows = jax.jit(lambda *x: attend(*x, q=1.5))(query, key, value)
    np.testing.assert_allclose(output[0], value[0])
    assert rows.surprise[0] == 0
    assert rows.power[0] == 1


def test_causal_rows_do_not_see_what_comes_after(tiling):
    query, key, value = inputs()
    apply, late = jax.jit(attend), np.arange(13)[:, None] >= 7
    before, _ = apply(query, key, value)
    key, value = (jnp.asarray(np.where(late, 9.0, x)) for x in (key, value))
    after, _ = apply(query, key, value)
    np.testing.assert_array_equal(before[:, :7], after[:, :7])


def test_rows_are_shares_and_nothing_above_the_diagonal():
    query, key, _ = inputs()
    rows, whole = map(
        np.asarray,
        jax.jit(
            lambda *x: (attention_rows(*x), attention_rows(*x, causal=False)),
        )(query, key),
    )
    np.testing.assert_allclose(rows.sum(-1), 1, rtol=1e-14)
    assert (np.triu(rows, 1) == 0).all()
    assert (whole > 0).all()


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
