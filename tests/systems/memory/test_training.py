import inspect
import socket

import jax
import numpy as np
import pytest
import xarray as xr

from helpers import memory_training
from helpers.killed import assert_same_after_kills, finish, start
from helpers.memory_training import CONFIG, TEXT, random_model, recipe, run, sources
from isinglass.data.sources import TextSource
from isinglass.systems.memory import (
    Execution,
    Recipe,
    TrainingDivergedError,
    Transformer,
    TransformerConfig,
    evaluate,
    train,
)
from isinglass.systems.memory.recipe import matrices
from isinglass.training import checkpoint as _checkpoint
from isinglass.training.checkpoint import FILE

UNIFORM = np.log(256)


@pytest.fixture(scope="module")
def whole():
    return run()


def leaves(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(run.model)]


def assert_near(one, other, tolerance=2e-5):
    """Parameters to rounding: Adam's steps are of the size of the learning rate, 1e-2."""
    for mine, theirs in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=tolerance)


def test_the_loss_falls_from_that_of_guessing(whole):
    metrics = whole.metrics
    assert metrics.step.values.tolist() == [10, 20]
    assert metrics.tokens.values.tolist() == [10 * 8 * 16, 20 * 8 * 16]
    assert metrics.validation[1] < metrics.validation[0] < UNIFORM
    assert metrics.validation[1] < 3.6
    assert metrics.loss.attrs["units"] == "nats/token"


