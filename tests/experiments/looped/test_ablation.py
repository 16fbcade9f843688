"""The ablation: arms against each other by seed, and the choice of a learning rate."""

import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.experiments.looped import ablation, models, setting
from isinglass.experiments.looped.ablation import SETTINGS, Setting, Task, best_rate
from isinglass.experiments.looped.ablation_effects import (
    SUCCESS,
    difference,
    main_effect,
    measures,
    sign,
)
from isinglass.experiments.looped.models import PERCENT, Training
from isinglass.reproduce import Context
from isinglass.systems.looped import LoopedConfig, Recipe

# As in other tests, so that it is compiled once.
SMALL = LoopedConfig(hidden=8, iterations=2)
SHORT = Recipe(steps=4, batch=4, shortest=4, longest=8)
TASK = Task(4, "full-sequence", "PS")
SEARCHED = Setting(
    ("full-sequence",), (4,), (0.003, 0.01), 2, {4: (20, 10)}, sequences=64, longest=16
)
SEEDS = np.array([0.0, 5.0, 1.0, 3.0])  # by how much seeds differ, whatever the arm


@pytest.fixture(autouse=True)
def _searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "quick", SEARCHED)


def measurement(effects: dict[str, float], base: float = 60.0) -> xr.Dataset:
    """Accuracy is a sum of what penalties add, at all lengths; the rest mirrors it."""
    arms, lengths = list(setting.ARMS), [16, 64, 1000]
    gains = [
        sum(gain for penalty, gain in effects.items() if penalty in arm[:3])
        for arm in arms
    ]
    noise = 0.01 * np.outer([len(arm) for arm in arms], [1, -1, 1, -1])
    accuracy = np.clip(base + SEEDS + np.array(gains)[:, None] + noise, 0, 100)
    cell = ("vocabulary", "form")
    by_length = np.repeat(accuracy[None, None, ..., None], 3, axis=-1)
    return xr.Dataset(
        {
            "rate": ((*cell, "arm"), np.full((1, 1, len(arms)), 0.01)),
            "searched": (
                (*cell, "arm", "searched_rate"),
                np.tile([50.0, 60.0], (1, 1, len(arms), 1)),
            ),
            "accuracy": ((*cell, "arm", "seed", "length"), by_length, PERCENT),
            "cross_entropy": ((*cell, "arm", "seed"), 1 - accuracy[None, None] / 100),
            "diverged": ((*cell, "arm"), np.zeros((1, 1, len(arms)), int)),
        },
        {
            "vocabulary": [4],
            "form": ["full-sequence"],
            "arm": arms,
            "length": lengths,
            "searched_rate": [0.003, 0.01],
            "longest": 16,
        },
        {"resolution": "quick"},
    )


def findings(measured: xr.Dataset) -> str:
    return experiments.tell(ablation, measured).findings


def test_differences_and_effects_are_paired_by_seed() -> None:
    measured = measurement({"P": -10.0, "S": 2.0})
    entropy, accuracy, _ = measures(measured)
    part = measured.isel(vocabulary=0, form=0)

    differences = difference(part, "PKS", accuracy)
    assert differences == pytest.approx([-8.0] * 4, abs=0.2)
    effects = {p: main_effect(part, p, accuracy) for p in "PK"}
    assert effects["P"] == pytest.approx([-10.0] * 4, abs=0.2)
    assert effects["K"] == pytest.approx([0.0] * 4, abs=0.2)
    assert main_effect(part, "S", entropy) == pytest.approx([-0.02] * 4, abs=2e-3)
    assert sign(effects["P"]) == -1


def test_findings_say_what_is_better_and_worse() -> None:
    text = findings(measurement({"P": -10.0, "S": 2.0}))

    potential, kinetic, entropy = (
        next(part for part in text.split("\n\n") if part.startswith(f"What the {name}"))
        for name in ("potential", "kinetic", "entropy")
    )
    assert potential.count(": worse") == 3
    assert kinetic.count(": no difference seen") == 3
    assert entropy.count(": better") == 3
    assert "No seed of any arm has 99 % at L = 64. No seed of any arm has 90 %" in text
    assert "in 8 of 8 searches that is the first or last" in text
    assert "out of 0.003, 0.01, that did best on 2 other seeds" in text


