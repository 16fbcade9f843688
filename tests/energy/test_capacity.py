import jax
import numpy as np
import pytest

from isinglass.energy import (
    Demircigil,
    Hopfield,
    KrotovHopfield,
    ModernHopfield,
    NearestNeighbour,
    RetrievalTask,
    capacity,
    crossing,
    fixed_point_capacity,
    half_point,
    separation_capacity,
)

KEY = jax.random.key(0)
ALL = [Hopfield(), Demircigil(), ModernHopfield(4.0), NearestNeighbour(2.0)]


@pytest.fixture(scope="module")
def report():
    task = RetrievalTask(
        [3, 60], [0.0, 0.1, 0.5], [1.0, 8.0], dimension=40, trials=4, probes=3
    )
    return capacity(ALL, task, key=KEY)


def test_results_have_names(report):
    assert dict(report.sizes) == {
        "energy": 4,
        "separation": 2,
        "patterns": 2,
        "noise": 3,
        "trial": 4,
    }
    assert set(report.data_vars) == {
        "error",
        "correct",
        "retrieved",
        "converged",
        "iterations",
    }
    assert report.energy.values[0] == "Hopfield 1982"
    assert all(np.isfinite(report[name]).all() for name in report)


def test_few_patterns_with_little_noise_are_retrieved_by_all(report):
    few = report.sel(patterns=3, separation=8.0, noise=[0.0, 0.1])
    assert (few.retrieved.mean("trial") >= 0.9).all()


def test_many_patterns_break_hopfield_first(report):
    many = report.sel(patterns=60, separation=8.0, noise=0.1).retrieved.mean("trial")
    assert float(many.sel(energy="Hopfield 1982")) < 0.1
    assert float(many.sel(energy="Demircigil 2017")) == 1.0
    assert float(many.sel(energy="nearest neighbour, β = 2")) == 1.0


def test_separation_matters_to_continuous_energies_only(report):
    close, far = (
        report.sel(patterns=60, noise=0.1, separation=s).retrieved for s in (1.0, 8.0)
    )
    names = ["nearest neighbour, β = 2", "modern Hopfield, β = 4"]
    assert (close.sel(energy=names) == 0).all()
    assert (far.sel(energy=names) == 1).all()
    same = [landscape.name for landscape in ALL[:2]]
    np.testing.assert_array_equal(close.sel(energy=same), far.sel(energy=same))


def test_half_of_the_signs_turned_are_lost(report):
    assert (report.sel(noise=0.5, patterns=60, separation=8.0).correct < 0.5).all()


def test_a_key_gives_the_same_again():
    task = RetrievalTask([3], [0.4], dimension=40, trials=1, probes=3)
    first, again, other = (
        capacity([NearestNeighbour()], task, key=key)
        for key in (KEY, KEY, jax.random.key(1))
    )
    assert first.identical(again)
    assert not first.identical(other)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"counts": []}, "counts must hold one at least"),
        ({"counts": [0]}, "counts must be at least 1, got 0"),
        ({"noises": [1.5]}, r"noises must be in \[0, 1\], got 1.5"),
        ({"noises": []}, "noises must hold one at least"),
        ({"separations": [0.0]}, "separations must be positive"),
        ({"trials": 0}, "trials"),
    ],
)
def test_tasks_that_make_no_sense_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        RetrievalTask(**{"counts": [2], **change})


def test_a_measurement_needs_an_energy_and_a_precision():
    task = RetrievalTask([2])
    with pytest.raises(ValueError, match="landscapes must hold one at least"):
        capacity([], task, key=KEY)
    with pytest.raises(ValueError, match="precision must be positive"):
        capacity([Hopfield()], task, key=KEY, precision=0.0)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ([1.0, 0.5, 0.0], 4.0),
        ([1.0, 0.75, 0.25], 4 * 2**0.5),
        ([0.4, 0.3, 0.2], 0.0),
        ([0.9, 0.8, 0.7], np.inf),
        ([1.0, 0.4, 0.6], np.inf),  # made to fall: 1, ½, ½ is nowhere below
    ],
)
def test_half_is_where_the_share_crosses_it(share, expected):
    assert crossing([2, 4, 8], np.array(share)) == pytest.approx(expected)


def test_the_interval_holds_the_number_and_narrows_with_sets():
    rng = np.random.default_rng(3)
    truth = np.array([0.95, 0.7, 0.3, 0.05])[:, None]
    few, many = (
        half_point(8, [2, 4, 8, 16], np.clip(truth + noise, 0, 1), 5.0)
        for noise in (rng.normal(0, 0.2, (4, 6)), rng.normal(0, 0.2, (4, 96)))
    )
    for half in (few, many):
        assert half.interval.low <= half.interval.mean <= half.interval.high
    assert many.interval.high - many.interval.low < few.interval.high - few.interval.low
    assert many.interval.mean == pytest.approx(4 * 2**0.5, rel=0.15)


def test_theory_of_signs_is_between_its_limits():
    hopfield, cubic, quartic = Hopfield(), KrotovHopfield(3), KrotovHopfield(4)
    for n in (64, 512, 100_000):
        assert n / (4 * np.log(n)) < fixed_point_capacity(hopfield, n) < n / np.log(n)
    numbers = [fixed_point_capacity(x, 64) for x in (hopfield, cubic, quartic)]
    assert numbers[1] / numbers[0] == pytest.approx(2 * 64 / 3)
    assert numbers[2] / numbers[1] == pytest.approx(64 / 5)
    plain = fixed_point_capacity(KrotovHopfield(4, rectified=False), 64)
    assert numbers[2] / plain == pytest.approx(2)
    with pytest.raises(ValueError, match="dimension must be at least 2"):
        fixed_point_capacity(hopfield, 0)


def test_theory_of_the_continuous_energy_grows_with_separation():
    numbers = [separation_capacity(s, 10**9) for s in (2.0, 3.0, 4.0)]
    assert numbers == sorted(numbers)
    # Far apart in many dimensions: the fold is near a = 1 − 1/βΔ², at exp(βΔ²)/(e βΔ²).
    assert numbers[-1] == pytest.approx(np.exp(16 - 1) / 16, rel=0.1)
    with pytest.raises(ValueError, match=r"precision must be in \(0, 1\)"):
        separation_capacity(1.0, 10, precision=1.0)
