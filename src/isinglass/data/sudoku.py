"""Sudokus of 4 × 4, 6 × 6 and 9 × 9, generated, each with one solution.

Sets for training, validation and test share no grid **up to relabelling**: a grid with
its symbols renamed is the same grid here. (4 × 4 has 288 grids, and only 12 of another
kind than renamed ones: split at random, most of a test set would have been trained on.)
Every puzzle is renamed at random.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from isinglass._common.checks import (
    as_generator,
    as_list,
    as_pair,
    check_choice,
    check_shapes,
    check_whole,
    is_index,
)

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
RELABELLED = {4: 12}  # grids up to relabelling, where they are few enough to run out
_TRIALS = 100  # grids that are drawn anew for a new one before they count as used up


class Sudokus(NamedTuple):
    """Puzzles and their solutions.

    Attributes:
        puzzles: (k, n²), 0 for an empty cell.
        solutions: (k, n²), 1 to n.
    """

    puzzles: Int[np.ndarray, "k cells"]
    solutions: Int[np.ndarray, "k cells"]


def make_sudokus(
    size: int,
    counts: Sequence[int],
    givens: tuple[int, int],
    *,
    rng: np.random.Generator,
) -> list[Sudokus]:
    """Generate sets of puzzles that share no grid up to relabelling.

    Args:
        size: n: 4, 6 or 9.
        counts: Puzzles of each set, such as of training, validation and test. Of 4 × 4
            there are 12 grids up to relabelling, dealt out by the sets' shares: each
            set has many puzzles of few grids.
        givens: Least and most cells that are filled. A puzzle has as many as are drawn
            between them, or more where one solution needs them.
        rng: Random numbers.

    Raises:
        ValueError: If the size is another, a count less than 1, there are more sets
            than grids, or the givens are not between 1 and n² − 1.
    """
    check_choice(tuple(BOXES), size=size)
    counts = as_list("counts", counts)
    for count in counts:
        check_whole(counts=count)
    least, most = as_pair("givens", givens)
    rng = as_generator("rng", rng)
    if not least <= most < size * size:
        raise ValueError(
            f"givens must rise, and be less than {size * size}, got {givens}"
        )
    if len(counts) > RELABELLED.get(size, len(counts)):
        raise ValueError(
            f"counts must be at most {RELABELLED[size]} sets, got {len(counts)}"
        )
    return [
        _puzzles(grids, count, (least, most), rng)
        for grids, count in zip(_dealt(size, counts, rng), counts, strict=True)
    ]


def count_solutions(puzzle: Int[np.ndarray, "cells"], most: int = 2) -> int:
    """Count the solutions of a puzzle, up to a number where counting ends.

    Args:
        puzzle: n² cells, 0 for empty, of 4 × 4, 6 × 6 or 9 × 9.
        most: Where to end, at least 1.

    Raises:
        TypeError: If the puzzle is no array.
        ValueError: If it is of another size, or holds other numbers.
    """
    check_whole(most=most)
    check_shapes(puzzle=(puzzle, "cells"))
    size = round(len(puzzle) ** 0.5)
    if size * size != len(puzzle) or size not in BOXES or not is_index(puzzle):
        raise ValueError(
            f"puzzle must be 16, 36 or 81 whole numbers, got {puzzle.dtype} of shape "
            f"{puzzle.shape}"
        )
    if puzzle.min() < 0 or puzzle.max() > size:
        raise ValueError(f"puzzle must hold 0 to {size}, got {puzzle}")
    board = _Board(size)
    if not all(board.put(c, int(v)) for c, v in enumerate(puzzle) if v):
        return 0
    return board.solutions(most)


class _Board:
    """A grid that is filled in, with what each row, column and box still lacks."""

    def __init__(self, size: int, rng: np.random.Generator | None = None) -> None:
        height, width = BOXES[size]
        cells = np.arange(size * size)
        row, column = cells // size, cells % size
        box = row // height * (size // width) + column // width
        self.houses = np.stack([row, size + column, 2 * size + box], 1).tolist()
        self.free = [(1 << size) - 1] * (3 * size)
        self.values = [0] * (size * size)
        self.rng, self.size = rng, size

    def choices(self, cell: int) -> int:
        """Bits of the values that a cell may have."""
        a, b, c = self.houses[cell]
        return self.free[a] & self.free[b] & self.free[c]

    def put(self, cell: int, value: int) -> bool:
        """Fill a cell, if it may have that value."""
        if not self.choices(cell) >> (value - 1) & 1:
            return False
        self._toggle(cell, value)
        self.values[cell] = value
        return True

    def _toggle(self, cell: int, value: int) -> None:
        for house in self.houses[cell]:
            self.free[house] ^= 1 << (value - 1)

    def solutions(self, most: int) -> int:
        """Count completions up to a number; the last that it met stays filled in."""
        cell, bits = self._narrowest()
        if cell < 0:
            return 1
        options = [v for v in range(1, self.size + 1) if bits >> (v - 1) & 1]
        if self.rng is not None:
            self.rng.shuffle(options)
        total = 0
        for value in options:
            self.put(cell, value)
            total += self.solutions(most - total)
            if total >= most:
                return total
            self._toggle(cell, value)
            self.values[cell] = 0
        return total

    def _narrowest(self) -> tuple[int, int]:
        """The empty cell of the fewest choices, −1 if all are filled."""
        best, fewest, bits = -1, self.size + 1, 0
        for cell, value in enumerate(self.values):
            if not value:
                choices = self.choices(cell)
                number = choices.bit_count()
                if number < fewest:
                    best, fewest, bits = cell, number, choices
                    if number < 2:
                        break
        return best, bits


def _grid(size: int, rng: np.random.Generator) -> tuple[int, ...]:
    """A full grid whose first row is 1 … n: one of those that are renamed ones."""
    board = _Board(size, rng)
    for cell in range(size):
        board.put(cell, cell + 1)
    board.solutions(1)
    return tuple(board.values)


def _dealt(
    size: int, counts: list[int], rng: np.random.Generator
) -> list[list[tuple[int, ...]]]:
    """Grids for each set, none in two."""
    everything = RELABELLED.get(size)
    number = sum(counts) if everything is None else everything
    grids: dict[tuple[int, ...], None] = {}
    trials = 0
    while len(grids) < number and trials < _TRIALS * number:
        grids[_grid(size, rng)] = None
        trials += 1
    unused = list(grids)
    rng.shuffle(unused)
    ends = np.cumsum(counts) / sum(counts) * len(unused)
    # Every set has a grid, however small its share.
    cuts = [round(end) for end in ends]
    for place in range(len(cuts)):
        cuts[place] = max(cuts[place], (cuts[place - 1] if place else 0) + 1)
        cuts[place] = min(cuts[place], len(unused) - (len(cuts) - 1 - place))
    starts = [0, *cuts[:-1]]
    return [unused[a:b] for a, b in zip(starts, cuts, strict=True)]


def _puzzles(
    grids: list[tuple[int, ...]],
    count: int,
    givens: tuple[int, int],
    rng: np.random.Generator,
) -> Sudokus:
    pairs = [_puzzle(grids[i % len(grids)], givens, rng) for i in range(count)]
    puzzles, solutions = np.transpose(pairs, (1, 0, 2)).astype(np.int32)
    return Sudokus(puzzles, solutions)


def _puzzle(
    grid: tuple[int, ...], givens: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Renamed, with cells emptied in random order as long as one solution is left."""
    size = round(len(grid) ** 0.5)
    names = np.concatenate([[0], rng.permutation(size) + 1])
    solution = names[np.array(grid)]
    puzzle, left = solution.copy(), len(grid)
    target = int(rng.integers(givens[0], givens[1] + 1))
    for cell in rng.permutation(len(grid)):
        if left <= target:
            break
        value, puzzle[cell] = puzzle[cell], 0
        if count_solutions(puzzle) == 1:
            left -= 1
        else:
            puzzle[cell] = value
    return puzzle, solution
