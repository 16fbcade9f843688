"""Attention by offset: the authors' numbers, and laws 2 and 4 of the design page."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.relative_models import layer_of, positions_of
from isinglass.attention import OffsetTables
from isinglass.systems.relative import (
    RelativeAttention,
    constant_profile,
    position_rank,
    position_spread,
)

ORACLES = Path(__file__).parent / "oracles"
EXACT = 1e-10
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("seed", [0, 1])
def test_the_program_of_the_authors_gives_the_same_with_its_gradients(seed):
    name = ORACLES / f"urpe_attention_s{seed}.npz"
    x = dict(np.load(name, allow_pickle=False))
    layer = layer_of(x, int(x["heads"]))
    present = jnp.asarray(~x["mask"])

    @jax.jit
    def run(tokens, bias, coupling):
        def out(*parts):
            return layer(parts[0], positions_of(*parts[1:]), present=present)

        y, pull = jax.vjp(out, tokens, bias, coupling)
        return y, *pull(jnp.asarray(np.swapaxes(x["cotangent"], 0, 1), jnp.float64))

    tokens = np.float64(np.swapaxes(x["x"], 0, 1))
    results = run(tokens, np.float64(x["b"]), np.float64(x["c"]))
    names = ("y", "grad_x", "grad_b", "grad_c")
    for name, ours in zip(names, results, strict=True):
        theirs = np.swapaxes(x[name], 0, 1) if name in ("y", "grad_x") else x[name]
        np.testing.assert_allclose(ours, theirs, atol=EXACT)


N, H, D = 6, 2, 8


@jax.jit
def constant(seed):
    """A layer on equal tokens, with a coupling and without, and what law 2 says."""
    keys = jax.random.split(jax.random.key(seed), 7)
    layer = RelativeAttention(D, H, initial=1.0, key=keys[0])
    layer = eqx.tree_at(
        lambda m: (m.inward_bias, m.outward_bias),
        layer,
        (jax.random.normal(keys[1], (3 * D,)), jax.random.normal(keys[2], (D,))),
    )
    tables = [3 * jax.random.normal(k, (H, 2 * N - 1)) for k in keys[3:5]]
    token = jax.random.normal(keys[5], (D,))
    x = jnp.broadcast_to(token, (N, D))
    coupled, bare = (layer(x, positions_of(tables[0], c)) for c in (tables[1], None))
    profile = constant_profile(OffsetTables(*tables))
    value = (token @ layer.inward + layer.inward_bias)[2 * D :].reshape(H, -1)
    expected = jnp.einsum("hn,hc->nhc", profile, value).reshape(N, D)
    expected = expected @ layer.outward + layer.outward_bias
    spreads = position_spread(coupled), position_spread(bare)
    return coupled - expected, position_rank(coupled), position_rank(bare), spreads


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_equal_tokens_become_a_profile_of_each_head(seed):
    error, rank, bare, (spread, without) = constant(seed)
    assert abs(error).max() < EXACT
    assert rank == H
    assert bare == 0
    assert without < EXACT < 1e-3 < spread


def test_sums_of_rows_are_free_with_a_coupling_and_1_without():
    keys = jax.random.split(jax.random.key(0), 2)
    bias, coupling = (jax.random.normal(key, (H, 2 * N - 1)) for key in keys)
    for causal in (False, True):
        free = constant_profile(OffsetTables(bias, coupling), causal)
        np.testing.assert_allclose(
            constant_profile(OffsetTables(bias), causal), 1, rtol=1e-12
        )
        assert np.ptp(free, axis=-1).min() > 0.1
