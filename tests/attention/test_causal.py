"""Causal attention by blocks, against the whole matrix and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.attention import causal_attention


def draws(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in shapes]


def plain_attention(query, key, value):
    scores = jnp.einsum("hic,hjc->hij", query, key) / query.shape[-1] ** 0.5
    scores = jnp.where(jnp.tril(jnp.ones(scores.shape[1:], bool)), scores, -jnp.inf)
    return jax.nn.softmax(scores, -1) @ value


@pytest.mark.parametrize(
    ("n", "scores"), [(7, None), (130, None), (70, 300)], ids=["one", "bands", "parts"]
)
def test_attention_and_its_gradient_are_those_of_the_whole_matrix(
    n, scores, monkeypatch
):
    """In one block, in bands of different numbers of keys, in parts that fit."""
    if scores is not None:
        monkeypatch.setattr("isinglass.attention.causal.SCORES", scores)
    *heads, weight = draws(*[(2, n, 4)] * 4)

    def value_and_gradient(function):
        def loss(*args):
            return (weight * function(*args)).sum()

        return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))(*heads)

    blocks = jax.tree.leaves(value_and_gradient(causal_attention))
    with jax.default_matmul_precision("highest"):
        whole = jax.tree.leaves(value_and_gradient(plain_attention))
    for ours, plain in zip(blocks, whole, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("n", [1, 6, 7])
def test_cudnn_is_called_with_even_lengths_only(n, monkeypatch):
    """As its kernel asks, which runs on GPUs alone: XLA's takes its place here."""
    attention = jax.nn.dot_product_attention

    def kernel(query, *others, implementation, **how):
        assert implementation == "cudnn"
        assert query.shape[0] % 2 == 0
        return attention(query, *others, implementation="xla", **how)

    monkeypatch.setattr(jax.nn, "dot_product_attention", kernel)
    heads = draws(*[(2, n, 4)] * 3)
    mixed = causal_attention(*heads, implementation="cudnn")
    np.testing.assert_allclose(mixed, plain_attention(*heads), rtol=1e-4, atol=1e-6)
