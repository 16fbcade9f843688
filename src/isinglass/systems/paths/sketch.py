"""Few rows that say what the left part of a chain makes of each of its bonds.

The product of a chain with the operator of a new point has a bond of three labels times
its own, few directions of which matter. A sketch is a part of all rows that its left
half has: those along the chain of before, which a step changes little, and random
combinations of all, which do not miss what is new (Al Daas et al. 2023).
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float

from isinglass.systems.paths.chain import Operator, Site, Terms

_RANDOM = 8  # combinations at least, and
_SHARE = 3  # one more for as many rows of the chain of before


def left_sketches(
    sites: Sequence[Site],
    operators: Sequence[Operator],
    terms: Terms,
    sums_last: bool,
) -> list[Float[np.ndarray, "_ _"]]:
    """Rows of what is left of each site, by its left bond and the label that passes.

    Args:
        sites: The chain.
        operators: Of the last sites, the newest first.
        terms: What closes the label's bond, and sums a pair.
        sums_last: Whether the pair of the last site in reach is summed out.
    """
    before = len(sites[0])
    rows, sketches, places = np.eye(before), [], iter(sites)
    for lag, site in zip(range(len(sites), 0, -1), sites, strict=True):
        sketches.append(rows)
        if lag > len(operators):
            labels = np.eye(site.shape[1])[:, None, :, None]  # nothing passes
        else:
            labels = operators[lag - 1]
            if lag == len(operators):
                labels = (labels @ terms.start)[..., None]
                if sums_last:
                    labels = (labels.swapaxes(2, 3) @ terms.total)[:, :, None]
        product = _pass(rows, site, labels)
        if labels.shape[2] == 1:  # summed out: no row is added
            rows = product
            continue
        place = next(places)  # of the chain of before
        along = place.reshape(-1, place.shape[2]).T
        most = max(place.shape[0], place.shape[2])  # bonds grow towards either end
        number = _RANDOM + most // _SHARE + most - len(along)
        others = product
        if len(product) > number:
            others = _normal(number, len(product)) @ product
        rows = np.concatenate([along @ product[: along.shape[1]], others])
    return sketches


def _pass(rows: np.ndarray, site: Site, operator: Operator) -> np.ndarray:
    """Rows and the new pair, by right bond and label."""
    left, pair, right = site.shape
    taken, passing, stays, label = operator.shape
    out = rows.reshape(-1, left, label).swapaxes(1, 2).reshape(-1, left)
    out = (out @ site.reshape(left, -1)).reshape(-1, label, pair, right)
    out = out.transpose(0, 3, 2, 1).reshape(-1, pair * label)
    out = out @ operator.transpose(0, 3, 2, 1).reshape(taken * label, -1)
    out = out.reshape(-1, right, stays, passing).swapaxes(1, 2)
    return out.reshape(len(rows) * stays, -1)


def _normal(rows: int, columns: int) -> Float[np.ndarray, "_ _"]:
    """The same random numbers at every call, of a variance of one over the rows."""
    size = 1 << (max(rows, columns) - 1).bit_length()
    return _numbers(size)[:rows, :columns] / np.sqrt(rows)


@cache
def _numbers(size: int) -> Float[np.ndarray, "_ _"]:
    return np.random.default_rng(0).normal(size=(size, size))
