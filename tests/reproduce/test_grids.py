"""The best on a grid that grows: laws, for scores of any course."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.reproduce.grids import at_an_edge, best_on

LADDER = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]


@given(
    st.lists(st.integers(0, 9) | st.just(np.nan), min_size=10, max_size=10),
    st.integers(0, 3),
    st.permutations(LADDER[3:7]),
)
def test_the_best_is_inside_or_all_that_was_allowed_was_tried(course, further, grid):
    results = dict(zip(LADDER, course, strict=True))
    results[0.01] = 4
    tried = []

    def scores(values):
        tried.extend(values)
        return [results[value] for value in values]

    best = best_on(grid, further, scores)
    assert sorted(tried) == list(best.grid)  # each of them once
    first = LADDER.index(best.grid[0])
    assert list(best.grid) == LADDER[first : first + len(tried)]  # no gaps
    assert results[best.value] == np.nanmax([results[value] for value in tried])
    spent = len(tried) - len(grid)
    assert spent <= further
    if at_an_edge(best.value, best.grid):
        assert spent == further
    else:  # it stops as soon as the best is inside
        assert not spent or best.value in (best.grid[1], best.grid[-2], *grid)


@pytest.mark.parametrize(("peak", "tried"), [(LADDER[0], 3 + 4), (LADDER[-1], 3 + 5)])
def test_a_peak_far_outside_is_reached(peak, tried):
    def scores(values):
        return [-abs(np.log(value / peak)) for value in values]

    best = best_on((0.01, 0.03, 0.1), 5, scores)
    assert (best.value, len(best.grid)) == (peak, tried)


def test_two_values_go_on_by_their_ratio():
    assert best_on((2.0, 8.0), 2, list).grid == (2, 8, 32, 128)


def test_of_a_single_value_nothing_is_tried():
    best = best_on([0.1], 3, lambda values: pytest.fail(f"tried {values}"))
    assert best.limits == (0.1, 0.1)


def test_an_edge_is_of_each_its_own_grid():
    limits = [[1, 3], [1, 2], [2, 2], [1, 3]]
    ends = at_an_edge([2, 2, 2, np.nan], limits)
    assert ends.tolist() == [False, True, False, False]
    assert at_an_edge(1, (1, 2, 3))
