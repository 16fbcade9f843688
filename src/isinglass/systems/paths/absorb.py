"""A new point of a path, applied to a chain, whose bonds are then cut.

The product with the operator of a point has some three times the bond. It is brought
back by an orthonormal basis of each bond, from right to left, and singular values, from
left to right. Most of the larger bond is nothing by the time it is cut, which shows
from the left alone: a sketch of the left part, few rows of it, says what of a bond
matters before a basis of all of it is made (Al Daas et al. 2023, randomise, then
orthogonalise).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass.systems.paths.chain import Operator, Site, Terms, kept_values, sum_pair
from isinglass.systems.paths.sketch import left_sketches

_SMALL = 10  # a bond up to which sketches take more time than they save
_SPARE = 4  # rows of a sketch that a cut must leave unused


class Cut(NamedTuple):
    """What a chain loses when a point is added.

    Attributes:
        cutoff: Singular values are dropped while the sum of their squares is at most
            this share of that of all.
        sums_last: Whether the pair of the last site in reach is summed out, as no later
            point weighs it.
    """

    cutoff: float
    sums_last: bool = False


class Absorbed(NamedTuple):
    """Sites after a new point, of which the last is the centre.

    Attributes:
        sites: From the first that was touched to the new point.
        bond: The largest bond.
    """

    sites: list[Site]
    bond: int


def absorb(
    sites: Sequence[Site],
    operators: Sequence[Operator],
    newest: Float[np.ndarray, "_ _ _"],
    terms: Terms,
    cut: Cut,
) -> Absorbed:
    """Apply a new point to a chain, and cut its bonds.

    Args:
        sites: The chain, all of it that may change; bonds before it are of isometries.
        operators: Of the last sites, the newest first. Sites before have none.
        newest: The new point.
        terms: What closes the label's bond, and sums a pair.
        cut: How much is dropped, and whether the last site in reach is summed out.
    """
    if cut.cutoff > 0 and operators and max(s.shape[2] for s in sites) > _SMALL:
        sketches = left_sketches(sites, operators, terms, cut.sums_last)
        absorbed = _absorb(sites, operators, newest, terms, cut, sketches)
        if absorbed is not None:
            return absorbed
    absorbed = _absorb(sites, operators, newest, terms, cut, [None] * len(sites))
    assert absorbed is not None
    return absorbed


class _Basis(NamedTuple):
    """An orthonormal basis of what is right of a bond.

    Attributes:
        site: (bond, pair, right bond).
        most: Singular values that may stay: of a sketch, with some to spare.
    """

    site: Site
    most: float = np.inf


def _absorb(
    sites: Sequence[Site],
    operators: Sequence[Operator],
    newest: np.ndarray,
    terms: Terms,
    cut: Cut,
    sketches: Sequence[np.ndarray | None],
) -> Absorbed | None:
    """As `absorb`, by sketches of what is left of sites; None if one is too small."""
    carry = centre = newest
    if not operators:
        carry = np.einsum("rlp,l->rp", newest, terms.start)
    stack = [_Basis(np.eye(newest.shape[-1])[:, :, None])]  # newest first
    for lag, site in enumerate(reversed(sites), start=1):
        left, pair, right = site.shape
        if lag > len(operators):  # out of reach
            tensor = (site.reshape(-1, right) @ carry).reshape(left, pair, -1)
        else:
            tensor = _operate(site, operators[lag - 1], carry)
            if lag == len(operators):  # of (left, rank, pair, label)
                tensor = np.moveaxis(tensor @ terms.start, 1, 2)
                if cut.sums_last:
                    carry = sum_pair(tensor, terms.total)
                    continue
            else:
                tensor = tensor.transpose(0, 3, 2, 1)  # left, label, pair, rank
        if lag == len(sites):
            centre = tensor
            break
        shape = tensor.shape
        rows = int(np.prod(shape[:-2]))
        basis, rest = _right_basis(tensor.reshape(rows, -1), sketches[-lag])
        stack.append(basis._replace(site=basis.site.reshape(-1, *shape[-2:])))
        carry = np.moveaxis(rest.reshape(-1, *shape[:-2]), 0, -1)
    return _cut(centre, stack, cut.cutoff)


def _right_basis(
    matrix: np.ndarray, sketch: np.ndarray | None
) -> tuple[_Basis, np.ndarray]:
    """A basis of the rows that matter, and the matrix in it, (basis, rows)."""
    if sketch is None or len(sketch) >= min(matrix.shape):
        basis, rest = np.linalg.qr(matrix.T)
        return _Basis(basis.T), rest
    basis, _ = np.linalg.qr((sketch @ matrix).T)
    return _Basis(basis.T, len(sketch) - _SPARE), (matrix @ basis).T


def _operate(site: Site, operator: np.ndarray, carry: np.ndarray) -> np.ndarray:
    """(left, rank, pair, left label) of a site, its operator, and what is right."""
    left, pair, right = site.shape
    labels, rank = carry.shape[1:]
    joined = site.reshape(-1, right) @ carry.reshape(right, -1)
    joined = joined.reshape(left, pair, labels, rank).transpose(0, 3, 1, 2)
    joined = joined.reshape(left * rank, -1) @ operator.reshape(pair * labels, -1)
    return joined.reshape(left, rank, pair, -1)


def _cut(centre: np.ndarray, stack: list[_Basis], cutoff: float) -> Absorbed | None:
    """Singular values from left to right; None if a basis may lack what should stay."""
    sites, bond = [], 1
    while stack:
        left, pair, right = centre.shape
        u, s, v = np.linalg.svd(centre.reshape(-1, right), full_matrices=False)
        rank = kept_values(s, cutoff)
        following, most = stack.pop()
        if rank > most:
            return None
        sites.append(u[:, :rank].reshape(left, pair, rank))
        bond = max(bond, rank)
        carry = s[:rank, None] * v[:rank]
        centre = (carry @ following.reshape(right, -1)).reshape(
            rank, *following.shape[1:]
        )
    sites.append(centre)
    return Absorbed(sites, bond)
