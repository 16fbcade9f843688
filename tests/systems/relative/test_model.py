"""Encoders and language models: the authors' states, and what equal tokens tell."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_models import random_model
from helpers.relative_models import transformer_of
from isinglass.attention import resize_offsets
from isinglass.systems.relative import (
    RelativeConfig,
    RelativeTransformer,
    position_spread,
)

ORACLES = Path(__file__).parent / "oracles"
EXACT = 1e-10
N, SYMBOLS = 6, 5
SMALL = {"vocabulary": SYMBOLS, "width": 8, "heads": 2, "hidden": 8}
states = jax.jit(lambda model, *inputs, **options: model.states(*inputs, **options))

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", ["urpe_encoder_s2", "rpe_encoder_s3"])
def test_the_encoders_of_the_authors_have_the_same_states(name):
    x = dict(np.load(ORACLES / f"{name}.npz", allow_pickle=False))
    model = transformer_of(x)
    for tokens, theirs in (("tokens", "states"), ("constant", "states_constant")):
        ours = states(model, x[tokens])
        np.testing.assert_allclose(ours, np.swapaxes(x[theirs], 1, 2), atol=EXACT)
    spread = position_spread(ours[-1, 0])
    assert (spread > 0.1) if name.startswith("urpe") else (spread < EXACT)


KINDS = (
    ("none", False),
    ("none", True),
    ("rope", False),
    ("alibi", False),
    ("rpe", False),
)


def model_of(**options):
    config = RelativeConfig(**SMALL, **{"length": N, "layers": 2, **options})
    return random_model(RelativeTransformer, config)


@jax.jit
def spreads(models, symbol):
    """Over places, by kind: of equal tokens, after another, with a coupling."""
    equal = jnp.full(N, symbol)
    tokens = jnp.stack([equal, equal.at[0].set(0)])
    rows = {}
    for kind, coupled in models.items():
        bare = eqx.tree_at(lambda m: m.positions.coupling, coupled, None)
        without = position_spread(bare.states(tokens)[-1, :, 1:])
        with_it = position_spread(coupled.states(equal)[-1])
        rows[kind] = jnp.append(without, with_it)
    return rows


@pytest.fixture(scope="module")
def models():
    shapes = {
        kind + " causal" * causal: {"positions": kind, "causal": causal}
        for kind, causal in KINDS
    }
    with jax.enable_x64(True):
        return {name: model_of(layers=1, **shape) for name, shape in shapes.items()}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_equal_tokens_stay_equal_but_for_a_coupling_or_a_first_token(models, seed):
    rng = np.random.default_rng(seed)
    drawn = jax.tree.map(lambda x: x * rng.normal(size=x.shape), models)
    rows = spreads(drawn, rng.integers(1, SYMBOLS))
    for kind, (equal, after_another, coupled) in rows.items():
        assert equal < EXACT, kind
        assert coupled > 1e-4, kind
        assert kind != "none" or after_another < EXACT  # all see the same set


def test_after_another_token_places_are_told_apart_without_a_coupling(models):
    for kind, (_, after_another, _) in spreads(models, 1).items():
        assert (after_another > 1e-4) == (kind != "none"), kind


TOKENS = jnp.array([[0, 3, 1, 4, 2, 0], [2, 2, 1, 0, 3, 4]])


def test_what_is_not_there_changes_nothing():
    model = model_of()
    there = jnp.broadcast_to(jnp.arange(N) < 4, TOKENS.shape)
    others = jnp.where(there, TOKENS, 1)
    run = jax.jit(lambda model, tokens, **options: model(tokens, **options))
    first, second = (run(model, x, present=there) for x in (TOKENS, others))
    np.testing.assert_allclose(first[:, :4], second[:, :4], atol=EXACT)
    np.testing.assert_allclose(first[:, :4], run(model, TOKENS[:, :4]), atol=EXACT)


def test_a_language_model_does_not_see_what_follows():
    model = model_of(causal=True)
    changed = TOKENS.at[:, 4:].set(1)
    first, second = (states(model, x)[:, :, :4] for x in (TOKENS, changed))
    np.testing.assert_allclose(first, second, atol=EXACT)


@pytest.mark.parametrize("kind", ["absolute", "rpe", "none"])
def test_longer_sequences_are_refused_or_have_the_numbers_of_the_edge(kind):
    model = model_of(positions=kind, coupling=kind == "none")
    longer = jnp.tile(TOKENS, 2)
    with pytest.raises(ValueError, match="at most the 6 tokens"):
        model(longer)
    own = model.positions
    if kind == "absolute":
        places = own.at_places(8, "edge")
        np.testing.assert_array_equal(places[:N], own.absolute)
        np.testing.assert_array_equal(places[N:], own.absolute[jnp.array([-1, -1])])
        return
    of = getattr(own.tables(8, "edge"), "bias" if kind == "rpe" else "coupling")
    table = own.bias if kind == "rpe" else own.coupling
    np.testing.assert_array_equal(of[:, 2:-2], table)
    np.testing.assert_array_equal(of[:, :2], table[:, [0, 0]])
    np.testing.assert_array_equal(of[:, -2:], table[:, [-1, -1]])
    np.testing.assert_array_equal(resize_offsets(table, 4), table[:, 2:-2])
    assert jnp.isfinite(model(longer, beyond="edge")).all()


def test_what_is_no_parameter_has_a_value_at_any_length():
    for kind in ("alibi", "rope", "none"):
        model = model_of(positions=kind, coupling=False)
        assert model(jnp.tile(TOKENS, 2)).shape == (2, 2 * N, SYMBOLS)
