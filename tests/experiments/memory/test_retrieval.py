"""Where half of the retrievals fail: the number itself, its theory, and a tiny run."""

import numpy as np
import pytest
import xarray as xr

import isinglass.energy.capacity as capacity_theory
from isinglass._common.intervals import Interval
from isinglass.experiments.memory import retrieval as experiment
from isinglass.experiments.memory.retrieval import Budget
from isinglass.reproduce.experiment import Context

TINY = Budget(
    16,
    (4, 64),
    (0.0, 0.3),
    {"Hopfield": (16, 32), "Demircigil": (6,)},
    (0.5, 2.5),
    (2.0,),
    (4, 64),
)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ([1.0, 0.5, 0.0], 4.0),
        ([1.0, 0.75, 0.25], 4 * 2**0.5),
        ([0.4, 0.3, 0.2], 0.0),
        ([0.9, 0.8, 0.7], np.inf),
        ([1.0, 0.4, 0.6], 4.0),  # made to fall: 1, ½, ½ reaches ½, and stays
    ],
)
def test_half_is_where_the_share_crosses_it(share, expected):
    found = capacity_theory.crossing([2, 4, 8], np.array(share))

    if share == [1.0, 0.4, 0.6]:
        assert found == np.inf  # it is nowhere below
    else:
        assert found == pytest.approx(expected)


def test_the_interval_holds_the_number_and_narrows_with_sets():
    generator = np.random.default_rng(3)
    counts = [2, 4, 8, 16]
    truth = np.array([0.95, 0.7, 0.3, 0.05])[:, None]
    few, many = (
        capacity_theory.half_count(8, counts, np.clip(truth + noise, 0, 1), 5.0)
        for noise in (
            generator.normal(0, 0.2, (4, 6)),
            generator.normal(0, 0.2, (4, 96)),
        )
    )
    for half in (few, many):
        assert half.interval.low <= half.interval.mean <= half.interval.high
    assert many.interval.high - many.interval.low < few.interval.high - few.interval.low
    assert many.interval.mean == pytest.approx(4 * 2**0.5, rel=0.15)


def test_theory_of_hopfield_is_between_its_limits():
    for n in (64, 512, 100_000):
        assert (
            n / (4 * np.log(n)) < capacity_theory.theory("Hopfield", n) < n / np.log(n)
        )
    ratio = capacity_theory.theory("k = 3", 64) / capacity_theory.theory("Hopfield", 64)
    assert ratio == pytest.approx(2 * 64 / 3)
    assert capacity_theory.theory("k = 4", 64) / capacity_theory.theory(
        "k = 3", 64
    ) == pytest.approx(64 / 5)


def test_theory_of_the_continuous_energy_grows_with_separation():
    numbers = [capacity_theory.continuous_theory(s, 10**9) for s in (2.0, 3.0, 4.0)]

    assert numbers == sorted(numbers)
    # Far apart in many dimensions: the fold is near a = 1 − 1/βΔ², at exp(βΔ²)/(e βΔ²).
    assert numbers[-1] == pytest.approx(np.exp(16 - 1) / 16, rel=0.1)


def test_growth_of_a_known_power_is_found():
    halves = [
        capacity_theory.Half(n, Interval(3 * t, 2 * t, 4 * t), t, np.full(9, 3 * t), 4)
        for n, t in ((n, capacity_theory.theory("k = 3", n)) for n in (16, 32, 64))
    ]
    slope = experiment.growth(halves, "k = 3")

    assert slope is not None
    assert slope.mean == pytest.approx(2.0)


def test_a_tiny_run_from_end_to_end(monkeypatch):
    monkeypatch.setattr(experiment, "QUICK", TINY)
    monkeypatch.setattr(experiment, "WIDTHS", (0.0, 0.8))
    outcome = experiment.run(Context(seeds=3, quick=True, seed=2**40))
    rows = {row.quantity: row for row in outcome.rows}

    assert len(rows) == len(outcome.rows)
    assert max(row.n for row in outcome.rows) == 3  # sets, never probes or resamples
    assert 2 < rows["Hopfield: patterns where half fail, n = 32"].ours < 32
    assert "they are one energy there" in outcome.findings
    names = [figure.name for figure in outcome.figures]
    assert names == [
        f"memory-retrieval-{name}" for name in ("noise", "capacity", "error")
    ]


def test_errors_by_noise_number_and_separation():
    patterns, noises = [8, 64], [0.0, 0.2, 0.4]
    values = np.arange(36).reshape(2, 2, 3, 3) / 36
    axes = {
        "separation": [2.0, 3.0],
        "patterns": patterns,
        "noise": noises,
        "trial": range(3),
    }
    errors = xr.DataArray(values, axes, tuple(axes))
    rows = experiment._rows_of_errors(errors)

    assert len(rows) == 12
    assert rows[4].quantity.endswith("separation 2, m = 64, 20 % of signs turned")
    assert rows[4].ours == pytest.approx(values[0, 1, 1].mean())
    assert "separation 3: 0.53, 0.61 and 0.69 (m = 8), 0.78," in experiment._of_errors(
        errors
    )
    figure = experiment._figure_of_errors(errors).figure
    assert [panel.get_title() for panel in figure.axes] == [
        "Separation 2",
        "Separation 3",
    ]
    start = np.asarray(figure.axes[0].lines[-1].get_ydata())
    # Turning a share k of the signs of ρ leads 2 √k |ρ| away.
    signs = np.ones(10)
    turned = np.where(np.arange(10) < 4, -signs, signs)
    assert start[-1] == pytest.approx(
        np.linalg.norm(turned - signs) / np.linalg.norm(signs)
    )
