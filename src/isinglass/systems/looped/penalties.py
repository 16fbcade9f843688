"""The energy and entropy that training penalises (Lam 2026, Eqs. 2 to 5).

All are functions of a trajectory Z_0 … Z_T and of rows of attention, time first, of any
looped model. The paper leaves open how they run over positions, heads and sequences:
here each is a mean over all axes but time and the one that it sums over itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_finite,
    check_in,
    check_positive,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion

Weight = float | Callable[[Any], Any]  # a number, or an Optax schedule: step -> number
ROUNDING = 0.01  # what 16 bits may do to a sum of shares
NEAR_1 = 0.001  # so near to 1 no q is taken where rows of attention are not kept


@usual_promotion()
def kinetic_energy(states: Float[Array, "times *any d"]) -> Float[Array, ""]:
    """Compute the kinetic energy (1/2T) Σ_t |Z_t − Z_{t−1}|² (Lam 2026, Eq. 3).

    Args:
        states: Z_0 … Z_T, (T + 1, …, d). |·|² is summed over d and averaged over the
            axes between.

    Raises:
        ValueError: If there are fewer than two states, or one is not finite.
    """
    check_real(states=states)
    if states.ndim < 2 or states.shape[0] < 2:
        raise ValueError(
            "states must hold two states at least, (T + 1, ..., d), got shape "
            f"{states.shape}"
        )
    check_finite(states=states)
    return _kinetic(states)


@jax.jit
def _kinetic(states: Array) -> Array:
    return 0.5 * (jnp.diff(states, axis=0) ** 2).sum(-1).mean()


@usual_promotion()
def potential_energy(rows: Float[Array, "T *any m"]) -> Float[Array, ""]:
    """Compute the potential energy (1/T) Σ_t min_j(−log p_tj), nats (Lam 2026, Eq. 4).

    It is 0 where every row gives all to one key, and log m where all rows are uniform.
    Its gradient reaches the largest share of each row only.

    Args:
        rows: Attention p, (T, …, m), averaged over the axes between; 0 where it must
            not look.

    Raises:
        ValueError: If the rows hold no shares: of another shape, not in [0, 1], not
            summing to 1.
    """
    _check_rows(rows)
    return _potential(rows)


@jax.jit
def _potential(rows: Array) -> Array:
    return -jnp.log(rows.max(-1)).mean()


@usual_promotion()
def tsallis_entropy(p: Float[Array, "*any m"], q: float = 1.5) -> Float[Array, "*any"]:
    """Compute the Tsallis entropy S_q = (1 − Σ_j p_j^q)/(q − 1) of shares.

    At q = 1 it is Shannon's, in nats. The denominator is Tsallis's q − 1; Lam 2026
    writes 1 − q in §3.1, with which it would be negative for q > 1. S_q lies in
    [0, (1 − m^{1−q})/(q − 1)].

    It is computed as −Σ_j p_j expm1((q−1) log p_j)/(q−1), which is the same where the
    shares sum to 1 and keeps all digits as q → 1. A share of 0 adds nothing, and gets a
    gradient of 0.

    Args:
        p: Shares that sum to 1 along the last axis, (…, m).
        q: Index, positive and finite; a plain number.

    Raises:
        ValueError: If q is not positive and finite, or p holds anything beyond [0, 1]
            or does not sum to 1.

    Source: Tsallis 1988; Lam 2026, Eq. 5.
    """
    check_positive(q=q)
    _check_shares("p", p)
    return _entropy(p, q - 1, q == 1)


@partial(jax.jit, static_argnums=2)
def _entropy(p: Array, above_1: Any, is_shannon: bool) -> Array:
    # Denormal shares count as 0: their logarithm is −∞ on machines that flush them.
    present = p >= jnp.finfo(p.dtype).tiny
    log_p = jnp.log(jnp.where(present, p, 1.0))
    surprise = -log_p if is_shannon else -jnp.expm1(above_1 * log_p) / above_1
    return jnp.where(present, p * surprise, 0.0).sum(-1)


@usual_promotion()
def entropy_penalty(
    rows: Float[Array, "T *any m"], q: float = 1.5, target: float = 0.0
) -> Float[Array, ""]:
    """Compute how far the mean entropy of all rows is from a target, |S̄ − η|.

    The mean S̄, over time and all axes between, comes before the absolute value: rows
    that are above the target make up for rows below (Lam 2026, Eq. 5).

    Args:
        rows: Attention p, (T, …, m).
        q: Tsallis index, positive and finite.
        target: η, finite.

    Raises:
        ValueError: If a number is out of range or the rows hold no shares.
    """
    _check_rows(rows)
    check_in("(-inf, inf)", target=target)
    return jnp.abs(tsallis_entropy(rows, q).mean() - target)


@dataclass(frozen=True)
class EnergyEntropyObjective:
    """L = L_task + λ_P potential + λ_K kinetic + λ_S |S̄ − η| (Lam 2026, Eq. 2).

    A weight is a number, or a schedule such as Optax's, which is given the step. A term
    whose weight is the number 0 is left out altogether: it can be NaN.

    Attributes:
        potential: λ_P.
        kinetic: λ_K.
        entropy: λ_S.
        q: Tsallis index of the entropy, positive and finite.
        target: η, the entropy aimed at.

    Raises:
        ValueError: If a number is not finite or q is not positive.
    """

    potential: Weight = 0.1
    kinetic: Weight = 0.001
    entropy: Weight = 0.02
    q: float = 1.5
    target: float = 0.0

    def __post_init__(self) -> None:
        check_positive(q=self.q)
        check_in("(-inf, inf)", target=self.target)
        for name, weight in self._by_term.items():
            if not callable(weight):
                check_in("(-inf, inf)", **{name: weight})

    @property
    def is_plain(self) -> bool:
        """Whether all weights are the number 0: only the loss of the task counts."""
        return not any(counts(weight) for weight in self._by_term.values())

    def weights(self, step: Any = 0) -> dict[str, Any]:
        """Return λ of each penalty at a step, which may be traced."""
        return {
            name: weight(step) if callable(weight) else weight
            for name, weight in self._by_term.items()
        }

    @usual_promotion()
    def __call__(
        self, task: Any, kinetic: Any, potential: Any, entropy: Any, step: Any = 0
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Add the terms up, each with its weight.

        Args:
            task: L_task.
            kinetic: As of `kinetic_energy`.
            potential: As of `potential_energy`, nats.
            entropy: S̄, the mean entropy itself, and not its distance from the target.
            step: Step of training, for schedules.

        Returns:
            The objective, and its terms before weighting: "task", "kinetic",
            "potential" and "entropy", the last as |S̄ − η|.
        """
        terms = {
            "task": jnp.asarray(task),
            "kinetic": jnp.asarray(kinetic),
            "potential": jnp.asarray(potential),
            "entropy": jnp.abs(jnp.asarray(entropy) - self.target),
        }
        total = terms["task"]
        for name, weight in self.weights(step).items():
            if counts(self._by_term[name]):
                total = total + weight * terms[name]
        return total, terms

    def from_trajectory(
        self,
        task: Any,
        states: Float[Array, "times *any d"],
        rows: Float[Array, "T *some m"],
        step: Any = 0,
    ) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
        """Compute the objective of a whole trajectory with its rows of attention.

        Args:
            task: L_task.
            states: Z_0 … Z_T, (T + 1, …, d).
            rows: Attention in iterations 1 … T, (T, …, m).
            step: Step of training, for schedules.

        Returns:
            As for calling the objective.

        Raises:
            ValueError: If states and rows are not of T + 1 and T times, or are no such
                things.
        """
        if states.shape[0] != rows.shape[0] + 1:
            raise ValueError(
                f"states must be one more than rows, got {states.shape[0]} states and "
                f"{rows.shape[0]} times of rows"
            )
        entropy = tsallis_entropy(rows, self.q).mean()
        return self(task, kinetic_energy(states), potential_energy(rows), entropy, step)

    @property
    def _by_term(self) -> dict[str, Weight]:
        return {
            name: getattr(self, name) for name in ("potential", "kinetic", "entropy")
        }


