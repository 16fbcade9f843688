"""Conductivities at another resolution: what is exact, and what the program does."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.heat import conduct, resample_conductivity

SHAPE, FINER = (4, 5, 2), (8, 15)

pytestmark = pytest.mark.usefixtures("double_precision")


resample = jax.jit(resample_conductivity, static_argnums=(1, 2, 3))
run = jax.jit(conduct, static_argnames="spectrum")


def sampled(amplitudes, shape):
    """A smooth picture, of which some cosines are all, in so many cells."""
    waves = [
        np.cos(np.pi * np.arange(n)[:, None] * (np.arange(size) + 0.5) / size)
        for n, size in zip(amplitudes.shape, shape, strict=False)
    ]
    return np.einsum("nmc,nx,my->xyc", amplitudes, *waves)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["continuous", "graph"]))
def test_the_same_picture_in_finer_cells_conducts_the_same(seed, spectrum):
    rng = np.random.default_rng(seed)
    amplitudes, k = rng.normal(size=SHAPE), rng.uniform(0, 2, SHAPE)
    after = run(sampled(amplitudes, SHAPE[:2]), k, spectrum=spectrum)
    # Amplitudes after, read off the coarse cells, say what the fine ones must be.
    waves = [
        np.cos(np.pi * np.arange(n)[:, None] * (np.arange(n) + 0.5) / n)
        for n in SHAPE[:2]
    ]
    inverses = [np.linalg.inv(wave) for wave in waves]
    amplitudes_after = np.einsum("xyc,xn,ym->nmc", after, *inverses)
    expected = sampled(amplitudes_after, FINER)
    picture = sampled(amplitudes, FINER)
    errors = {
        rule: abs(
            run(picture, resample(k, FINER, rule, spectrum), spectrum=spectrum)
            - expected
        ).max()
        for rule in ("finer", "edge", "pad", "bicubic")
    }
    assert max(errors["finer"], errors["edge"]) < 1e-11
    assert min(errors["pad"], errors["bicubic"]) > 1e-6
    back = resample(resample(k, FINER, "finer", spectrum), SHAPE[:2], "finer", spectrum)
    np.testing.assert_allclose(back[0, 1:], k[0, 1:], rtol=1e-12)


def test_more_of_the_same_cells_have_the_same_conductivity_by_frequency():
    n, m = np.arange(8) / 8, np.arange(6) / 6
    k = (n[:, None] + 2 * m)[..., None] + np.ones(1)
    wider = np.asarray(resample(k, (12, 9), "wider", "continuous"))
    # Linear in the frequency up to the highest that was learned, and level beyond.
    low = np.minimum(np.arange(12) / 12, n[-1])
    across = np.minimum(np.arange(9) / 9, m[-1])
    expected = (low[:, None] + 2 * across + 1)[..., None]
    np.testing.assert_allclose(wider, expected, rtol=1e-12)


def test_what_each_rule_does_with_new_modes():
    k = np.full((2, 2, 1), 3.0)
    finer, edge, pad, bicubic = (
        np.asarray(resample(k, (4, 4), rule, "continuous"))[..., 0]
        for rule in ("finer", "edge", "pad", "bicubic")
    )
    assert finer[1, 1] == pytest.approx(12)
    assert not finer[2:].any()
    assert pad[1, 1] == 3
    assert not pad[:, 2:].any()
    rate = 2 * (np.pi / 2) ** 2 * 3  # what the highest learned mode decays by
    assert edge[3, 3] * 2 * (3 * np.pi / 4) ** 2 == pytest.approx(rate)
    np.testing.assert_allclose(bicubic, 3)
