from dataclasses import replace

import jax
import numpy as np
import pytest

from helpers.looped_training import RECIPE
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import _steps
from isinglass.systems.looped.recipe import Recipe, Stage, first_steps, recipes_in_order


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
    lengths = [int(_steps.draw_length(s, s, recipe, True)[0]) for s in range(60)]
    assert set(lengths[:10]) == {16}
    assert all(16 <= n <= recipe.longest_at(s) for s, n in enumerate(lengths))
    assert len(set(lengths[20:])) > 15
    stage = Stage(InductionTask(vocabulary=16), recipe)
    early = jax.jit(_steps.draw, static_argnums=3)(jax.random.key(0), 64, 0, stage)
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
    rate = Recipe(steps=100, warmup=10, decay=True).rate.schedule(1.0)
    rates = np.array([rate(step) for step in range(101)], float)
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(rates[[10, 55, 100]], [1, 0.5, 0], atol=1e-6)
    assert Recipe(steps=100).rate.schedule(1e-3)(99) == 1e-3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("steps", 0, "steps must be at least 1, got 0"),
        ("batch", 0, "batch must be at least 1"),
        ("shortest", 1, "shortest must be at least 2"),
        ("longest", 15, "longest must be at least 16, got 15"),
        ("warmup", -1, "warmup must be at least 0"),
        ("learning_rate", float("nan"), "learning_rate must be finite and at least 0"),
        ("weight_decay", -0.1, "weight_decay must be finite and at least 0"),
        ("clip", 0.0, "clip must be positive"),
        ("clip", float("inf"), "clip must be positive"),
        ("form", "middle", "form must be one of"),
        ("length_curriculum", (5, 4), "length_curriculum must be two steps in order"),
        (
            "vocabulary_curriculum",
            (-1, 4),
            "vocabulary_curriculum must be at least 0",
        ),
        ("first_symbols", 1, "first_symbols must be at least 2"),
        ("layout", "spiral", "layout must be one of"),
    ],
)
def test_a_recipe_refuses_what_makes_no_sense(field, value, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**{field: value})


def test_positions_must_have_room():
    with pytest.raises(
        ValueError, match="farthest must be at least longest, 64, got 32"
    ):
        Recipe(layout="offset", farthest=32)


def test_recipes_follow_one_another():
    assert recipes_in_order(RECIPE) == (RECIPE,)
    assert first_steps((RECIPE, replace(RECIPE, steps=5))) == (0, 40, 45)
    with pytest.raises(ValueError, match="recipe must hold at least one"):
        recipes_in_order(())


def test_programs_depend_on_how_many_steps_there_are_only_where_the_rate_decays():
    def rule(**changes):
        return Stage(InductionTask(), replace(RECIPE, **changes)).rule()

    assert rule(steps=7, learning_rate=0.5) == rule()
    assert rule(decay=True, learning_rate=0.5).recipe.steps == RECIPE.steps
    assert rule(decay=True) != rule(decay=True, steps=7)
    for change in ({"clip": None}, {"warmup": 3}, {"weight_decay": 0.0}, {"batch": 2}):
        assert rule(**change) != rule()
