import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

from helpers import looped_training
from helpers.killed import assert_same_after_kills
from helpers.looped_training import CONFIG, EVALUATION, RECIPE, SEEDS, TASK, run
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import _steps as _loop
from isinglass.systems.looped.evaluation import Evaluation, accuracy_by_length
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.penalties import EnergyEntropyObjective
from isinglass.systems.looped.recipe import Recipe
from isinglass.systems.looped.training import (
    DivergedWarning,
    Progress,
    TrainingDivergedError,
    train,
)
from isinglass.training import checkpoint as _checkpoint

PLAIN = EnergyEntropyObjective(0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def whole():
    return run()


draw = jax.jit(_loop.draw, static_argnums=(3, 4))
loss_gradient = jax.jit(jax.grad(_loop._loss, has_aux=True), static_argnums=(4, 5))


def keys_of(*seeds):
    """Keys of the models, and keys of their data."""
    pairs = [jax.random.split(jax.random.key(seed)) for seed in seeds]
    return [jnp.stack(keys) for keys in zip(*pairs, strict=True)]


def leaves(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(run.model)]


def assert_same(one, other):
    assert all(
        np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True)
    )
    assert one.metrics.identical(other.metrics)
    assert one.stopped == other.stopped


def run_changed(change, **options):
    change = {
        "config": CONFIG,
        "task": TASK,
        "recipe": RECIPE,
        "seeds": SEEDS,
        **change,
    }
    positional = [change.pop(name) for name in ("config", "task", "recipe")]
    return train(*positional, **{"evaluate": EVALUATION, **change}, **options)


class StopError(Exception):
    pass


def stopping_at(step):
    def progress(told):
        if told.step >= step:
            raise StopError

    return progress


# What comes out


def test_a_run_says_what_was_trained_and_how_well(whole):
    metrics = whole.metrics
    assert metrics.step.values.tolist() == [10, 20, 30, 40]
    assert metrics.seed.values.tolist() == list(SEEDS)
    assert metrics.accuracy_at.dims == ("seed", "step", "length")
    assert metrics.length.values.tolist() == [5, 8]
    for name in (
        "task",
        "accuracy",
        "loss",
        "cross_entropy",
        "kinetic",
        "potential",
        "entropy",
    ):
        assert metrics[name].dims == ("seed", "step")
        assert np.isfinite(metrics[name]).all()
        assert metrics[name].attrs["units"]
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
    key = jax.random.fold_in(jax.random.key(1), 40)
    again = accuracy_by_length(
        whole.model, TASK, [5, 8], key=key, sequences=32, seeds=SEEDS
    )
    np.testing.assert_array_equal(again["all"], whole.metrics.accuracy_at.sel(step=40))
    np.testing.assert_array_equal(again["last"], whole.metrics.last_at.sel(step=40))


def test_a_seed_does_not_depend_on_those_beside_it(whole):
    of_model, of_data = keys_of(3)
    alone = _loop.first_state(CONFIG, RECIPE, of_model)
    alone, _ = _loop.advance(alone, of_data, 0, 0, 40, task=TASK, recipe=RECIPE)
    for mine, beside in zip(
        jax.tree.leaves(alone.model), jax.tree.leaves(whole.of(3)), strict=True
    ):
        np.testing.assert_allclose(mine[0], beside, rtol=1e-3, atol=1e-4)


def test_seeds_are_different_and_the_same_again(whole):
    assert_same(run(), whole)
    assert not np.array_equal(whole.of(0).embedding, whole.of(3).embedding)
    with pytest.raises(ValueError, match=r"seed must be one of \(0, 3\), got 1"):
        whole.of(1)


def test_the_loss_falls(whole):
    assert (
        whole.metrics.task.sel(step=40) < whole.metrics.task.sel(step=10) - 0.03
    ).all()


