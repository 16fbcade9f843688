"""What flows between all pairs, and along a graph."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.diffusion import (
    Graph,
    conductances,
    sigmoid_diffusion,
    simple_diffusion,
)

ORACLES = Path(__file__).parent / "oracles"
N, H, C = 7, 2, 3
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


CONVOLVE = jax.jit(lambda graph, v: graph.convolve(v))


def drawn(seed, *batch):
    keys = jax.random.split(jax.random.key(seed), 3)
    return [3 * jax.random.normal(key, (*batch, N, H, C)) for key in keys]


def test_the_program_of_the_authors_gives_the_same():
    x = dict(np.load(ORACLES / "difformer_simple_s0.npz", allow_pickle=False))
    q, k, v = (jnp.asarray(x[name]) for name in "qkv")
    simple, sigmoid = jax.jit(
        lambda *a: (simple_diffusion(*a), sigmoid_diffusion(*a, block=4))
    )(q, k, v)
    np.testing.assert_allclose(simple, x["simple"], atol=EXACT)
    np.testing.assert_allclose(sigmoid, x["sigmoid"], atol=EXACT)
    graph = Graph(x["edges"], len(q), self_loops=False)  # which stand among its edges
    convolved = CONVOLVE(graph, v)
    np.testing.assert_allclose(convolved, x["convolved"], atol=EXACT)


@jax.jit
def both_forms(seed):
    q, k, v = drawn(seed)

    def dense(rows):
        return jnp.einsum("nlh,lhc->nhc", rows, v)

    simple = [conductances(q, k, norm=norm) for norm in ("global", "rows")]
    rows = [*simple, conductances(q, k, "sigmoid")]
    ours = [
        *(simple_diffusion(q, k, v, norm=norm) for norm in ("global", "rows")),
        sigmoid_diffusion(q, k, v, block=3),
    ]
    order = jnp.array([4, 0, 6, 1, 2, 5, 3])
    moved = simple_diffusion(q[order], k[order], v[order], norm="rows")
    return (
        jnp.stack(ours) - jnp.stack([dense(r) for r in rows]),
        jnp.stack(rows),
        moved - ours[1][order],
        simple_diffusion(q, k, jnp.ones_like(v), norm="rows") - 1,
    )


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_the_linear_form_is_the_dense_one_and_rows_sum_to_1(seed):
    difference, rows, permuted, constant = map(np.asarray, both_forms(seed))
    assert abs(difference).max() < EXACT
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(-2), 1, rtol=1e-12)
    assert max(abs(permuted).max(), abs(constant).max()) < EXACT


def test_under_one_norm_for_all_attention_is_the_mean():
    q, k = np.random.default_rng(0).normal(size=(2, 1000, 1, 8))
    of = jax.jit(conductances, static_argnames=("kind", "norm"))
    away = [
        1000 * abs(np.asarray(of(q, k, norm=n)) - 1e-3).max()
        for n in ("global", "rows")
    ]
    assert away[0] < 2e-2
    assert away[1] > 0.3


def test_what_a_mask_takes_out_is_not_there():
    q, k, v = map(np.asarray, drawn(0, 2))
    mask = np.array([[1, 1, 0, 1, 0, 1, 1], [0, 1, 1, 1, 1, 1, 0]], bool)

    @jax.jit
    def of(q, k, v, mask=None):
        options = ("global", "rows")
        simple = [simple_diffusion(q, k, v, mask, norm) for norm in options]
        return jnp.stack([*simple, sigmoid_diffusion(q, k, v, mask, 3)])

    masked = np.asarray(of(q, k, v, mask))
    for member in (0, 1):
        there = mask[member]
        alone = of(*(x[member][there] for x in (q, k, v)))
        np.testing.assert_allclose(masked[:, member][:, there], alone, atol=EXACT)
        np.testing.assert_array_equal(masked[:, member][:, ~there], 0)


@jax.jit
def gradients(seed):
    q, k, v = drawn(seed)

    def loss(block):
        return jax.grad(
            lambda *a: (sigmoid_diffusion(*a, block=block) ** 2).sum(), (0, 1, 2)
        )(q, k, v)

    return loss(2), loss(N)


def test_the_gradient_passes_through_blocks():
    for ours, theirs in zip(*gradients(0), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=EXACT)


def test_memory_is_linear_in_the_number_of_instances():
    """20,000 instances of 64 features with their gradient, well within 1 GiB."""

    def loss(*parts):
        return (sigmoid_diffusion(*parts) ** 2).sum()

    shape = jax.ShapeDtypeStruct((20_000, 1, 64), jnp.float32)
    program = jax.jit(jax.grad(loss, (0, 1, 2))).lower(shape, shape, shape).compile()
    analysis = program.memory_analysis()
    assert analysis is not None
    assert analysis.temp_size_in_bytes < 2**28


def test_what_is_0_or_alone_stays_finite():
    of = jax.jit(lambda *a: (simple_diffusion(*a), sigmoid_diffusion(*a)))
    q, k, v = map(np.asarray, drawn(1))
    zero, _ = of(0 * q, k, v)
    np.testing.assert_allclose(zero, np.broadcast_to(v.mean(0), v.shape), atol=EXACT)
    alone = np.full((1, 1, C), 1e3)
    opposite, far = of(alone, -alone, alone)
    np.testing.assert_array_equal(opposite, 0)
    np.testing.assert_allclose(far, 1e3)


@pytest.mark.parametrize("count", [2200, 2203])  # of which blocks divide the first
def test_many_instances_flow_block_by_block_as_they_do_at_once(count):
    """Values and gradients in both modes, against the sums written out."""
    rng = np.random.default_rng(count)
    parts = [jnp.asarray(rng.normal(size=(count, 2, 3))) for _ in "qkvc"]
    moves = [jnp.asarray(rng.normal(size=(count, 2, 3))) for _ in "qkv"]

    def written_out(q, k, v):
        q, k = (x / jnp.sqrt((x * x).sum()) for x in (q, k))
        share = count + jnp.einsum("nhc,lhc->nh", q, k)[..., None]
        return (v.sum(0) + jnp.einsum("nhc,lhc,lhe->nhe", q, k, v)) / share

    def all_of(flow):
        weight = parts[3]
        value, back = jax.vjp(flow, *parts[:3])
        forth = jax.jvp(flow, parts[:3], moves)[1]
        return value, back(count * weight), count * forth

    ours, expected = (
        jax.jit(all_of, static_argnums=0)(f) for f in (simple_diffusion, written_out)
    )
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=EXACT), ours, expected
    )


def test_one_set_of_queries_moves_many_of_values_and_the_other_way_round():
    (q, k, _), (*_, v) = drawn(0), drawn(1, 2)
    both = jax.jit(simple_diffusion)(q, k, v)
    np.testing.assert_allclose(both[1], jax.jit(simple_diffusion)(q, k, v[1]))
    other = jax.jit(simple_diffusion)(v, k, q)
    np.testing.assert_allclose(other[1], jax.jit(simple_diffusion)(v[1], k, q))


def test_a_graph_is_normalised_by_degrees():
    edges = np.array([[0, 1, 1, 2], [1, 0, 2, 1]])
    adjacency = np.zeros((4, 4))
    adjacency[edges[1], edges[0]] = 1
    for loops in (True, False):
        a = adjacency + loops * np.eye(4)
        scale = 1 / np.sqrt(np.maximum(a.sum(1), 1))
        graph = Graph(edges, 4, self_loops=loops)
        v = np.random.default_rng(0).normal(size=(4, 2, 3))
        expected = np.einsum("ij,jhc->ihc", scale[:, None] * a * scale, v)
        result = np.asarray(CONVOLVE(graph, jnp.asarray(v)))
        np.testing.assert_allclose(result, expected, atol=1e-12)
        assert loops or not result[3].any()  # isolated
