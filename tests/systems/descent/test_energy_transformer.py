"""The Energy Transformer: the authors' numbers, and the laws that it should obey."""

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

from isinglass.dynamics import fixed_points
from isinglass.systems.descent import (
    EnergyNorm,
    EnergyTransformer,
    EnergyTransformerConfig,
    activity_map,
    attention_bound,
    memory_bound,
)

ORACLES = Path(__file__).parent / "oracles"
N, D, H, Y, M = 5, 6, 2, 3, 7
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


def of_weights(config, norm, **weights):
    block = EnergyTransformer(config, key=jax.random.key(0))
    block = eqx.tree_at(lambda b: b.norm, block, norm)
    return block.replaced(**weights)


def of_oracle(name):
    x = dict(np.load(ORACLES / f"{name}.npz", allow_pickle=False))
    heads, head_width, width = x["Wq"].shape
    mixed = "head_mixing" in x
    shape = (width, heads, head_width, x["Xi"].shape[1], float(x["alpha"]))
    config = EnergyTransformerConfig(*shape, mixed_heads=mixed)
    weights = {"query": x["Wq"], "key": x["Wk"], "memories": x["Xi"]}
    weights["inverse_temperature"] = x.get("beta", np.full(heads, head_width**-0.5))
    weights["step_size"] = x["alpha"]
    if mixed:
        weights["mixing"] = x["head_mixing"]
    norm = EnergyNorm(float(x["gamma"]), jnp.asarray(x["delta"]), float(x["eps"]))
    return of_weights(config, norm, **weights), x


def drawn(key, scale=0.7, gain=1.3, **options):
    """A block whose attention is as strong as its memories."""
    keys = jax.random.split(key, 5)
    config = EnergyTransformerConfig(D, H, Y, M, **options)
    names = ("query", "key", "memories")
    shapes = ((H, Y, D), (H, Y, D), (D, M))
    weights = {
        name: scale * jax.random.normal(k, shape)
        for name, k, shape in zip(names, keys, shapes, strict=False)
    }
    norm = EnergyNorm(gain, 0.2 * jax.random.normal(keys[3], (D,)))
    return of_weights(config, norm, **weights), jax.random.normal(keys[4], (N, D))


@jax.jit
def what_the_program_gives(block, state):
    g, lagrangian = block.norm(state), block.norm.lagrangian(state)
    last, energies, *_ = block.follow(state, 12)
    return {
        "g": g,
        "energy_attention": block.attention_energy(g),
        "energy_hopfield": block.memory_energy(g),
        "gradient_attention": -block.attention_force(g),
        "gradient_hopfield": -block.memory_force(g),
        "lagrangian_per_token": lagrangian,
        "norm_energy_per_token": (state * g).sum(-1) - lagrangian,
        "energies": energies,
        "trajectory": last,
    }


def test_the_program_of_the_authors_gives_the_same():
    block, x = of_oracle("energy_transformer_s0")
    for name, ours in what_the_program_gives(block, x["x"]).items():
        theirs = x[name][-1] if name == "trajectory" else x[name]
        np.testing.assert_allclose(ours, theirs, atol=EXACT, err_msg=name)


def test_the_program_for_graphs_gives_the_same():
    """One of its nodes has no edge: it has no energy of attention."""
    block, x = of_oracle("energy_transformer_graph_s0")
    graph = block.on_graph(x["adjacency"])
    run = jax.jit(lambda b, s: (b.energy(s), -b.force(s), b.iterate(s, 6)))
    for b, name in ((graph, ""), (block, "_without_graph")):
        energy, gradient, last = run(b, x["x"])
        np.testing.assert_allclose(energy, x[f"energy{name}"], atol=EXACT)
        np.testing.assert_allclose(gradient, x[f"gradient{name}"], atol=EXACT)
        if b is graph:
            np.testing.assert_allclose(last, x["trajectory"][-1], atol=EXACT)


class Laws(NamedTuple):
    """By how much each law is missed, at a point of a block."""

    force: jax.Array
    slope: jax.Array
    curvature: jax.Array
    permuted: jax.Array
    shifted: jax.Array
    rescaled: jax.Array


