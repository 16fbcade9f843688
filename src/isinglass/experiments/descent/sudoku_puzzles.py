"""Puzzles of `descent-sudoku`: which grids are to tune on, to train on, to test on.

Grids are told apart up to relabelling (their *kind*). A quarter of all kinds is for
choosing learning rates; of the others every reported seed draws a sixth of all to test
on, and is trained on all but these. So no rate is chosen on, and no model trained on, a
grid that it is tested on, and every seed has other grids to be tested on.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from isinglass.data.sudoku import BOXES, make_sudokus

TUNING, TEST, SPARE = 1 / 4, 1 / 6, 1 / 10  # shares: of kinds, kinds, puzzles


class Pool(NamedTuple):
    """Puzzles, and what they are for.

    Attributes:
        puzzles: (k, n²), 0 for an empty cell.
        solutions: (k, n²), 1 to n.
        kind: Number of the grid up to relabelling, (k,).
        spare: Which are trained on by no model, whatever their kind, (k,).
        tuning: Which are of a kind that learning rates are chosen on, (k,).
    """

    puzzles: Int[np.ndarray, "k cells"]
    solutions: Int[np.ndarray, "k cells"]
    kind: Int[np.ndarray, "k"]
    spare: Bool[np.ndarray, "k"]
    tuning: Bool[np.ndarray, "k"]


class Split(NamedTuple):
    """Places in the pool, of one seed.

    Attributes:
        train: Trained on.
        test: Of kinds that are not trained on.
        again: Not trained on, but of kinds that are: what a random split tests on.
    """

    train: Int[np.ndarray, "m"]
    test: Int[np.ndarray, "t"]
    again: Int[np.ndarray, "s"]


def make_pool(
    size: int, count: int, givens: tuple[int, int], rng: np.random.Generator
) -> Pool:
    """So many puzzles, of all kinds there are or, where these are many, of one each."""
    (made,) = make_sudokus(size, [count], givens, rng=rng)
    kind = kinds(made.solutions)
    spare = np.zeros(len(kind), bool)
    for number in range(kind.max() + 1):
        places = np.flatnonzero(kind == number)
        spare[rng.permutation(places)[: round(SPARE * len(places))]] = True
    tuning = np.isin(kind, rng.permutation(kind.max() + 1)[: _share(TUNING, kind)])
    return Pool(*made, kind, spare, tuning)


def split_for_tuning(pool: Pool) -> Split:
    """Trained on all kinds but those that rates are chosen on."""
    train = np.flatnonzero(~pool.tuning & ~pool.spare)
    return Split(train, np.flatnonzero(pool.tuning), np.flatnonzero(pool.spare))


def split_of_seed(pool: Pool, rng: np.random.Generator) -> Split:
    """Tested on some kinds of those that no rate was chosen on, trained on the rest."""
    free = np.unique(pool.kind[~pool.tuning])
    test = np.isin(pool.kind, rng.permutation(free)[: _share(TEST, pool.kind)])
    return Split(
        np.flatnonzero(~test & ~pool.spare),
        np.flatnonzero(test),
        np.flatnonzero(~test & pool.spare),
    )


def kinds(solutions: Int[np.ndarray, "k cells"]) -> Int[np.ndarray, "k"]:
    """Number the grids: of one kind are those equal once first rows are 1 … n."""
    size = round(solutions.shape[1] ** 0.5)
    name = np.argsort(solutions[:, :size], axis=1)
    canonical = np.take_along_axis(name, solutions - 1, axis=1)
    return np.unique(canonical, axis=0, return_inverse=True)[1].reshape(-1)


def guessed(puzzles: Int[np.ndarray, "k cells"]) -> Float[np.ndarray, "k"]:
    """The chance that each board is right if every empty cell is a guess.

    Among the symbols that its row, column and box do not have yet.
    """
    size = round(puzzles.shape[1] ** 0.5)
    height, width = BOXES[size]
    cell = np.arange(size * size)
    row, column = cell // size, cell % size
    box = row // height * (size // width) + column // width
    houses = np.stack([row, column, box])
    meets = (houses[:, :, None] == houses[:, None, :]).any(0)
    symbols = puzzles[:, :, None] == np.arange(1, size + 1)
    taken = np.einsum("ij,kjs->kis", meets, symbols) > 0
    choices = np.where(puzzles > 0, 1, size - taken.sum(-1))
    return np.prod(1 / choices, axis=1)


def _share(share: float, kind: Int[np.ndarray, "k"]) -> int:
    return max(1, round(share * (kind.max() + 1)))