def test_findings_count_those_who_solve_it() -> None:
    text = findings(measurement({"K": 40.0}))

    counts = "0 (cross-entropy), 0 (P), 4 (K), 0 (S), 4 (PK), 0 (PS), 4 (KS), 4 (PKS)"
    assert f"Of 4 seeds, {counts} have 99 % at L = 64" in text


def test_findings_say_what_may_be_the_learning_rates() -> None:
    measured = measurement({})
    assert "by rate" not in findings(measured)
    measured.rate.loc[{"arm": "P"}] = 0.003
    measured.accuracy.loc[{"arm": "P"}] -= 20
    rest = "cross-entropy, K, S, PK, PS, KS, PKS"
    rates = f"42.2 % with 0.003 (P); 62.2 % with 0.01 ({rest})."
    assert rates in findings(measured)


def test_two_seeds_conclude_nothing() -> None:
    text = findings(measurement({"P": 1.0}).isel(seed=[0, 1]))

    assert "nothing can be concluded" in text
    assert "What the" not in text


def test_rows_of_a_task() -> None:
    outcome = experiments.tell(ablation, measurement({"P": -10.0}))
    rows = experiments.rows_of(outcome)

    solved, accuracy = 8 * len(SUCCESS), 8
    assert len(rows) == solved + accuracy + 3 * (1 + 3)
    assert all(row.paper is None for row in outcome.rows)
    assert experiments.parts(outcome) == ["", "differences"]
    potential = rows["full-sequence, V = 4, effect of P: accuracy at L = 1000"]
    assert (potential.unit, potential.n) == ("points", 4)


def test_an_arm_is_searched_on_other_seeds_than_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainings = []

    def trained(context: Context, training: Training, seeds=None):
        run = untrained(context, training, seeds)
        trainings.append((training.name, set(run.seeds)))
        return run

    monkeypatch.setattr(setting, "near_config", lambda vocabulary: SMALL)
    monkeypatch.setattr(setting, "near_recipe", lambda *_, **__: (SHORT,))
    monkeypatch.setattr(models, "trained", trained)
    rates = (0.1, 0.01, 0.001)
    searched = Setting(("full-sequence",), (4,), rates, 2, {4: (4, 0)}, 2, longest=8)
    monkeypatch.setitem(SETTINGS, "default", searched)

    arm = ablation.measure_arm(Context(seeds=range(2)), TASK)

    assert arm.accuracy.sizes == {"seed": 2, "length": 3}
    assert arm.length.values.tolist() == [8, 64, 1000]
    assert arm.cross_entropy.sizes == {"seed": 2}
    # All came out the same here, and then the middle one is taken.
    assert np.ptp(arm.searched.values) == 0
    assert arm.rate == 0.01
    assert [name for name, _ in trainings] == [
        "full-sequence-4-PS-search-0.1",
        "full-sequence-4-PS-search-0.01",
        "full-sequence-4-PS-search-0.001",
        "full-sequence-4-PS",
    ]
    (_, first), (_, second), (_, third), (_, reported) = trainings
    assert first == second == third
    assert not first & reported


def test_the_best_learning_rate_is_taken() -> None:
    rates = (0.003, 0.01, 0.03)

    assert best_rate(rates, {0.003: 50.0, 0.01: 51.0, 0.03: 52.0}) == 0.03
    assert best_rate(rates, {0.003: 50.0, 0.01: 50.0, 0.03: 50.0}) == 0.01
    assert best_rate(rates[:1], {}) == 0.003


def test_the_settings_cover_both_forms_and_vocabularies() -> None:
    for options in (SETTINGS["default"], SETTINGS["full"]):
        assert set(options.forms) == set(setting.FORMS)
        assert options.vocabularies == (4, 16)
        assert options.longest == 64
    task = Task(4, "full-sequence", "PKS")
    assert SETTINGS["full"].recipe(task, 1e-3) == (Recipe(),)


def test_an_arm_has_its_penalties_in_every_stage() -> None:
    stages = SETTINGS["default"].recipe(Task(16, "last-token", "KS"), 0.02)

    assert [stage.objective for stage in stages] == [setting.objective("KS")] * 2
    assert [stage.learning_rate for stage in stages] == [0.02] * 2
    assert [stage.form for stage in stages] == ["full-sequence", "last-token"]
    assert stages[-1].longest == setting.LONGEST
