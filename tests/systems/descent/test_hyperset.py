"""Hyper-SET: the authors' numbers, and what its step is and is not."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.descent import (
    HyperSET,
    HyperSETConfig,
    SymbolHyperSET,
    projection_bounds,
    token_spread,
)
from isinglass.systems.descent.hyperset import on_sphere
from isinglass.systems.descent.hyperset_energies import ATTENTION, FEEDFORWARD

ORACLES = Path(__file__).parent / "oracles"
N, D, H, M = 5, 8, 2, 8
P = D // H
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


def with_fields(module, **fields):
    """Fields replaced without a check, for weights that are larger than any drawn."""
    for name, value in fields.items():
        module = eqx.tree_at(
            lambda m, name=name: getattr(m, name),
            module,
            jnp.asarray(value),
            is_leaf=lambda leaf: leaf is None,
        )
    return module


def oracle(name):
    return dict(np.load(ORACLES / f"{name}.npz", allow_pickle=False))


def layer_of(x, prefix="", **options):
    """The layer of an oracle, and the same with norms of weight 1."""
    heads, (m, d) = int(x[f"{prefix}heads"]), x[f"{prefix}D"].shape
    config = HyperSETConfig(d, heads, m, step_features=0, **options)
    layer = HyperSET(config, key=jax.random.key(0))
    layer = with_fields(
        layer, subspaces=x[f"{prefix}W"].T, directions=x[f"{prefix}D"].T
    )
    names = {"norm_feedforward": "norm_feedforward"}
    if config.separate_norms:
        names |= {n: n for n in ("norm_query", "norm_key", "norm_value")}
    else:
        names |= {"norm_query": "norm_attention"}
    weights = {name: x[prefix + theirs] for name, theirs in names.items()}
    return with_fields(layer, **weights), layer


@jax.jit
def steps_of(layer, x, steps):
    attention = layer.attention(x)
    after = x - steps[0] * attention
    return attention, after + steps[1] * layer.feedforward(after)


@pytest.mark.parametrize(
    ("prefix", "options"),
    [("", {}), ("im_", {"feedforward": "gelu", "separate_norms": True})],
)
def test_the_layers_of_the_authors_give_the_same(prefix, options):
    x = oracle("hyperset_layer_s0")
    layer, _ = layer_of(x, prefix, **options)
    sizes = [x[f"{prefix}step_{name}"] for name in ("attention", "feedforward")]
    attention, output = steps_of(layer, x[f"{prefix}x"], sizes)
    np.testing.assert_allclose(attention, x[f"{prefix}attention"], atol=EXACT)
    np.testing.assert_allclose(output, x[f"{prefix}output"], atol=EXACT)


@jax.jit
def reported(layer, x):
    return *layer.energies(x), *token_spread(layer.projections(x))


def test_energies_that_the_program_reports_are_those_of_norms_of_weight_1():
    x = oracle("hyperset_layer_s0")
    _, plain = layer_of(x)
    names = ("energy_attention", "energy_feedforward", "effective_rank")
    for name, ours in zip(
        (*names, "average_angle"), reported(plain, x["x"]), strict=True
    ):
        np.testing.assert_allclose(ours, x[name], atol=EXACT, err_msg=name)


def test_tokens_of_half_precision_are_spread_alike():
    state = jax.random.normal(jax.random.key(0), (5, 6), jnp.float16)
    spread = token_spread(state)
    assert spread.angle.dtype == jnp.float32
    np.testing.assert_allclose(spread, token_spread(state.astype(jnp.float32)))


def model_of(x):
    d, block = x["m_ln_f_weight"].shape[0], "m_blocks_0_"
    directions = x[f"{block}mlp_weight"]
    features = x["m_time_mlp_0_1_weight"].shape[1]
    config = HyperSETConfig(
        d, int(x["m_heads"]), len(directions), step_features=features
    )
    model = SymbolHyperSET(config, key=jax.random.key(0))
    steps = with_fields(
        model.layer.steps,
        **{
            name: x[f"m_time_mlp_{place}"].T
            for name, place in {
                "wave_in": "0_1_weight",
                "wave_in_bias": "0_1_bias",
                "wave_out": "0_3_weight",
                "wave_out_bias": "0_3_bias",
                "out": "1_1_weight",
                "out_bias": "1_1_bias",
            }.items()
        },
    )
    layer = with_fields(
        model.layer,
        subspaces=x[f"{block}attn_qkv_weight"].T,
        directions=directions.T,
        norm_query=x[f"{block}attn_ln1_weight"],
        norm_feedforward=x[f"{block}ln2_weight"],
    )
    layer = eqx.tree_at(lambda b: b.steps, layer, steps)
    model = eqx.tree_at(lambda m: m.layer, model, layer)
    return with_fields(
        model,
        embedding=x["m_tok_emb_weight"],
        positions=x["m_pos_emb"][0],
        norm=x["m_ln_f_weight"],
        readout=x["m_head_weight"].T,
    )


def test_the_recurrent_model_of_the_authors_gives_the_same():
    x = oracle("hyperset_model_s0")
    model, tokens = model_of(x), x["m_tokens"]
    logits = jax.jit(lambda m, t: m(t, int(x["m_iterations"])))(model, tokens)
    np.testing.assert_allclose(logits, x["m_logits"], atol=EXACT)


def drawn(seed, orthogonal=False, **options):
    keys = jax.random.split(jax.random.key(seed), 5)
    config = HyperSETConfig(D, H, M, step_features=0, **options)
    layer = HyperSET(config, key=keys[0])
    subspaces = jax.random.normal(keys[1], (D, D))
    directions = jax.random.normal(keys[2], (D, M))
    weights = 1 + 0.3 * jax.random.normal(keys[3], (P,))
    if orthogonal:
        subspaces = jnp.linalg.qr(subspaces)[0]
        directions = jnp.linalg.qr(directions)[0]
        weights = jnp.ones(P)
    layer = with_fields(
        layer, subspaces=subspaces, directions=directions, norm_query=weights
    )
    return layer, jax.random.normal(keys[4], (N, D))


class Laws(NamedTuple):
    """By how much each law is missed, at a state of a layer."""

    gradient: jax.Array
    radial: jax.Array
    scale: jax.Array
    permuted: jax.Array
    sphere: jax.Array


@jax.jit
def laws_of(seed, factor):
    layer, x = drawn(seed, step="exact")
    force, energy = layer.force(x), layer.energy(x)
    order = jnp.array([3, 0, 4, 1, 2])
    size = 1 + abs(energy)
    return Laws(
        abs(force - layer.slope(x)).max() / size,
        abs((force * x).sum(-1)).max() / size,
        abs(layer.energy(factor * x) - energy) / size,
        abs(layer.force(x[order]) - force[order]).max() / size,
        abs((layer.projections(x) ** 2).sum(-1) - P).max(),
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0.5, 20))
def test_laws_of_the_gradient(seed, factor):
    """E is invariant under x_i → s x_i, so that its gradient is tangent to x_i."""
    for name, miss in laws_of(seed, factor)._asdict().items():
        assert miss < 1e-10, name


@jax.jit
def slopes_missed(seed):
    """By how much each energy's closed form misses the gradient."""
    keys = jax.random.split(jax.random.key(seed), 3)
    q, k, u = (jax.random.normal(key, (N, P)) for key in keys)
    missed = []
    for energy, slopes in ATTENTION.values():
        of = jax.grad(energy, (0, 1))(q, k, 0.5)
        pairs = zip(slopes(q, k, 0.5), of, strict=True)
        missed += [abs(a - b).max() for a, b in pairs]
    for energy, force in FEEDFORWARD.values():
        missed.append(abs(force(u) + jax.grad(energy)(u)).max())
    return jnp.stack(missed)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_slopes_of_every_energy_are_its_gradient(seed):
    assert slopes_missed(seed).max() < 1e-12


