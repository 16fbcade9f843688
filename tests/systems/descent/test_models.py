"""Models made of Energy Transformers: pictures, graphs, nodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.descent import (
    EnergyTransformerConfig,
    GraphEnergyTransformer,
    ImageEnergyTransformer,
    NodeEnergyTransformer,
)

N, F, E = 5, 3, 2
CONFIG = EnergyTransformerConfig(6, 2, 3, 8, mixed_heads=True)
apply = jax.jit(lambda model, *inputs: model(*inputs))


def strong(model):
    """Weights at which attention says something."""
    return jax.tree.map(lambda w: 300 * w if w.ndim == 3 else w, model)


def test_what_is_hidden_is_not_looked_at_and_its_place_is():
    model = strong(ImageEnergyTransformer(CONFIG, N, 4, key=jax.random.key(0)))
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(2, N, 4)).astype(np.float32)
    hidden = np.array([[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]], bool)
    predicted = apply(model, patches, hidden)
    assert predicted.shape == patches.shape
    other = np.where(hidden[..., None], 7, patches).astype(np.float32)
    np.testing.assert_array_equal(predicted, apply(model, other, hidden))
    shown = np.where(hidden[..., None], patches, patches + 1)
    assert (apply(model, shown, hidden) != predicted).any(-1).all()
    assert (predicted[0, 1] != predicted[0, 2]).all()  # hidden both, but elsewhere


@pytest.mark.parametrize("kernel", [1, 3])
def test_graphs_of_renumbered_nodes_are_alike_only_without_the_convolution(kernel):
    sizes = (F, E, 2)
    model = strong(
        GraphEnergyTransformer(CONFIG, sizes, 2, kernel, key=jax.random.key(0))
    )
    rng = np.random.default_rng(1)
    nodes = rng.normal(size=(N, F)).astype(np.float32)
    there = np.triu(rng.random((N, N)) < 0.6, 1)
    there = there | there.T
    edges = (there[..., None] * rng.normal(size=E)).astype(np.float32)
    order = np.array([3, 0, 4, 1, 2])
    logits = apply(model, nodes, edges)
    renumbered = apply(model, nodes[order], edges[order][:, order])
    assert np.allclose(logits, renumbered, atol=1e-5) == (kernel == 1)
    # Nodes that fill a batch up have no edge, and change nothing.
    more = np.pad(nodes, ((0, 2), (0, 0)), constant_values=3)
    wide = np.pad(edges, ((0, 2), (0, 2), (0, 0)))
    if kernel == 1:
        np.testing.assert_allclose(logits, apply(model, more, wide), atol=1e-5)


def test_the_noise_of_a_step_is_of_its_key():
    model = GraphEnergyTransformer(CONFIG, (F, E, 2), 1, key=jax.random.key(0))
    nodes, edges = jnp.ones((2, N, F)), jnp.ones((2, N, N, E))
    noisy = jax.jit(lambda m, key: m(nodes, edges, key=key))
    first, again, other = (noisy(model, jax.random.key(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_a_node_hears_of_its_neighbours_alone_in_a_step():
    plain = EnergyTransformerConfig(6, 2, 3, 8)
    model = strong(NodeEnergyTransformer(plain, F, key=jax.random.key(0)))
    adjacency = np.zeros((N, N), bool)
    adjacency[0, 1] = adjacency[1, 0] = adjacency[1, 2] = adjacency[2, 1] = True
    nodes = np.random.default_rng(2).normal(size=(N, F)).astype(np.float32)
    moved = nodes.copy()
    moved[2] += 1
    change = abs(apply(model, moved, adjacency) - apply(model, nodes, adjacency))
    changed = np.asarray(change.max(-1) > 0)
    # 1 is 2's neighbour; 0 is not, but shares 1, which weighs it against 2.
    np.testing.assert_array_equal(changed, [True, True, True, False, False])
    # Outside jit, where links are no tracers but the steps are a loop.
    np.testing.assert_allclose(
        model(jnp.asarray(nodes), jnp.asarray(np.argwhere(adjacency).T)),
        apply(model, nodes, adjacency),
        atol=1e-5,
    )
