import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.data.mnist import Digits
from isinglass.experiments.interference import tower
from isinglass.experiments.interference import tower_readout as readout
from isinglass.systems.interference import Level, Tower, TowerClassifier, corners


@pytest.fixture(scope="module")
def problem():
    """Features of small pictures on a 4 × 4 grid: classes, samples, features."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(3, 5, 8, 8)) + 2 * rng.normal(size=(3, 1, 8, 8))
    level = Level(window=2, stride=2)
    flat = pictures.reshape(-1, 8, 8)
    field = Tower([level]).fit_transform(flat).reshape(3, 5, 16)
    return level, flat, field


def test_the_tally_is_that_of_the_classifier(problem):
    level, pictures, field = problem
    model = TowerClassifier([level]).fit(pictures, np.repeat(range(3), 5))
    scores = readout.by_tally(field, field.reshape(15, 16), 0.5)

    np.testing.assert_allclose(scores, model.energies(pictures), rtol=1e-12)


def test_the_energy_is_that_of_the_classifier(problem):
    level, pictures, field = problem
    model = TowerClassifier(
        [level], rule="energy", n_durations=15, n_signals=1, random_state=0
    )
    model.fit(pictures, np.repeat(range(3), 5))
    with jax.enable_x64(True):
        scores = readout.by_energy(field, field.reshape(15, 16), 0.5, model.seed_)

    assert corners((4, 4), 3).flight_times.max() <= 8
    np.testing.assert_allclose(scores, model.energies(pictures), rtol=1e-5)


def test_thresholds_are_chosen_on_validation_and_guests_set_beside_none():
    axes = {
        "task": list(tower.TASKS),
        "shots": list(tower.SHOTS),
        "model": [str(method) for method in tower.METHODS],
        "seed": [0, 1],
    }
    accuracy = xr.DataArray(np.full((2, 5, 9, 2), 70.0), axes, list(axes))
    accuracy.loc[{"model": "level 1, tally"}] = 73.0
    accuracy.loc[{"shots": 200, "seed": 1}] = np.nan  # a draw that was not made
    curves = {
        "read": list(tower.TOWERS),
        "threshold": list(tower.THRESHOLDS),
        "seed": [0, 1],
    }
    validation = xr.DataArray(np.full((5, 8, 2), 50.0), curves, list(curves))
    validation.loc["plain mean", 0.05] = 60.0
    validation.loc["no guests", 0.2] = 60.0
    chosen = [tower.best_threshold(validation, name) for name in tower.CONTROLS]
    assert chosen == [0.05, 0.2]

    pictures = tower.picture_of_towers(
        Digits(
            np.random.default_rng(0).integers(256, size=(1, 28, 28), dtype=np.uint8),
            np.array([2], np.uint8),
        )
    )
    control = {"control": list(tower.CONTROLS)}
    dataset = xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(units="%", valid_range=[0, 100]),
            "validation": validation.assign_attrs(units="%", valid_range=[0, 100]),
            "chosen": xr.DataArray(chosen, control, ["control"]),
            **pictures,
        },
        attrs={"resolution": "quick", "seeds": 2, "seed": 0},
    )
    views = tell(tower, dataset)
    rows = rows_of(views)

    assert rows["four digits, level 1, tally, K=5"].ours == 73
    assert rows["four digits, level 1, tally, K=200"].n == 1
    assert rows["ten digits, level 1 minus plain mean, tally, K=5"].ours == 3
    assert "cut at 0.05" in views.findings
    assert [figure.part for figure in views.figures] == [
        "towers",
        "accuracy",
        "thresholds",
    ]


def thumbnails(images):
    """Means of squares of pixels, from −1 to 1."""
    means = images.reshape(len(images), 4, 7, 4, 7).mean((2, 4)) / 128 - 1
    return np.tanh(means.reshape(len(images), 16))


class Thumbnails(Tower):
    """Stands for a tower of any levels."""

    def fit_transform(self, X, y=None, **_):
        return thumbnails(X)


def flat_by_tally(learn, tested, seed):
    field = thumbnails(learn.reshape(-1, 28, 28)).reshape(*learn.shape[:2], 16)
    return readout.by_tally(field, thumbnails(tested), 0.5)


def test_all_methods_learn_from_the_same_draws(monkeypatch):
    monkeypatch.setattr(tower, "Tower", Thumbnails)
    monkeypatch.setattr(tower, "picture_of_towers", lambda _: {})
    fakes = {
        "flat": thumbnails,
        "flat_by_energy": flat_by_tally,
        "by_energy": lambda learn, tested, threshold, seed: readout.by_tally(
            learn, tested, threshold
        ),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(readout, name, fake)
    measured = measure(tower)
    accuracy = measured.accuracy
    for model in ("level 2, tally", "level 2, paper's rule", "flat, paper's rule"):
        assert accuracy.sel(model=model).equals(
            accuracy.sel(model="level 1, tally").assign_coords(model=model)
        )
    assert (accuracy.sel(shots=50, task="ten digits") > 30).all()
    chosen = measured.validation.sel(read="no guests").idxmax("threshold").item()
    assert measured.chosen.sel(control="no guests") == chosen


@pytest.mark.slow
def test_what_is_measured(measured):
    accuracy = measured(tower).accuracy.mean("seed")

    assert (accuracy.sel(shots=50) > accuracy.sel(shots=1)).all()
    assert accuracy.sel(task="four digits", shots=50, model="level 1, tally") > 90
    assert accuracy.sel(task="ten digits", shots=50, model="level 1, tally") > 72
