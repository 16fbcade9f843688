"""Layers: how patterns are split, what a pass reports, and what the extremes of δ fix."""

import jax
import numpy as np
import pytest

from isinglass.experiments.memory import layers as experiment
from isinglass.experiments.memory.layers import LAYERS, PATTERNS, SPLITS, Budget
from isinglass.reproduce.experiment import Context

TINY = Budget((6.0,), (0.01, np.inf), SPLITS[:2])


@pytest.fixture(scope="module")
def found():
    return experiment.measure(Context(seeds=2), TINY)


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_gives_each_pattern_to_one_layer(name):
    generator = np.random.default_rng(0)
    layers = experiment.split(generator, generator.standard_normal((PATTERNS, 3)), name)

    assert [len(layer) for layer in layers] == [PATTERNS // LAYERS] * LAYERS
    assert sorted(np.concatenate(layers)) == list(range(PATTERNS))


def test_neighbours_are_together_or_apart():
    along = np.arange(PATTERNS)[:, None] * np.array([[1.0, 0.0]])
    generator = np.random.default_rng(0)
    together = experiment.split(generator, along, "neighbours together")
    apart = experiment.split(generator, along, "neighbours apart")

    assert {int(np.ptp(layer)) for layer in together} == {PATTERNS // LAYERS - 1}
    assert {int(np.ptp(layer)) for layer in apart} == {PATTERNS - LAYERS}


def test_the_global_energy_is_that_of_one_layer_and_own_energies_fall(found):
    assert found.apart.max() < 1e-12
    assert found.apart_deep.max() < 1e-12
    assert found.own_fell.all()


def test_hardly_any_room_changes_nothing_and_no_bound_leaves_it_to_the_last_layer(
    found,
):
    assert (found.right[:, 0, 0] == 1).all()
    assert (found.order[:, 0, 0] == 0).all()
    assert (found.one_layer == 1).all()
    assert (found.elsewhere[:, 0, 1] == 0).all()
    assert (found.last[:, 0, 1] == 1).all()
    assert (found.order[:, 0, 1] == 1).all()


def test_a_pass_sees_a_global_energy_that_rises():
    patterns = np.array([[0.0, 0.0], [5.0, 0.0]])
    start = np.array([[0.2, 0.1]])
    with jax.enable_x64(True):
        to_other, ended = experiment._pass(
            patterns, [np.array([0]), np.array([1])], start, np.array([0]), 1.0
        )
        to_own, _ = experiment._pass(
            patterns, [np.array([0])], start, np.array([0]), 1.0
        )

    assert to_other[:2] == (1.0, 0.0)
    assert to_own[:2] == (1.0, 1.0)
    # To 0, then by 1 towards 5: from 0.05 up to 1, the other pattern being far.
    assert to_other[2] == pytest.approx(1 - 0.05, abs=1e-4)
    assert ended.tolist() == [0]


def test_it_has_rows_a_figure_and_findings(found):
    rows = experiment._rows(found)
    findings = experiment._findings(found)

    assert len({row.quantity for row in rows}) == len(rows)
    assert {row.n for row in rows} == {2}
    assert all(0 <= row.low <= row.high <= 100 for row in rows)
    assert "No layer ever raises its own energy" in findings
    assert "With δ = ∞" in findings
    assert experiment._figure(found).name == "memory-layers"
