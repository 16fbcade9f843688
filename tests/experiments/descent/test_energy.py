"""Whether the energy falls: what is counted, and what is told of it."""

from typing import Any

import jax
import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.energy.block import BlockDescent
from isinglass.experiments.descent import energy as experiment
from isinglass.experiments.descent import energy_courses as courses
from isinglass.experiments.descent.energy import Setting
from isinglass.experiments.descent.energy_blocks import (
    CASES,
    ET,
    EXACT,
    GAUSSIAN,
    MEMORY,
    ORTHOGONAL,
    PUBLISHED,
    SKEW,
    WEIGHTS,
    hyperset,
    matrix,
    stacked,
)
from isinglass.systems.descent import EnergyTransformerConfig

TOY = Setting(6, 4, (20, 80), (12, 24), 2, EnergyTransformerConfig(16, 2, 8, 32), 12)
SEEDS = 2


def fake_descents(block, weights, sizes, states, steps):
    """Energies that fall by 1 a step, from 0 to a floor of −10."""
    shape = (*next(iter(weights.values())).shape[:1], len(sizes), len(states))
    energies = -1 - np.broadcast_to(np.arange(steps + 1.0), (*shape, steps + 1))
    ones = np.ones((steps, *shape))
    parts: Any = states, np.moveaxis(energies, -1, 0), ones, ones
    return BlockDescent(*parts), np.full((shape[0], shape[2]), -10.0)


def fake_rest(time, draws):
    numbers = np.full(draws, float(time))
    return courses.Rest(numbers, numbers, numbers, numbers, np.zeros(draws))


FAKES = {
    "descents": fake_descents,
    "half_steps": lambda a, b, weights, x: np.ones((3, *x.shape[:2])),
    "asymmetry": lambda block, weights, x: np.full(len(x), 0.25),
    "long_runs": lambda block, weights, size, x, times: [
        fake_rest(time, len(x)) for time in times
    ],
    "transformer_laws": lambda *_: (1e-16 * np.ones((SEEDS, 5)), 0.5, [-1.0, 1.0]),
    "hyperset_laws": lambda *_: (1e-16 * np.ones((SEEDS, 4)), 0.5),
    "energy_after": lambda block, x, steps: (x, -float(steps)),
}


@pytest.fixture(scope="module")
def measured():
    """What is measured where nothing is computed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TOY)
        for name, fake in FAKES.items():
            patch.setattr(courses, name, fake)
        return measure(experiment, seeds=SEEDS)


@pytest.fixture
def states():
    return np.random.default_rng(0).standard_normal((8, 12, 16))


def drawn(name, kind, draws=8):
    rng = np.random.default_rng(1)
    return stacked([CASES[name].weights(rng, kind) for _ in range(draws)])


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
def test_matrices_are_of_their_kind_and_of_one_size(shape):
    rng = np.random.default_rng(0)
    orthogonal = matrix(rng, "orthogonal", *shape)
    gram = min((orthogonal @ orthogonal.T, orthogonal.T @ orthogonal), key=len)
    np.testing.assert_allclose(gram, max(shape) * np.eye(min(shape)), atol=1e-12)
    many = matrix(rng, "skewed", 4000, shape[1])
    assert (many**2).mean() == pytest.approx(1, rel=0.1)
    deviations = many.std(0)
    assert deviations[-1] / deviations[0] == pytest.approx(SKEW, rel=0.1)


def test_weights_that_are_silent_are_zero():
    weights = CASES[MEMORY].weights(np.random.default_rng(0), GAUSSIAN)
    assert not weights["query"].any()
    assert weights["memories"].any()


def test_exact_steps_go_down_if_small_and_up_if_large(states):
    weights = stacked([drawn(EXACT, kind) for kind in (GAUSSIAN, ORTHOGONAL)])
    sizes = np.array([0.001, 1000.0])
    with jax.enable_x64(True):
        descent, floors = courses.descents(
            CASES[EXACT].make(), weights, sizes, states, 6
        )
        energies, rose = np.asarray(descent.energies), np.asarray(descent.rose)
    assert energies.shape == (7, 2, 2, 8)
    assert not rose[:, :, 0].any()
    assert rose[:, :, 1].any()
    assert (energies.min(0) > np.asarray(floors)[:, None]).all()


def test_half_steps_go_down_if_weights_are_orthogonal(states):
    blocks = hyperset("published"), hyperset("exact")
    with jax.enable_x64(True):
        down, other = (
            np.asarray(courses.half_steps(*blocks, drawn(PUBLISHED, kind), states))
            for kind in (ORTHOGONAL, GAUSSIAN)
        )
    assert down.shape == (3, 8, 12)
    assert (down[:2] > 0).all()
    assert (other[:2] < 0).any()


def test_the_state_grows_and_its_norm_comes_to_rest(states):
    with jax.enable_x64(True):
        rests = courses.long_runs(
            CASES[ET].make(), drawn(ET, GAUSSIAN), 0.1, states, (20, 80)
        )
    first, last = (courses.Rest(*map(np.asarray, rest)) for rest in rests)
    assert (last.length > 3 * first.length).all()
    assert (last.turn < 0.6 * first.turn).all()
    assert (last.energy < first.energy).all()
    assert not last.rises.any()


def test_it_measures_and_has_rows_figures_and_findings(measured):
    assert measured.rises.sum() == 0
    np.testing.assert_allclose(measured.left, (10 - 7) / (10 - 1))
    outcome = tell(experiment, measured)
    rows = rows_of(outcome)
    claims = [row for name, row in rows.items() if "falls at all of 6 steps" in name]
    assert {row.n for row in claims} == {SEEDS}
    assert len(claims) == 2 * len(WEIGHTS)
    assert parts(outcome) == ["", "rest"]
    assert "it rose at 0 of 540 steps" in outcome.findings  # memories alone
    assert "Attention alone did not rise either" in outcome.findings
    assert "grows as time to the power 1" in outcome.findings
    assert "that it is trained with go 100" in outcome.findings


def test_a_rise_is_told(measured):
    rises, height = measured.rises.copy(), measured.height.copy()
    rises.loc[ET, GAUSSIAN, 0.1] = 6
    rises.loc["Energy Transformer, attention alone", GAUSSIAN, 10] = 1
    height.loc["Energy Transformer, attention alone", GAUSSIAN, 10] = 0.11
    outcome = tell(experiment, measured.assign(rises=rises, height=height))
    assert "rose at 12 of 360 steps" in outcome.findings
    assert "first rose at α = 10, by up to 11 %" in outcome.findings
    claim = f"{ET}, {GAUSSIAN}: the energy falls at all of 6 steps of 0.1"
    assert rows_of(outcome)[claim].ours == 0
