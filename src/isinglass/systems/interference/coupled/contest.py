"""Which class wins, without summing every distance to its end.

A distance |L⁻¹(f − m)|² with L lower triangular is a sum of squares, of which the first
so many need the first so many features alone, and bound it from below. The first eighth
of all classes is one matrix product. Then the class that looks best is summed to the
end, and the others only while their bound says that they could still win.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from isinglass.systems.interference.coupled import student
from isinglass.systems.interference.coupled.gaussian_prior import Moments
from isinglass.systems.interference.coupled.student import Predictive

_ROWS = 4096  # pictures at a time
# Evidence of float32 is off by less than this share of e/2, by far: see `winners`.
_DOUBT = 1e-4


def winners(
    features: Real[np.ndarray, "n D"],
    predictives: Sequence[Predictive],
    log_weights: Float[np.ndarray, "C"],
    moments: Moments,
    nu: float,
) -> Int[np.ndarray, "n"]:
    """Which class has the largest evidence plus logarithm of its prior weight.

    As by `student.log_evidence`, several times as fast, since most is left out and the
    rest is in float32. Where the best two are closer than it can tell, by a wide
    margin, they are computed again in float64.
    """
    doubt = 2 * _DOUBT * max(predictive.exponent for predictive in predictives)
    contest = Contest(predictives, log_weights, moments, doubt)
    winner, close = np.empty(len(features), np.int64), []
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        rough = np.zeros((len(winner[rows]), len(predictives)))
        if len(contest.factors) < len(predictives):
            away = features[rows] - moments.mean
            student.gram_evidence(away, predictives, moments, nu, rough)
        rough += log_weights
        if contest.factors:
            contest.settle(features[rows], rough)
        winner[rows] = rough.argmax(axis=1)
        if len(predictives) > 1:
            best = np.partition(rough, -2, axis=1)[:, -2:]
            close.append(start + np.flatnonzero(~(best[:, 1] - best[:, 0] > doubt)))
    again = np.concatenate(close) if close else np.zeros(0, np.int64)
    if len(again):
        exact = student.log_evidence(features[again], predictives, moments, nu)
        winner[again] = (log_weights + exact).argmax(axis=1)
    return winner


class Contest:
    """The classes whose distances are sums of squares, ready to be compared.

    Attributes:
        factors: L⁻¹ in float32, by place among the classes.
        doubt: Differences of evidence that float32 may not tell.
    """

    def __init__(
        self,
        predictives: Sequence[Predictive],
        log_weights: Float[np.ndarray, "C"],
        moments: Moments,
        doubt: float,
    ) -> None:
        self.predictives, self.log_weights = predictives, log_weights
        self.moments, self.doubt = moments, doubt
        self.factors = {
            place: item.factor.astype(np.float32, order="F")
            for place, item in enumerate(predictives)
            if item.form == "direct"
        }
        self.shifts = {
            place: (predictives[place].mean - moments.mean).astype(np.float32)
            for place in self.factors
        }
        size = len(moments.mean)
        self.widths = sorted({max(1, size // part) for part in (8, 4, 2, 1)})

    def settle(
        self, features: Real[np.ndarray, "n D"], rough: Float[np.ndarray, "n C"]
    ) -> None:
        """Write the evidence of what may win, and bounds of what cannot."""
        away = np.empty(features.shape, np.float32)
        np.subtract(features, self.moments.mean, out=away, casting="same_kind")
        self._look(away, rough)
        pending = np.zeros(rough.shape, bool)
        pending[:, list(self.factors)] = True
        size = self.widths[-1]
        looks_best = np.arange(rough.shape[1]) == rough.argmax(axis=1)[:, None]
        self._sum(away, pending & looks_best, size, rough)
        pending &= ~looks_best
        best = np.where(pending, -np.inf, rough).max(axis=1, keepdims=True)
        for width in self.widths[1:]:
            self._sum(away, pending & (rough >= best - self.doubt), width, rough)

    def _look(
        self, away: Float[np.ndarray, "n D"], rough: Float[np.ndarray, "n C"]
    ) -> None:
        """Bounds by the first squares of all classes, as one product."""
        width, count = self.widths[0], len(self.factors)
        heads = [factor[:width, :width].T for factor in self.factors.values()]
        shifts = [shift[:width] for shift in self.shifts.values()]
        squares = away[:, :width] @ np.hstack(heads)
        squares -= np.concatenate([s @ h for s, h in zip(shifts, heads, strict=True)])
        squares = squares.reshape(len(away), count, width)
        distance = np.einsum("ncd,ncd->nc", squares, squares).astype(np.float64)
        for column, place in enumerate(self.factors):
            rough[:, place] = self._evidence(place, distance[:, column])

    def _sum(
        self,
        away: Float[np.ndarray, "n D"],
        chosen: Bool[np.ndarray, "n C"],
        width: int,
        rough: Float[np.ndarray, "n C"],
    ) -> None:
        """Sum the squares of as many features where that is chosen."""
        for place, factor in self.factors.items():
            some = np.flatnonzero(chosen[:, place])
            if len(some):
                head = np.asfortranarray(factor[:width, :width])
                rows = away[some, :width]
                rows -= self.shifts[place][:width]
                distance = student.squares(rows, head)
                rough[some, place] = self._evidence(place, distance)

    def _evidence(
        self, place: int, distance: Float[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n"]:
        density = self.predictives[place].log_density(distance)
        return density + self.log_weights[place]
