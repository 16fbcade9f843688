import functools
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers import looped_models
from isinglass.data.induction import InductionTask
from isinglass.systems.looped.evaluation import (
    Evaluation,
    Sample,
    accuracy_by_length,
    terms_by_length,
)
from isinglass.systems.looped.model import LoopedConfig

CONFIG = LoopedConfig(vocabulary=4, width=4, hidden=4, iterations=2)
KEY = jax.random.key(5)


def model(seed=0):
    return looped_models.drawn(CONFIG, key=jax.random.key(seed))


def stacked(*seeds):
    return jax.tree.map(lambda *x: jnp.stack(x), *(model(seed) for seed in seeds))


@functools.cache
def drawn(task, length, sequences=12):
    """What the functions draw of a length, as plain arrays."""
    key = jax.random.fold_in(KEY, length)
    return jax.tree.map(
        np.asarray, jax.jit(lambda k: task.batch(k, sequences, length))(key)
    )


@pytest.mark.parametrize("form", ["last-token", "full-sequence"])
def test_accuracy_is_the_share_of_right_answers(form):
    task = InductionTask(form, 4)
    shares = accuracy_by_length(model(), task, Sample([9], KEY, 12))
    assert shares["all"].dims == shares["last"].dims == ("length",)
    batch = drawn(task, 9)
    read = jax.jit(jax.vmap(lambda tokens: model()(tokens)))
    right = np.asarray(read(batch.tokens)).argmax(-1) == batch.targets
    assert shares["all"].sel(length=9) == right[batch.mask].mean()
    assert shares["last"].sel(length=9) == right[:, -1][batch.mask[:, -1]].mean()


def test_models_side_by_side_answer_as_each_alone():
    task = InductionTask("full-sequence", 4)
    shares = accuracy_by_length(
        stacked(0, 1), task, Sample([6, 9], KEY, 12), seeds=[7, 3]
    )
    assert shares["all"].dims == ("seed", "length")
    for index, seed in enumerate((7, 3)):
        alone = accuracy_by_length(model(index), task, Sample([9], KEY, 12))
        np.testing.assert_array_equal(
            shares["all"].sel(seed=seed, length=[9]), alone["all"]
        )


class Copying(eqx.Module):
    """No transformer: it says that what followed a symbol last will follow it again."""

    activation: object = jax.nn.relu  # no array, nor of a kind that JAX knows

    def __call__(self, tokens):
        n = tokens.shape[0]
        at = jnp.arange(n)
        earlier = (tokens[:, None] == tokens[None]) & (at[None] < at[:, None])
        source = jnp.where(earlier, at[None], -1).max(-1)
        return jax.nn.one_hot(tokens[source + 1], 4)


@pytest.mark.parametrize("form", ["last-token", "full-sequence"])
def test_any_model_that_makes_logits_will_do(form):
    shares = accuracy_by_length(
        Copying(), InductionTask(form, 4), Sample([6, 30], KEY, 6)
    )
    assert (shares["all"] == 1).all()
    assert (shares["last"] == 1).all()


def test_the_last_position_may_never_count():
    # Of two symbols that differ, the last was never seen before.
    task = InductionTask("full-sequence", 16)
    key = next(
        key
        for key in map(jax.random.key, range(50))
        if not task.batch(jax.random.fold_in(key, 2), 1, 2).mask[:, -1].any()
    )
    shares = accuracy_by_length(
        lambda tokens: jnp.ones((2, 16)), task, Sample([2], key, 1)
    )
    assert np.isnan(shares["last"]).all()


def test_the_loop_may_run_longer_than_trained():
    task = InductionTask("full-sequence", 4)
    longer = accuracy_by_length(model(), task, Sample([9], KEY, 12), iterations=9)
    batch = drawn(task, 9)
    read = jax.jit(jax.vmap(lambda tokens: model()(tokens, iterations=9)))
    logits = np.asarray(read(batch.tokens))
    right = (logits.argmax(-1) == batch.targets)[batch.mask]
    assert longer["all"].item() == right.mean()


@pytest.mark.parametrize("form", ["last-token", "full-sequence"])
def test_terms_are_those_of_trajectories(form):
    task = InductionTask(form, 4)
    terms = terms_by_length(model(), task, Sample([9], KEY, 12), q=2.0).sel(length=9)
    batch = drawn(task, 9)
    runs = jax.jit(jax.vmap(model().run))(batch.tokens)
    logits = jax.vmap(model().decode)(runs.states[:, -1])
    states, rows = map(np.asarray, runs)
    kinetic = 0.5 * (np.diff(states, axis=1) ** 2).sum(-1).mean()
    np.testing.assert_allclose(terms.kinetic, kinetic, rtol=1e-5)
    np.testing.assert_allclose(terms.potential, -np.log(rows.max(-1)).mean(), rtol=1e-5)
    np.testing.assert_allclose(terms.entropy, (1 - (rows**2).sum(-1)).mean(), rtol=1e-5)
    logs = np.asarray(jax.nn.log_softmax(logits))
    at = np.take_along_axis(logs, batch.targets[..., None], -1)[..., 0]
    np.testing.assert_allclose(terms.cross_entropy, -at[batch.mask].mean(), rtol=1e-5)


LONG = """
import jax
from isinglass.data.induction import InductionTask
from isinglass.systems.looped.evaluation import Sample, accuracy_by_length
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
model = LoopedTransformer(LoopedConfig(), key=jax.random.key(0))
task = InductionTask("full-sequence", 4)
sample = Sample([10_000], jax.random.key(1), 4)
assert 0 < accuracy_by_length(model, task, sample)["all"].item() < 1
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_memory_is_bounded_at_any_length():
    import resource

    subprocess.run([sys.executable, "-c", LONG], check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak * (1 if sys.platform == "darwin" else 1024) < 2 << 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lengths": []}, "lengths must hold one at least"),
        ({"lengths": [5, 5]}, "lengths must be different ones"),
        ({"lengths": [2]}, r"none below 3 in the last-token form, got \(2,\)"),
        ({"sequences": 0}, "sequences must be at least 1, got 0"),
        ({"iterations": 0}, "iterations must be at least 1"),
        (
            {"task": InductionTask(vocabulary=3)},
            "task must have the model's vocabulary, 4, got 3",
        ),
        ({"seeds": [1, 2]}, "seeds must name each of the models"),
    ],
)
@pytest.mark.parametrize("measure", [accuracy_by_length, terms_by_length])
def test_bad_input_is_refused(measure, change, message):
    options = {"task": InductionTask(), "lengths": [5], "sequences": 64, **change}

    def measured(lengths, sequences, **options):
        return measure(model(), sample=Sample(lengths, KEY, sequences), **options)

    with pytest.raises(ValueError, match=message):
        measured(**options)


def test_an_evaluation_refuses_nothing_to_do():
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        Evaluation(every=0)
    with pytest.raises(ValueError, match="sequences must be at least 1, got 0"):
        Evaluation(sequences=0)
    with pytest.raises(ValueError, match="lengths must hold one at least"):
        Evaluation(lengths=())
    with pytest.raises(ValueError, match=r"stop_at must be in \(0, 1\], got 1.5"):
        Evaluation(stop_at=1.5)
