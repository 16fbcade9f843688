from typing import Any

import jax
import numpy as np
import pytest

from isinglass.energy import (
    Demircigil,
    Hopfield,
    ModernHopfield,
    NearestNeighbour,
    capacity,
)

KEY = jax.random.key(0)
ALL = [Hopfield(), Demircigil(), ModernHopfield(4.0), NearestNeighbour(2.0)]


@pytest.fixture(scope="module")
def found():
    return capacity(
        ALL,
        [3, 60],
        [0.0, 0.1, 0.5],
        [1.0, 8.0],
        dimension=40,
        trials=4,
        probes=3,
        key=KEY,
    )


def test_results_have_names(found):
    assert dict(found.sizes) == {
        "energy": 4,
        "separation": 2,
        "patterns": 2,
        "noise": 3,
        "trial": 4,
    }
    assert set(found.data_vars) == {
        "error",
        "correct",
        "retrieved",
        "converged",
        "iterations",
    }
    assert found.energy.values[0] == "Hopfield 1982"
    assert all(np.isfinite(found[name]).all() for name in found)


def test_few_patterns_with_little_noise_are_retrieved_by_all(found):
    few = found.sel(patterns=3, separation=8.0, noise=[0.0, 0.1])
    assert (few.retrieved.mean("trial") >= 0.9).all()


def test_many_patterns_break_hopfield_first(found):
    many = found.sel(patterns=60, separation=8.0, noise=0.1).retrieved.mean("trial")
    assert float(many.sel(energy="Hopfield 1982")) < 0.1
    assert float(many.sel(energy="Demircigil 2017")) == 1.0
    assert float(many.sel(energy="nearest neighbour, β = 2")) == 1.0


def test_separation_matters_to_continuous_energies_only(found):
    close, far = (
        found.sel(patterns=60, noise=0.1, separation=s).retrieved for s in (1.0, 8.0)
    )
    names = ["nearest neighbour, β = 2", "modern Hopfield, β = 4"]
    assert (close.sel(energy=names) == 0).all()
    assert (far.sel(energy=names) == 1).all()
    same = [landscape.name for landscape in ALL[:2]]
    np.testing.assert_array_equal(close.sel(energy=same), far.sel(energy=same))


def test_half_of_the_signs_turned_are_lost(found):
    assert (found.sel(noise=0.5, patterns=60, separation=8.0).correct < 0.5).all()


def test_a_key_gives_the_same_again():
    options: Any = {"dimension": 40, "trials": 1, "probes": 3}
    first, again, other = (
        capacity([NearestNeighbour()], [3], [0.4], key=key, **options)
        for key in (KEY, KEY, jax.random.key(1))
    )
    assert first.identical(again)
    assert not first.identical(other)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"landscapes": []}, "landscapes must hold one at least"),
        ({"counts": [0]}, "counts must be a whole number of at least 1, got 0"),
        ({"noises": [1.5]}, r"noises must lie in \[0, 1\], got 1.5"),
        ({"noises": []}, "noises must hold one at least"),
        ({"separations": [0.0]}, "separations must be positive"),
        ({"trials": 0}, "trials"),
        ({"precision": 0.0}, "precision"),
    ],
)
def test_experiments_that_make_no_sense_are_refused(change, named):
    given = {"landscapes": [Hopfield()], "counts": [2], "key": KEY, **change}
    with pytest.raises(ValueError, match=named):
        capacity(**given)
