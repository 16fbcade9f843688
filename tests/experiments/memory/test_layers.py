"""Layers: how patterns are split, what a pass reports, what the extremes of δ fix."""

import jax
import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.memory import layers as experiment
from isinglass.experiments.memory.layers import LAYERS, PATTERNS, SPLITS, Setting

TINY = Setting((6.0,), (0.01, np.inf), SPLITS[:2])


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        return measure(experiment, seeds=2)


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_gives_each_pattern_to_one_layer(name):
    generator = np.random.default_rng(0)
    layers = experiment.split(generator, generator.standard_normal((PATTERNS, 3)), name)

    assert [len(layer) for layer in layers] == [PATTERNS // LAYERS] * LAYERS
    assert sorted(np.concatenate(layers)) == list(range(PATTERNS))


def test_neighbours_are_together_or_apart():
    line = np.arange(PATTERNS)[:, None] * np.array([[1.0, 0.0]])
    generator = np.random.default_rng(0)
    together = experiment.split(generator, line, "neighbours together")
    apart = experiment.split(generator, line, "neighbours apart")

    assert {int(np.ptp(layer)) for layer in together} == {PATTERNS // LAYERS - 1}
    assert {int(np.ptp(layer)) for layer in apart} == {PATTERNS - LAYERS}


def test_the_global_energy_is_that_of_one_layer_and_own_energies_fall(measured):
    assert measured.deviation.max() < 1e-12
    assert measured.own_falls.all()


def test_hardly_any_room_changes_nothing_and_no_bound_leaves_it_to_the_last_layer(
    measured,
):
    shares = experiment.shares(measured)
    tight, free = (shares.isel(radius=k) for k in (0, 1))

    assert (tight.right == 100).all()
    assert (tight.by_order == 0).all()
    assert (shares.one_layer == 100).all()
    assert (free.elsewhere == 0).all()
    assert (free["last"] == 100).all()
    assert (free.by_order == 100).all()


def test_a_pass_reports_a_global_energy_that_rises():
    patterns = np.array([[0.0, 0.0], [5.0, 0.0]])
    start = np.array([[0.2, 0.1]])
    first, second = np.array([0]), np.array([1])
    with jax.enable_x64(True):
        to_other = experiment.descend(patterns, [first, second], start, 1.0)
        to_own = experiment.descend(patterns, [first], start, 1.0)

    assert to_other["own_falls"].all()
    assert to_own["own_falls"].all()
    assert not to_other["global_falls"].any()
    assert to_own["global_falls"].all()
    # To 0, then by 1 towards 5: from 0.05 up to 1, the other pattern being far.
    assert to_other["change"].item() == pytest.approx(1 - 0.05, abs=1e-4)
    assert to_other["end"].values.tolist() == [0]


def test_it_has_rows_a_figure_and_findings(measured):
    outcome = tell(experiment, measured)

    assert {row.n for row in rows_of(outcome).values()} == {2}
    assert all(0 <= row.low <= row.high <= 100 for row in outcome.rows)
    assert "No layer ever raises its own energy. The" in outcome.findings
    assert "With δ = ∞" in outcome.findings
    assert "100 % of those that end elsewhere" in outcome.findings
    assert parts(outcome) == [""]


def test_a_layer_that_raises_its_energy_is_reported(measured):
    falls = measured.own_falls.copy()
    falls[0, 0, 0, 0, 0, :2] = False
    outcome = tell(experiment, measured.assign(own_falls=falls))

    row = rows_of(outcome)["sets of patterns where no layer raises its own energy"]
    assert (row.ours, row.n) == (50.0, 2)
    assert "A layer raises its own energy in 1 passes." in outcome.findings
