import jax
import numpy as np
import pytest

from helpers import memory_training
from helpers.memory_training import CONFIG, TEXT, random_model, recipe, run, sources
from helpers.trainings import Broken, leaves
from isinglass.data.sources import TextSource
from isinglass.systems.memory import (
    Execution,
    Transformer,
    TransformerConfig,
    evaluate,
    train,
)
from isinglass.training import Runtime, TrainingDivergedError

UNIFORM = np.log(256)


@pytest.fixture(scope="module")
def whole():
    return memory_training.whole()


def assert_near(run, other, tolerance=2e-5):
    """To rounding: Adam's steps are of the size of the learning rate, 1e-2."""
    for mine, its in zip(leaves(run), leaves(other), strict=True):
        np.testing.assert_allclose(mine, its, atol=tolerance)


def text_source():
    return TextSource(np.frombuffer(TEXT, np.uint8), 16, 256)


def test_the_loss_falls_from_that_of_guessing(whole):
    metrics = whole.metrics
    assert metrics.step.values.tolist() == [10, 20]
    assert metrics.tokens.values.tolist() == [10 * 8 * 16, 20 * 8 * 16]
    assert metrics.validation[1] < metrics.validation[0] < UNIFORM
    assert metrics.validation[1] < 3.6
    assert metrics.loss.attrs["units"] == "nats/token"


def test_validation_is_the_loss_over_every_place(whole):
    validation = sources()[1]
    loss = evaluate(whole.model, validation, batch=8)
    assert loss == pytest.approx(float(whole.metrics.validation[-1]), rel=1e-5)
    batch = validation.take(validation.every())
    logits = jax.jit(jax.vmap(whole.model))(batch.tokens)
    logs = np.asarray(jax.nn.log_softmax(logits))
    logs = np.take_along_axis(logs, batch.targets[..., None], -1)
    assert loss == pytest.approx(-logs.mean(), rel=1e-5)
    fewer = evaluate(whole.model, validation, batch=8, most=10)
    some = [i * len(logs) // 10 for i in range(10)]
    assert fewer == pytest.approx(-logs[some].mean(), rel=1e-5)


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
    trained, again = (run(how, config) for _ in range(2))
    assert all(leaf.dtype == np.float32 for leaf in leaves(trained))
    np.testing.assert_allclose(
        trained.metrics.validation, whole.metrics.validation, rtol=0.05
    )
    assert not (trained.metrics.loss == whole.metrics.loss).any()
    for mine, its in zip(leaves(trained), leaves(again), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_a_model_can_be_trained_on(whole):
    more = run(recipe(steps=5, every=5, warmup=0, learning_rate=0.0), whole.model)
    for mine, its in zip(leaves(more), leaves(whole), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_progress_tells_of_tokens_and_validation():
    reports = []
    run(recipe(steps=15, every=12), runtime=Runtime(None, reports.append))
    assert [report.step for report in reports] == [10, 12, 15]
    assert reports[0].measured == {"tokens": 10 * 8 * 16}
    assert list(reports[1].measured) == ["tokens", "validation"]
    assert "step 12 of 15, loss " in str(reports[1])
    assert ", validation " in str(reports[1])


def test_a_gradient_that_is_not_finite_ends_training():
    with pytest.raises(
        TrainingDivergedError, match=r"diverged at step \d+: the .* not finite"
    ) as caught:
        run(recipe(learning_rate=1e38, every=1))
    assert all(np.isfinite(leaf).all() for leaf in leaves(caught.value.run))


def test_no_step_is_taken_after_the_first_bad_one():
    how = {"warmup": 0, "lowest_rate": 1.0}
    source = Broken(np.float32(np.nan), lambda count: count == 4)
    with pytest.raises(TrainingDivergedError) as error:
        train(CONFIG, source, recipe(**how))
    assert error.value.step == 3
    good = train(CONFIG, text_source(), recipe(steps=3, **how))
    for mine, its in zip(leaves(error.value.run), leaves(good), strict=True):
        np.testing.assert_array_equal(mine, its)
    # What is recorded are the means over the steps that were taken.
    for name in ("loss", "gradient_norm"):
        recorded = error.value.run.metrics[name].values
        np.testing.assert_array_equal(recorded, good.metrics[name].values)


def test_a_batch_of_which_nothing_counts_has_no_loss():
    source = Broken(np.float32(0), lambda count: count == 2)
    metrics = train(CONFIG, source, recipe(steps=3, every=1)).metrics
    assert metrics.loss[1] == metrics.gradient_norm[1] == 0
    assert (metrics.loss[[0, 2]] > 1).all()


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
