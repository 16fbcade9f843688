"""The ablation: arms against each other by seed, the choice of a learning rate, and a tiny run."""

import numpy as np
import pytest

from isinglass.experiments.looped import ablation as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.ablation import Cell, Design, Found
from isinglass.reproduce.experiment import Context
from isinglass.systems.looped import LoopedConfig
from isinglass.systems.looped.recipe import Recipe

# As in other tests, so that it is compiled once.
SMALL = LoopedConfig(hidden=8, iterations=2)
SHORT = Recipe(steps=4, batch=4, shortest=4, longest=8)
LENGTHS = (16, 64, 1000)
DESIGN = Design(("full-sequence",), (4,), (0.003, 0.01), 2, {4: (20, 10)}, 16, 64)
CELL = Cell("full-sequence", 4)
SEEDS = np.array([0.0, 5.0, 1.0, 3.0])  # by how much seeds differ, whatever the arm


def arms(effects: dict[str, float], base: float = 60.0) -> dict[str, Found]:
    """Accuracy is a sum of what each penalty adds, at every length; cross-entropy mirrors it."""
    found = {}
    for arm in paper.ARMS:
        gain = sum(value for penalty, value in effects.items() if penalty in arm[:3])
        noise = 0.01 * np.array([1, -1, 1, -1]) * len(arm)
        at = np.clip(base + SEEDS + gain + noise, 0, 100)
        found[arm] = Found(
            0.01,
            {0.003: 50.0, 0.01: 60.0},
            LENGTHS,
            np.stack([at] * 3, 1),
            1 - at / 100,
            0,
        )
    return found


def test_differences_and_effects_are_paired_by_seed() -> None:
    table, (entropy, accuracy, _) = (
        arms({"P": -10.0, "S": 2.0}),
        experiment._measures(DESIGN),
    )

    assert experiment.difference(table, "PKS", accuracy) == pytest.approx(
        [-8.0] * 4, abs=0.2
    )
    assert experiment.main_effect(table, "P", accuracy) == pytest.approx(
        [-10.0] * 4, abs=0.2
    )
    assert experiment.main_effect(table, "K", accuracy) == pytest.approx(
        [0.0] * 4, abs=0.2
    )
    assert experiment.main_effect(table, "S", entropy) == pytest.approx(
        [-0.02] * 4, abs=2e-3
    )
    assert experiment._sign(experiment.main_effect(table, "P", accuracy)) == -1


def test_findings_say_what_is_better_and_worse() -> None:
    text = experiment._findings(DESIGN, {CELL: arms({"P": -10.0, "S": 2.0})})

    potential, kinetic, entropy = (
        next(part for part in text.split("\n\n") if part.startswith(f"What the {name}"))
        for name in ("potential", "kinetic", "entropy")
    )
    assert potential.count(": worse") == 3
    assert kinetic.count(": no difference seen") == 3
    assert entropy.count(": better") == 3
    assert "No seed of any arm has 99 % at L = 64. No seed of any arm has 90 %" in text
    assert "in 8 of 8 searches that is the first or last" in text


def test_findings_count_those_who_solve_it() -> None:
    text = experiment._findings(DESIGN, {CELL: arms({"K": 40.0})})

    assert (
        "Of 4 seeds, 0 (cross-entropy), 0 (P), 4 (K), 0 (S), 4 (PK), 0 (PS), 4 (KS)"
        in text
    )


def test_findings_say_what_may_be_the_learning_rates() -> None:
    table = arms({})
    assert "by rate" not in experiment._findings(DESIGN, {CELL: table})
    table["P"] = table["P"]._replace(rate=0.003, accuracy=table["P"].accuracy - 20)
    text = experiment._findings(DESIGN, {CELL: table})
    assert (
        "42.2 % with 0.003 (P); 62.2 % with 0.01 (cross-entropy, K, S, PK, PS, KS, PKS)"
        in text
    )


def test_two_seeds_conclude_nothing() -> None:
    table = {
        CELL: {
            arm: found._replace(
                accuracy=found.accuracy[:2], cross_entropy=found.cross_entropy[:2]
            )
            for arm, found in arms({"P": 1.0}).items()
        }
    }

    text = experiment._findings(DESIGN, table)

    assert "nothing can be concluded" in text
    assert "What the" not in text


def test_rows_of_a_cell() -> None:
    rows = experiment._rows(DESIGN, CELL, arms({"P": -10.0}))

    solved, accuracy = 8 * len(experiment.SUCCESS), 8
    assert len(rows) == solved + accuracy + 3 * (1 + 3)
    assert all(row.paper is None for row in rows)
    assert len({row.quantity for row in rows}) == len(rows)
    figures = (experiment._figure_of_accuracy, experiment._figure_of_differences)
    assert len({figure(DESIGN, {CELL: arms({})}).name for figure in figures}) == 2


def test_an_arm_is_searched_on_other_seeds_than_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, train = [], paper.trained

    def trained(context, name, *rest):
        asked.append((name, set(rest[3])))
        return train(context, name, *rest)

    monkeypatch.setattr(paper, "near_config", lambda vocabulary: SMALL)
    monkeypatch.setattr(paper, "near_recipe", lambda *_, **__: (SHORT,))
    monkeypatch.setattr(paper, "trained", trained)
    design = Design(("full-sequence",), (4,), (0.1, 0.01, 0.001), 2, {4: (4, 0)}, 8, 2)

    found = experiment._measure_arm(Context(seeds=2), design, CELL, "PS")

    assert found.lengths == (8, 64, 1000)
    assert found.accuracy.shape == (2, 3)
    assert found.cross_entropy.shape == (2,)
    # All came out the same here, and then the middle one is taken.
    assert len(set(found.searched.values())) == 1
    assert found.rate == 0.01
    assert not found.at_the_edge
    assert [name for name, _ in asked] == [
        "full-sequence-4-PS-search-0.1",
        "full-sequence-4-PS-search-0.01",
        "full-sequence-4-PS-search-0.001",
        "full-sequence-4-PS",
    ]
    assert asked[0][1] == asked[1][1] == asked[2][1]
    assert not asked[0][1] & asked[3][1]


def test_the_best_learning_rate_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    def stop(*given):
        raise Enough(given[4][0].learning_rate)

    monkeypatch.setattr(
        experiment, "_search", lambda *_: {0.003: 50.0, 0.01: 51.0, 0.03: 52.0}
    )
    monkeypatch.setattr(paper, "trained", stop)

    with pytest.raises(Enough, match=r"0\.03"):
        experiment._measure_arm(Context(seeds=1), experiment.DEFAULT, CELL, "K")


def test_the_designs_cover_what_is_asked() -> None:
    for design in (experiment.DEFAULT, experiment.FULL):
        assert set(design.forms) == set(paper.FORMS)
        assert design.vocabularies == (4, 16)
        assert experiment._lengths(design) == (64, 1000)
    assert experiment._recipe(experiment.FULL, CELL, "PKS", 1e-3) == (Recipe(),)


def test_an_arm_has_its_penalties_in_every_stage() -> None:
    cell = Cell("last-token", 16)
    stages = experiment._recipe(experiment.DEFAULT, cell, "KS", 0.02)

    assert [stage.objective for stage in stages] == [paper.objective("KS")] * 2
    assert [stage.learning_rate for stage in stages] == [0.02] * 2
    assert [stage.form for stage in stages] == ["full-sequence", "last-token"]
    assert stages[-1].longest == paper.LONGEST
