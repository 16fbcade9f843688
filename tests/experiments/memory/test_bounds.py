"""The bounds: what is drawn, what is measured, and that a violation would be seen."""

import numpy as np
import pytest

from isinglass.experiments.memory import bounds as experiment
from isinglass.experiments.memory.bounds import DISTRIBUTIONS, SEPARATIONS, Budget
from isinglass.reproduce.experiment import Context

TINY = Budget((2, 16), (8,))


@pytest.fixture(scope="module")
def found():
    return experiment.measure(Context(seeds=2), TINY)


def test_sets_are_as_far_apart_as_they_say_and_of_one_length_where_they_say():
    kinds, patterns, states = experiment.draw(np.random.default_rng(0), 5, 8)
    apart = ((patterns[:, :, None] - patterns[:, None]) ** 2).sum(-1)
    lengths = np.linalg.norm(patterns, axis=-1)

    assert len(patterns) == len(SEPARATIONS) * (2 * len(DISTRIBUTIONS) - 1)
    np.testing.assert_allclose(np.sqrt(apart.sum((1, 2)) / (8 * 7)), kinds[0])
    assert (np.ptp(lengths[kinds[2]], axis=1) < 1e-12).all()
    assert (np.ptp(lengths[~kinds[2]], axis=1) > 1e-3).all()
    np.testing.assert_allclose(states[:, 0], patterns[:, 0])  # the first has no noise
    np.testing.assert_allclose(states[:, -1], patterns.mean(1))


def test_places_are_those_of_a_direct_evaluation():
    generator = np.random.default_rng(1)
    states, patterns = (
        generator.standard_normal((6, 3)),
        generator.standard_normal((8, 3)),
    )
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

    _, place, _ = experiment._measured()(states[None], patterns[None])

    wanted = [
        (g - energy) / np.log(8),
        (twice_modern - np.log(8) - energy) / np.ptp(lengths),
        (twice_modern - g) / (np.log(8) + np.ptp(lengths)),
        (of_layers - energy) / np.log(4),
    ]
    np.testing.assert_allclose(
        place[0], np.transpose(wanted), atol=1e-4
    )  # float32 here


def test_no_statement_fails_and_places_are_within_the_interval(found):
    assert (found.excess <= 1).all()
    assert np.nanmin(found.place) > -1e-9
    assert np.nanmax(found.place) < 1 + 1e-9
    np.testing.assert_array_equal(
        np.isnan(found.place[:, 0, 1]), found.equal | _signs(found)
    )


def _signs(found):
    return found.distribution == DISTRIBUTIONS.index("signs")


def test_a_violation_is_seen(found):
    excess = found.excess.copy()
    excess[3, 1] = 40.0
    broken = found._replace(excess=excess)
    rows = {
        row.source: row
        for row in experiment._rows(broken)
        if "at all states" in row.quantity
    }

    assert rows["Proposition 1"].verdict == "reproduced"
    assert rows["Proposition 2"].verdict == "differs"
    assert "statements fail: Proposition 2 in 1" in experiment._findings(broken)


def test_it_has_rows_a_figure_and_findings(found):
    rows = experiment._rows(found)

    assert len({(row.source, row.quantity) for row in rows}) == len(rows)
    assert "108 sets" in experiment._findings(found)
    assert "no statement fails anywhere" in experiment._findings(found)
    assert experiment._figure(found).name == "memory-bounds"
