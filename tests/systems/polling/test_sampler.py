"""Poll and pool: the authors' arrays, the laws, and back to places."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_models import random_model
from isinglass.systems.polling import (
    Affine,
    PollAndPool,
    PollAndPoolConfig,
    mean_score,
    poll,
    pooling_weights,
    reverse_projection,
)

ORACLES = Path(__file__).parent / "oracles"
L, C, M = 12, 6, 3
SHAPE = PollAndPoolConfig(C, M)
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


def of_oracle(x):
    """The authors' sampler, and its places in our layout."""
    two = "k_proj_0_weight" in x

    def affine(name):
        weight = x[f"{name}_weight"]
        weight = weight.reshape(len(weight), -1).T
        return Affine(*(jnp.asarray(a, float) for a in (weight, x[f"{name}_bias"])))

    names = ("k_proj_0", "k_proj_2") if two else ("k_proj",)
    batch, width = x["src"].shape[:2]
    config = PollAndPoolConfig(width, int(x["M"]), key_layers=len(names))
    sampler = eqx.tree_at(
        lambda m: (m.score_in, m.score_out, m.keys, m.value),
        random_model(PollAndPool, config),
        (
            affine("score_pred_net_0"),
            affine("score_pred_net_2"),
            tuple(map(affine, names)),
            affine("v_proj"),
        ),
    )
    features = x["src"].reshape(batch, width, -1).swapaxes(1, 2).astype(float)
    positions = x["pos"].swapaxes(0, 1).astype(float)
    mask = ~x["mask"].reshape(batch, -1)
    return sampler, *map(jnp.asarray, (features, positions, mask)), names


@pytest.mark.parametrize("seed", [0, 3])
def test_the_program_of_the_authors_gives_the_same(seed):
    x: Any = dict(np.load(ORACLES / f"pnp_sampler_s{seed}.npz", allow_pickle=False))
    sampler, features, positions, mask, keys = of_oracle(x)
    there = ~x["out_mask"]
    onto, onto_positions = (
        x[name].swapaxes(0, 1) for name in ("cotangent", "cotangent_pos")
    )

    def loss(sampler, features):
        tokens = sampler(features, positions, float(x["ratio"]), mask)
        # The program's: of N places of every picture, whatever it has.
        regulariser = jnp.take_along_axis(tokens.scores, tokens.places, -1).mean()
        total = (tokens.features * onto).sum() + (
            tokens.positions * onto_positions
        ).sum()
        return total + regulariser, (tokens, regulariser)

    run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    (_, (tokens, regulariser)), (by_weights, by_features) = run(sampler, features)
    np.testing.assert_array_equal(tokens.places, x["index"])
    np.testing.assert_array_equal(tokens.mask, there)
    for ours, name in ((tokens.features, "tokens"), (tokens.positions, "out_pos")):
        theirs = np.where(there[..., None], x[name].swapaxes(0, 1), 0)
        np.testing.assert_allclose(ours, theirs, atol=EXACT)
    np.testing.assert_allclose(regulariser, x["reg"], atol=EXACT)
    source = by_features.swapaxes(1, 2).reshape(x["src"].shape)
    np.testing.assert_allclose(source, x["grad_src"], atol=EXACT)
    parts = [by_weights.score_in, by_weights.score_out, by_weights.value]
    names = ["score_pred_net_0", "score_pred_net_2", "v_proj", *keys]
    for part, name in zip([*parts, *by_weights.keys], names, strict=True):
        weight = x[f"grad_{name}_weight"]
        np.testing.assert_allclose(
            part.weight.T, weight.reshape(len(weight), -1), atol=EXACT
        )
        np.testing.assert_allclose(part.bias, x[f"grad_{name}_bias"], atol=EXACT)


class Logits(eqx.Module):
    """In place of the last layer of a score: logits as they are."""

    values: jax.Array

    def __call__(self, hidden):
        """The logits, whatever the features."""
        return self.values[..., None]


def drawn(seed, length=L):
    keys = jax.random.split(jax.random.key(seed), 4)
    features, positions, onto = (
        2 * jax.random.normal(key, (length, C)) for key in keys[:3]
    )
    return features, positions, onto, 3 * jax.random.normal(keys[3], (length,))


drawn_once = jax.jit(drawn)
apply = jax.jit(
    lambda sampler, *inputs, ratio: sampler(*inputs[:2], ratio, *inputs[2:]),
    static_argnames="ratio",
)


