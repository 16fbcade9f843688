"""How many patterns are held: a tiny run, and what is told of numbers and errors."""

import sys

import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass._common.intervals import Interval
from isinglass.energy import HalfPoint, half_point
from isinglass.experiments.memory import half_points
from isinglass.experiments.memory import retrieval as experiment
from isinglass.experiments.memory.half_points import Setting

# Of 4 patterns wherever it may be, so that few programs are compiled.
TINY = Setting(
    dimension=16,
    counts=(4,),
    noises=(0.0, 0.3),
    dimensions={"Hopfield": (16,), "Demircigil": (2,)},
    factors=(0.5, 4.0),
    separations=(2.02,),
    error_counts=(4,),
)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        patch.setattr(experiment, "LENGTHS", 4)
        patch.setattr(experiment, "WIDTHS", (0.0, 0.8))
        patch.setattr(sys.modules[half_point.__module__], "RESAMPLES", 50)
        return measure(experiment, seeds=3)


def test_a_tiny_run_from_end_to_end(measured):
    outcome = tell(experiment, measured)
    rows = rows_of(outcome)

    # Sets of patterns, never probes or resamples.
    assert max(row.n for row in rows.values()) == 3
    assert 2 < rows["Hopfield: patterns where half fail, n = 16"].ours < 16
    assert "they are one energy there" in outcome.findings
    assert parts(outcome) == ["noise", "capacity", "error"]


def point(place, number, theory=1.0):
    """A half point that is measured without error."""
    return HalfPoint(
        place, Interval(number, number, number), theory, np.full(9, number), 3
    )


def test_half_points_are_told_with_their_growth_beside_theory(measured):
    halves = {
        "Hopfield": [point(64, 14.0, 12.0), point(128, 28.0, 24.0)],
        "Hopfield, 3 % wrong": [point(64, 9.0), point(128, 0.15 * 128)],
        "Demircigil": [point(8, 2.0**8), point(10, 2.0**10)],
        "Demircigil, whole sets": [point(8, 16.0), point(10, 0.0)],
        "nearest neighbour": [point(2.8, np.inf)],
    }
    kinds = [name for name in measured if "kind" in measured[name].dims]
    rest = measured.drop_vars(["kind", "end", *kinds])

    outcome = tell(experiment, rest.merge(half_points.table_of(halves)))

    rows = rows_of(outcome)
    power = rows["Hopfield: growth of that number by n, logarithms taken off"]
    doublings = rows["Demircigil: growth of log₂ of that number by n"]
    share = rows["Hopfield, 3 % of signs wrong: patterns per component, n = 128"]
    assert power.ours == pytest.approx(1.0)
    assert (power.paper, power.source) == (1.0, "Hopfield 1982; Krotov & Hopfield 2016")
    assert (doublings.ours, doublings.paper) == (pytest.approx(1.0), None)
    assert (share.ours, share.paper) == (pytest.approx(0.15), 0.138)
    assert "Demircigil, whole sets: growth of log₂ of that number by n" not in rows
    assert "Growth 1.00 [1.00, 1.00] (power of n)." in outcome.findings
    assert "Growth 1.00 [1.00, 1.00] (log₂ per component)." in outcome.findings
    assert "nearest neighbour: half is not reached within" in outcome.findings
    # A number that is 0, or not reached, is drawn all the same.
    assert parts(outcome) == ["noise", "capacity", "error"]


def test_errors_by_noise_number_and_separation(measured):
    values = np.arange(36).reshape(2, 2, 3, 3) / 36
    axes = {
        "separation": [2.0, 3.0],
        "count": [8, 64],
        "noise": [0.0, 0.2, 0.4],
        "seed": [0, 1, 2],
    }
    retrieved = measured.retrieved.isel(noise=[0, 1, 1]).assign_coords(
        noise=axes["noise"]
    )
    other = measured.drop_dims(["noise", "separation"])
    measured = other.assign(retrieved=retrieved).assign_coords(axes)
    outcome = tell(experiment, measured.assign(error=(list(axes), values)))

    rows = [row for row in outcome.rows if "in the end" in row.quantity]
    assert len(rows) == 12
    assert rows[4].quantity.endswith("separation 2, m = 64, 20 % of signs turned")
    assert rows[4].ours == pytest.approx(values[0, 1, 1].mean())
    errors = "separation 3: 0.53, 0.61 and 0.69 (m = 8), 0.78,"
    assert errors in outcome.findings
    panels = outcome.figures[2].figure.axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["Separation 2", "Separation 3"]
    start = np.asarray(panels[0].lines[-1].get_ydata())
    # Turning a share k of the signs of ρ leads 2 √k |ρ| away.
    signs = np.ones(10)
    turned = np.where(np.arange(10) < 4, -signs, signs)
    distance = np.linalg.norm(turned - signs) / np.linalg.norm(signs)
    assert start[-1] == pytest.approx(distance)
