"""The learning rule, Eq. 4 of Tang 2020: in closed form, and step by step.

One update multiplies the reachable durations of the label's own target by a gain and
renormalises over all durations. With R the reachable mass that is logit R ← logit R +
log gain, so training adds log-gains, and the learned state is a sum over samples: the
*tally*. Everything else the classifier offers (order invariance, forgetting, merging,
epochs) is a property of sums.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from isinglass._common.checks import (
    as_list,
    check_in,
    check_kind,
    check_mask,
    check_real,
    check_shapes,
    check_whole,
    is_array,
)

Rates = tuple[float, float, float]

# Time-varying sources add their changes before the rule divides; where the sum would
# take a route below nothing (1 + a ≤ 0) it keeps this share instead.
SMALLEST_GAIN = 1e-6


@dataclass(frozen=True)
class LearningRule:
    """How much an update changes the routes of a signal, by its likeness to the host.

    Args:
        rates: Learning rates η₊, η₋, η₋₋ of similar, neutral and opposite signals, each
            greater than −1.
        threshold: Similarity θ in (0, 1] from which a signal is similar (or, negated,
            opposite).

    Raises:
        ValueError: If one of them is out of range, naming it.

    Source: Tang 2020, Eq. 4.
    """

    # Any, so that what an estimator was given is refused in the words below.
    rates: Any = (1.0, -0.5, -0.8)
    threshold: Any = 0.7

    def __post_init__(self) -> None:
        rates, threshold = self.rates, self.threshold
        try:
            numbers = tuple(float(rate) for rate in as_list("rates", rates))
        except (TypeError, ValueError):
            numbers = ()
        if len(numbers) != 3 or not all(np.isfinite(r) and r > -1 for r in numbers):
            raise ValueError(
                "rates must be three finite numbers greater than -1 (for similar, "
                "neutral and opposite signals; at -1 a route is lost for good), got "
                f"{rates!r}"
            )
        if not (
            isinstance(threshold, int | float | np.integer | np.floating)
            and 0 < threshold <= 1
        ):
            raise ValueError(f"threshold must lie in (0, 1], got {threshold!r}")
        object.__setattr__(self, "rates", numbers)
        object.__setattr__(self, "threshold", float(threshold))

    def rate(self, similarity: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Learning rate η of signals of these similarities to the host."""
        check_real(similarity=similarity)
        similar = is_similar(similarity, self.threshold)
        opposite = is_similar(-similarity, self.threshold)
        return np.select([similar, opposite], self.rates[::2], self.rates[1])


def is_similar(similarity: Any, threshold: float) -> Any:
    """Whether s ≥ θ, but for rounding, for arrays of any kind."""
    return similarity >= threshold - 1e-12


def kinds(similarity: Float[Array, "*n"], threshold: float) -> Int[Array, "*n"]:
    """0 for similar signals (s ≥ θ), 1 for neutral, 2 for opposite ones (s ≤ −θ)."""
    opposite = is_similar(-similarity, threshold)
    return jnp.where(is_similar(similarity, threshold), 0, jnp.where(opposite, 2, 1))


def tally_kinds(
    similarity: Float[Array, "n S"], members: Float[Array, "n C"], threshold: float
) -> Float[Array, "S C 3"]:
    """How often each source was similar, neutral and opposite to the host, per class.

    Counts are whole numbers and weights multiples of 2⁻³², so sums of them are exact
    and no order of summation matters, to the last bit.

    Args:
        similarity: Of what each source sends to the host.
        members: How often sample n counts for class c: its weight, 1 by default, or 0
            where it belongs to another. Sums are taken in its precision.
        threshold: Similarity θ from which a signal is similar (or, negated, opposite).
    """
    s = similarity.T
    kind = jnp.stack([is_similar(s, threshold), is_similar(-s, threshold)])
    similar, opposite = jnp.einsum("ksn,nc->ksc", kind.astype(members.dtype), members)
    neutral = members.sum(axis=0) - similar - opposite
    return jnp.stack([similar, neutral, opposite], axis=-1)


def evidence_from_kinds(
    tally: Float[np.ndarray, "S C 3"], rates: Rates
) -> Float[np.ndarray, "S C 1"]:
    """G(s, y) = Σ over samples of log(gain), from the counts."""
    return (tally @ np.log1p(rates))[..., None]


