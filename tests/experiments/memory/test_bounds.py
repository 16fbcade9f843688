"""The bounds: what is drawn, what is measured, and that a violation would show."""

import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.memory import bounds as experiment
from isinglass.experiments.memory.bounds import Setting
from isinglass.experiments.memory.pattern_sets import (
    DISTRIBUTIONS,
    SEPARATIONS,
    draw_sets,
)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", Setting((2, 16), (8,)))
        return measure(experiment, seeds=2)


def test_sets_are_as_far_apart_as_they_say_and_of_one_length_where_they_say():
    kinds, patterns, states = draw_sets(np.random.default_rng(0), 5, 8)
    squared = ((patterns[:, :, None] - patterns[:, None]) ** 2).sum(-1)
    lengths = np.linalg.norm(patterns, axis=-1)
    is_equal = np.array(kinds["is_equal"])

    assert len(patterns) == len(SEPARATIONS) * (2 * len(DISTRIBUTIONS) - 1)
    distance = np.sqrt(squared.sum((1, 2)) / (8 * 7))
    np.testing.assert_allclose(distance, kinds["separation"])
    assert (np.ptp(lengths[is_equal], axis=1) < 1e-12).all()
    assert (np.ptp(lengths[~is_equal], axis=1) > 1e-3).all()
    np.testing.assert_allclose(states[:, 0], patterns[:, 0])  # the first has no noise
    np.testing.assert_allclose(states[:, -1], patterns.mean(1))


def test_places_are_those_of_a_direct_evaluation():
    generator = np.random.default_rng(1)
    states = generator.standard_normal((6, 3))
    patterns = generator.standard_normal((8, 3))
    squared = ((states[:, None] - patterns) ** 2).sum(-1)
    g, energy = squared.min(1), -np.log(np.exp(-squared).sum(1))
    lengths = (patterns**2).sum(1)
    twice_modern = (
        (states**2).sum(1)
        - np.log(np.exp(2 * states @ patterns.T).sum(1))
        + np.log(8)
        + lengths.max()
    )
    of_layers = (-np.log(np.exp(-squared).reshape(6, 4, 2).sum(-1))).min(1)
    expected = [
        (g - energy) / np.log(8),
        (twice_modern - np.log(8) - energy) / np.ptp(lengths),
        (twice_modern - g) / (np.log(8) + np.ptp(lengths)),
        (of_layers - energy) / np.log(4),
    ]

    place = experiment.places({}, patterns[None], states[None]).place

    # In single precision.
    np.testing.assert_allclose(place[0], np.transpose(expected), atol=1e-4)


def test_no_statement_fails_and_places_are_within_the_interval(measured):
    place = measured.place
    has_width = place.sel(statement="Proposition 2").notnull()

    assert (measured.excess <= 1).all()
    assert place.min() > -1e-9
    assert place.max() < 1 + 1e-9
    expected = (~measured.is_equal) & (measured.distribution != "signs")
    assert (has_width == expected).all()


def test_a_violation_is_reported(measured):
    excess = measured.excess.copy()
    excess[0, 0, 0, 3, 1] = 40.0

    outcome = tell(experiment, measured.assign(excess=excess))

    verdicts = {
        row.source: row.verdict for row in outcome.rows if "at all" in row.quantity
    }
    assert verdicts["Proposition 1"] == "in our interval"
    assert verdicts["Proposition 2"] == "differs"
    assert "statements fail: Proposition 2 in 1. The" in outcome.findings


def test_it_has_rows_a_figure_and_findings(measured):
    outcome = tell(experiment, measured)

    assert rows_of(outcome)
    assert "108 sets" in outcome.findings
    assert "no statement fails anywhere" in outcome.findings
    assert parts(outcome) == [""]
