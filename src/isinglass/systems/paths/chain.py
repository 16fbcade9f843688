"""A chain of real tensors, to which the weights of a new point of a path are applied.

A site is (left bond, pair, right bond). A new point x_m weighs all earlier points in
reach by its label Δ_m alone, so that this is a product with an operator whose bond
carries Δ_m; the chain is then brought back to a small bond by QR from right to left and
singular values from left to right.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from threadpoolctl import ThreadpoolController

from isinglass.systems.paths.pairs import Pairs, pair_weight, self_weight

Site = Float[np.ndarray, "_ _ _"]
Operator = Float[np.ndarray, "_ _ _ _"]


class Terms(NamedTuple):
    """Operators of the newest point, real, in the basis of `Pairs`.

    Attributes:
        pairs: The pairs that they are of.
        start: What the label's bond is closed with at the left, (labels,).
        total: What a pair is summed with, (pairs,).
        ones: A one for every pair, (pairs,).
    """

    pairs: Pairs
    start: Float[np.ndarray, " l"]
    total: Float[np.ndarray, " p"]
    ones: Float[np.ndarray, " p"]

    def lag_operator(self, coefficient: complex) -> Operator:
        """The weight on an earlier point: (pair, right label, new pair, left label)."""
        pairs = self.pairs
        weight = pair_weight(pairs.label_difference, pairs, coefficient)
        q, b = pairs.label_basis, pairs.basis
        out = np.einsum("da,yx,ax,ea,px->pdye", q, b, weight, q.conj(), b.conj())
        return np.ascontiguousarray(out.real)

    def newest(self, coefficient: complex) -> Float[np.ndarray, "p l p"]:
        """A new point with its weight on itself, by (bond, left label, pair).

        The bond to the left carries the pair, as does the label what is of it.
        """
        pairs = self.pairs
        q, b = pairs.label_basis, pairs.basis
        weight = self_weight(pairs, coefficient)
        labels = q[:, pairs.label]
        out = np.einsum("rx,ex,yx,x->rey", b.conj(), labels.conj(), b, weight)
        return np.ascontiguousarray(out.real)

    def move_operator(
        self, move: Complex[np.ndarray, "p p"]
    ) -> Float[np.ndarray, "p p p"]:
        """A copy of a pair beside a map of it: (pair taken, pair that stays, moved)."""
        b = self.pairs.basis
        out = np.einsum("yx,px,zw,wx->pyz", b, b.conj(), b, move)
        return np.ascontiguousarray(out.real)

    def first_weight(self, coefficient: complex) -> Float[np.ndarray, " p"]:
        """The first point with its weight on itself."""
        return np.real(self.pairs.basis @ self_weight(self.pairs, coefficient))

    def back(self, real: Float[np.ndarray, "p p"]) -> Complex[np.ndarray, "p p"]:
        """A map (last pair, first pair) in the basis of pairs."""
        b = self.pairs.basis
        return b.conj().T @ real @ b.conj()


def terms_of(pairs: Pairs) -> Terms:
    """The operators of pairs."""
    return Terms(
        pairs,
        pairs.label_basis.sum(1).real,
        pairs.basis.conj().sum(1).real,
        pairs.basis.sum(1).real,
    )


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
    carry = centre = newest
    if not operators:
        carry = np.einsum("rlp,l->rp", newest, terms.start)
    stack = [np.eye(newest.shape[-1])[:, :, None]]  # right-orthonormal, newest first
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
        basis, rest = np.linalg.qr(tensor.reshape(rows, -1).T)
        stack.append(basis.T.reshape(-1, *shape[-2:]))
        carry = np.moveaxis(rest.reshape(-1, *shape[:-2]), 0, -1)
    return _cut(centre, stack, cut.cutoff)


def _operate(site: Site, operator: np.ndarray, carry: np.ndarray) -> np.ndarray:
    """(left, rank, pair, left label) of a site, its operator, and what is right."""
    left, pair, right = site.shape
    labels, rank = carry.shape[1:]
    joined = site.reshape(-1, right) @ carry.reshape(right, -1)
    joined = joined.reshape(left, pair, labels, rank).transpose(0, 3, 1, 2)
    joined = joined.reshape(left * rank, -1) @ operator.reshape(pair * labels, -1)
    return joined.reshape(left, rank, pair, -1)


def _cut(centre: np.ndarray, stack: list[Site], cutoff: float) -> Absorbed:
    """Singular values from left to right."""
    sites, bond = [], 1
    while stack:
        left, pair, right = centre.shape
        u, s, v = np.linalg.svd(centre.reshape(-1, right), full_matrices=False)
        rank = kept_values(s, cutoff)
        sites.append(u[:, :rank].reshape(left, pair, rank))
        bond = max(bond, rank)
        following = stack.pop()
        carry = s[:rank, None] * v[:rank]
        centre = (carry @ following.reshape(right, -1)).reshape(
            rank, *following.shape[1:]
        )
    sites.append(centre)
    return Absorbed(sites, bond)


def kept_values(values: Float[np.ndarray, " _"], cutoff: float) -> int:
    """How many singular values stay, one at least."""
    tails = np.cumsum((values**2)[::-1])[::-1]
    return max(int(np.count_nonzero(tails > cutoff * tails[0])), 1)


def sum_pair(site: Site, total: Float[np.ndarray, " p"]) -> Float[np.ndarray, "l r"]:
    """A site with its pair summed out."""
    return np.einsum("lpr,p->lr", site, total)


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """A block in which BLAS has one thread.

    With two, matrices this small take some 30 times the processor time.
    """
    return _controller().limit(limits=1, user_api="blas")
