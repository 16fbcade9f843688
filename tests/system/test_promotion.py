"""Functions that are called by themselves, where JAX is set to refuse mixed types.

Nothing is compiled: what strict promotion refuses, it refuses where a call is traced.
"""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass import attention, data
from isinglass.data import InductionBatch
from isinglass.systems import interference, looped

X = np.ones((2, 4), np.float32)
HEADS = np.ones((2, 3, 4), np.float32)
CONFIG = looped.LoopedConfig(vocabulary=4, width=8, hidden=8, iterations=2)
KEY = jax.ShapeDtypeStruct((2,), np.uint32)


def whole(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(int))


def mask(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, bool)


def batch():
    return InductionBatch(
        tokens=whole(2, 5), targets=whole(2, 5), mask=mask(2, 5), source=whole(2, 5)
    )


def places():
    return looped.Places(positions=whole(4, 2, 5), apart=mask(2, 5))


@functools.cache
def model():
    with jax.enable_x64(False):
        return random_model(looped.LoopedTransformer, CONFIG)


OF_LOOPS = {
    "find_places": lambda: (looped.find_places, batch(), KEY),
    "follow_loop": lambda: (
        lambda model, batch, places: looped.follow_loop(model, batch, places, 2),
        model(),
        batch(),
        places(),
    ),
    "barred_logits": lambda: (
        looped.barred_logits,
        model(),
        whole(5),
        whole(5),
        mask(2),
    ),
    "barred_accuracy": lambda: (looped.barred_accuracy, model(), batch(), places()),
    "last-token": lambda: (
        lambda key, length: data.last_token(key, 2, length, 4, size=5),
        KEY,
        whole(),
    ),
    "full-sequence": lambda: (
        lambda key, length: data.full_sequence(key, 2, length, 4, size=5),
        KEY,
        whole(),
    ),
}
CALLS = OF_LOOPS | {
    "attend": lambda: (lambda x: attention.attend(x, x, x, q=1.5), X),
    "attention_rows": lambda: (attention.attention_rows, X, X),
    "causal_attention": lambda: (attention.causal_attention, HEADS, HEADS, HEADS),
    "sinusoids": lambda: (lambda x: attention.sinusoids(x, 4), np.arange(3)),
    "encode_images": lambda: (
        lambda x: interference.encode_images(x, (2, 2)),
        np.ones((2, 8, 8), np.uint8),
    ),
    "energy_over_time": lambda: (
        lambda x, p, there, host: interference.energy_over_time(x, p, there, host, 0.7),
        np.ones((5, 2, 3), np.float32),
        np.ones((2, 3, 4), np.float32),
        np.ones((2, 3, 4), bool),
        np.ones(3, np.float32),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_alone_has_the_usual_promotion(name):
    function, *arguments = CALLS[name]()
    usual = jax.eval_shape(function, *arguments)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        assert jax.eval_shape(function, *arguments) == usual


@pytest.mark.parametrize("name", OF_LOOPS)
def test_types_of_what_a_loop_gives_do_not_follow_x64(name):
    """Nor is there a warning that x64, which is on, were off."""
    usual = jax.tree.leaves(jax.eval_shape(*OF_LOOPS[name]()))
    with jax.enable_x64(True):
        wide = jax.tree.leaves(jax.eval_shape(*OF_LOOPS[name]()))
    assert [x.dtype for x in wide] == [x.dtype for x in usual]


def test_a_share_of_right_answers_is_one_under_strict_promotion():
    def repeat(tokens):
        return jax.nn.one_hot(tokens, 4)

    task = data.InductionTask("full-sequence", 4)
    sample = looped.Sample([5], jax.random.key(0), 2)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        share = looped.accuracy_by_length(repeat, task, sample)["all"].item()
    batch = task.batch(jax.random.fold_in(jax.random.key(0), 5), 2, 5)
    right = np.asarray((batch.tokens == batch.targets) & batch.mask)
    assert share == right.sum() / np.asarray(batch.mask).sum()