def test_validation_is_the_loss_over_every_place(whole):
    validation = sources()[1]
    found = evaluate(whole.model, validation, batch=8)
    assert found == pytest.approx(float(whole.metrics.validation[-1]), rel=1e-5)
    batch = validation.take(validation.every())
    logits = jax.jit(jax.vmap(whole.model))(batch.tokens)
    logs = np.asarray(jax.nn.log_softmax(logits))
    each = np.take_along_axis(logs, batch.targets[..., None], -1)
    assert found == pytest.approx(-each.mean(), rel=1e-5)
    fewer = evaluate(whole.model, validation, batch=8, most=10)
    some = [i * len(each) // 10 for i in range(10)]
    assert fewer == pytest.approx(-each[some].mean(), rel=1e-5)


def test_the_first_loss_is_that_of_the_places_drawn():
    class Drawn(TextSource):
        def every(self):
            return self.choose(np.random.default_rng((0, 0)), 8)

    text = np.frombuffer(TEXT, np.uint8)
    first = train(CONFIG, TextSource(text, 16, 256), recipe(steps=1))
    model = jax.jit(Transformer, static_argnums=0)(CONFIG, key=jax.random.key(0))
    expected = evaluate(model, Drawn(text, 16, 256), batch=8)
    assert float(first.metrics.loss[0]) == pytest.approx(expected, rel=1e-5)


class Uneven(TextSource):
    """A text of which hardly anything counts in some windows."""

    def take(self, places):
        batch = super().take(places)
        counts = (places[:, None] + np.arange(16)) % 7 < places[:, None] % 8
        return batch._replace(weights=counts.astype(np.float32))


@pytest.mark.parametrize("kind", [TextSource, Uneven])
def test_accumulated_parts_are_one_batch_whatever_they_weigh(kind):
    source = kind(np.frombuffer(TEXT, np.uint8), 16, 256)
    parts, together = (
        train(CONFIG, source, recipe(steps=4, every=4, accumulate=count))
        for count in (4, 1)
    )
    assert_near(parts, together)
    np.testing.assert_allclose(parts.metrics.loss, together.metrics.loss, rtol=1e-5)


def test_bfloat16_and_dropout_learn_as_well_and_are_reproducible(whole):
    config = TransformerConfig(256, 16, 16, 2, 2, dropout=0.05)
    how = recipe(execution=Execution("bfloat16"))
    found, again = (run(how, config) for _ in range(2))
    assert all(leaf.dtype == np.float32 for leaf in leaves(found))
    np.testing.assert_allclose(
        found.metrics.validation, whole.metrics.validation, rtol=0.05
    )
    assert not (found.metrics.loss == whole.metrics.loss).any()
    for mine, theirs in zip(leaves(found), leaves(again), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weight_decay_is_on_matrices_only():
    model = random_model(CONFIG)
    chosen = matrices(model)
    assert chosen.embedding
    assert chosen.positions
    names = {name for name, value in vars(chosen.blocks).items() if value is True}
    assert names == {"attention_in", "attention_out", "mlp_in", "mlp_out"}
    assert not chosen.after.gain
    assert not chosen.blocks.before_mlp.gain


def test_the_rate_grows_from_the_first_step_and_falls_to_the_last():
    how = Recipe(steps=100, warmup=10, learning_rate=1.0, lowest_rate=0.1)
    rates = [how.rate(step) for step in range(100)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-6)
    assert rates[10] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1)
    assert (np.diff(rates[10:]) < 0).all()


def test_a_model_can_be_trained_on(whole):
    more = run(recipe(steps=5, every=5, warmup=0, learning_rate=0.0), whole.model)
    for mine, theirs in zip(leaves(more), leaves(whole), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_progress_is_told():
    told = []
    run(recipe(steps=15, every=12), progress=told.append)
    assert [each.step for each in told] == [10, 12, 15]
    assert told[0].tokens == 10 * 8 * 16
    assert np.isnan(told[0].validation)
    assert "step 12 of 15" in str(told[1])
    assert "validation" in str(told[1])


def test_divergence_ends_training_with_the_last_good_parameters(tmp_path):
    with pytest.raises(
        TrainingDivergedError, match=r"diverged at step \d+: the .* not finite"
    ) as e:
        run(recipe(learning_rate=1e38, every=1), store=tmp_path)
    assert all(np.isfinite(leaf).all() for leaf in leaves(e.value.run))
    found = _checkpoint.read(tmp_path, _checkpoint.MEMORY)
    assert found is None or found.step <= e.value.step


class Broken(TextSource):
    """A text of which one batch cannot be learnt from."""

    def __init__(self, weight, at):
        super().__init__(np.frombuffer(TEXT, np.uint8), 16, 256)
        self.weight, self.at, self.taken = weight, at, 0

    def take(self, places):
        batch = super().take(places)
        self.taken += 1
        return (
            batch._replace(weights=batch.weights * self.weight)
            if self.at(self.taken)
            else batch
        )


def test_no_step_is_taken_after_the_first_bad_one():
    how = {"warmup": 0, "lowest_rate": 1.0}
    with pytest.raises(TrainingDivergedError) as error:
        train(CONFIG, Broken(np.float32(np.nan), lambda n: n == 4), recipe(**how))
    assert error.value.step == 3
    good = train(
        CONFIG,
        TextSource(np.frombuffer(TEXT, np.uint8), 16, 256),
        recipe(steps=3, **how),
    )
    for mine, theirs in zip(leaves(error.value.run), leaves(good), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_batch_of_which_nothing_counts_has_no_loss():
    found = train(
        CONFIG, Broken(np.float32(0), lambda n: n == 2), recipe(steps=3, every=1)
    )
    assert found.metrics.loss[1] == found.metrics.gradient_norm[1] == 0
    assert (found.metrics.loss[[0, 2]] > 1).all()


# -- checkpoints -----------------------------------------------------------------------


def test_a_finished_training_is_only_read(whole, tmp_path):
    first = run(store=tmp_path)
    before = (tmp_path / FILE).read_bytes()
    again = run(store=tmp_path, progress=lambda _: pytest.fail("a step was taken"))
    assert (tmp_path / FILE).read_bytes() == before
    xr.testing.assert_identical(again.metrics, whole.metrics)
    for one in (first, again):
        for mine, theirs in zip(leaves(one), leaves(whole), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"how": recipe(steps=30)}, "recipe.steps is 20 there, 30 asked for"),
        (
            {"how": recipe(execution=Execution("bfloat16"))},
            "recipe.execution.dtype is float32 the",
        ),
        (
            {"config": TransformerConfig(256, 16, 16, 4, 2)},
            "config.heads is 2 there, 4 asked for",
        ),
    ],
)
def test_another_training_is_refused_by_what_differs(changes, message, stored):
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    with pytest.raises(ValueError, match=message):
        run(**changes, store=stored)
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before


