"""Contraction: derivatives against the library's, made-up findings, and a tiny run."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import contraction as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.contraction import OURS, PAPERS, Measured, Size
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict
from isinglass.systems.looped import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.contraction import contraction_bound, loop_jacobian_norm
from isinglass.systems.looped.evaluation import Evaluation
from isinglass.systems.looped.training import train

TINY = Size(steps=(0,), iterations=2, sequences=2, exponent=40)


def made(worst: float = 0.2, value: float = 2.0, of_block: float = -0.1) -> Measured:
    """Two steps of training, three seeds, four iterations."""
    seeds, by_iteration = np.ones((2, 3)), np.ones((2, 3, 4))
    spread = np.linspace(0.99, 1.01, 3)
    return Measured(
        np.array([0, 1000]),
        0.9 * seeds,
        value * seeds,
        20 * seeds,
        50 * by_iteration,
        30 * by_iteration,
        10 * by_iteration,
        4 * by_iteration,
        3 * by_iteration,
        worst * seeds * spread,
        5 * seeds,
        0.5 * seeds * spread,
        0 * seeds,
        of_block * seeds,
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


def test_all_steps_are_of_one_training() -> None:
    first, second = (experiment._recipe(OURS, steps) for steps in (10, 500))

    for step in (0, 5, 9):
        assert first.rate.schedule(1.0)(step) == second.rate.schedule(1.0)(step)
    assert experiment._recipe(PAPERS, 7).learning_rate == 1e-3


@pytest.mark.slow
def test_step_0_moves_nothing() -> None:
    config, task = (
        LoopedConfig(hidden=8, iterations=1),
        InductionTask("full-sequence", 4),
    )
    recipe = experiment._recipe(OURS, 0)
    ones = train(config, task, recipe, seeds=(5,), evaluate=Evaluation((16,), 1, 2)).of(
        5
    )
    of_model, _ = jax.random.split(jax.random.key(5))

    expected = LoopedTransformer(config, key=of_model)
    for ours, theirs in zip(
        jax.tree.leaves(ones), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_derivatives_are_those_of_the_library() -> None:
    model = LoopedTransformer(
        LoopedConfig(hidden=8, iterations=2), key=jax.random.key(0)
    )
    tokens = InductionTask("full-sequence", 4).batch(jax.random.key(1), 1, 6).tokens[0]
    inputs, norm, sizes, bound, _, loop, _, scaled, growth, ratio = (
        experiment._derivatives(model, tokens)
    )
    states, rows = model.run(tokens)

    assert norm == pytest.approx(float(jnp.linalg.norm(inputs)))
    assert sizes[1] == pytest.approx(float(jnp.linalg.norm(states[2])), rel=1e-5)
    weights = (model.query, model.key, model.value)
    assert bound[1] == pytest.approx(
        float(contraction_bound(weights, rows[1, 0])), rel=1e-5
    )
    expected = float(loop_jacobian_norm(model, states[1], inputs))
    assert loop[1] == pytest.approx(expected, rel=1e-4)
    # The norm of a product is at most the product of norms.
    assert growth <= np.log(np.asarray(loop)).mean() + 1e-4
    assert 0 < ratio.max() <= 1
    assert scaled > 0


def test_what_is_too_large_is_shrunk() -> None:
    matrix = jnp.full((2, 2), 2.0)

    assert jnp.linalg.norm(experiment._within(matrix, 0.5)) == pytest.approx(0.5)
    np.testing.assert_array_equal(experiment._within(matrix / 100, 0.5), matrix / 100)
    np.testing.assert_array_equal(experiment._within(0 * matrix, 0.5), 0 * matrix)


@pytest.mark.parametrize(
    ("worst", "verdict"), [(0.2, Verdict.REPRODUCED), (1.3, Verdict.DIFFERS)]
)
def test_one_exceeded_bound_refutes_the_theorem(worst: float, verdict: Verdict) -> None:
    row = experiment._rows(OURS, made(worst))[0]

    assert "no norm exceeds the bound" in row.quantity
    assert row.verdict == verdict


def test_rows_say_whether_weights_are_as_assumed() -> None:
    for value, share in ((2.0, 0), (0.4, 100)):
        rows = [
            r
            for r in experiment._rows(OURS, made(value=value))
            if "|W_V|_F ≤ ½" in r.quantity
        ]
        assert [row.ours for row in rows] == [share, share]


def test_shares_have_intervals_that_can_be() -> None:
    found = made()
    found.accuracy[1] = 0.9, 0.99, 0.3
    (row,) = [
        r
        for r in experiment._rows(OURS, found)
        if "step 1,000, right answers" in r.quantity
    ]
    assert 0 <= row.low < row.high == 100


def test_a_bound_below_1_is_found_where_it_is() -> None:
    found = made()
    assert experiment._below(found) == "it is nowhere, the least of all is 5"
    found.bound[1, 2, 3] = 0.5
    assert experiment._below(found) == "it is in some iteration of 1 of 6 models"


def test_findings_of_a_bound_that_holds_and_of_one_that_does_not() -> None:
    holds = experiment._findings({OURS: made()})
    fails = experiment._findings({OURS: made(worst=1.3)})

    assert "the norm is at most 20 % of it" in holds
    assert "0 of 6 models satisfy what is assumed of W_V" in holds
    assert "holds nowhere, the least of all is 5" in holds
    assert "contracts in 3 of 3 seeds" in holds
    assert "fails where its assumptions hold: in 3 of 3 seeds" in fails


def test_models_that_know_nothing_give_rows_and_a_figure(monkeypatch) -> None:
    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr(paper, "trained", untrained)
    outcome = experiment.run(Context(seeds=2, quick=True))

    assert [figure.name for figure in outcome.figures] == ["looped-contraction"]
    assert outcome.rows[0].verdict == Verdict.REPRODUCED
    exponents = [
        row for row in outcome.rows if row.quantity.endswith("exponent of the loop")
    ]
    assert len(exponents) == 1
    assert all(row.ours > -0.1 for row in exponents)


@pytest.mark.slow
def test_a_quick_run_trains_on(tmp_path) -> None:
    context = Context(seeds=2, quick=True, sweeps=tmp_path)
    found = experiment.measure(context, experiment.QUICK)[OURS]

    assert (np.diff(found.accuracy, axis=0) > 0).all()
    assert (found.worst <= 1).all()
