"""The trained loop that the explorer ships."""

import jax

from isinglass.explore.browser.loop_data import loop_data
from isinglass.explore.browser.loop_training import COMMAND, CONFIG, RECIPE
from isinglass.systems.looped import LoopedTransformer


def test_it_says_how_it_was_made_and_is_such_a_model():
    data = loop_data()
    assert data["command"] == COMMAND
    assert data["trained"].startswith(f"{RECIPE.steps} steps")
    model = LoopedTransformer(CONFIG, key=jax.random.key(0))
    shapes = {
        name: value.shape
        for name, value in vars(model).items()
        if isinstance(value, jax.Array)
    }
    assert {name: _shape(value) for name, value in data["weights"].items()} == shapes
    assert data["accuracy"]["64"] > 0.99


def _shape(numbers):
    return (len(numbers), *_shape(numbers[0])) if isinstance(numbers, list) else ()
