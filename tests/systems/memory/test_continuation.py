"""Greedy continuations, and how long a model continues a text as it is."""

import inspect

import jax
import numpy as np
import pytest

from helpers.memory_training import random_model
from isinglass.systems.memory import (
    TransformerConfig,
    continue_greedily,
    matching_length,
)

CONFIG = TransformerConfig(vocabulary=256, context=12, width=8, heads=2, layers=2)
PROMPTS = np.random.default_rng(0).integers(0, 256, (3, 4))


def test_a_continuation_is_the_likeliest_token_each_time():
    model = random_model(CONFIG)
    continuation = continue_greedily(model, PROMPTS, 3)

    whole = np.concatenate([PROMPTS, continuation], axis=1)
    logits = jax.jit(jax.vmap(model))(whole)  # causal: those before know nothing after
    np.testing.assert_array_equal(continuation, logits[:, 3:-1].argmax(-1))


@pytest.mark.parametrize(
    ("prompts", "count", "message"),
    [
        (PROMPTS, 9, "must be at least 1 token each and 12 together"),
        (PROMPTS[:0], 1, "must be at least 1 token each and 12 together"),
        (PROMPTS - 300, 1, r"prompts must be in \[0, 255\], got -"),
        (PROMPTS[0], 1, r"prompts must be a 2-D array .* shape \(4,\)"),
        (PROMPTS * 0.5, 1, "prompts must be a 2-D array of whole numbers, got float"),
    ],
)
def test_prompts_that_are_none_are_refused(prompts, count, message):
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(continue_greedily)(random_model(CONFIG), prompts, count)


def test_tokens_are_counted_until_the_first_wrong_one():
    config = TransformerConfig(vocabulary=256, context=24, width=16, heads=2, layers=1)
    model = random_model(config)
    first_wrong = np.array([0, 3, 7, 8, 9, 19, 20, 20, 20])
    prompts = np.random.default_rng(0).integers(0, 256, (9, 4))
    texts = np.concatenate([prompts, continue_greedily(model, prompts, 20)], axis=1)
    for text, place in zip(texts, first_wrong, strict=True):
        text[4 + place : 5 + place] += 1
    texts %= 256

    np.testing.assert_array_equal(matching_length(model, texts, 4), first_wrong)
