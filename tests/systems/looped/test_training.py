from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

from helpers import looped_training
from helpers.looped_training import CONFIG, EVALUATION, RECIPE, SEEDS, TASK, run
from helpers.trainings import StopError, assert_same, leaves, stopping_at
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import (
    DivergedWarning,
    EnergyEntropyObjective,
    Evaluation,
    LoopedConfig,
    Recipe,
    Sample,
    _steps,
    accuracy_by_length,
    train,
)
from isinglass.systems.looped._steps import Span
from isinglass.systems.looped.recipe import Stage
from isinglass.training import Runtime, TrainingDivergedError, checkpoint

STAGE = Stage(TASK, RECIPE)


@pytest.fixture(scope="module")
def whole():
    return looped_training.whole()


def keys_of(*seeds):
    """Keys of the models, and keys of their data."""
    pairs = [jax.random.split(jax.random.key(seed)) for seed in seeds]
    return [jnp.stack(keys) for keys in zip(*pairs, strict=True)]


def measured_last(model, task, lengths):
    """Accuracy of models on the sequences of step 40."""
    sample = Sample(lengths, jax.random.fold_in(jax.random.key(1), 40), 32)
    return accuracy_by_length(model, task, sample, seeds=SEEDS)


# What comes out


def test_a_run_says_what_was_trained_and_how_well(whole):
    metrics = whole.metrics
    assert metrics.step.values.tolist() == [10, 20, 30, 40]
    assert metrics.seed.values.tolist() == list(SEEDS)
    assert metrics.accuracy_at.dims == ("seed", "step", "length")
    assert metrics.length.values.tolist() == [5, 8]
    names = ("task", "accuracy", "loss", "cross_entropy", "kinetic", "potential")
    for name in (*names, "entropy"):
        assert metrics[name].dims == ("seed", "step")
    np.testing.assert_allclose(
        metrics.loss,
        metrics.cross_entropy
        + 0.1 * metrics.potential
        + 0.001 * metrics.kinetic
        + 0.02 * metrics.entropy,
        rtol=1e-5,
    )
    assert '"learning_rate": 0.03' in metrics.attrs["recipe"]
    assert whole.stopped == dict.fromkeys(SEEDS, "took all steps")


def test_the_accuracy_recorded_last_is_that_of_the_models(whole):
    again = measured_last(whole.model, TASK, [5, 8])
    np.testing.assert_array_equal(again["all"], whole.metrics.accuracy_at.sel(step=40))
    np.testing.assert_array_equal(again["last"], whole.metrics.last_at.sel(step=40))


def test_a_seed_does_not_depend_on_those_beside_it(whole):
    """It had one before it; here, one after it. Alone it is in `helpers.sharing`."""
    of_model, of_data = keys_of(3, 7)
    other = _steps.first_state(CONFIG, RECIPE, of_model)
    other, _ = _steps.advance(other, of_data, Span(0, 0, 40), STAGE)
    for mine, beside in zip(
        jax.tree.leaves(other.model), jax.tree.leaves(whole.of(3)), strict=True
    ):
        np.testing.assert_allclose(mine[0], beside, rtol=1e-3, atol=1e-4)


def test_seeds_are_different(whole):
    assert not np.array_equal(whole.of(0).embedding, whole.of(3).embedding)
    with pytest.raises(ValueError, match=r"seed must be one of \(0, 3\), got 1"):
        whole.of(1)


def test_the_loss_falls(whole):
    assert (
        whole.metrics.task.sel(step=40) < whole.metrics.task.sel(step=10) - 0.03
    ).all()


def test_progress_tells_steps_and_accuracy_by_length():
    reports = []
    once = replace(RECIPE, steps=110)
    run(
        once,
        evaluate=replace(EVALUATION, every=105),
        runtime=Runtime(None, reports.append),
    )
    assert [report.step for report in reports] == [100, 105, 110]
    assert reports[0].measured == {}
    assert list(reports[1].measured) == ["accuracy at 5", "accuracy at 8"]
    assert str(reports[1]).startswith("step 105 of 110, loss ")
    assert ", accuracy at 5 " in str(reports[1])


def test_another_rate_and_number_of_steps_compile_nothing(whole):
    compiled: Any = _steps._advance
    before = compiled._cache_size()
    slower = run(replace(RECIPE, steps=1, learning_rate=1e-3))
    assert compiled._cache_size() == before
    assert not np.array_equal(slower.of(0).embedding, whole.of(0).embedding)


