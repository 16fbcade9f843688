"""How long a model continues a text as it is, against its own greedy continuation."""

import numpy as np

from helpers.memory_training import random_model
from isinglass.systems.memory import (
    TransformerConfig,
    continue_greedily,
    matching_length,
)


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
