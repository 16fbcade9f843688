"""The setting that the looped experiments share: arms, configurations and recipes."""

import pytest

from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import setting
from isinglass.systems.looped import LoopedConfig, Recipe


def test_the_arms_are_all_subsets_of_the_penalties() -> None:
    weights = {tuple(setting.objective(arm).weights().values()) for arm in setting.ARMS}

    assert weights == {
        (p, k, s) for p in (0.1, 0.0) for k in (0.001, 0.0) for s in (0.02, 0.0)
    }
    assert setting.objective(setting.PLAIN).is_plain
    with pytest.raises(ValueError, match=r"arm must be one of .*PKS, got 'PP'"):
        setting.objective("PP")


def test_the_papers_setting_is_the_default_of_the_library() -> None:
    assert setting.paper_config() == LoopedConfig()
    assert setting.paper_recipe() == Recipe()
    assert setting.paper_recipe("P", 10, learning_rate=0.1).learning_rate == 0.1


@pytest.mark.parametrize("steps", [1, 10, 2000])
def test_our_recipe_suits_its_task_in_any_number_of_steps(steps: int) -> None:
    four, sixteen = (setting.our_recipe("PKS", symbols, steps) for symbols in (4, 16))

    assert four.task(InductionTask("last-token", 4)).vocabulary == 4
    assert sixteen.task(InductionTask("full-sequence", 16)).vocabulary == 16
    assert four.first_symbols is None
    assert sixteen.symbols_at(0, 16) == (4 if steps > 1 else 16)
    assert sixteen.symbols_at(steps, 16) == 16


def test_a_guess_is_right_as_often_as_the_task_says() -> None:
    assert setting.chance("last-token") == pytest.approx(100 / 3)
    assert setting.chance("full-sequence", 16) == pytest.approx(100 / 16)
