"""The bifurcation experiment at a few values: what theory fixes, and its bookkeeping."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.meanfield import bifurcation as experiment
from isinglass.experiments.meanfield.bifurcation import Diagram, Resolution, Span
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict

# As many cells and steps as in the phase diagrams' tests: one compiled program serves
# both.
TINY = Resolution(values=44, transient=600, steps=1200, every=1, points=20, exponents=1)


@pytest.fixture(scope="module")
def outcome():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "QUICK", TINY)
        patch.setattr(experiment, "LANES", 44)
        yield experiment.run(Context(seeds=2, quick=True))


def row(outcome, start):
    (found,) = [row for row in outcome.rows if row.quantity.startswith(start)]
    return found


def test_it_has_rows_a_figure_of_each_range_and_findings(outcome):
    assert [figure.name for figure in outcome.figures] == [
        "meanfield-bifurcation",
        "meanfield-bifurcation-zoom",
    ]
    assert len({row.quantity for row in outcome.rows}) == len(outcome.rows)
    assert all(row.experiment == experiment.NAME for row in outcome.rows)
    assert "1.243445" in outcome.findings


def test_the_sweep_finds_the_onset_and_the_exponents_that_eigenvalues_give(outcome):
    onset = row(outcome, "β at which the forced cycle")
    error = row(outcome, "largest error of any exponent")

    assert onset.ours == pytest.approx(1.24344, abs=0.01)
    assert error.ours < 5e-3


def test_all_three_kinds_of_attractor_occur(outcome):
    for claim in (row for row in outcome.rows if "attractors occur" in row.quantity):
        assert claim.verdict is Verdict.REPRODUCED


def test_a_stored_sweep_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "LANES", 44)
    context = Context(seeds=1, sweeps=tmp_path)
    span = Span("range", 0.5, 1.1)

    first = experiment.measure(context, span, TINY)
    again = experiment.measure(context, span, TINY)

    xr.testing.assert_identical(first.section, again.section)
    assert (first.section["period"] == 4).all()
    assert (tmp_path / "range" / "results.zarr").is_dir()


def found(beta: Any, kind: Any, period: Any = 0, leading: Any = 0.0) -> xr.Dataset:
    beta = np.asarray(beta, float)
    spread = {
        name: np.broadcast_to(value, beta.shape)
        for name, value in (("kind", kind), ("period", period))
    }
    leading = np.broadcast_to(leading, beta.shape)[:, None]
    return xr.Dataset(
        {name: ("beta", values) for name, values in spread.items()}
        | {"exponents": (("beta", "exponent"), leading)},
        coords={"beta": beta},
    )


def test_the_onset_is_extrapolated_from_the_last_values_on_the_forced_cycle():
    beta = np.array([1.0, 1.1, 1.2, 1.3])
    sweep = found(beta, kind=1, period=[4, 4, 4, 0], leading=0.3 * (beta - 1.25))

    assert experiment.extrapolated_onset(sweep) == pytest.approx(1.25, abs=1e-12)


def test_percentages_have_one_sample_for_each_start():
    beta = [1, 2, 3, 4]
    starts = tuple(
        found(beta, kind) for kind in ([1, 1, 3, 3], [1, 3, 3, 5], [1, 1, 3, 3])
    )
    diagram = Diagram(Span("range", 1, 4), starts[0], starts[0], starts)

    rows = {row.quantity: row for row in experiment._rows(diagram)}

    elsewhere = rows["values where a random start ends elsewhere, β in [1, 4]"]
    assert (elsewhere.n, elsewhere.ours) == (2, 12.5)
    assert elsewhere.low == 0
    assert "25, 0 %" in elsewhere.rule
    assert rows["values with a periodic attractor, β in [1, 4]"].n == 3


@pytest.mark.parametrize("lost", [0.0, 0.5])
def test_the_caption_says_where_exponents_are_upper_bounds(outcome, lost):
    section = xr.Dataset({"unresolved": (("beta", "exponent"), [[0.0, lost]])})

    assert ("upper bounds" in experiment._bounds(section)) == bool(lost)


def test_only_one_round_of_a_cycle_is_drawn():
    points = np.arange(6.0).reshape(2, 3)

    np.testing.assert_array_equal(
        experiment._one_round(points, np.array([1, 3])),
        [[np.nan, np.nan, 2], [3, 4, 5]],
    )
