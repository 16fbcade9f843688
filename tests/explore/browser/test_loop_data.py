"""The trained loop that the explorer ships."""

import json
from dataclasses import replace

import jax

from isinglass.explore.browser import loop_training
from isinglass.explore.browser.loop_training import COMMAND, CONFIG, RECIPE
from isinglass.explore.browser.sections import shipped
from isinglass.systems.looped import LoopedTransformer


def test_it_says_how_it_was_made_and_is_such_a_model():
    data = shipped("loop")
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


def test_training_makes_what_is_shipped_but_for_its_numbers(monkeypatch):
    few = replace(RECIPE, steps=4, shortest=6, longest=8, length_curriculum=(0, 0))
    monkeypatch.setattr(loop_training, "RECIPE", few)
    looks = replace(loop_training.EVALUATION, lengths=(8,), every=4, sequences=2)
    monkeypatch.setattr(loop_training, "EVALUATION", looks)
    made, data = loop_training.make(), shipped("loop")
    assert made.keys() == data.keys()
    assert made["accuracy"].keys() == {"8"}
    assert _shape_by_name(made) == _shape_by_name(data)
    assert json.loads(json.dumps(made)) == made


def _shape_by_name(data):
    return {name: _shape(value) for name, value in data["weights"].items()}


def _shape(numbers):
    return (len(numbers), *_shape(numbers[0])) if isinstance(numbers, list) else ()
