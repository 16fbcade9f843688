"""Pairs of digits as amplitudes of 16 × 16 places, and draws of them.

Of each digit up to 500 pictures make a pool. Tested is on the official test set if the
user hands it in, else on half of the pool, the same in all repetitions; of the rest
each repetition draws four fifths to learn from, and what is left is chosen by.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass.data.mnist import MNIST, Digits
from isinglass.reproduce import Context
from isinglass.systems.quantum import area_averages
from isinglass.systems.quantum.states import check_fields, unit_states

SIDE = 16
OF_EACH = 500  # of a digit in the pool


class Pair(NamedTuple):
    """Amplitudes of two digits, those to test on last.

    Attributes:
        name: Such as "3 or 6".
        states: Unit vectors, (n, 256).
        signs: −1 of the first digit, +1 of the second, (n,).
        pool: How many there are to learn from and to choose by.
    """

    name: str
    states: Float[np.ndarray, "n places"]
    signs: Float[np.ndarray, "n"]
    pool: int

    @property
    def test(self) -> slice:
        """Where those to test on are."""
        return slice(self.pool, None)


class Split(NamedTuple):
    """Numbers of pictures in a repetition's draw.

    Attributes:
        learn: To learn from.
        choose: To choose by.
    """

    learn: Int[np.ndarray, "n"]
    choose: Int[np.ndarray, "m"]


def name_of(digits: tuple[int, int]) -> str:
    """What to call a pair."""
    return f"{digits[0]} or {digits[1]}"


def pair(context: Context, source: MNIST, digits: tuple[int, int]) -> Pair:
    """Pictures of two digits."""
    rng = context.rng("pool", *digits)
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(source.train.labels == digit))[:OF_EACH]
            for digit in digits
        ]
    )
    chosen = rng.permutation(chosen)
    states, signs = _amplitudes(source.train, chosen, digits)
    if source.test is None:
        return Pair(name_of(digits), states, signs, len(states) // 2)
    tested = np.flatnonzero(np.isin(source.test.labels, digits))
    more, own = _amplitudes(source.test, tested, digits)
    joined = np.concatenate([states, more]), np.concatenate([signs, own])
    return Pair(name_of(digits), *joined, len(states))


def split(context: Context, problem: Pair, purpose: str, seed: int) -> Split:
    """A repetition's draw, the same for all models."""
    order = context.rng(f"{problem.name} to {purpose}", seed).permutation(problem.pool)
    learn = 4 * problem.pool // 5
    return Split(order[:learn], order[learn:])


def _amplitudes(
    source: Digits, chosen: np.ndarray, digits: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    cells = area_averages(source.images[chosen], (SIDE, SIDE))
    fields = cells.reshape(-1, SIDE**2)
    check_fields("digits", fields)
    states = unit_states(fields)
    signs = np.where(source.labels[chosen] == digits[1], 1.0, -1.0)
    return states, signs
