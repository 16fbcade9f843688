"""Generated Sudokus: one solution, no grid in two sets."""

import numpy as np
import pytest

from isinglass.data import count_solutions, make_sudokus

GIVENS = {4: (4, 6), 6: (10, 14), 9: (28, 34)}


def first_rows_named(solutions, size):
    """Each grid with its symbols renamed in the order in which they come."""
    return {
        tuple(list(dict.fromkeys(grid)).index(v) for v in grid)
        for grid in solutions.tolist()
    }


@pytest.mark.parametrize(
    ("size", "counts"), [(4, (30, 6, 6)), (6, (5, 2)), (9, (2, 1))]
)
def test_puzzles_have_one_solution_and_sets_share_no_grid(size, counts):
    sets = make_sudokus(size, counts, GIVENS[size], rng=np.random.default_rng(0))
    assert [len(s.puzzles) for s in sets] == list(counts)
    grids_before = set()
    for puzzles, solutions in sets:
        for puzzle, solution in zip(puzzles, solutions, strict=True):
            assert count_solutions(puzzle) == 1
            assert count_solutions(solution) == 1
            assert (puzzle == solution)[puzzle > 0].all()
            assert (puzzle > 0).sum() >= GIVENS[size][0]
        grids = first_rows_named(solutions, size)
        assert not grids & grids_before
        grids_before |= grids


def test_there_are_288_grids_of_4_by_4_and_12_up_to_relabelling():
    assert count_solutions(np.zeros(16, int), 1000) == 288
    (everything,) = make_sudokus(4, [300], (8, 8), rng=np.random.default_rng(1))
    assert len(first_rows_named(everything.solutions, 4)) == 12


def test_the_same_seed_gives_the_same():
    first, again = (
        make_sudokus(4, [5], (5, 6), rng=np.random.default_rng(3))[0] for _ in range(2)
    )
    np.testing.assert_array_equal(first.puzzles, again.puzzles)


def test_what_breaks_the_rules_has_no_solution():
    puzzle = np.zeros(36, int)
    puzzle[:2] = 5
    assert count_solutions(puzzle) == 0