def test_another_text_or_start_is_refused(stored, whole):
    other = TextSource(np.frombuffer(TEXT[::-1], np.uint8), 16, 256)
    with pytest.raises(
        ValueError, match=r"source.digest is text .* there, text .* asked for"
    ):
        train(CONFIG, other, recipe(), validation=sources()[1], store=stored)
    with pytest.raises(
        ValueError, match=r"start is seed there, parameters .* asked for"
    ):
        run(config=whole.model, store=stored)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    store = tmp_path_factory.mktemp("stored")
    run(store=store)
    return store


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueError, match=r"store must be a folder, and .* is a file"):
        run(store=tmp_path / "a")


# -- other processes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "kills"), [(400, 2), pytest.param(4000, 12, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments_it_comes_out_the_same(steps, kills, tmp_path):
    assert_same_after_kills(memory_training, steps, kills, tmp_path)


@pytest.mark.parametrize("hosts", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_two_devices_come_out_as_one(hosts, tmp_path):
    """Of one host or of two; and what they stored is read on one device."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    store, cache = tmp_path / "store", tmp_path / "cache"
    if hosts == 1:
        finish(start(memory_training, store, 20, cache, devices=2))
    else:
        finish(
            *(start(memory_training, store, 20, cache, address, i, 2) for i in (0, 1))
        )
    how = recipe(every=5, validation=8)
    other = run(how, store=store, progress=lambda _: pytest.fail("a step was taken"))
    alone = run(how)
    assert_near(other, alone)
    np.testing.assert_allclose(
        other.metrics.validation, alone.metrics.validation, rtol=1e-5
    )


# -- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"accumulate": 3}, "batch must be a multiple of accumulate = 3, got 8"),
        (
            {"learning_rate": float("nan")},
            "learning_rate must be finite and at least 0, got nan",
        ),
        ({"lowest_rate": 2.0}, r"lowest_rate must be in \[0, 1\], got 2.0"),
        ({"betas": (0.9, 1.0)}, r"betas must be two numbers in \[0, 1\)"),
        ({"clip": 0.0}, "clip must be positive, or None for no limit, got 0.0"),
        ({"validation": 0}, "validation must be at least 1, got 0"),
        ({"seed": -1}, r"seed must be in \[0, 2\^32\), got -1"),
    ],
)
def test_a_recipe_out_of_range_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def unchecked_recipe(**values):
    """A recipe without the run-time checker of the tests."""
    found = object.__new__(Recipe)
    inspect.unwrap(Recipe.__init__)(found, **values)
    return found


def test_a_recipe_of_other_types_is_refused_or_made_right():
    with pytest.raises(
        ValueError, match=r"betas must be two numbers in \[0, 1\), got \(0.9,\)"
    ):
        unchecked_recipe(betas=(0.9,))
    with pytest.raises(ValueError, match=r"seed must be .* at least 0, got 1\.5"):
        unchecked_recipe(seed=1.5)
    found = unchecked_recipe(betas=[0.9, 0.95])
    assert found == Recipe()
    assert hash(found) == hash(Recipe())


def test_what_does_not_fit_the_model_is_refused():
    training, _ = sources()
    with pytest.raises(
        ValueError, match="source has a vocabulary of 256, and the model one of 9"
    ):
        train(TransformerConfig(9, 16, 8, 2, 1), training)
    with pytest.raises(
        ValueError, match="validation has a context of 20, and the model one of 16"
    ):
        train(CONFIG, training, validation=sources(20)[1])
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        evaluate(random_model(CONFIG), training, batch=0)
