"""Lanes: many models side by side, each as if it were alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.lane_training import (
    DATA,
    KEYS,
    RATES,
    TASK,
    loss,
    models,
    run,
    validate,
)
from isinglass.training import LaneRecipe, LaneTask, TrainingDivergedError


@pytest.fixture(scope="module")
def lanes():
    return run()


def test_a_lane_is_what_it_would_be_alone(lanes):
    alone = run(rates=RATES[1:], start=models(slice(1, 2)), keys=KEYS[1:2])

    for mine, its in zip(
        jax.tree.leaves(lanes.of(1)), jax.tree.leaves(alone.of(0)), strict=True
    ):
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-7)
    assert not np.allclose(lanes.of(0).slope, lanes.of(1).slope)


def test_a_step_is_that_of_adamw():
    """The first update of Adam is the rate times the sign, whatever is cut back."""
    recipe = LaneRecipe(4, weight_decay=0.1, warmup=2, every=1)
    before = models()
    after = run(LaneRecipe(1, weight_decay=0.1, decay=False), rates=(0.1, 0.2))
    warmed = run(recipe, rates=(0.1, 0.2))

    rates = np.array([0.1, 0.2], np.float32)[:, None]
    moved = np.asarray(after.models.slope - before.slope + rates * 0.1 * before.slope)
    np.testing.assert_allclose(np.abs(moved), np.broadcast_to(rates, (2, 3)), rtol=1e-4)
    assert warmed.metrics.step.values.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(warmed.metrics.learning_rate, [0.1, 0.2])


def whole(model, data, _):
    return ((data["x"] @ model.slope + model.offset - data["y"]) ** 2).mean()


def test_with_momentum_a_step_is_that_of_the_heavy_ball():
    recipe = LaneRecipe(2, momentum=0.5, weight_decay=0.1, clip=None, decay=False)
    after = run(recipe, rates=(0.1, 0.2), task=LaneTask(whole, DATA))
    for lane, rate in enumerate((0.1, 0.2)):
        slope, offset = (np.asarray(x[lane]) for x in (models().slope, models().offset))
        velocity = np.zeros(4)
        for _ in range(2):
            residual = DATA["x"] @ slope + offset - DATA["y"]
            gradient = 2 * np.append(DATA["x"].T @ residual, residual.sum()) / 32
            gradient += 0.1 * np.append(slope, offset)
            velocity = 0.5 * velocity + gradient
            slope, offset = slope - rate * velocity[:3], offset - rate * velocity[3]
        np.testing.assert_allclose(after.of(lane).slope, slope, rtol=1e-4)


def test_what_is_frozen_stays(lanes):
    np.testing.assert_array_equal(lanes.models.offset, models().offset)
    trained = run(task=LaneTask(loss, DATA))
    assert not np.allclose(trained.models.offset, models().offset)
    assert set(trained.metrics) == {"loss"}
    np.testing.assert_array_equal(trained.models.count, models().count)


def test_a_lane_that_diverges_stays_and_the_others_go_on(lanes):
    mixed = run(rates=(RATES[0], 1e38))

    assert mixed.diverged.tolist() == [False, True]
    assert "1 diverged" in repr(mixed)
    np.testing.assert_array_equal(mixed.of(0).slope, lanes.of(0).slope)
    assert np.isfinite(mixed.of(1).slope).all()
    assert np.isnan(mixed.metrics.loss.values[1, -1])
    assert np.isfinite(mixed.metrics.loss.values[0]).all()


@pytest.mark.parametrize("validated", [True, False])
def test_an_update_that_ruins_a_lane_is_noticed_at_the_last_record(validated):
    steps = LaneRecipe(1, decay=False, weight_decay=1e30)
    own = TASK if validated else LaneTask(loss, DATA)
    with pytest.raises(TrainingDivergedError) as caught:
        run(steps, task=own, rates=(1e30, 1e30))
    np.testing.assert_array_equal(caught.value.run.models.slope, models().slope)


def test_the_best_record_is_what_comes_back():
    recipe = LaneRecipe(30, decay=False, every=3, best=True)
    best = run(recipe, rates=(0.7, 0.7))
    values = [float(validate(best.of(lane), DATA)) for lane in range(2)]

    np.testing.assert_allclose(values, best.metrics.validation.min("step"), rtol=1e-6)
    assert (best.metrics.validation.isel(step=-1) > values).any()


def test_the_last_step_is_what_comes_back_else(lanes):
    values = [float(validate(lanes.of(lane), DATA)) for lane in range(2)]
    np.testing.assert_allclose(
        values, lanes.metrics.validation.isel(step=-1), rtol=1e-6
    )
    assert (lanes.metrics.validation.isel(step=-1) < 0.05).all()


def test_it_is_float32_whatever_the_flag(lanes):
    start = models()
    with jax.enable_x64(True):
        double = jax.tree.map(
            lambda x: x.astype(jnp.float64) if eqx.is_inexact_array(x) else x, start
        )
        again = run(start=double)
    assert double.slope.dtype == jnp.float64
    assert again.models.slope.dtype == again.models.offset.dtype == jnp.float32
    np.testing.assert_array_equal(again.models.slope, lanes.models.slope)


def pair(_, data, key):
    return data["x"]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rates": (0.1, 0.2, 0.3)}, ValueError, "leading axis of 3 lanes"),
        ({"rates": (0.1, -0.2)}, ValueError, "learning_rates must be positive"),
        ({"rates": (0.1, np.nan)}, ValueError, "learning_rates must be finite"),
        ({"keys": KEYS[:3]}, ValueError, r"keys must be as many .*\(2,\), got \(3,\)"),
        (
            {"recipe": LaneRecipe(3, best=True), "task": LaneTask(loss, DATA)},
            ValueError,
            "best needs task.validate",
        ),
        ({"task": LaneTask(pair, DATA)}, ValueError, "loss must give one real number"),
        (
            {"task": LaneTask(loss, DATA, frozen=lambda model: model)},
            ValueError,
            "arrays that are trained, got none",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run(**changes)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"steps": 0}, ValueError),
        ({"steps": 3, "warmup": 4}, ValueError),
        ({"steps": 3, "every": 0}, ValueError),
        ({"steps": 3, "clip": 0.0}, ValueError),
        ({"steps": 3, "betas": (0.9, 1.0)}, ValueError),
        ({"steps": 3, "weight_decay": -1.0}, ValueError),
        ({"steps": 3, "momentum": 1.0}, ValueError),
        ({"steps": 3, "best": 1}, TypeError),
    ],
)
def test_a_recipe_out_of_range_is_refused(options, error):
    with pytest.raises(error):
        LaneRecipe(**options)


def test_a_lane_that_is_not_there_is_refused(lanes):
    with pytest.raises(ValueError, match="lane must be"):
        lanes.of(2)


@pytest.mark.parametrize("data", ["x", {"a": object()}, np.array(["x"])])
def test_data_are_arrays(data):
    with pytest.raises(TypeError, match="data must be a tree of arrays, got"):
        LaneTask(lambda model, data, key: 0.0, data)


def with_short_slope(model):
    """A line with its slope within 0.1, and a count that nobody trains."""
    slope = jnp.clip(model.slope, -0.1, 0.1)
    return eqx.tree_at(lambda m: (m.slope, m.count), model, (slope, model.count + 1))


def test_a_projection_follows_each_step():
    recipe = LaneRecipe(2, clip=None, decay=False)
    lanes = run(
        recipe, rates=(0.1, 0.2), task=LaneTask(whole, DATA, project=with_short_slope)
    )
    free = run(recipe, rates=(0.1, 0.2), task=LaneTask(whole, DATA))
    assert (jnp.abs(free.models.slope) > 0.1).any(1).all()
    assert (jnp.abs(lanes.models.slope) <= 0.1).all()
    # What is not trained stays as it is.
    np.testing.assert_array_equal(lanes.models.count, models().count)


def test_a_projection_gives_a_model_of_the_same_kind():
    task = LaneTask(whole, DATA, project=lambda model: "x")
    with pytest.raises(TypeError, match="project must give a model like the Line"):
        run(LaneRecipe(1, clip=None), rates=(0.1, 0.2), task=task)