# Several devices


@pytest.mark.parametrize("devices", [0, 2, 100])
def test_devices_that_are_not_there_are_refused(devices):
    with pytest.raises(ValueError, match=f"devices must be .*1.*, got {devices}"):
        run(runtime=Runtime(devices=devices))


# Stages


LATER = Recipe(15, 4, 4, 8, 1e-3, form="full-sequence", clip=None)


@pytest.fixture(scope="module")
def staged():
    return run(RECIPE, LATER)


def test_a_recipe_in_stages_goes_on_with_the_models(whole, staged):
    assert staged.metrics.step.values.tolist() == [10, 20, 30, 40, 50, 55]
    for name in ("task", "loss", "accuracy_at"):
        xr.testing.assert_identical(staged.metrics[name][:, :4], whole.metrics[name])
    model = jax.tree.map(jnp.copy, whole.model)
    state = _steps.State(model, None, whole.model, jnp.full(2, -1, jnp.int32))
    state = jax.tree.map(jnp.copy, _steps.next_stage(state, LATER))
    stage = Stage(InductionTask("full-sequence", 4), LATER)
    for first, stop in ((40, 50), (50, 55)):
        state, _ = _steps.advance(
            state, keys_of(*SEEDS)[1], Span(40, first, stop), stage
        )
    for mine, expected in zip(
        leaves(staged), jax.tree.leaves(state.model), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)


def test_interrupted_in_a_later_stage(tmp_path, staged):
    for step in (40, 50, 55):
        with pytest.raises(StopError):
            run(RECIPE, LATER, runtime=Runtime(tmp_path, stopping_at(step)))
    assert_same(run(RECIPE, LATER, runtime=Runtime(tmp_path)), staged)


def test_it_can_be_measured_on_the_other_form(whole):
    other = InductionTask("full-sequence", 4)
    metrics = run(evaluate=Evaluation((8,), 40, 32, other)).metrics
    again = measured_last(whole.model, other, [8])
    np.testing.assert_array_equal(metrics.accuracy_at.isel(step=0), again["all"])


def test_it_stops_early_when_it_has_been_good_enough_twice():
    early = run(evaluate=replace(EVALUATION, stop_at=1e-9))
    assert early.metrics.step.values.tolist() == [10, 20]
    assert early.stopped == dict.fromkeys(SEEDS, "was good enough at step 20")


def test_a_schedule_of_a_weight_is_compared_by_what_it_does(tmp_path):
    def plan(end):
        objective = EnergyEntropyObjective(
            potential=optax.linear_schedule(0.0, end, 10)
        )
        return checkpoint.plain(replace(RECIPE, objective=objective))

    assert plan(0.5)["objective"]["potential"]["schedule"][0] == 0
    checkpoint.write(tmp_path, plan(0.5), checkpoint.Position(0, 0), ())
    assert checkpoint.claim(tmp_path, plan(0.5)) is not None
    with pytest.raises(ValueError, match=r"potential\.schedule is \[0"):
        checkpoint.claim(tmp_path, plan(0.6))


# Divergence


def poisoned(index):
    """`first_state`, with a seed that fails at once."""
    first = _steps.first_state

    def state(config, recipe, keys):
        sound = first(config, recipe, keys)
        embedding = sound.model.embedding.at[index].set(np.nan)
        return sound._replace(
            model=eqx.tree_at(lambda m: m.embedding, sound.model, embedding)
        )

    return state


def test_a_seed_that_diverges_leaves_the_others_alone(whole, monkeypatch, tmp_path):
    sound = _steps.first_state(CONFIG, RECIPE, keys_of(*SEEDS)[0])
    monkeypatch.setattr(_steps, "first_state", poisoned(1))
    with pytest.warns(
        DivergedWarning, match="seed 3 diverged at step 0: task is not finite"
    ) as warned:
        half = run(runtime=Runtime(tmp_path))
    assert len(warned) == 1
    for mine, other in zip(
        jax.tree.leaves(half.of(0)), jax.tree.leaves(whole.of(0)), strict=True
    ):
        np.testing.assert_array_equal(mine, other)
    xr.testing.assert_identical(
        half.metrics.drop_attrs().sel(seed=0), whole.metrics.drop_attrs().sel(seed=0)
    )
    assert half.stopped == {
        0: "took all steps",
        3: "diverged at step 0: task is not finite",
    }
    np.testing.assert_array_equal(half.of(3).embedding, sound.model.embedding[1])
    assert np.isnan(half.metrics.task.sel(seed=3)).all()
    assert_same(run(runtime=Runtime(tmp_path)), half)  # no other warning


