"""Experiments of the coupled learner: told from numbers made up, measured when slow."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import coupled, coupled_laws, picture_sets
from isinglass.experiments.interference.coupled_setting import DIGITS, training_places


def table(rng: np.random.Generator, low: float, high: float, **axes) -> xr.DataArray:
    shape = [len(values) for values in axes.values()]
    return xr.DataArray(rng.uniform(low, high, shape), axes, list(axes))


@pytest.fixture
def curves() -> xr.Dataset:
    rng, seeds = np.random.default_rng(0), range(3)
    axes = {"shots": [1, 5], "seed": seeds}
    accuracy = table(rng, 60, 70, learner=list(coupled.LEARNERS), **axes)
    accuracy.loc["coupled"] += 20
    accuracy.loc[:, 5, 2] = np.nan  # a draw that was not made
    sets = {"set": list(coupled.SETS), "set_learner": list(coupled.SET_LEARNERS)}
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "four": table(rng, 80, 90, **axes),
            "strength": table(
                rng, 0.1, 1, learner=list(coupled.LEARNERS), shots=[1, 5]
            ),
            "sets": table(rng, 50, 60, **sets, set_shots=[1, 5], seed=seeds),
        },
        attrs={"resolution": "quick", "seeds": 3, "seed": 0},
    )


@pytest.fixture
def laws() -> xr.Dataset:
    rng, seed = np.random.default_rng(0), range(3)
    kinds = ["merged", "alone", "LR, all in one place"]
    holds = table(rng, 1, 1, law=list(coupled_laws.LAWS), seed=seed)
    return xr.Dataset(
        {
            "holds": holds,
            "clients": table(rng, 90, 99, learner=kinds, seed=seed),
            "rounds": table(rng, 90, 99, round=range(1, 21), seed=seed),
            "course": table(
                rng, 90, 99, digit=list(DIGITS), stage=range(19), seed=seed
            ),
            "returns": table(rng, 1, 1, seed=seed),
            "seconds": table(rng, 0, 1, what=list(coupled_laws.TIMED), seed=seed),
        },
        attrs={"resolution": "quick", "seeds": 3, "seed": 0},
    )


def test_learning_curves_are_told(curves):
    views = tell(coupled, curves)
    rows = rows_of(views)
    ours, peer = (
        curves.accuracy.sel(learner=name, shots=5).dropna("seed")
        for name in ("coupled", "LR on x")
    )
    ahead = rows["coupled − LR on x, K=5"]
    assert ahead.ours == pytest.approx(float((ours.values - peer.values).mean()))
    assert (ahead.n, ahead.unit) == (2, "points")
    assert rows["four digits, K=5"].paper == 83.5
    assert [figure.part for figure in views.figures] == ["", "sets"]
    assert "is behind by" in views.findings


def test_laws_are_told(laws):
    views = tell(coupled_laws, laws)
    rows = rows_of(views)
    assert rows["twenty clients merged: the same sums, bit for bit"].ours == 100
    assert [figure.part for figure in views.figures] == ["clients", "course"]
    assert "15 gave the same sums" in views.findings
    laws.holds[0, 0] = 0
    assert "14 gave the same sums" in tell(coupled_laws, laws).findings


def test_pictures_that_are_no_mnist():
    rng = np.random.default_rng(0)
    for pictures, classes in (
        (picture_sets.small_digits(), 10),
        (picture_sets.letters(rng), 10),
        (picture_sets.photographs(rng), 2),
    ):
        for images, labels in (pictures[1:3], pictures[3:5]):
            assert len(np.unique(labels)) == classes
            assert len(images) == len(labels)
            assert np.ptp(images, axis=(1, 2)).min() > 0
        assert min(np.unique(pictures.pool_labels, return_counts=True)[1]) >= 10


def test_draws_have_as_many_of_each_class():
    labels = np.array(list("aabbbccccc"))
    places = training_places(labels, 2, np.random.default_rng(0))
    assert labels[places].tolist() == list("aabbcc")
    assert len(set(places)) == 6


# At the largest C of a grid a peer may not converge; more steps change no accuracy.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
def test_it_is_ahead_on_pixels_and_every_law_holds(measured):
    mean = measured(coupled).accuracy.mean("seed")
    for peer in ("1-NN", "LR", "SVM"):
        assert (
            mean.sel(learner="coupled") > mean.sel(learner=f"{peer} on pixels")
        ).all()
    assert (mean.sel(learner="coupled, shuffled labels") < 30).all()
    exact = measured(coupled_laws)
    assert (exact.holds == 1).all()
    assert (exact.returns == 1).all()
    averaged = exact.rounds.isel(round=-1).mean()
    assert exact.clients.sel(learner="merged").mean() > averaged - 1
