"""Landscape: measures of surfaces that are known, made-up findings, and a tiny run."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import landscape as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.landscape import (
    FUNNEL,
    LANDSCAPES,
    LARGEST,
    OURS,
    PENALISED,
    PLAIN,
    STRIPPED,
    Found,
    Landscape,
    Size,
    basins,
    bend,
    convex,
    funnel,
    minima,
    rise,
)
from isinglass.reproduce.experiment import Context
from isinglass.systems.looped import LoopedConfig, LoopedTransformer

TINY = Size(steps=5, points=5, sequences=4, probes=2)
SIDE = np.linspace(-1, 1, 21)
A, B = np.meshgrid(SIDE, SIDE, indexing="ij")
BOWL = A**2 + B**2
# Minima at a = 0 and, lower, at a = ±0.8; ridges between them at a = ±0.4.
WELLS = -np.cos(2 * np.pi * A / 0.8) - 0.1 * A**2 + B**2


def one(loss: np.ndarray, largest: float) -> Landscape:
    return Landscape(loss, largest, -1.0, 3 * largest, 0.1, np.array([2.0, 1.0]))


def made() -> Found:
    """The objective with penalties is a bowl, cross-entropy has three wells."""
    rounder = {PLAIN: (WELLS, 9.0), PENALISED: (BOWL, 5.0), STRIPPED: (WELLS, 9.0)}
    landscapes = {
        name: [one(*rounder[name]), one(rounder[name][0], rounder[name][1] + 0.1)]
        for name in LANDSCAPES
    }
    return Found({arm: np.array([0.9, 0.95]) for arm in experiment.ARMS}, landscapes)


def test_a_bowl_is_one_convex_funnel() -> None:
    assert funnel(BOWL).all()
    assert convex(BOWL).all()
    assert minima(BOWL) == 1
    assert (basins(BOWL) == 10 * 21 + 10).all()
    assert rise(BOWL) == pytest.approx(0.25, abs=0.02)
    assert bend(BOWL) == pytest.approx(2)
    assert bend(WELLS) > 10


def test_three_wells_are_told_apart() -> None:
    inside = funnel(WELLS)

    assert minima(WELLS) == 3
    assert inside[np.abs(A) < 0.35].all()
    assert not inside[np.abs(A) > 0.45].any()
    assert 0.3 < convex(WELLS).mean() < 0.7


def test_a_saddle_is_nowhere_convex() -> None:
    assert not convex(A**2 - B**2).any()
    assert not convex(-BOWL).any()


def test_descent_from_a_point_with_equal_neighbours_stays() -> None:
    assert minima(np.zeros((4, 4))) == 16


def test_rows_have_differences_by_seed() -> None:
    rows = {row.quantity: row for row in experiment._rows(OURS, made())}

    assert rows[f"{OURS}, {PLAIN}, {LARGEST}"].ours == pytest.approx(9.05)
    difference = rows[f"{OURS}, {LARGEST}: {PENALISED} less cross-entropy, by seed"]
    assert difference.ours == pytest.approx(-4)
    assert "would have less" in difference.rule
    same = rows[f"{OURS}, {FUNNEL}: {STRIPPED} less cross-entropy, by seed"]
    assert same.ours == 0


def test_findings_count_what_is_smoother() -> None:
    text = experiment._findings({OURS: made()})

    # All but the smallest eigenvalue.
    assert "smoother or wider beyond doubt in 6, rougher or narrower in 0" in text
    assert "it is 0, 0 and 7" in text


def test_one_seed_decides_nothing() -> None:
    found = made()
    alone = found._replace(
        landscapes={n: each[:1] for n, each in found.landscapes.items()}
    )

    assert all(
        experiment._verdict(alone, what, PENALISED) == 0 for what in experiment.SMOOTHER
    )


def test_a_landscape_is_of_the_objective_asked_for(monkeypatch) -> None:
    config = LoopedConfig(hidden=4, iterations=1)
    model = LoopedTransformer(config, key=jax.random.key(0))
    run: Any = SimpleNamespace(
        of=lambda seed: model, task=InductionTask("full-sequence", 4)
    )
    monkeypatch.setattr(experiment, "LANDSCAPES", {PLAIN: (paper.PLAIN, paper.PLAIN)})
    seen = experiment._of_seed(3, {paper.PLAIN: run}, TINY)[PLAIN]

    assert seen.loss.shape == (5, 5)
    assert seen.smallest <= seen.largest
    batch = run.task.batch(jax.random.key(1), 4, 8)
    plain, penalised = (
        experiment._loss(model, batch, paper.objective(arm)) for arm in experiment.ARMS
    )
    assert plain < penalised


def test_rows_figure_and_findings_are_of_what_was_measured(monkeypatch) -> None:
    monkeypatch.setattr(experiment, "measure", lambda context, size: {OURS: made()})
    outcome = experiment.run(Context(seeds=2, quick=True))

    assert [figure.name for figure in outcome.figures] == ["looped-landscape"]
    assert sum("by seed" in row.quantity for row in outcome.rows) == 14
    assert all(row.n == 2 for row in outcome.rows)
    assert set(paper.ARMS) >= {arm for pair in LANDSCAPES.values() for arm in pair}


@pytest.mark.slow
def test_a_small_run_has_all_landscapes_of_all_seeds(tmp_path) -> None:
    context = Context(seeds=2, quick=True, sweeps=tmp_path)
    found = experiment.measure(context, TINY)[OURS]

    assert {
        name: len(each) for name, each in found.landscapes.items()
    } == dict.fromkeys(LANDSCAPES, 2)
