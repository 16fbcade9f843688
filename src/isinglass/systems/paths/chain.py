"""A chain of real tensors, and the operators of a new point of a path.

A site is (left bond, pair, right bond). A new point x_m weighs all earlier points in
reach by its label Δ_m alone, so that this is a product with an operator whose bond
carries Δ_m.
"""

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
