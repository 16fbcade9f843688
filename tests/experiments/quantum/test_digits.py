"""Pairs of digits by circuits: told from numbers made up, and measured once, tiny."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.data import mnist
from isinglass.experiments.quantum import circuits, digits, pictures
from isinglass.experiments.quantum.circuits import Arm, Training
from isinglass.experiments.quantum.digits import (
    BECAUSE,
    CONTROLS,
    CONVOLUTION,
    FOURIER,
    HAAR,
    SETTINGS,
    Setting,
    contrasts,
)
from isinglass.experiments.quantum.peers import LOGISTIC, PEERS
from isinglass.reproduce import Context
from isinglass.reproduce.verdicts import Verdict
from isinglass.systems.quantum import quadratic_form

LABELS = [arm.label(layers) for arm, layers in SETTINGS["default"].circuits()]
OWN = FOURIER.label(1)


@pytest.fixture
def measured() -> xr.Dataset:
    """Circuits alike, ahead of all of them logistic regression."""
    rng = np.random.default_rng(0)
    runs = {"pair": ["3 or 6", "3 or 5"], "seed": range(5)}
    models = {"model": [*LABELS, *PEERS]}
    circuits = {"circuit": LABELS}
    accuracy = xr.DataArray(
        90 + rng.normal(size=(len(LABELS) + 2, 2, 5)), models | runs
    )
    accuracy.loc[LOGISTIC] += 5
    ones = xr.DataArray(np.ones((len(LABELS), 2, 5)), circuits | runs)
    cells = {"end": ["lowest", "highest"], "row": range(16), "column": range(16)}
    shape = (len(LABELS), 2, 2, 16, 16)
    axes = circuits | {"pair": runs["pair"]} | cells
    bounds = xr.DataArray([0.003, 0.3], {"bound": ["least", "largest"]})
    limits = ones.isel(seed=0, drop=True) * bounds
    return xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(units="%", valid_range=[0, 100]),
            "commutator": 2 * ones,
            "norm": 0.9 * ones,
            "rate": 0.03 * ones.isel(seed=0, drop=True),
            "limits": limits,
            "size": 48 * ones.isel(seed=0, pair=0, drop=True),
            "mode": xr.DataArray(rng.normal(size=shape), axes),
            "learned": ("pair", [800, 800]),
            "tested": ("pair", [1968, 1902]),
        },
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_findings_follow_the_numbers(measured):
    outcome = tell(digits, measured)
    rows = rows_of(outcome)
    row = rows[f"accuracy: {OWN}, 3 or 6"]
    expected = measured.accuracy.sel(model=OWN, pair="3 or 6").mean()
    assert (row.ours, row.unit) == (pytest.approx(expected), "%")
    claims = [row for row in rows.values() if "with high accuracy" in row.quantity]
    assert [row.verdict for row in claims] == [Verdict.NOT_COMPARABLE]
    assert BECAUSE in claims[0].rule
    text = outcome.findings
    assert "Logistic regression is ahead of every circuit on average on 3 or 6" in text
    assert "1,968 and 1,902 to test on" in text
    assert parts(outcome) == ["", "modes"]
    assert "0.03 (18 ×). None of them ends what was tried." in text
    measured.limits.loc[OWN, "3 or 6", "largest"] = 0.03
    assert "1 of 18 learning rates (0.03 1 ×)" in tell(digits, measured).findings


def test_it_is_said_which_bases_fourier_is_ahead_of(measured):
    assert (
        "3 or 5: Fourier is ahead of no other basis" in tell(digits, measured).findings
    )
    names = [arm.label(1) for arm in CONTROLS]
    measured.accuracy.loc[names[0]] -= 10
    measured.accuracy.loc[names[1], "3 or 6"] += 8
    measured.accuracy.loc[LOGISTIC] -= 30
    text = tell(digits, measured).findings
    assert f"3 or 5: Fourier is ahead of {names[0]}, and behind none" in text
    assert f"3 or 6: Fourier is ahead of {names[0]}, and behind {names[1]}" in text
    assert "On no pair is logistic regression ahead" in text


def test_every_arm_has_its_contrast(measured):
    compared = {second for _, second in contrasts(measured)}
    others = set(LABELS) - {FOURIER.label(layers) for layers in (1, 3)}
    assert compared == others | {LOGISTIC}


def test_it_is_measured(monkeypatch):
    training = Training(2, 10, rates=(0.03,), searches=1)
    arms = (FOURIER, Arm("own", "none", "diagonal"))
    tiny = Setting(((0, 1),), (1,), arms, training)
    monkeypatch.setitem(digits.SETTINGS, "quick", tiny)
    measured = measure(digits, seeds=2)
    for name in ("accuracy", "commutator", "norm", "rate", "size"):
        assert measured[name].notnull().all(), name
    assert measured.accuracy.sel(model=LOGISTIC).min() > 95
    assert measured.commutator.max() <= 2 + 1e-9
    assert measured["size"].values.tolist() == [48, 272]
    assert (measured.learned, measured.tested) == (400, 500)


def test_each_repetition_has_unitaries_of_its_own():
    """What is reported of a trained circuit is of those that it was trained with."""
    context = Context(seeds=range(2))
    own = pictures.pair(context, mnist.load(source="subset"), (0, 1))
    training = Training(2, 10, rates=(0.03,), searches=1)
    outcome = circuits.learned(context, own, (HAAR, 1), training)
    seeds = [circuit.config.seed for circuit in outcome.circuits]
    assert seeds[0] != seeds[1]
    states, signs = own.states[own.test], own.signs[own.test]
    for circuit, accuracy in zip(outcome.circuits, outcome.accuracy, strict=True):
        values = np.einsum("ni,ij,nj->n", states, quadratic_form(circuit), states)
        right = 100 * ((values > 0) == (signs > 0)).mean()
        assert right == pytest.approx(accuracy, abs=0.3)  # float32 near 0


def test_what_is_compared_says_its_sizes(measured):
    measured["size"].loc[CONVOLUTION.label(1)] = 272
    words = f"{OWN} (48 angles) less {CONVOLUTION.label(1)} (272)"
    outcome = tell(digits, measured)
    assert words in outcome.findings
    assert f"{words}, 3 or 6" in rows_of(outcome)


def test_what_is_tested_on_is_never_drawn():
    source = mnist.load(source="subset")
    context = Context(seeds=range(1))
    own = pictures.pair(context, source, (3, 5))
    assert own.states.shape == (1000, 256)
    np.testing.assert_allclose(np.linalg.norm(own.states, axis=1), 1)
    draws = [pictures.split(context, own, "report", seed) for seed in (0, 1)]
    for learn, choose in draws:
        assert sorted([*learn, *choose]) == list(range(own.pool))
    assert (draws[0].learn != draws[1].learn).any()
    official = source._replace(test=source.train)
    whole = pictures.pair(context, official, (3, 5))
    assert (whole.pool, len(whole.signs)) == (1000, 2000)
    assert CONVOLUTION.config(1).kernel == "diagonal"
