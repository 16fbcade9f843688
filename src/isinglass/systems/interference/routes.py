"""Routes: for every source and target a probability over travel durations.

A route's log-probability is its log-prior plus what was learned (`learning.py`), up to
a constant per source and target. Probabilities are normalised over all T durations,
those too short to arrive included: the mass there is the reservoir that lets the rule
do anything at all.
"""

from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import log_softmax

from isinglass._common.checks import (
    as_real_array,
    check_in,
    check_mask,
    check_real,
    check_seed,
    check_shapes,
    check_whole,
)
from isinglass._common.types import ArrayLike


def jitter_prior(
    seed: int, label: object, n_sources: int, n_durations: int
) -> Float[np.ndarray, "S T"]:
    """Nearly uniform prior of one class: (9 + u) / Σ (9 + u) with u ~ U[0, 1).

    The draw depends on the seed and the label alone, so that a class has the same prior
    whichever other classes there are and whenever it was added.

    Args:
        seed: Of the model.
        label: Of the class; 1, 1.0 and True are one label. NaN and infinity are none.
        n_sources: How many sources S.
        n_durations: How many travel durations T.

    Raises:
        ValueError: If a number is out of range.
    """
    check_seed(seed=seed)
    check_whole(n_sources=n_sources, n_durations=n_durations)
    u = np.random.default_rng([int(seed), crc32(_name(label).encode())]).random(
        (n_sources, n_durations)
    )
    return (9 + u) / (9 + u).sum(axis=-1, keepdims=True)


def _name(label: object) -> str:
    """The same text for 1, 1.0, True and numpy's 1: they are one label."""
    value = label.item() if isinstance(label, np.generic) else label
    if isinstance(value, bool | float):
        check_in("(-inf, inf)", label=float(value))
        if value == int(value):
            return str(int(value))
    return str(value)


def check_prior(
    prior: ArrayLike, shape: tuple[int, int, int]
) -> Float[np.ndarray, "S C T"]:
    """A prior given as an array, checked and normalised over durations.

    Args:
        prior: Weights of the travel durations, in any scale.
        shape: What it must have, (S, C, T).

    Raises:
        ValueError: If the shape is another, or an entry is negative or not finite, or
            some route has no probability at all.
    """
    array = as_real_array("route_prior", prior)
    if array.shape != shape:
        raise ValueError(
            f"route_prior must have shape (sources, classes, durations) = {shape}, got "
            f"{array.shape}"
        )
    if (array < 0).any():
        raise ValueError("route_prior must not be negative")
    largest = array.max(axis=-1, keepdims=True)
    if (largest <= 0).any():
        raise ValueError(
            "route_prior must have a positive sum over durations for every route"
        )
    weights = array / largest
    return weights / weights.sum(axis=-1, keepdims=True)


def route_probabilities(
    prior: Float[np.ndarray, "S C T"],
    evidence: Float[np.ndarray, "S C K"],
    reachable: Bool[np.ndarray, "S C T"],
) -> Float[np.ndarray, "S C T"]:
    """Posterior over durations: softmax over δ of log prior + [δ reachable] · evidence.

    `evidence` is one number per source and class (K = 1) for inputs that do not change
    in time, or one per duration (K = T). Exact in the log domain at any amount of
    evidence.

    Args:
        prior: Probabilities before learning.
        evidence: What was learned: sums of log-gains.
        reachable: Which durations are long enough to arrive.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    prior = checked_routes(prior, reachable, "prior")
    check_real(evidence=evidence)
    if np.shape(evidence)[-1:] == (1,):
        check_shapes(prior=(prior, "S C T"), evidence=(evidence, "S C 1"))
    else:
        check_shapes(prior=(prior, "S C T"), evidence=(evidence, "S C T"))
    with np.errstate(divide="ignore"):
        log_prior = np.log(prior)
    return np.exp(log_softmax(log_prior + np.where(reachable, evidence, 0.0), axis=-1))


def checked_routes(
    probabilities: ArrayLike, reachable: ArrayLike, name: str = "probabilities"
) -> Float[np.ndarray, "S C T"]:
    """Probabilities of routes beside a mask of one shape, or an error."""
    check_real(**{name: probabilities})
    check_mask(reachable=reachable)
    check_shapes(**{name: (probabilities, "S C T"), "reachable": (reachable, "S C T")})
    return np.asarray(probabilities, float)


def arrivals(
    probabilities: Float[np.ndarray, "S C T"],
    reachable: Bool[np.ndarray, "S C T"],
    n_emissions: int = 1,
) -> tuple[Float[np.ndarray, "E C T"], Bool[np.ndarray, "E C T"]]:
    """Probability that what source s emits at time τ arrives at target y at time t.

    An emission at τ is a source of its own whose routes are delayed by τ: the emission
    axis has length E = S · n_emissions, source-major, and emission (s, τ) at time t
    uses the duration t − τ.

    Args:
        probabilities: Probability of each travel duration.
        reachable: Which durations are long enough to arrive.
        n_emissions: How many time steps L each source emits for.

    Returns:
        The arrival probabilities (zero where too short to arrive) and, as a mask of the
        same shape, from when on each emission can have arrived.

    Raises:
        ValueError: If shapes do not fit, or a number is out of range.
    """
    probabilities = checked_routes(probabilities, reachable)
    check_whole(n_emissions=n_emissions)
    n_sources, n_targets, n_durations = probabilities.shape
    shape = (n_sources, n_emissions, n_targets, n_durations)
    delayed, arrived = np.zeros(shape), np.zeros(shape, dtype=bool)
    direct = np.where(reachable, probabilities, 0.0)
    for tau in range(min(n_emissions, n_durations)):
        delayed[:, tau, :, tau:] = direct[..., : n_durations - tau]
        arrived[:, tau, :, tau:] = reachable[..., : n_durations - tau]
    return delayed.reshape(-1, n_targets, n_durations), arrived.reshape(
        -1, n_targets, n_durations
    )
