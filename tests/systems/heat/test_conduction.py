"""Conduction on an insulated plate: its laws, and independent solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.special import iv

from isinglass.systems.heat import (
    conduct,
    cosine_transform,
    decay_rates,
    effective_width,
    filter_modes,
    inverse_cosine_transform,
)

SHAPE = H, W, C = 5, 7, 2
SEEDS = st.integers(0, 2**32 - 1)

pytestmark = pytest.mark.usefixtures("double_precision")


run = jax.jit(conduct, static_argnames=("spectrum", "method"))


@jax.jit
def defects(seed):
    """How far each law is from holding, in both spectra."""
    keys = jax.random.split(jax.random.key(seed), 4)
    u, v = jax.random.normal(keys[0], (2, 3, *SHAPE))
    k, more = 4 * jax.random.uniform(keys[1], (2, *SHAPE))
    mean = u.mean((1, 2), keepdims=True)
    laws = []
    for spectrum in ("continuous", "graph"):
        after = conduct(u, k, spectrum)
        laws += [
            after.mean((1, 2), keepdims=True) - mean,
            conduct(u, 1e9, spectrum) - mean,
            conduct(u, 0.0, spectrum) - u,
            conduct(after, more, spectrum) - conduct(u, k + more, spectrum),
            (after * v).sum((1, 2)) - (u * conduct(v, k, spectrum)).sum((1, 2)),
            conduct(u[:, ::-1], k, spectrum) - after[:, ::-1],
            conduct(u[:, :, ::-1], k, spectrum) - after[:, :, ::-1],
            conduct(u, k, spectrum, "fft") - after,
        ]
    modes = cosine_transform(u)
    laws += [inverse_cosine_transform(modes) - u, (modes**2 - u**2).sum((1, 2))]
    shifted = conduct(jnp.roll(u, 1, 1), k) - jnp.roll(conduct(u, k), 1, 1)
    return jnp.stack([abs(law).max() for law in laws]), abs(shifted).max()


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_heat_is_conserved_and_conductions_add_up(seed):
    laws, shifted = defects(seed)
    assert laws.max() < 1e-12
    assert shifted > 1e-3  # edges are where they are


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0, 4))
def test_what_is_uneven_evens_out_at_least_at_the_rate_of_the_slowest_mode(seed, k):
    u = np.random.default_rng(seed).normal(size=SHAPE)
    for spectrum in ("continuous", "graph"):
        slowest = decay_rates((H, W), spectrum)[0, 1]
        uneven = [((x - x.mean((0, 1))) ** 2).sum() for x in (u, run(u, k, spectrum))]
        assert uneven[1] <= np.exp(-2 * k * slowest) * uneven[0] * (1 + 1e-12)


def laplacian(size):
    """Of a path of cells, of which those at the ends have one neighbour."""
    steps = np.diff(np.eye(size), axis=0)
    return steps.T @ steps


@pytest.mark.parametrize("k", [0.1, 1.0, 5.0])
def test_the_graph_conducts_as_cells_that_exchange_heat(k):
    u = np.random.default_rng(0).normal(size=SHAPE)
    down, across = (expm(-k * laplacian(size)) for size in (H, W))
    dense = np.einsum("ab,cd,bde->ace", down, across, u)
    np.testing.assert_allclose(run(u, k, "graph"), dense, atol=1e-13)
    assert abs(run(u, k) - dense).max() > 1e-3


def kernel(k, spectrum, size=14, place=7):
    """Where the heat of one cell of a bar goes."""
    unit = np.zeros((size, 1, 1))
    unit[place] = 1
    return np.asarray(run(unit, k, spectrum))[:, 0, 0]


@pytest.mark.parametrize(("k", "least"), [(0.1, -0.02), (0.5, -1e-4), (1.0, -1e-6)])
def test_the_published_spectrum_has_heat_below_0_and_the_graph_has_not(k, least):
    published = min(kernel(k, "continuous", place=i).min() for i in range(14))
    graph = min(kernel(k, "graph", place=i).min() for i in range(14))
    assert 1.5 * least < published < least / 5
    assert graph > -1e-15
    assert kernel(2.0, "continuous").min() > 0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(0, 4))
def test_the_graph_obeys_the_maximum_principle(seed, k):
    u = np.random.default_rng(seed).uniform(size=SHAPE)
    after = run(u, k, "graph")
    assert u.min() - 1e-13 < after.min()
    assert after.max() < u.max() + 1e-13


def test_the_published_spectrum_is_exact_on_smooth_fields():
    """u(x) = exp(cos πx) has the cosine series I₀ + 2 Σ I_n cos nπx."""
    kappa, n = 0.05, np.arange(1, 40)
    errors = {"continuous": [], "graph": []}
    for size in (8, 16):
        x = (np.arange(size) + 0.5) / size
        waves = np.cos(np.pi * n[:, None] * x)
        decayed = iv(n, 1) * np.exp(-kappa * (np.pi * n) ** 2)
        exact = iv(0, 1) + 2 * decayed @ waves
        field = np.exp(np.cos(np.pi * x))[:, None, None]
        for spectrum, values in errors.items():
            after = run(field, kappa * size**2, spectrum)[:, 0, 0]
            values.append(abs(after - exact).max())
    assert max(errors["continuous"]) < 1e-12
    assert errors["graph"][0] > 1e-4
    assert errors["graph"][0] / errors["graph"][1] == pytest.approx(4, rel=0.05)


def test_heat_of_one_cell_is_as_wide_as_is_said():
    for k in (2.0, 5.0):
        spread, x = kernel(k, "continuous", 60, 30), np.arange(60)
        measured = np.sqrt((spread * (x - 30) ** 2).sum())
        assert measured == pytest.approx(float(effective_width(k)), rel=1e-6)


def test_conductivity_of_the_mean_is_void_and_gains_may_be_anything():
    u = jnp.asarray(np.random.default_rng(0).normal(size=SHAPE))
    slope = np.asarray(
        jax.jit(jax.grad(lambda k: (conduct(u, k) ** 3).sum()))(np.ones(SHAPE))
    )
    assert not slope[0, 0].any()
    assert slope.ravel()[C:].all()
    gains = np.exp(-3 * decay_rates((H, W)))[..., None]
    filtered = jax.jit(filter_modes)(u, -gains)
    np.testing.assert_allclose(filtered, -run(u, 3.0), atol=1e-13)


def test_types_and_batches_stay():
    u = np.random.default_rng(0).normal(size=(2, 3, *SHAPE)).astype(np.float32)
    after = run(u, np.ones(C))
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, run(u.astype(float), np.ones(C)), atol=1e-5)
    far = run(u, 1e300)  # more than float32 holds
    np.testing.assert_allclose(far, u.mean((2, 3), keepdims=True) + 0 * u, atol=1e-5)
