import inspect

import numpy as np
import pytest

from helpers.memory_training import CONFIG, random_model, recipe
from isinglass.systems.memory import Recipe
from isinglass.systems.memory.recipe import matrices


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
        ({"betas": (0.9, 1.0)}, r"betas must be in \[0, 1\)"),
        ({"clip": 0.0}, "clip must be positive and finite, got 0.0"),
        ({"validation": 0}, "validation must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_a_recipe_out_of_range_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def unchecked_recipe(**values):
    """A recipe without the run-time checker of the tests."""
    unchecked = object.__new__(Recipe)
    inspect.unwrap(Recipe.__init__)(unchecked, **values)
    return unchecked


def test_a_recipe_of_other_types_is_refused_or_made_right():
    with pytest.raises(
        ValueError, match=r"betas must be two numbers in \[0, 1\), got \(0.9,\)"
    ):
        unchecked_recipe(betas=(0.9,))
    with pytest.raises(ValueError, match=r"seed must be .* at least 0, got 1\.5"):
        unchecked_recipe(seed=1.5)
    listed = unchecked_recipe(betas=[0.9, 0.95])
    assert listed == Recipe()
    assert hash(listed) == hash(Recipe())
