"""Contraction: what is told of measurements by hand, and models that know nothing."""

import jax
import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import contraction, models
from isinglass.experiments.looped.contraction import SETTINGS, Setting
from isinglass.experiments.looped.models import PERCENT
from isinglass.experiments.looped.setting import OURS, PAPERS
from isinglass.reproduce import Verdict
from isinglass.systems.looped import (
    Evaluation,
    LoopedConfig,
    LoopedTransformer,
    train,
)


def measurement(
    worst: float = 0.2, value: float = 2.0, block_exponent: float = -0.1
) -> xr.Dataset:
    """Two steps of training, five seeds, four iterations."""
    spread, rate = np.linspace(0.99, 1.01, 5), {"units": contraction.PER_ITERATION}
    by_seed = {
        "value": value,
        "inputs": 20.0,
        "worst": worst * spread,
        "scaled_bound": 5.0,
        "growth": 0.5 * spread,
        "loop_exponent": 0.0,
        "block_exponent": block_exponent,
    }
    rates = ("growth", "loop_exponent", "block_exponent")
    by_iteration = {
        "state": 50.0,
        "bound": 30.0,
        "attention": 10.0,
        "loop": 4.0,
        "block": 3.0,
    }
    dims = ("setting", "step", "seed", "iteration")
    variables: dict = {
        name: (dims, np.full((1, 2, 5, 4), x)) for name, x in by_iteration.items()
    }
    for name, x in by_seed.items():
        values = np.broadcast_to(x, (1, 2, 5)).copy()
        variables[name] = (dims[:3], values, rate if name in rates else {})
    variables["accuracy"] = (dims[:3], np.full((1, 2, 5), 90.0), PERCENT)
    coordinates = {"setting": [OURS], "step": [0, 1000], "iteration": np.arange(1, 5)}
    coordinates["length"] = 16
    return xr.Dataset(variables, coordinates, {"resolution": "quick"})


def rows_of(measured: xr.Dataset) -> dict:
    return experiments.rows_of(experiments.tell(contraction, measured))


def test_all_steps_are_of_one_training() -> None:
    first, second = (contraction.recipe(OURS, steps) for steps in (10, 500))

    for step in (0, 5, 9):
        assert first.rate.schedule(1.0)(step) == second.rate.schedule(1.0)(step)
    assert contraction.recipe(PAPERS, 7).learning_rate == 1e-3


@pytest.mark.slow
def test_step_0_moves_nothing() -> None:
    config = LoopedConfig(hidden=8, iterations=1)
    run = train(
        config,
        InductionTask("full-sequence", 4),
        contraction.recipe(OURS, 0),
        seeds=(5,),
        evaluate=Evaluation((16,), 1, 2),
    )
    model_key, _ = jax.random.split(jax.random.key(5))
    untouched = LoopedTransformer(config, key=model_key)

    leaves, expected = map(jax.tree.leaves, (run.of(5), untouched))
    for leaf, start in zip(leaves, expected, strict=True):
        np.testing.assert_allclose(leaf, start, rtol=1e-6)


@pytest.mark.parametrize(
    ("worst", "verdict"), [(0.2, Verdict.IN_INTERVAL), (1.3, Verdict.DIFFERS)]
)
def test_an_exceeded_bound_refutes_the_theorem(worst: float, verdict: Verdict) -> None:
    quantity, row = next(iter(rows_of(measurement(worst)).items()))

    assert "no norm exceeds the bound" in quantity
    assert row.verdict == verdict


@pytest.mark.parametrize(("value", "share"), [(2.0, 0), (0.4, 100)])
def test_rows_say_whether_weights_are_as_assumed(value: float, share: float) -> None:
    rows = rows_of(measurement(value=value))

    shares = [row.ours for name, row in rows.items() if "|W_V|_F ≤ ½" in name]
    assert shares == [share, share]


def test_shares_have_intervals_that_can_be() -> None:
    measured = measurement()
    measured.accuracy[0, 1] = np.array([90.0, 99.0, 30.0, 99.0, 99.0])
    row = rows_of(measured)[f"{OURS}, step 1,000, right answers"]

    assert 0 < row.low < row.ours < row.high < 100


def test_a_bound_below_1_is_found_where_it_is() -> None:
    measured = measurement()
    where = contraction.where_below_1
    assert where(measured) == "nowhere, the least of all is 5"
    measured.bound[0, 1, 2, 3] = 0.5
    assert where(measured) == "in some iteration of 1 of 10 models"


def test_findings_of_a_bound_that_holds_and_of_another_that_does_not() -> None:
    holds, fails = (
        experiments.tell(contraction, measurement(worst)).findings
        for worst in (0.2, 1.3)
    )

    assert "the norm is at most 20 % of it" in holds
    assert "0 of 10 models satisfy what is assumed of W_V" in holds
    assert "holds nowhere, the least of all is 5" in holds
    assert "contracts in 5 of 5 seeds" in holds
    assert "fails where its assumptions hold: in 5 of 5 seeds" in fails


def test_settings_may_differ_in_steps_and_iterations() -> None:
    ours = measurement()
    papers = ours.assign_coords(setting=[PAPERS], step=[0, 300]).isel(iteration=[0, 1])
    both = xr.concat([ours, papers], "setting", join="outer")
    outcome = experiments.tell(contraction, both)

    rows = experiments.rows_of(outcome)
    assert f"{PAPERS}, step 300, |W_V|_F" in rows
    assert rows[f"{PAPERS}, step 300, bound, mean over iterations"].ours == 30
    assert f"{PAPERS}, step 1,000, |W_V|_F" not in rows
    assert experiments.parts(outcome) == ["", "paper"]


def test_models_that_know_nothing_give_rows_and_a_figure(monkeypatch) -> None:
    tiny = Setting(steps=(0,), iterations=2, sequences=2, exponent=40)
    monkeypatch.setitem(SETTINGS, "quick", tiny)
    monkeypatch.setattr(models, "trained", untrained)
    measured = experiments.measure(contraction, seeds=2)
    outcome = experiments.tell(contraction, measured)

    assert experiments.parts(outcome) == [""]
    assert (outcome.rows[0].ours, outcome.rows[0].verdict) == (100, Verdict.TOO_FEW)
    row = experiments.rows_of(outcome)[f"{OURS}, step 0, largest exponent of the loop"]
    assert row.ours > -0.1


@pytest.mark.slow
def test_a_quick_run_trains_on(tmp_path) -> None:
    measured = experiments.measure(contraction, seeds=2, workspace=tmp_path)

    assert (measured.accuracy.diff("step") > 0).all()
    assert (measured.worst <= 1).all()