@jax.jit
def asymmetry(seed):
    """Antisymmetric share of the Jacobian of the published and of the exact slope."""

    def share(step):
        layer, x = drawn(seed, step=step)
        jacobian = jax.jacfwd(layer.attention)(x).reshape(N * D, N * D)
        return jnp.linalg.norm(jacobian - jacobian.T) / jnp.linalg.norm(
            jacobian + jacobian.T
        )

    return share("published"), share("exact")


def test_the_published_step_is_no_gradient_and_the_exact_one_is():
    published, exact = np.transpose([asymmetry(seed) for seed in range(20)])
    assert published.min() > 0.02
    assert exact.max() < 1e-12


@jax.jit
def cosines(seed):
    """Of each token's published half-steps with the way down, W orthogonal or not."""

    def of(orthogonal):
        published, x = drawn(seed, orthogonal)
        exact, _ = drawn(seed, orthogonal, step="exact")
        pairs = (
            (published.attention(x), exact.attention(x)),
            (published.feedforward(x), exact.feedforward(x)),
        )
        return [
            (a * b).sum(-1) / jnp.linalg.norm(a, axis=-1) / jnp.linalg.norm(b, axis=-1)
            for a, b in pairs
        ]

    return of(True), of(False)


def test_half_steps_go_down_if_weights_are_orthogonal_and_else_need_not():
    orthogonal, others = jax.jit(lambda s: jax.lax.map(cosines, s))(np.arange(200))
    assert all(jnp.nanmin(x) > 0 for x in orthogonal)  # 0/0 where no u is positive
    assert 0 < (others[0] < 0).mean() < 0.2