@cache
def laws_of(own_key, leak):
    @jax.jit
    def laws(seed, scale, gain):
        block, x = drawn(jax.random.key(seed), scale, 1.0, own_key=own_key, leak=leak)
        raw = gain + jnp.log(-jnp.expm1(-gain))
        block = eqx.tree_at(lambda b: b.norm.raw_gain, block, raw)
        norm, g, force = block.norm, block.norm(x), block.force(x)
        of_g = jax.grad(lambda g: block.attention_energy(g) + block.memory_energy(g))
        # Law 2: dE/dx = (∂g/∂x)ᵀ ∂E/∂g, with the leak in both.
        pulled = jax.vjp(norm, x)[1](force)[0]
        order = jnp.array([3, 0, 4, 1, 2])
        far = block.force_of(norm(10 * x)) - block.force_of(g)
        return Laws(
            abs(of_g(g) + block.force_of(g)).max(),
            abs(block.slope(x) - pulled).max(),
            abs(jax.hessian(norm.lagrangian)(x[0]) - curvature(norm, x[0])).max(),
            abs(block.force(x[order]) - force[order]).max(),
            abs(block.force_of(norm(x + 7.0)) - block.force_of(g)).max(),
            abs(far).max() / abs(block.force_of(g)).max(),
        )

    return laws


def curvature(norm, x):
    """∂²L/∂x² = (γ/s)(P − ccᵀ/(D s²))."""
    c = x - x.mean()
    s = jnp.sqrt((c**2).mean() + norm.epsilon)
    centre = jnp.eye(D) - 1 / D
    return norm.gain / s * (centre - jnp.outer(c, c) / (D * s**2))


@pytest.mark.parametrize(("own_key", "leak"), [(True, False), (False, True)])
def test_laws_of_force_norm_and_symmetry(own_key, leak):
    @settings(max_examples=25, deadline=None)
    @given(SEEDS, st.floats(0.1, 1.0), st.floats(0.05, 3.0))
    def holds(seed, scale, gain):
        laws = laws_of(own_key, leak)(seed, scale, gain)
        assert laws.rescaled < 0.05  # through ε alone
        for name, miss in laws._asdict().items():
            assert name == "rescaled" or miss < 2e-9, name

    holds()


@jax.jit
def courses(seed, step_size):
    """Energies of attention with memories, of memories alone, and with a leak."""
    key = jax.random.key(seed)
    both, x = drawn(key)
    memories = both.replaced(query=jnp.zeros((H, Y, D)))
    steps = {"step_size": step_size}
    leaky, _ = drawn(key, leak=True)
    return (
        both.replaced(**steps).follow(x, 20).energies,
        memories.replaced(step_size=1000 * step_size).follow(x, 20).energies,
        leaky.replaced(**steps).follow(x, 20).energies,
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(1e-3, 0.3))
def test_the_energy_falls(seed, step_size):
    """At steps up to 0.3 with attention, at any without: E_hop is concave in g."""
    for energies in courses(seed, step_size):
        rounding = 1e-12 * abs(energies).max()
        assert (jnp.diff(energies) <= rounding).all()


@jax.jit
def distances_to_bounds(seed, scale):
    block, x = drawn(jax.random.key(seed), scale)
    norm = EnergyNorm(1.3, jnp.zeros(D))
    block = eqx.tree_at(lambda b: b.norm, block, norm)
    g = norm(x)
    attention, memory = block.attention_energy(g), block.memory_energy(g)
    return attention - attention_bound(block, N), memory - memory_bound(block, N)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.floats(0.01, 10))
def test_energies_are_bounded_below(seed, scale):
    assert min(distances_to_bounds(seed, scale)) >= 0


@jax.jit
def ends(seed):
    key = jax.random.key(seed)
    block, x = drawn(key)
    leaky, _ = drawn(key, leak=True)
    halfway = block.iterate(x, 2000)
    far = block.iterate(halfway, 2000)
    step = activity_map(block)
    activity = jax.lax.fori_loop(0, 2000, lambda _, g: step(g, {}), block.norm(far))
    rest = leaky.iterate(x, 4000)
    return (
        jnp.linalg.norm(far - x) / jnp.linalg.norm(halfway - x),
        abs(block.norm(block.step(far)) - block.norm(far)).max(),
        abs(leaky.force(rest)).max(),
        activity,
        block.norm(far),
    )


