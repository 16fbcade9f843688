"""Mechanism: places and barring by hand, a made-up finding, and a tiny run."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from isinglass.data.induction import InductionBatch, InductionTask
from isinglass.experiments.looped import mechanism as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.mechanism import (
    BEYOND,
    ITSELF,
    MATCH,
    OTHER,
    PREVIOUS,
    Example,
    Found,
    Size,
)
from isinglass.reproduce.experiment import Context
from isinglass.systems.looped import LoopedConfig, LoopedTransformer

TINY = Size(steps=20, longest=16, iterations=2, sequences=4)


@pytest.fixture(scope="module")
def model() -> LoopedTransformer:
    config = LoopedConfig(
        hidden=8, iterations=3, positional_scale=2.0, inner_residual=True
    )
    return LoopedTransformer(config, key=jax.random.key(0))


@pytest.fixture(scope="module")
def batch() -> InductionBatch:
    return InductionTask("full-sequence", 4).batch(jax.random.key(1), 6, 12)


def made(accuracy: list[float], trained: int = 4) -> Found:
    """Seeds that look at the previous token in iteration 1 and at the match in iteration 2."""
    seeds, random = len(accuracy), np.random.default_rng(0)
    attention = np.full((seeds, 3, BEYOND), 0.1)
    attention[:, PREVIOUS, 0], attention[:, MATCH, 1] = 0.8, 0.9
    right = np.full((seeds, BEYOND + 1), 0.25)
    right[:, trained] = accuracy
    barred = np.tile(np.array(accuracy)[:, None, None], (1, OTHER + 1, trained + 1))
    barred[:, PREVIOUS, 0] = barred[:, PREVIOUS, -1] = 0.05
    barred[:, MATCH, 1] = barred[:, MATCH, -1] = 0.2
    state = np.tile(np.arange(BEYOND + 1.0), (seeds, 1))
    tokens = random.integers(0, 4, 8)
    rows = np.tile(np.tri(8) / np.arange(1, 9)[:, None], (trained, 1, 1))
    example = Example(
        tokens, np.array([-1, -1, 0, 1, 1, 2, 3, 4]), rows, tokens == tokens
    )
    return Found(
        Size(10, 16, trained, 4),
        right,
        attention,
        0.1,
        state,
        np.ones((seeds, BEYOND)),
        np.array(accuracy),
        barred,
        example,
    )


def untrained(
    context: Any, what: str, config: LoopedConfig, form: str, *given: Any
) -> Any:
    """In place of `looped_paper.trained`, which takes long to compile: models as they begin."""
    task = InductionTask(form, config.vocabulary)
    return SimpleNamespace(
        of=lambda seed: LoopedTransformer(config, key=jax.random.key(seed)),
        task=task,
        seeds=given[1],
    )


def values(found: Found) -> dict[str, Any]:
    return {row.quantity: row for row in experiment._rows(found)}


def test_places_are_where_they_should_be(batch: InductionBatch) -> None:
    places, apart = map(np.asarray, experiment._places(batch, jax.random.key(2)))
    here = np.arange(12)

    np.testing.assert_array_equal(places[PREVIOUS], np.tile(here - 1, (6, 1)))
    np.testing.assert_array_equal(places[ITSELF], np.tile(here, (6, 1)))
    assert apart.any()
    for row, at in zip(*np.nonzero(apart), strict=True):
        match, other = places[MATCH, row, at], places[OTHER, row, at]
        assert batch.tokens[row, match] == batch.targets[row, at]
        assert batch.tokens[row, match - 1] == batch.tokens[row, at]
        assert match < at - 1
        assert (
            other == -1
            if at == 2
            else other not in (match, at - 1, at) and 0 <= other < at
        )
    assert (places[[MATCH, OTHER]][:, ~apart] == -1).all()


def test_following_a_model_agrees_with_its_trajectory(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    places, apart = experiment._places(batch, jax.random.key(2))
    one = jax.tree.map(lambda x: x[0], batch)
    right, attention, state, change = experiment._follow(
        model, one, places[:, 0], apart[0]
    )
    states, rows = model.run(one.tokens)

    expected = np.linalg.norm(states, axis=-1) ** 2
    np.testing.assert_allclose(state[:4], expected.mean(-1), rtol=1e-4)
    np.testing.assert_allclose(
        change[0],
        (np.linalg.norm(states[1] - states[0], axis=-1) ** 2).mean(),
        rtol=1e-4,
    )
    at = np.flatnonzero(apart[0])
    match = np.asarray(rows)[2, 0, at, np.asarray(places)[MATCH, 0, at]]
    assert attention[2, MATCH] == pytest.approx(match.sum(), rel=1e-4)
    answers = (np.asarray(model.decode(states[3])).argmax(-1) == one.targets) & one.mask
    assert right[3] == answers.sum()


def test_rows_are_of_seeds_that_learned() -> None:
    rows = values(made([0.99, 0.97, 0.3]))

    assert rows[
        "seeds with at least 90% right answers at L = 16"
    ].ours == pytest.approx(200 / 3)
    match = rows["iteration with most attention on the match"]
    assert (match.ours, match.n) == (2, 2)
    assert rows["right answers after 4 iterations, as trained"].ours == pytest.approx(
        98
    )
    lost = rows["right answers lost if no row sees its previous token"]
    assert lost.ours == pytest.approx(93)
    assert rows["right answers lost if no row sees another token"].ours == 0
    assert rows["|Z| gained by an iteration at the end of 200"].ours == pytest.approx(1)


def test_findings_name_the_iterations() -> None:
    text = experiment._findings(made([0.99, 0.97, 0.3]))

    assert "2 of 3 seeds" in text
    assert "what follows is of these" in text
    assert "the previous token, 80 [80, 80] % in iteration 1" in text
    assert "match: iteration 2, which costs 78 points" in text


def test_findings_where_nothing_was_learned() -> None:
    found = made([0.3, 0.2])

    assert found.counted.all()
    assert "0 of 2 seeds" in experiment._findings(found)
    assert "of all, although none learned it" in experiment._findings(found)


@pytest.mark.parametrize(("iterations", "shown"), [(2, [1, 2]), (6, [1, 2, 3, 4, 6])])
def test_the_iterations_drawn_are_some_of_all(
    iterations: int, shown: list[int]
) -> None:
    assert experiment._shown(iterations) == shown


def test_models_that_know_nothing_give_rows_and_figures(monkeypatch) -> None:
    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr(paper, "trained", untrained)

    outcome = experiment.run(Context(seeds=2, quick=True))

    assert [figure.name for figure in outcome.figures] == [
        "looped-mechanism",
        "looped-mechanism-iterations",
    ]
    assert "0 of 2 seeds" in outcome.findings


@pytest.mark.slow
def test_a_quick_run_finds_both_iterations(tmp_path) -> None:
    found = experiment.measure(
        Context(seeds=2, quick=True, sweeps=tmp_path), experiment.QUICK
    )

    assert (found.attention[:, PREVIOUS, : found.trained].argmax(-1) == 0).all()
    assert (found.attention[:, MATCH, : found.trained].argmax(-1) >= 1).all()
    lost = found.free[:, None] - found.barred[:, [PREVIOUS, MATCH, OTHER], -1]
    assert (lost[:, :2] > 0.3).all()
    assert (np.abs(lost[:, 2]) < 0.05).all()