def tally_waves(
    dipoles: Float[Array, "n S L D"],
    members: Float[Array, "n C"],
    host: Float[Array, "D"],
    threshold: float,
    rates: Float[Array, "3"],
    n_durations: int,
) -> Float[Array, "S C T"]:
    """Evidence per duration for sources that emit at times τ = 0 … L−1.

    Within one sample the changes add before the rule divides, a(δ) = Σ_τ η(s(τ)) [τ + δ
    < T], so a sample's evidence is log(1 + a(δ)), with 1 + a kept at or above
    `SMALLEST_GAIN`.

    Args:
        dipoles: What each source emits over time.
        members: How often sample n counts for class c: its weight or 0.
        host: The field g at the targets.
        threshold: Similarity θ from which a signal is similar (or, negated, opposite).
        rates: Learning rates η₊, η₋, η₋₋.
        n_durations: How many travel durations T there are.
    """
    rate = rates[kinds(dipoles @ host, threshold)]
    n_emissions = rate.shape[-1]
    summed = jnp.cumsum(rate, axis=-1)
    last = jnp.minimum(n_emissions, n_durations - jnp.arange(n_durations)) - 1
    gain = jnp.maximum(1 + summed[..., last], SMALLEST_GAIN)
    return jnp.einsum("nst,nc->sct", jnp.log(gain), members.astype(gain.dtype))


def learn_sample(
    probabilities: Float[np.ndarray, "S C T"],
    target: int,
    rate: Float[np.ndarray, "S"],
    reachable: Bool[np.ndarray, "S C T"],
) -> Float[np.ndarray, "S C T"]:
    """One step of Eq. 4 as published: one picture, seen by its own class's target.

    Args:
        probabilities: Of the travel durations, before.
        target: Index of the picture's class.
        rate: Learning rate η of each source for this picture.
        reachable: Which durations are long enough to arrive.

    Returns:
        The route probabilities after; those given stay as they are.

    Raises:
        ValueError: If shapes do not fit, or there is no such target.
    """
    check_real(probabilities=probabilities, rate=rate)
    check_mask(reachable=reachable)
    check_shapes(
        probabilities=(probabilities, "S C T"),
        rate=(rate, "S"),
        reachable=(reachable, "S C T"),
    )
    check_whole(0, target=target)
    check_in(f"[0, {probabilities.shape[1]})", target=target)
    probabilities = np.asarray(probabilities, float)
    updated = probabilities.copy()
    route = probabilities[:, target]
    route = route + rate[:, None] * route * reachable[:, target]
    updated[:, target] = route / route.sum(axis=-1, keepdims=True)
    return updated


def watch_learning(
    probabilities: Float[np.ndarray, "S C T"],
    dipoles: Iterable[Float[np.ndarray, "S D"]],
    targets: Iterable[int] | Int[np.ndarray, "n"],
    *,
    host: Float[np.ndarray, "D"],
    reachable: Bool[np.ndarray, "S C T"],
    rule: LearningRule | None = None,
) -> Iterator[Float[np.ndarray, "S C T"]]:
    """Yield the route probabilities after each sample, by the published rule, in steps.

    Slow, and in the linear domain as published: for watching it learn and for testing
    the closed form, which `InterferenceClassifier` uses.

    Args:
        probabilities: Of the travel durations, before the first sample.
        dipoles: What the sources send, sample by sample.
        targets: Index of each sample's class.
        host: The field g at the targets.
        reachable: Which durations are long enough to arrive.
        rule: Rates and threshold; the paper's if None.

    Raises:
        ValueError: If there are more dipoles than targets or fewer, or shapes do not
            fit, or there is no such target.
    """
    rule = LearningRule() if rule is None else rule
    check_kind(LearningRule, rule=rule)
    check_real(probabilities=probabilities, host=host)
    check_mask(reachable=reachable)
    check_kind(Iterable, dipoles=dipoles, targets=targets)
    samples, labels = (
        as_list(name, value if is_array(value) else list(value))
        for name, value in (("dipoles", dipoles), ("targets", targets))
    )
    if len(samples) != len(labels):
        raise ValueError(
            f"dipoles and targets must be as many, got {len(samples)} and {len(labels)}"
        )
    for sample, target in zip(samples, labels, strict=True):
        check_whole(0, targets=target)
        check_real(dipoles=sample)
        check_shapes(
            dipoles=(sample, "S D"),
            host=(host, "D"),
            probabilities=(probabilities, "S C T"),
        )
        check_in(f"[0, {probabilities.shape[1]})", targets=target)
        rate = rule.rate(np.asarray(sample) @ np.asarray(host))
        probabilities = learn_sample(probabilities, int(target), rate, reachable)
        yield probabilities
