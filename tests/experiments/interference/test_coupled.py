"""Experiments of the coupled learner: told from numbers made up, and measured small."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from sklearn.preprocessing import FunctionTransformer

from helpers.experiments import measure, rows_of, tell
from isinglass.data.mnist import Digits
from isinglass.experiments.interference import coupled, coupled_laws, picture_sets
from isinglass.experiments.interference.coupled_setting import (
    DIGITS,
    Features,
    Split,
    training_places,
)
from isinglass.experiments.interference.picture_sets import Pictures
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
)

PRIOR = GaussianPrior(0.0, 1e6)


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


def patterns(count: int, seed: int) -> Digits:
    """So many pictures of each class: its random squares, under noise."""
    squares = np.random.default_rng(0).random((len(DIGITS), 4, 4))
    labels = np.repeat(DIGITS, count)
    noise = np.random.default_rng(seed).random((len(labels), 28, 28))
    images = 0.8 * np.kron(squares, np.ones((7, 7)))[labels] + 0.2 * noise
    return Digits((255 * images).astype(np.uint8), labels.astype(np.uint8))


def features_of(images: np.ndarray, labels: np.ndarray) -> Features:
    """The brightness of the squares in place of dipoles, which are many."""
    squares = images.reshape(-1, 4, 7, 4, 7).mean((2, 4)).reshape(-1, 16) / 255
    pixels = images.reshape(len(images), -1) / 255
    return Features(pixels, squares / 4, squares - 0.5, labels)


def learner(prior: Any = None) -> CoupledClassifier:
    return CoupledClassifier(encoder=FunctionTransformer(), prior=prior or PRIOR)


@pytest.fixture
def squares(monkeypatch):
    monkeypatch.setattr(Features, "of", features_of)
    monkeypatch.setattr(
        Features, "whole", lambda self: np.rint(2**14 * self.dipoles).astype(np.int64)
    )
    for experiment in (coupled, coupled_laws):
        monkeypatch.setattr(experiment, "coupled", learner)


@pytest.mark.usefixtures("squares")
def test_every_law_holds(monkeypatch):
    split = Split(patterns(coupled_laws.SHOTS, 1), patterns(1, 2), patterns(3, 3))
    monkeypatch.setattr(coupled_laws, "load_split", lambda _: split)
    monkeypatch.setitem(coupled_laws.SETTINGS, "quick", {"rounds": 2})
    exact = measure(coupled_laws)
    assert (exact.holds == 1).all()
    assert (exact.returns == 1).all()
    assert (exact.clients.sel(learner="merged") > 90).all()
    assert (exact.clients.sel(learner="alone") <= 20).all()  # of two classes each
    assert exact.rounds.notnull().all()
    assert (exact.seconds > 0).all()


@pytest.mark.usefixtures("squares")
def test_all_learn_from_the_same_draws(monkeypatch):
    split = Split(patterns(2, 1), patterns(1, 2), patterns(3, 3))
    monkeypatch.setattr(coupled, "load_split", lambda _: split)
    encoder = DipoleEncoder(hosts=2, places=2)
    monkeypatch.setattr(coupled.StrokePrior, "from_pictures", lambda _: PRIOR)
    monkeypatch.setattr(
        coupled,
        "CoupledClassifier",
        lambda prior: CoupledClassifier(encoder=encoder, prior=prior or PRIOR),
    )
    for name, call in zip(
        coupled.SETS, ("small_digits", "letters", "photographs"), strict=True
    ):
        pictures = Pictures(name, *split.pool, *split.test)
        monkeypatch.setattr(picture_sets, call, lambda *_, made=pictures: made)
    lean = {"shots": (1,), "tuned": {1: 1}, "draws": {1: 1}, "sets": (1,), "repeats": 1}
    grid = {peer: choices[1:2] for peer, choices in coupled.GRID.items()}
    monkeypatch.setitem(coupled.SETTINGS, "quick", {**lean, "grid": grid})
    measured = measure(coupled)
    accuracy = measured.accuracy.squeeze(drop=True)
    others = accuracy.drop_sel(learner="coupled, shuffled labels")
    assert (others > 50).all()
    assert accuracy.sel(learner="coupled, shuffled labels") < others.min()
    assert (measured.four > 50).all()
    assert measured.sets.notnull().all()
    # The only C that there was to choose from.
    assert measured.strength.sel(learner="LR on f").item() == 100


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