@cache
def descent_of(step):
    return jax.jit(
        lambda seed, size: (
            drawn(seed, step == "published", step=step)[0]
            .replaced(step_size=size)
            .follow(drawn(seed)[1], 20)
            .energies
        )
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(1e-4, 3e-3))
def test_the_energy_falls_along_small_exact_steps(seed, size):
    energies = descent_of("exact")(seed, size)
    assert (jnp.diff(energies) <= 1e-10 * abs(energies).max()).all()


def test_the_sum_may_rise_along_published_ones_even_so():
    courses = np.array([descent_of("published")(seed, 0.1) for seed in range(20)])
    assert 0.01 < (np.diff(courses) > 1e-9).mean() < 0.9


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_energies_are_bounded(seed):
    layer, x = plain(seed)
    attention, feedforward = layer_energies(layer, x)
    least, most = projection_bounds(N, P)
    assert H * least - 1e-9 <= attention <= H * most + 1e-9
    assert -0.5 * N * M <= feedforward <= 0


@jax.jit
def plain(seed):
    return drawn(seed, orthogonal=True)


layer_energies = jax.jit(lambda layer, x: layer.energies(x))


def test_a_simplex_has_the_least_energy_and_one_point_the_most():
    layer = drawn(0, orthogonal=True)[0]
    layer = with_fields(layer, subspaces=jnp.eye(D))
    corners = np.linalg.qr(np.eye(N) - 1 / N)[0][:, :P]
    corners = (np.eye(N) - 1 / N) @ corners  # N corners in N − 1 = p dimensions
    least, most = projection_bounds(N, P)
    state = jnp.asarray(np.tile(corners, H))
    np.testing.assert_allclose(layer_energies(layer, state)[0], H * least, rtol=1e-12)
    same = jnp.broadcast_to(state[0], state.shape)
    np.testing.assert_allclose(layer_energies(layer, same)[0], H * most, rtol=1e-12)


def test_steps_start_at_0_and_depend_on_the_first_state():
    config = HyperSETConfig(D, H, M, step_features=4, rank=2, depth=3)
    layer, x = HyperSET(config, key=jax.random.key(0)), jnp.ones((2, N, D))
    np.testing.assert_array_equal(jax.jit(lambda b, x: b.iterate(x, 3))(layer, x), x)
    steps = with_fields(layer.steps, out=np.ones((D, 2 * D), np.float32))
    layer = eqx.tree_at(lambda b: b.steps, layer, steps)
    sizes = jax.jit(lambda b, x, y: (b.started(x).step_sizes(y)[0], b.step_sizes(y)[0]))
    begun, current = sizes(layer, x, 2 * x)
    same, _ = sizes(layer, x, x)
    np.testing.assert_array_equal(begun, same)
    assert (current > begun).all()


def test_a_change_by_depth_is_that_of_the_iteration():
    config = HyperSETConfig(D, H, M, step_features=0, rank=1, depth=2)
    layer = HyperSET(config, key=jax.random.key(0))
    assert layer.subspace_change is not None
    _, inner = layer.subspace_change
    outer = jnp.stack([jnp.zeros((D, 1)), jnp.ones((D, 1))])
    layer = eqx.tree_at(lambda b: b.subspace_change, layer, (outer, inner))
    same = with_fields(layer, subspaces=layer.subspaces + outer[1] @ inner[1])
    x = jax.random.normal(jax.random.key(1), (N, D))
    of = jax.jit(lambda layer, x, time: layer.attention(x, time))
    np.testing.assert_allclose(of(layer, x, 1), of(same, x, 0), atol=1e-12)
    np.testing.assert_array_equal(of(layer, x, 7), of(layer, x, 1))  # the last's


def test_whole_numbers_lie_on_the_sphere_where_their_floats_do():
    state = jnp.arange(2 * D).reshape(2, D)
    np.testing.assert_array_equal(on_sphere(state)[0], on_sphere(state * 1.0)[0])
