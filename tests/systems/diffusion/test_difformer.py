"""DIFFormer: the authors' logits, batches, masks, and the controls."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.diffusion import (
    Affine,
    DIFFormer,
    DIFFormerConfig,
    Graph,
    layer_energies,
)

ORACLES = Path(__file__).parent / "oracles"
N, F = 6, 4
SMALL = DIFFormerConfig(F, 3, 8, 2, 2, value_weights=True)

pytestmark = pytest.mark.usefixtures("double_precision")


def of_oracle(x, kind):
    def affine(name):
        weights = x[f"{kind}_{name}_weight"].T, x[f"{kind}_{name}_bias"]
        return Affine(*map(jnp.asarray, weights))

    def norm(place):
        names = (f"{kind}_bns_{place}_weight", f"{kind}_bns_{place}_bias")
        return tuple(jnp.asarray(x[name]) for name in names)

    encode, decode = affine("fcs_0"), affine("fcs_1")
    sizes = (len(encode.weight), len(decode.bias), len(encode.bias), int(x["heads"]))
    config = DIFFormerConfig(
        *sizes, int(x["layers"]), kind, value_weights=bool(x["use_weight"])
    )
    model = random_model(DIFFormer, config)
    layers = []
    for place, layer in enumerate(model.layers):
        parts = ["Wq", "Wk", *(["Wv"] if config.value_weights else [])]
        new = [affine(f"convs_{place}_{part}") for part in parts]
        layers.append(
            eqx.tree_at(
                lambda m: [
                    m.query,
                    m.key,
                    *([m.value] if m.value else []),
                    m.gain,
                    m.bias,
                ],
                layer,
                [*new, *norm(place + 1)],
            )
        )
    return eqx.tree_at(
        lambda m: [m.encode, m.decode, m.gain, m.bias, m.layers],
        model,
        [encode, decode, *norm(0), tuple(layers)],
    )


apply = jax.jit(lambda model, *inputs: model(*inputs))


@pytest.mark.parametrize(("kind", "seed"), [("simple", 0), ("sigmoid", 1)])
def test_the_models_of_the_authors_give_the_same(kind, seed):
    name = ORACLES / f"difformer_{kind}_s{seed}.npz"
    x = dict(np.load(name, allow_pickle=False))
    model, inputs = of_oracle(x, kind), jnp.asarray(x["x"])
    graph = Graph(x["edges"], len(inputs), self_loops=False)
    logits, without = x[f"{kind}_logits"], x[f"{kind}_logits_without_graph"]
    np.testing.assert_allclose(apply(model, inputs, graph), logits, atol=1e-10)
    np.testing.assert_allclose(apply(model, inputs), without, atol=1e-10)


def model_of(**options):
    return random_model(DIFFormer, dataclasses.replace(SMALL, **options))


@pytest.mark.parametrize("kind", ["simple", "mean"])
def test_members_of_a_batch_are_apart_and_masks_take_out(kind):
    model = model_of(kind=kind)
    inputs = np.random.default_rng(0).normal(size=(2, N, F)).astype(np.float32)
    mask = np.array([[1, 1, 0, 1, 1, 0], [0, 1, 1, 0, 1, 1]], bool)
    logits = np.asarray(apply(model, inputs, None, mask))
    for member in (0, 1):
        alone = apply(model, inputs[member][mask[member]])
        np.testing.assert_allclose(logits[member][mask[member]], alone, atol=1e-5)


def test_the_controls_are_what_they_say():
    inputs = np.random.default_rng(1).normal(size=(N, F)).astype(np.float32)
    moved = inputs.copy()
    moved[0] += 1
    changes = {
        kind: abs(
            apply(model_of(kind=kind), moved) - apply(model_of(kind=kind), inputs)
        )
        for kind in ("none", "mean")
    }
    assert not changes["none"][1:].any()
    assert changes["mean"][1:].all()


def test_a_graph_is_averaged_or_added():
    inputs = np.random.default_rng(2).normal(size=(N, 8)).astype(np.float32)
    ring = np.arange(N)
    ends = np.stack([ring, (ring + 1) % N])
    graph = Graph(np.concatenate([ends, ends[::-1]], 1), N)
    of = jax.jit(lambda weight, x, graph: weight.flow(x, graph))
    both, without = (of(model_of().layers[0], inputs, g) for g in (graph, None))
    for share in (0.0, 0.25, 1.0):
        averaged = of(model_of(graph_weight=share).layers[0], inputs, graph)
        expected = (1 - share) * without + share * (both - without)
        np.testing.assert_allclose(averaged, expected, atol=1e-5)


def test_dropout_is_of_a_key_and_states_have_energies():
    model = model_of(dropout=0.5)
    inputs = np.ones((N, F), np.float32) * np.arange(N, dtype=np.float32)[:, None]
    drop = jax.jit(lambda m, x, key: m(x, key=key))
    first, again, other = (drop(model, inputs, jax.random.key(k)) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    energies = jax.jit(lambda m, x: layer_energies(m.states(x), 0.1))(model, inputs)
    assert energies.shape == (2,)