def check_streamed_index(q: float) -> None:
    """Refuse a Tsallis index that is none, or with which rows must be kept.

    The entropy is made of the sum Σ_j p_j^q alone there: at a distance of 0.001 from q
    = 1 that has four of its digits left in single precision, and none at 1.
    """
    check_positive(q=q)
    if abs(q - 1) < NEAR_1:
        raise ValueError(
            f"q must be at least {NEAR_1} away from 1 where rows of attention are not "
            f"kept, got {q}; tsallis_entropy has Shannon's entropy of rows that are"
        )


def counts(weight: Weight) -> bool:
    """Say whether a term with this weight is computed at all."""
    return callable(weight) or weight != 0


def _check_rows(rows: Array) -> None:
    check_real(rows=rows)
    if rows.ndim < 2 or 0 in rows.shape:
        raise ValueError(
            "rows must hold one time and one key at least, (T, ..., m), got shape "
            f"{rows.shape}"
        )
    _check_shares("rows", rows)


def _check_shares(name: str, shares: Array) -> None:
    """What is being traced has no values to check."""
    check_real(**{name: shares})
    check_shapes(**{name: (shares, "... m")})
    check_finite(**{name: shares})
    if not isinstance(shares, Tracer) and shares.size:
        least, most, lowest, highest = map(float, _extremes(shares))
        if least < 0 or most > 1 + ROUNDING:
            raise ValueError(
                f"{name} must hold shares in [0, 1], got {least} to {most}"
            )
        if max(1 - lowest, highest - 1) > ROUNDING:
            raise ValueError(
                f"{name} must hold shares that sum to 1 along the last axis, got sums "
                f"from {lowest:.3g} to {highest:.3g}"
            )


@jax.jit
def _extremes(shares: Array) -> tuple[Array, ...]:
    """The least and the largest share, and sum."""
    sums = shares.sum(-1)
    return shares.min(), shares.max(), sums.min(), sums.max()