def test_x_grows_for_ever_while_g_comes_to_rest():
    ratio, moves, left, activity, slow = ends(1)
    assert 1.9 < ratio < 2.1  # linear in time
    assert moves < 1e-4
    assert left < 1e-9  # with a leak x rests, too
    np.testing.assert_allclose(activity, slow, atol=0.3)
    block, _ = drawn(jax.random.key(1))
    points = fixed_points(activity_map(block), np.asarray(activity)[None], {})
    assert points.converged.all()
    assert points.spectral_radius < 1
    np.testing.assert_allclose(points.point[0], activity, atol=1e-9)


@jax.jit
def of_state(block, x):
    return block.energy(x), block.force(x), block.attention(x)


def test_attention_is_uniform_when_hot_and_memories_alone_are_local():
    block, x = drawn(jax.random.key(1))
    hot = block.replaced(inverse_temperature=np.full(H, 1e-9))
    np.testing.assert_allclose(of_state(hot, x)[2], 1 / N, atol=1e-7)
    local = block.replaced(query=np.zeros((H, Y, D)))
    moved = np.asarray(x).copy()
    moved[0] += np.arange(D)

    def change(of):
        return abs(of_state(of, moved)[1] - of_state(of, x)[1])[1:].max()

    assert change(local) == 0
    assert change(block) > 0.1


def test_a_graph_of_all_edges_is_none_and_own_keys_are_its_diagonal():
    block, x = drawn(jax.random.key(2))
    apart, _ = drawn(jax.random.key(2), own_key=False)
    edges = jnp.broadcast_to(1 - jnp.eye(N)[..., None], (N, N, H))
    everything = block.on_graph(jnp.ones((N, N, H)))
    for there, same in ((block.on_graph(edges), apart), (everything, block)):
        ours, theirs = of_state(there, x), of_state(same, x)
        np.testing.assert_allclose(ours[0], theirs[0], atol=EXACT)
        np.testing.assert_allclose(ours[1], theirs[1], atol=EXACT)


@pytest.mark.parametrize("options", [{}, {"own_key": False}, {"mixed_heads": True}])
def test_a_list_of_links_is_the_same_graph(options):
    """One node has no link, one is linked to itself, and two links are none."""
    block, x = drawn(jax.random.key(3), **options)
    if block.mixing is not None:
        block = block.replaced(mixing=np.array([[0.7, -0.4], [0.3, 1.2]]))
    there = np.zeros((N, N), bool)
    there[[0, 1, 1, 2, 3], [1, 0, 2, 1, 3]] = True
    links = np.pad(np.argwhere(there).T, ((0, 0), (1, 1)), constant_values=-1)
    dense = block.on_graph(jnp.repeat(there[..., None], H, -1).astype(float))
    batch = jnp.stack([x, 2 * x])
    ours, theirs = (
        jax.jit(lambda b: (*of_state(b, batch), b.slope(batch)))(graph)
        for graph in (block.on_links(links), dense)
    )
    for of_links, of_pairs in zip(ours, theirs, strict=True):
        if of_pairs.ndim > 3:  # rows of attention
            of_links, of_pairs = of_links[..., 1:-1], of_pairs[..., there]
        np.testing.assert_allclose(of_links, of_pairs, atol=EXACT)


def test_memory_of_training_grows_by_one_state_a_step():
    block, x = drawn(jax.random.key(0))

    def memory(steps):
        loss = jax.jit(jax.grad(lambda b: (b.iterate(x, steps) ** 2).sum()))
        analysis = loss.lower(block).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    few, many = memory(8), memory(72)
    assert many - few <= 64 * (x.size * 8 + 64)


def test_a_gain_stays_positive_whatever_is_learned():
    norm = EnergyNorm(0.5, jnp.zeros(D))
    np.testing.assert_allclose(norm.gain, 0.5, rtol=1e-14)
    low = eqx.tree_at(lambda n: n.raw_gain, norm, norm.raw_gain - 20)
    assert low.gain > 0
    np.testing.assert_array_equal(norm(jnp.ones((2, D))), 0)