def test_progress_tells_steps_and_accuracy_by_length():
    told = []
    run(progress=told.append)
    assert [(each.step, each.steps) for each in told] == [
        (n, 40) for n in (10, 20, 30, 40)
    ]
    assert list(told[0].accuracy) == []
    assert list(told[1].accuracy) == [5, 8]
    assert str(told[1]).startswith("step 20 of 40, loss ")
    assert ", L5 " in str(told[1])


# Several devices


@pytest.mark.parametrize("seeds", ["0,3", "3"])  # shared out; and of one, the batches
def test_devices_that_share_the_work_learn_the_same(tmp_path, seeds):
    here = Path(__file__).parents[2] / "helpers"
    done = subprocess.run(
        [sys.executable, here / "sharing.py", tmp_path, seeds],
        env=os.environ | {"PYTHONPATH": str(here.parent), "JAX_NUM_CPU_DEVICES": "2"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "the same\n", done.stderr


@pytest.mark.parametrize("devices", [0, 2, 100])
def test_devices_that_are_not_there_are_refused(devices):
    with pytest.raises(ValueError, match=f"devices must be 1 to 1, .* got {devices}"):
        run(devices=devices)


def test_devices_must_divide_the_seeds_or_the_batch(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 3)
    expected = (
        "devices must divide the number of seeds, 2, or the recipe's batch, 16, got 3"
    )
    with pytest.raises(ValueError, match=expected):
        run(devices=3)


def test_another_learning_rate_compiles_nothing():
    compiled: Any = _loop._advance
    run()
    before = compiled._cache_size()
    slower = run(replace(RECIPE, learning_rate=1e-3))
    assert compiled._cache_size() == before
    assert not np.array_equal(slower.of(0).embedding, run().of(0).embedding)


# One step


def test_the_first_step_is_adamw_of_the_clipped_gradient():
    of_model, of_data = keys_of(*SEEDS)
    state = _loop.first_state(CONFIG, RECIPE, of_model)
    before = jax.tree.map(lambda x: np.array(x[1]), state.model)
    length, _ = _loop._draw_length(0, 0, RECIPE, True)
    batch = draw(jax.random.fold_in(of_data[1], 0), length, 0, TASK, RECIPE)
    gradient, _ = loss_gradient(before, batch, length, 0, TASK, RECIPE)
    scale = 0.1 / float(optax.tree.norm(gradient))
    assert scale < 1

    def stepped(p, g):
        g = g * scale
        return p - 3e-2 * (g / (np.abs(g) + 1e-8) + 0.1 * p)

    state, sums = _loop.advance(state, of_data, 0, 0, 1, task=TASK, recipe=RECIPE)
    expected = jax.tree.leaves(jax.tree.map(stepped, before, gradient))
    for mine, leaf in zip(jax.tree.leaves(state.model), expected, strict=True):
        np.testing.assert_allclose(mine[1], leaf, atol=1e-4)
    assert sums.steps.tolist() == [1, 1]


@pytest.mark.parametrize(("form", "length"), [("last-token", 4), ("full-sequence", 7)])
def test_the_loss_is_that_of_trajectories_without_padding(form, length):
    task, recipe = InductionTask(form, 4), RECIPE
    model = LoopedTransformer(CONFIG, key=jax.random.key(1))
    batch = draw(jax.random.key(2), length, 0, task, recipe)
    _, (loss, terms, accuracy) = loss_gradient(model, batch, length, 0, task, recipe)

    tokens, targets, mask = (each[:, :length] for each in batch[:3])
    runs = jax.jit(jax.vmap(model.run))(tokens)
    states, rows = (jnp.swapaxes(each, 0, 1) for each in runs)
    logits = jax.vmap(model.decode)(states[-1])
    given = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)[
        ..., 0
    ]
    expected, expected_terms = recipe.objective.from_trajectory(
        -given[mask].mean(), states, rows
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    for name, value in expected_terms.items():
        np.testing.assert_allclose(terms[name], value, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        accuracy, (logits.argmax(-1) == targets)[mask].mean(), rtol=1e-6
    )


def test_steps_taken_at_once_or_in_parts_are_the_same():
    def taken(*until):
        of_model, of_data = keys_of(*SEEDS)
        state = _loop.first_state(CONFIG, RECIPE, of_model)
        for first, last in zip((0, *until), until, strict=False):
            state, _ = _loop.advance(
                state, of_data, 0, first, last, task=TASK, recipe=RECIPE
            )
        return jax.tree.leaves(state)

    assert all(
        np.array_equal(a, b) for a, b in zip(taken(10), taken(3, 4, 10), strict=True)
    )


def test_a_width_gives_the_same_gradient_as_the_whole_one():
    recipe = replace(RECIPE, longest=24)
    assert recipe.widths == (16, 24)
    model = LoopedTransformer(CONFIG, key=jax.random.key(1))
    keys = jax.random.split(jax.random.key(3), 1)
    gradients = jax.jit(_loop._gradients, static_argnums=(4, 5))
    steps = range(100)
    lengths = {int(_loop._draw_length(s, s, recipe, True)[0]): s for s in steps}
    for length in (5, 16, 17):
        step = lengths[length]
        cut, _ = gradients(
            jax.tree.map(lambda x: x[None], model), keys, step, step, TASK, recipe
        )
        batch = draw(jax.random.fold_in(keys[0], step), length, step, TASK, recipe)
        whole, _ = loss_gradient(model, batch, length, step, TASK, recipe)
        for a, b in zip(jax.tree.leaves(cut), jax.tree.leaves(whole), strict=True):
            np.testing.assert_allclose(a[0], b, atol=1e-5, rtol=1e-3)


def test_a_model_that_looks_ahead_sees_no_padding():
    recipe = replace(RECIPE, shortest=3, longest=40)
    for step in range(20):
        length, which = _loop._draw_length(step, step, recipe, False)
        assert length == recipe.widths[which]


def test_what_lies_across_a_gap_is_not_asked_for():
    recipe = replace(RECIPE, layout="skips", farthest=100, batch=64)
    batch = draw(jax.random.key(0), 8, 0, TASK, recipe)
    of_symbols = jax.random.split(jax.random.key(0))[0]
    drawn = jax.jit(lambda key: TASK.batch(key, 64, 8))(of_symbols)
    source, positions = np.asarray(drawn.source[:, -1]), np.asarray(batch.positions)
    each = np.arange(64)
    broken = positions[each, source + 1] - positions[each, source] != 1
    assert 0 < broken.sum() < 64
    np.testing.assert_array_equal(batch.mask[:, -1], ~broken)
    assert positions.max() < 100
    model = LoopedTransformer(CONFIG, key=jax.random.key(1))
    gradient, _ = loss_gradient(model, batch, 8, 0, TASK, recipe)
    here = batch._replace(positions=jnp.broadcast_to(jnp.arange(8), (64, 8)))
    other, _ = loss_gradient(model, here, 8, 0, TASK, recipe)
    assert np.isfinite(optax.tree.norm(gradient))
    assert not np.allclose(gradient.embedding, other.embedding)


# Curricula and stages


def test_lengths_and_symbols_grow_between_two_steps():
    recipe = Recipe(
        shortest=16,
        longest=64,
        length_curriculum=(10, 20),
        vocabulary_curriculum=(0, 8),
        first_symbols=4,
    )
    assert [int(recipe.longest_at(s)) for s in (0, 10, 15, 20, 99)] == [
        16,
        16,
        40,
        64,
        64,
    ]
    assert [int(recipe.symbols_at(s, 16)) for s in (0, 2, 4, 8, 99)] == [
        4,
        7,
        10,
        16,
        16,
    ]
    assert Recipe().longest_at(0) == 64
    assert Recipe().symbols_at(0, 16) == 16
    lengths = [int(_loop._draw_length(s, s, recipe, True)[0]) for s in range(60)]
    assert set(lengths[:10]) == {16}
    assert all(16 <= n <= recipe.longest_at(s) for s, n in enumerate(lengths))
    assert len(set(lengths[20:])) > 15
    early = draw(jax.random.key(0), 64, 0, InductionTask(vocabulary=16), recipe)
    assert early.tokens.max() == 3


@pytest.mark.parametrize(
    ("shortest", "longest", "widths"),
    [
        (16, 64, (32, 48, 64)),
        (3, 64, (16, 32, 48, 64)),
        (16, 16, (16,)),
        (4, 20, (20,)),
        (16, 100, (32, 48, 64, 80, 100)),
    ],
)
def test_widths_are_few(shortest, longest, widths):
    assert Recipe(shortest=shortest, longest=longest).widths == widths


def test_the_learning_rate_rises_and_falls():
    rate = Recipe(steps=100, warmup=10, decay=True)._schedule(1.0)
    rates = np.array([rate(step) for step in range(101)], float)
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(rates[[10, 55, 100]], [1, 0.5, 0], atol=1e-6)
    assert Recipe(steps=100)._schedule(1e-3)(99) == 1e-3


LATER = Recipe(15, 4, 4, 8, 1e-3, form="full-sequence", clip=None)


@pytest.fixture(scope="module")
def staged():
    return run(RECIPE, LATER)


def test_a_recipe_in_stages_goes_on_with_the_models(whole, staged):
    assert staged.metrics.step.values.tolist() == [10, 20, 30, 40, 50, 55]
    for name in ("task", "loss", "accuracy_at"):
        xr.testing.assert_identical(staged.metrics[name][:, :4], whole.metrics[name])
    model = jax.tree.map(jnp.copy, whole.model)
    state = _loop.State(model, None, whole.model, jnp.full(2, -1, jnp.int32))
    state = jax.tree.map(jnp.copy, _loop.next_stage(state, LATER))
    full = InductionTask("full-sequence", 4)
    for first, last in ((40, 50), (50, 55)):
        state, _ = _loop.advance(
            state, keys_of(*SEEDS)[1], 40, first, last, task=full, recipe=LATER
        )
    for mine, expected in zip(
        leaves(staged), jax.tree.leaves(state.model), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)


def test_it_can_be_measured_on_the_other_form(whole):
    other = InductionTask("full-sequence", 4)
    seen = run(evaluate=Evaluation((8,), 40, 32, other)).metrics
    key = jax.random.fold_in(jax.random.key(1), 40)
    again = accuracy_by_length(
        whole.model, other, [8], key=key, sequences=32, seeds=SEEDS
    )
    np.testing.assert_array_equal(seen.accuracy_at.isel(step=0), again["all"])


def test_it_stops_early_when_it_has_been_good_enough_twice():
    early = run(stop_at=1e-9)
    assert early.metrics.step.values.tolist() == [10, 20]
    assert early.stopped == dict.fromkeys(SEEDS, "was good enough at step 20")


# Kept and resumed


@pytest.mark.parametrize("step", [10, 20, 40])
def test_interrupted_it_comes_out_as_if_it_had_not_been(step, tmp_path, whole):
    with pytest.raises(StopError):
        run(store=tmp_path, progress=stopping_at(step))
    assert_same(run(store=tmp_path), whole)


def test_interrupted_in_a_later_stage(tmp_path, staged):
    for step in (40, 50, 55):
        with pytest.raises(StopError):
            run(RECIPE, LATER, store=tmp_path, progress=stopping_at(step))
    assert_same(run(RECIPE, LATER, store=tmp_path), staged)


def test_a_finished_training_is_only_read(tmp_path, whole, monkeypatch):
    run(store=str(tmp_path / "a" / "b"))
    monkeypatch.setattr(_loop, "advance", None)
    assert_same(run(store=tmp_path / "a" / "b"), whole)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"config": replace(CONFIG, width=8)},
            r"config\.width is 4 there, 8 asked for",
        ),
        (
            {"config": replace(CONFIG, positional_scale=0.2)},
            r"config\.positional_scale is 0.15",
        ),
        (
            {"task": InductionTask("full-sequence", 4)},
            r"task\.form is last-token there",
        ),
        (
            {"recipe": replace(RECIPE, learning_rate=0.02)},
            r"recipe\[0\]\.learning_rate is 0.03",
        ),
        ({"recipe": (RECIPE, RECIPE)}, "recipe is "),
        (
            {"recipe": replace(RECIPE, objective=EnergyEntropyObjective(kinetic=0.5))},
            r"recipe\[0\]\.objective\.kinetic is 0.001 there, 0.5 asked for",
        ),
        (
            {
                "recipe": replace(
                    RECIPE,
                    objective=EnergyEntropyObjective(optax.linear_schedule(0, 1, 9)),
                )
            },
            r"recipe\[0\]\.objective\.potential is 0.1 there",
        ),
        ({"seeds": (0, 4)}, r"seeds is \[0, 3\] there, \[0, 4\] asked for"),
        (
            {"evaluate": replace(EVALUATION, every=20)},
            r"evaluate\.every is 10 there, 20 asked",
        ),
        ({"stop_at": 0.5}, "stop_at is None there, 0.5 asked for"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_another_training_in_the_store_is_refused(change, told, finished):
    before = {path: path.read_bytes() for path in finished.iterdir()}
    with pytest.raises(ValueError, match=f"holds another training.*{told}"):
        run_changed(change, store=finished)
    assert before == {path: path.read_bytes() for path in finished.iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = tmp_path_factory.mktemp("finished")
    run(store=store)
    return store


def test_a_schedule_of_a_weight_is_told_by_what_it_does(tmp_path):
    def told(end):
        objective = EnergyEntropyObjective(
            potential=optax.linear_schedule(0.0, end, 10)
        )
        return _checkpoint.plain(replace(RECIPE, objective=objective))

    assert told(0.5)["objective"]["potential"]["schedule"][0] == 0
    _checkpoint.write(tmp_path, _checkpoint.LOOPED, told(0.5), 0, 0, ())
    assert _checkpoint.claim(tmp_path, _checkpoint.LOOPED, told(0.5)) is not None
    with pytest.raises(ValueError, match=r"potential\.schedule is \[0"):
        _checkpoint.claim(tmp_path, _checkpoint.LOOPED, told(0.6))


@pytest.mark.parametrize(
    ("steps", "kills"), [(500, 2), pytest.param(5000, 20, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_it_comes_out_the_same(steps, kills, tmp_path):
    assert_same_after_kills(looped_training, steps, kills, tmp_path)


# Divergence


def poisoned(seed, value=np.nan):
    """`first_state`, with a seed that fails at once."""
    first = _loop.first_state

    def state(config, recipe, keys):
        sound = first(config, recipe, keys)
        embedding = sound.model.embedding.at[seed].set(value)
        return sound._replace(
            model=eqx.tree_at(lambda m: m.embedding, sound.model, embedding)
        )

    return state


def test_a_seed_that_diverges_leaves_the_others_alone(whole, monkeypatch, tmp_path):
    sound = _loop.first_state(CONFIG, RECIPE, keys_of(*SEEDS)[0])
    monkeypatch.setattr(_loop, "first_state", poisoned(1))
    with pytest.warns(
        DivergedWarning, match="seed 3 diverged at step 0: task is not finite"
    ):
        half = run(store=tmp_path)
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
    assert_same(run(store=tmp_path), half)  # no other warning


def test_when_all_have_diverged_it_stops_with_the_last_good_parameters(tmp_path):
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
        run(recipe, store=tmp_path)
    assert (caught.value.step, caught.value.term) == (13, "loss")
    good = caught.value.run
    assert all(np.isfinite(leaf).all() for leaf in leaves(good))
    of_model, of_data = keys_of(*SEEDS)
    state = _loop.first_state(CONFIG, recipe, of_model)
    state, _ = _loop.advance(state, of_data, 0, 0, 12, task=TASK, recipe=recipe)
    for mine, expected in zip(leaves(good), jax.tree.leaves(state.model), strict=True):
        np.testing.assert_array_equal(mine, expected)
    with pytest.raises(TrainingDivergedError) as again:
        run(recipe, store=tmp_path)
    assert_same(again.value.run, good)


def test_an_update_that_no_step_sees_is_looked_at_all_the_same(tmp_path):
    recipe = replace(RECIPE, steps=1, learning_rate=1e30)
    with (
        pytest.warns(DivergedWarning, match="diverged at step 0: task is not finite"),
        pytest.raises(TrainingDivergedError) as caught,
    ):
        run(recipe, store=tmp_path)
    start = _loop.first_state(CONFIG, recipe, keys_of(*SEEDS)[0]).model
    for mine, expected in zip(
        leaves(caught.value.run), jax.tree.leaves(start), strict=True
    ):
        np.testing.assert_array_equal(mine, expected)
    assert np.isfinite(caught.value.run.metrics.loss).all()
    with pytest.raises(TrainingDivergedError) as again:
        run(recipe, store=tmp_path)
    assert_same(again.value.run, caught.value.run)


def test_progress_is_told_where_nothing_is_known():
    nothing = np.full(2, np.nan)
    assert (
        str(Progress(1, 2, nothing, {8: nothing})) == "step 1 of 2, loss nan, L8 nan%"
    )


@pytest.mark.slow
def test_a_learning_rate_without_bounds_diverges():
    with (
        pytest.warns(DivergedWarning),
        pytest.raises(TrainingDivergedError, match="is not finite"),
    ):
        run(replace(RECIPE, steps=20, learning_rate=1e30))


# Bad input


@pytest.mark.parametrize(
    ("change", "told"),
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
        ({"seeds": ()}, "seeds must be different ones"),
        ({"seeds": (1, 1)}, "seeds must be different ones"),
        ({"seeds": (-1,)}, r"seeds must be in \[0, 2\^32\), got \(-1,\)"),
        ({"stop_at": 1.5}, r"stop_at must be in \(0, 1\], got 1.5"),
        (
            {"stop_at": 0.9, "evaluate": Evaluation((10,))},
            "stop_at needs the recipe's longest length, 8",
        ),
    ],
)
def test_bad_input_is_refused(change, told):
    with pytest.raises(ValueError, match=told):
        run_changed(change)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("steps", 0, "steps must be at least 1, got 0"),
        ("batch", 0, "batch must be at least 1"),
        ("shortest", 1, "shortest must be at least 2"),
        ("longest", 15, "longest must be at least 16, got 15"),
        ("warmup", -1, "warmup must be at least 0"),
        ("learning_rate", float("nan"), "learning_rate must be finite and at least 0"),
        ("weight_decay", -0.1, "weight_decay must be finite and at least 0"),
        ("clip", 0.0, "clip must be positive"),
        ("form", "middle", "form must be one of"),
        ("length_curriculum", (5, 4), "length_curriculum must be two steps in order"),
        (
            "vocabulary_curriculum",
            (-1, 4),
            "vocabulary_curriculum must be two steps in order",
        ),
        ("first_symbols", 1, "first_symbols must be at least 2"),
        ("layout", "spiral", "layout must be one of"),
    ],
)
def test_a_recipe_refuses_what_makes_no_sense(field, value, told):
    with pytest.raises(ValueError, match=told):
        Recipe(**{field: value})


def test_positions_must_have_room():
    with pytest.raises(
        ValueError, match="farthest must be at least longest, 64, got 32"
    ):
        Recipe(layout="offset", farthest=32)


@pytest.mark.slow
def test_it_learns_the_task():
    config = LoopedConfig(
        iterations=3, positional_scale=0.0, near=8, inner_residual=True
    )
    recipe = Recipe(1000, 32, 4, 12, 1e-2, 0.01, warmup=50, decay=True, objective=PLAIN)
    task, evaluation = InductionTask("full-sequence"), Evaluation((12,), 500, 256)
    result = train(config, task, recipe, seeds=range(4), evaluate=evaluation)
    assert (result.metrics.accuracy_at.isel(step=-1) > 0.9).all()
