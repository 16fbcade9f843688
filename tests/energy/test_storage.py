from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import expit

from helpers.energy_cases import quick, seeds
from isinglass.energy import (
    Hopfield,
    ModernHopfield,
    NearestNeighbour,
    StorageProbe,
    ball_radii,
    storage,
    storage_certificate,
)

KEY = jax.random.key(0)
FAR = jnp.asarray([[10.0, 0.0], [0.0, 10.0], [-10.0, 0.0]])


def test_balls_reach_half_way_to_the_nearest():
    patterns = jnp.asarray([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0], [3.0, 5.0]])
    assert ball_radii(patterns).tolist() == [2.5, 0.5, 0.0, 0.0]
    assert ball_radii(patterns[:1]).tolist() == [np.inf]


def test_far_patterns_are_stored_and_that_is_proved():
    result = storage(FAR, NearestNeighbour(1.0), key=KEY)
    assert result.stored.all()
    assert result.certified.all()
    assert (result.retrieved == 1).all()
    assert float(result.error.max()) < 1e-5
    assert result.attrs["energy"] == "nearest neighbour, β = 1"


def test_what_is_close_together_is_not_stored():
    patterns = jnp.asarray([[0.0, 0.0], [0.5, 0.0], [20.0, 0.0]])
    result = storage(patterns, NearestNeighbour(1.0), key=KEY)
    assert result.stored.values.tolist() == [False, False, True]
    assert result.certified.values.tolist() == [False, False, True]
    # The two share the fixed point between them.
    np.testing.assert_allclose(result.error.values[:2], 0.25, atol=1e-3)


def test_two_of_a_pattern_are_not_stored():
    patterns = jnp.asarray([[5.0, 0.0], [5.0, 0.0], [-5.0, 0.0]])
    result = storage(patterns, key=KEY)
    assert result.radius.values.tolist()[:2] == [0.0, 0.0]
    assert result.disjoint.values.tolist() == [False, False, True]
    assert result.stored.values.tolist() == [False, False, True]


def test_balls_that_meet_are_seen():
    result = storage(FAR, radius=jnp.asarray([8.0, 7.0, 1.0]), key=KEY)
    assert result.disjoint.values.tolist() == [False, False, True]


def test_a_lone_pattern_is_stored():
    result = storage(jnp.asarray([[1.0, 2.0]]), key=KEY, probe=StorageProbe(samples=1))
    assert bool(result.stored[0])
    assert bool(result.certified[0])


def test_few_signs_are_stored_by_hopfield_and_many_are_not():
    signs = np.asarray(jax.random.rademacher(KEY, (40, 40)))  # integers, of NumPy
    few, many = (
        storage(signs[:m], Hopfield(), key=KEY, probe=StorageProbe(samples=1))
        for m in (2, 40)
    )
    assert few.stored.all()
    assert not few.certified.any()  # nothing is proved of energies of signs
    assert float(few.error.max()) == 0
    assert not many.stored.any()
    assert set(few.data_vars) == set(many.data_vars)


@pytest.mark.usefixtures("double")
@quick
@given(
    seed=seeds,
    scale=st.floats(0.5, 6),
    share=st.floats(0.05, 1),
    kind=st.sampled_from([NearestNeighbour, ModernHopfield]),
)
# The bound is 1e-15, below a rounding of the update.
@example(seed=286, scale=5.75, share=0.0546875, kind=NearestNeighbour)
def test_a_certificate_holds(seed, scale, share, kind):
    rng = np.random.default_rng(seed)
    patterns = jnp.asarray(scale * rng.normal(size=(5, 3)))
    radius = share * ball_radii(patterns)
    landscape = kind(2.0)
    result = storage_certificate(patterns, landscape, radius)
    way = rng.normal(size=(5, 3))
    start = patterns + (radius / np.linalg.norm(way, axis=-1))[:, None] * way
    image, fixed = updated_once_and_for_long(landscape, start, patterns)
    stored = np.asarray(result.stored)
    error, contraction = (
        np.asarray(x)[stored] for x in (result.error, result.contraction)
    )

    def apart(a, b):
        return np.linalg.norm(np.asarray(a) - np.asarray(b), axis=-1)[stored]

    rounding = 8 * np.finfo(float).eps * np.linalg.norm(patterns, axis=-1).max()
    assert (apart(image, patterns) <= error + rounding).all()
    assert (apart(image, fixed) <= contraction * apart(start, fixed) + 1e-9).all()
    assert (apart(fixed, patterns) <= error + 1e-9).all()


@quick
@given(
    seed=seeds,
    scale=st.floats(0.5, 20),
    offset=st.floats(0, 100),
    share=st.floats(0.02, 1),
    kind=st.sampled_from([NearestNeighbour, ModernHopfield]),
)
@example(  # whose weight is below what float32 holds
    seed=3328156635,
    scale=0.9639107749686375,
    offset=53.17574065211102,
    share=0.6060905563498012,
    kind=ModernHopfield,
)
@example(seed=397, scale=1.0, offset=0.0, share=1.0, kind=ModernHopfield)
def test_rounding_makes_no_bound_too_small(seed, scale, offset, share, kind):
    rng = np.random.default_rng(seed)
    patterns = (offset + scale * rng.normal(size=(2, 3))).astype(np.float32)
    radius = share * ball_radii(patterns)
    result = storage_certificate(patterns, kind(2.0), radius)
    # With two patterns, the bound is reached up to the other's weight: go towards it.
    pair = patterns.astype(np.longdouble)
    away = pair[::-1] - pair
    apart = np.linalg.norm(away, axis=-1)
    start = pair + (np.asarray(radius) / apart)[:, None] * away
    exponent = (
        ((start - pair) ** 2 - (start - pair[::-1]) ** 2).sum(-1)
        if kind is NearestNeighbour
        else (start * away).sum(-1)
    )
    weight = expit(2 * exponent)
    assert (weight * apart <= np.asarray(result.error)).all()
    stored = np.asarray(result.stored)
    # A share w / (1 + w) of the pull is bounded by w itself.
    bound = np.exp(np.minimum(2 * exponent, 0)) * apart
    np.testing.assert_allclose(
        result.error[stored], bound[stored], rtol=0.2, atol=1e-30
    )


@partial(jax.jit, static_argnums=0)
def updated_once_and_for_long(landscape, start, patterns):
    def update(x, _=None):
        return landscape.update(x, patterns)

    return update(start), jax.lax.fori_loop(0, 300, lambda _, x: update(x), patterns)