@jax.jit
def lawful(sampler, seed):
    """What the laws are about, of a draw with five of twelve places polled."""
    features, positions, onto, logits = drawn(seed)
    scored = eqx.tree_at(lambda m: m.score_out, sampler, Logits(logits))
    tokens = scored(features, positions, 5 / L)
    normed = (features - features.mean(-1, keepdims=True)) / jnp.sqrt(
        features.var(-1, keepdims=True) + 1e-5
    )

    def loss(sampler):
        return (sampler(features, positions, 5 / L).features * onto[: 5 + M]).sum()

    gradient = jax.grad(loss)(scored)
    order = jnp.argsort(onto[:, 0])
    moved = eqx.tree_at(lambda m: m.score_out, sampler, Logits(logits[order]))
    values = sampler.value(normed)
    return {
        "tokens": tokens,
        "normed": normed,
        "coarse": tokens.weights.T @ values,
        "hull": (values.min(0), values.max(0)),
        "moved": moved(features[order], positions[order], 5 / L),
        "counted": scored(features, positions, 5 / L, counts=jnp.array(2)),
        "alone": scored(features, positions, 2 / L),
        "by_key_bias": gradient.keys[-1].bias,
        "by_logit": gradient.score_out.values,
        "expected": jnp.where(
            tokens.polled,
            jnp.zeros(L)
            .at[tokens.places]
            .set((onto[:5] * normed[tokens.places]).sum(-1))
            * jax.nn.sigmoid(logits)
            * jax.nn.sigmoid(-logits),
            0,
        ),
    }


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_laws_of_fine_and_coarse_tokens(seed):
    sampler = random_model(PollAndPool, SHAPE)
    x = lawful(sampler, seed)
    tokens = x["tokens"]
    fine, coarse = tokens.features[:5], tokens.features[5:]
    # 1. Coarse tokens lie in the hull of the values; the last bias of keys is void.
    np.testing.assert_allclose(tokens.weights.sum(0), 1, atol=1e-14)
    assert (tokens.weights >= 0).all()
    assert not tokens.weights[tokens.polled].any()
    np.testing.assert_allclose(coarse, x["coarse"], atol=EXACT)
    low, high = x["hull"]
    assert ((low - EXACT < coarse) & (coarse < high + EXACT)).all()
    assert abs(x["by_key_bias"]).max() < EXACT
    # 2. The length of a fine token is its score, and falls.
    scores = tokens.scores[tokens.places]
    np.testing.assert_allclose(fine.mean(-1), 0, atol=EXACT)
    np.testing.assert_allclose(jnp.sqrt((fine**2).mean(-1)), scores, rtol=1e-3)
    assert (np.diff(scores) <= 0).all()
    assert scores[-1] >= tokens.scores[~tokens.polled].max()
    # 3. Places in another order give the same.
    for ours, theirs in zip(x["moved"][:3], tokens[:3], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=EXACT)
    # 4. A smaller α is a prefix; counts are a smaller α.
    np.testing.assert_allclose(x["alone"].features[:2], fine[:2], atol=EXACT)
    counted, there = x["counted"], np.array([0, 1, 5, 6, 7])
    np.testing.assert_allclose(counted.features[there], x["alone"].features, atol=EXACT)
    np.testing.assert_array_equal(np.flatnonzero(counted.mask), there)
    # 6. Scores learn through the factor alone.
    np.testing.assert_allclose(x["by_logit"], x["expected"], atol=EXACT)
    assert not x["by_logit"][~tokens.polled].any()


@jax.jit
def padded(sampler, seed):
    """Eight of twelve places, alone and among four that are not there."""
    features, positions, _, _ = drawn(seed)
    mask = jnp.arange(L) % 3 > 0
    shown = jnp.flatnonzero(mask, size=8)
    alone = sampler(features[shown], positions[shown], 0.5)
    among = sampler(features, positions, 0.5, mask)
    other = sampler(jnp.where(mask[:, None], features, 9.0), positions, 0.5, mask)
    return alone, among, other, shown


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_padding_changes_nothing_that_is_there(seed):
    alone, among, other, shown = padded(random_model(PollAndPool, SHAPE), seed)
    np.testing.assert_array_equal(among.mask, [True] * 4 + [False] * 2 + [True] * M)
    for a, b in zip(alone[:2], among[:2], strict=True):
        np.testing.assert_allclose(a, b[among.mask], atol=EXACT)
    np.testing.assert_array_equal(shown[alone.places], among.places[:4])
    np.testing.assert_allclose(among.features, other.features, atol=EXACT)
    assert mean_score(among) == pytest.approx(float(mean_score(alone)))


