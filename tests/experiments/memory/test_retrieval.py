"""Where half of the retrievals fail: the number itself, its theory, and a tiny run."""

import numpy as np
import pytest
import xarray as xr

from isinglass._common.intervals import Interval
from isinglass.energy import HalfPoint, KrotovHopfield, fixed_point_capacity
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


def test_growth_of_a_known_power_is_found():
    halves = [
        HalfPoint(n, Interval(3 * t, 2 * t, 4 * t), t, np.full(9, 3 * t), 4)
        for n, t in ((n, fixed_point_capacity(KrotovHopfield(3), n)) for n in (16, 32, 64))
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
