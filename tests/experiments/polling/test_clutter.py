"""Cluttered digits: canvases, told from numbers made up, and a tiny run."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.polling import clutter, clutter_training
from isinglass.experiments.polling.clutter_pictures import Canvas, Digits, scene
from isinglass.experiments.polling.clutter_training import (
    ALL,
    ARMS,
    NORM,
    POLL,
    POOL,
    RANDOM,
    UNWEIGHTED,
    VARIED,
)

TINY = replace(
    clutter.SETTINGS["quick"],
    steps=2,
    batch=4,
    test=20,
    ratios=(1 / 4,),
    arms=(VARIED, POOL),
)


@pytest.fixture
def measured() -> xr.Dataset:
    """Nobody is told from all tokens but the random poll, which guesses."""
    rng = np.random.default_rng(0)
    names = [arm.name for arm in ARMS]
    axes = {"arm": names, "seed": range(6)}
    percent = {"units": "%", "valid_range": [0, 100]}

    def table(**axes):
        shape = tuple(len(values) for values in axes.values())
        return xr.DataArray(rng.uniform(92, 93, shape), axes, attrs=percent)

    accuracy, on_digit, by_ratio = (
        table(**axes),
        table(**axes),
        table(arm=names, ratio=[0.1, 0.2, 1.0], seed=range(6)),
    )
    accuracy.loc[RANDOM.name] -= 80
    on_digit.loc[[ALL.name, POOL.name]] = np.nan
    by_ratio.loc[[ALL.name, POOL.name]] = np.nan
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "on_digit": on_digit,
            "covered": on_digit,
            "distance": accuracy.assign_attrs(units="pixels"),
            "by_ratio": by_ratio,
            "rate": ("arm", np.full(len(names), 0.002)),
            "lost": ("arm", np.zeros(len(names))),
            "time": xr.DataArray(
                rng.uniform(1, 2, (len(names), 3)),
                {"arm": names, "round": range(3)},
                attrs={"units": "ms"},
            ),
            "chance": 11.0,
            "picture": (("y", "x"), rng.random((24, 24))),
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_differences_are_of_the_same_seeds(measured):
    outcome = tell(clutter, measured)
    rows = rows_of(outcome)
    points = measured.accuracy.sel(arm=RANDOM.name) - measured.accuracy.sel(
        arm=ALL.name
    )
    row = rows["random poll less all tokens"]
    assert (row.ours, row.n, row.unit) == (pytest.approx(points.mean()), 6, "points")
    assert "polled, on the digit, pool only" not in rows
    assert "poll at one α, α = 0.1" in rows


def test_findings_follow_the_numbers(measured):
    text = tell(clutter, measured).findings
    assert "Behind by their 95 % intervals: random poll." in text
    assert "Poll at random α reads better than random poll." in text
    assert "Poll at one α reads better than random poll." in text
    measured.accuracy.loc[[POLL.name, UNWEIGHTED.name, VARIED.name]] -= 20
    measured.accuracy.loc[ALL.name] -= 10
    text = tell(clutter, measured).findings
    assert f"Poll at one α reads worse than {NORM.name}." in text
    assert "less than 90" in text


def test_no_sentence_is_of_arms_that_were_not_trained(measured):
    few = measured.sel(arm=[ALL.name, POLL.name], seed=[0, 1], ratio=[0.2])
    text = tell(clutter, few.assign_attrs(resolution="quick", seeds=2)).findings
    assert "Who chooses?" not in text
    assert "Rates were chosen" not in text
    assert "(poll at one α less all tokens)" in text


def test_figures_show_arms_and_other_alphas(measured, sketches):
    assert parts(tell(clutter, measured)) == ["", "ratios"]


def test_a_canvas_holds_its_digit_where_it_says():
    canvas = Canvas(size=16, fragments=2, noise=0.0)
    digits = Digits.shuffled(np.random.default_rng(0)).part(0, 5)
    places = jnp.array([0, 3, 3])
    shown = jax.jit(lambda key: scene(key, digits, places, canvas))(jax.random.key(0))
    for picture, centre, label, place, touched in zip(
        *(np.asarray(x) for x in (shown.pictures, shown.centres, shown.labels)),
        places,
        np.asarray(shown.touched).reshape(-1, 4, 4),
        strict=True,
    ):
        top, left = np.rint(16 * centre - 4).astype(int)
        box = slice(top, top + 8), slice(left, left + 8)
        np.testing.assert_allclose(picture[box], digits.images[place], atol=1e-6)
        assert label == digits.labels[place]
        rows, columns = np.nonzero(touched)
        assert (rows.min(), columns.min()) == (top // 4, left // 4)
        assert (rows.max(), columns.max()) == ((top + 7) // 4, (left + 7) // 4)
        outside = picture.copy()
        outside[box] = 0
        assert outside.max() > 0


def test_a_tiny_run_measures_all_of_it(monkeypatch):
    monkeypatch.setitem(clutter.SETTINGS, "quick", TINY)
    measured = measure(clutter, seeds=2)
    accuracy = measured.accuracy
    assert ((accuracy >= 0) & (accuracy <= 100)).all()
    assert measured.on_digit.sel(arm=POOL.name).isnull().all()
    assert measured.on_digit.sel(arm=VARIED.name).notnull().all()
    own = measured.by_ratio.sel(arm=VARIED.name, ratio=TINY.ratio)
    np.testing.assert_allclose(own, accuracy.sel(arm=VARIED.name))
    assert (measured.time > 0).all()


@pytest.mark.parametrize("rates", [(0.1, 0.2), (0.1,)], ids=["search", "report"])
def test_no_test_digit_is_trained_on_or_decides_a_rate(monkeypatch, rates):
    shown, trainings = [], []
    canvases = clutter.tests

    def show(keys, digits, *options):
        shown.append(digits)
        return canvases(keys, digits, *options)

    def train(models, task, recipe, **options):
        trainings.append((task.data, options["learning_rates"]))
        raise RuntimeError("none is trained")

    monkeypatch.setattr(clutter, "tests", show)
    monkeypatch.setattr(clutter_training, "train_lanes", train)
    setting = replace(TINY, rates=rates, searches=2, arms=(ALL,))
    monkeypatch.setitem(clutter.SETTINGS, "quick", setting)
    for seed in (0, 1):
        with pytest.raises(RuntimeError, match="none is trained"):
            measure(clutter, seeds=2, seed=seed)
    (halves, learning_rates), _ = trainings
    np.testing.assert_array_equal(learning_rates, np.repeat(rates, 2))
    parts = halves if len(rates) > 1 else halves[:1]  # a report looks at no others
    images = np.concatenate([part.images for part in (*parts, shown[0])])
    assert len(shown[0].labels) == setting.test
    # All 1,797 differ: who holds each of them once has none twice.
    source = Digits.shuffled(np.random.default_rng(0)).images
    np.testing.assert_array_equal(in_order(images), in_order(source))
    # Other base seeds test on the same: sizes were chosen on the rest.
    np.testing.assert_array_equal(shown[0].images, shown[1].images)


def in_order(images):
    """Images as rows, in an order of their own."""
    rows = np.asarray(images, np.float32).reshape(len(images), -1)
    return rows[np.lexsort(rows.T)]