def test_ties_go_to_the_lowest_place():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (40, 30)) / 4
    mask = rng.random((40, 30)) < 0.8
    choice = jax.jit(lambda s, m: poll(s, 0.5, m))(scores, mask)
    order = np.argsort(np.where(mask, -scores, 1), axis=-1, kind="stable")
    np.testing.assert_array_equal(choice.places, order[:, :15])
    np.testing.assert_array_equal(choice.there.sum(-1), mask.sum(-1) // 2)
    np.testing.assert_array_equal(choice.polled.sum(-1), mask.sum(-1) // 2)
    np.testing.assert_array_equal(
        poll(jnp.asarray(np.ones(9)), 1 / 3).places, [0, 1, 2]
    )


@pytest.mark.parametrize("ratio", [0.29, 0.57, 0.58])
def test_a_share_of_a_hundred_places_is_that_many(ratio):
    assert int(ratio * 100) < round(ratio * 100)  # floats fall short
    assert poll(jnp.asarray(np.zeros(100)), ratio).places.shape == (round(ratio * 100),)


def test_where_all_is_polled_nothing_is_pooled():
    sampler = random_model(PollAndPool, SHAPE)
    features, positions, _, _ = (jnp.asarray(x) for x in drawn_once(0))
    batch = jnp.stack([features, features])
    mask = jnp.asarray([[True] * L, [True] * 7 + [False] * (L - 7)])
    for there in (None, mask):
        tokens = apply(sampler, batch, positions, there, ratio=1.0)
        assert tokens.features.shape == (2, L, C)
        assert tokens.weights.shape == (2, L, 0)
        assert np.isfinite(tokens.features).all()
    np.testing.assert_array_equal(tokens.mask.sum(-1), [L, 7])
    np.testing.assert_array_equal(tokens.features[1, 7:], 0)


def test_without_polled_places_all_are_pooled():
    sampler = random_model(PollAndPool, SHAPE)
    features, positions, _, _ = (jnp.asarray(x) for x in drawn_once(1))
    tokens = apply(sampler, features, positions, ratio=0.0)
    assert tokens.features.shape == (M, C)
    np.testing.assert_allclose(tokens.weights.sum(0), 1)
    assert mean_score(tokens) == 0
    # A picture too small to poll any, beside others.
    few = apply(sampler, features, positions, jnp.arange(L) < 3, ratio=1 / 4)
    np.testing.assert_array_equal(few.mask, [False] * 3 + [True] * M)


def test_no_rest_is_no_weight():
    logits = jnp.asarray(np.ones((2, 4, 3)))
    rest = jnp.asarray(np.arange(8).reshape(2, 4) < 4)
    weights = pooling_weights(logits, rest)
    np.testing.assert_allclose(weights, np.stack([logits[0] / 4, 0 * logits[1]]))


def test_controls_choose_otherwise_and_do_not_scale():
    features, positions, _, _ = (jnp.asarray(x) for x in drawn_once(2))
    norms = np.linalg.norm(features, axis=-1)
    by_norm = random_model(PollAndPool, PollAndPoolConfig(C, M, "norm"))
    at_random = random_model(PollAndPool, PollAndPoolConfig(C, M, "random"))
    tokens = apply(by_norm, features, positions, ratio=0.5)
    np.testing.assert_array_equal(tokens.places, np.argsort(-norms)[:6])
    places = jax.jit(lambda m, *x: m(*x[:2], 0.5, key=x[2]).places)
    drawn_places = {
        tuple(np.asarray(places(at_random, features, positions, key)))
        for key in jax.random.split(jax.random.key(0), 5)
    }
    assert len(drawn_places) == 5
    lengths = np.sqrt((np.asarray(tokens.features[:6]) ** 2).mean(-1))
    np.testing.assert_allclose(lengths, 1, rtol=1e-4)


def test_the_mean_score_is_of_each_picture_s_own():
    sampler = random_model(PollAndPool, SHAPE)
    features, positions, _, _ = (jnp.asarray(x) for x in drawn_once(3))
    mask = jnp.asarray([[True] * L, [True] * 4 + [False] * (L - 4)])
    tokens = apply(sampler, jnp.stack([features, features]), positions, mask, ratio=0.5)
    scores = np.asarray(tokens.scores)
    own = [np.sort(scores[0])[-6:].mean(), np.sort(scores[1, :4])[-2:].mean()]
    assert mean_score(tokens) == pytest.approx(np.mean(own))


@jax.jit
def back_and_forth(sampler, seed, mask):
    features, positions, onto, _ = drawn(seed)
    tokens = sampler(features, positions, 5 / L, mask)
    states = jnp.concatenate([onto, onto])[: 5 + M]
    same = jnp.broadcast_to(onto[0], states.shape)
    return tokens, states, [reverse_projection(x, tokens) for x in (states, same)]


def test_tokens_return_to_their_places():
    mask = np.arange(L) < 10
    tokens, states, (spread, constant) = back_and_forth(
        random_model(PollAndPool, SHAPE), 0, mask
    )
    own = np.asarray(tokens.places)[:4]  # ⌊10 · 5/12⌋
    np.testing.assert_allclose(spread[own], states[:4], atol=EXACT)
    rest = np.setdiff1d(np.arange(10), own)
    shares = np.asarray(tokens.weights)[rest]
    shares /= shares.sum(-1, keepdims=True)
    np.testing.assert_allclose(spread[rest], shares @ states[5:], atol=EXACT)
    np.testing.assert_array_equal(spread[~mask], 0)
    np.testing.assert_allclose(
        constant[mask], np.broadcast_to(constant[0], (10, C)), atol=EXACT
    )
