"""Conductivities from pairs of fields, and what noise hides."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.heat import conduct, recover_conductivity, recover_modes

SHAPE = M, H, W, C = 6, 5, 7, 2
run = jax.jit(conduct, static_argnames="spectrum")


def pairs(seed, k, noise=0.0, spectrum="continuous", shape=SHAPE):
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        before = rng.normal(size=shape)
        after = np.asarray(run(before, k, spectrum=spectrum))
    return before, after + noise * rng.normal(size=shape)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.floats(0, 20), st.floats(0.01, 20)),
    st.sampled_from(["continuous", "graph"]),
)
def test_without_noise_each_channel_is_recovered(seed, k, spectrum):
    recovery = recover_conductivity(*pairs(seed, np.array(k), 0, spectrum), spectrum)
    np.testing.assert_allclose(recovery.conductivity, k, atol=1e-5, rtol=1e-5)
    assert recovery.is_identified.all()


def test_the_error_is_as_large_as_it_says():
    k = np.array([0.3, 2.0])
    parts = [recover_conductivity(*pairs(seed, k, 0.05)) for seed in range(100)]
    scaled = np.stack([(part.conductivity - k) / part.error for part in parts])
    assert scaled.std(0) == pytest.approx(1, abs=0.25)
    assert np.stack([part.noise for part in parts]).mean() == pytest.approx(0.05, 0.02)


def test_modes_are_recovered_where_the_noise_allows_it():
    k = np.random.default_rng(1).uniform(0, 3, (H, W, C))
    exact = recover_modes(*pairs(0, k / 3))
    recovered = 3 * exact.conductivity
    np.testing.assert_allclose(recovered.ravel()[C:], k.ravel()[C:], rtol=1e-4)
    assert np.isnan(exact.conductivity[0, 0]).all()
    assert not exact.is_identified[0, 0].any()
    noisy = recover_modes(*pairs(0, k, 0.01, shape=(40, H, W, C)))
    sure = noisy.is_identified
    assert 0 < sure.mean() < 1
    off = abs(noisy.conductivity - k)[sure] / noisy.error[sure]
    assert np.sqrt((off**2).mean()) == pytest.approx(1, abs=0.4)
    # Those that cannot be told are the strongly damped: exp(−kλ) below the noise.
    assert np.isinf(noisy.error[~sure]).all()


def test_what_conducts_too_well_cannot_be_told():
    for seed in range(20):
        for k, noise in ((100.0, 0.1), (1e6, 1e-3), (1e6, 1.0)):
            recovery = recover_conductivity(*pairs(seed, np.array([0.3, k]), noise))
            assert recovery.is_identified[0] or noise == 1
            assert not recovery.is_identified[1]


def test_that_nothing_is_conducted_can_be_told():
    recovery = recover_conductivity(*pairs(0, np.array([0.0, 0.1]), 0.01))
    assert recovery.is_identified.all()
    np.testing.assert_allclose(recovery.conductivity, [0, 0.1], atol=0.005)