def test_when_all_have_diverged_each_is_left_at_its_last_good_parameters():
    objective = EnergyEntropyObjective(
        potential=lambda step: jnp.where(jnp.asarray(step) < 13, 0.1, jnp.nan)
    )
    recipe = replace(RECIPE, objective=objective)
    with (
        pytest.warns(DivergedWarning, match="diverged at step 13: loss is not finite"),
        pytest.raises(
            TrainingDivergedError, match="seed 0 diverged at step 13"
        ) as caught,
    ):
        run(recipe)
    of_model, of_data = keys_of(*SEEDS)
    state = _steps.first_state(CONFIG, recipe, of_model)
    state, _ = _steps.advance(state, of_data, Span(0, 0, 12), Stage(TASK, recipe))
    for mine, expected in zip(
        leaves(caught.value.run), jax.tree.leaves(state.model), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)


def test_an_update_that_no_step_sees_is_looked_at_all_the_same(tmp_path):
    recipe = replace(RECIPE, steps=1, learning_rate=1e30)
    with (
        pytest.warns(DivergedWarning, match="diverged at step 0: task is not finite"),
        pytest.raises(TrainingDivergedError) as caught,
    ):
        run(recipe, runtime=Runtime(tmp_path))
    start = _steps.first_state(CONFIG, recipe, keys_of(*SEEDS)[0]).model
    for mine, expected in zip(
        leaves(caught.value.run), jax.tree.leaves(start), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)
    assert np.isfinite(caught.value.run.metrics.loss).all()
    with pytest.raises(TrainingDivergedError) as again:
        run(recipe, runtime=Runtime(tmp_path))
    assert_same(again.value.run, caught.value.run)


@pytest.mark.slow
def test_a_learning_rate_without_bounds_diverges():
    with (
        pytest.warns(DivergedWarning),
        pytest.raises(TrainingDivergedError, match="is not finite"),
    ):
        run(replace(RECIPE, steps=20, learning_rate=1e30))


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"task": InductionTask(vocabulary=5)},
            "task must have the model's vocabulary, 4, got 5",
        ),
        (
            {"evaluate": Evaluation(task=InductionTask(vocabulary=5))},
            "task must have the model's vocabulary, 4, got 5",
        ),
        ({"evaluate": Evaluation(lengths=(2, 8))}, "lengths must be .* none below 3"),
        (
            {"recipe": replace(RECIPE, shortest=2)},
            "shortest must be at least 3 in the last-token",
        ),
        (
            {"recipe": replace(RECIPE, first_symbols=5)},
            "first_symbols must be at most .*4, got 5",
        ),
        ({"recipe": ()}, "recipe must hold at least one"),
        (
            {"recipe": replace(RECIPE, objective=EnergyEntropyObjective(q=1.0))},
            "q must be at least 0.001 away from 1 where rows of attention are not "
            "kept, got 1.0",
        ),
        ({"seeds": ()}, "seeds must hold one at least"),
        ({"seeds": (1, 1)}, "seeds must be different ones"),
        ({"seeds": (-1,)}, r"seeds must be in \[0, 2\^32\), got \(-1,\)"),
        (
            {"evaluate": Evaluation((10,), stop_at=0.9)},
            "stop_at needs the recipe's longest length, 8",
        ),
    ],
)
def test_bad_input_is_refused(change, message):
    usual = {"config": CONFIG, "task": TASK, "recipe": RECIPE, "evaluate": EVALUATION}
    with pytest.raises(ValueError, match=message):
        train(**{**usual, **change})


@pytest.mark.slow
def test_it_learns_the_task():
    config = LoopedConfig(
        iterations=3, positional_scale=0.0, near=8, inner_residual=True
    )
    plain = EnergyEntropyObjective(0.0, 0.0, 0.0)
    recipe = Recipe(1000, 32, 4, 12, 1e-2, 0.01, warmup=50, decay=True, objective=plain)
    task, evaluation = InductionTask("full-sequence"), Evaluation((12,), 500, 256)
    result = train(config, task, recipe, seeds=range(4), evaluate=evaluation)
    assert (result.metrics.accuracy_at.isel(step=-1) > 0.9).all()
