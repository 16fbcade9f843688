"""What a trained policy does to signals: how similar, late and spread they arrive.

Tang 2020, §3 and §4.1.
"""

import numpy as np
from jaxtyping import Bool, Float

from isinglass._common.checks import check_mask, check_real, check_shapes
from isinglass.systems.interference.routes import checked_routes


def expected_similarity(
    dipoles: Float[np.ndarray, "n E D"], arrivals: Float[np.ndarray, "E C T"]
) -> Float[np.ndarray, "n C T"]:
    """Expected similarity of signals that arrive together, without the target field.

    E S = Σ_lm q_l q_m x_l · x_m = |Σ_l q_l x_l|², with q_l(t) the share of source l
    among what arrives at target y at time t (Eq. 5). NaN while nothing can have
    arrived.

    Args:
        dipoles: What each emission sends, D components of unit length.
        arrivals: Probability of each emission to arrive at each target and time.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    check_real(dipoles=dipoles, arrivals=arrivals)
    check_shapes(dipoles=(dipoles, "n E D"), arrivals=(arrivals, "E C T"))
    arrivals = np.asarray(arrivals, float)
    total = arrivals.sum(axis=0)
    share = np.divide(
        arrivals, total, out=np.full_like(arrivals, np.nan), where=total > 0
    )
    return (np.einsum("ect,ned->nctd", share, dipoles) ** 2).sum(axis=-1)


def arrival_times(
    probabilities: Float[np.ndarray, "S C T"], reachable: Bool[np.ndarray, "S C T"]
) -> Float[np.ndarray, "C C"]:
    """Expected arrival time at learner y (rows) of signals by learner y' (columns).

    White input: every source sends. Signals sent with too short a duration for that
    learner do not arrive and do not count. NaN where nothing arrives.

    Args:
        probabilities: Probability of each travel duration, per source and policy.
        reachable: Which durations are long enough, per source and learner.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    probabilities = checked_routes(probabilities, reachable)
    arriving = np.einsum(
        "spt,slt->lpt", probabilities, reachable.astype(probabilities.dtype)
    )
    total = arriving.sum(axis=-1)
    mean = arriving @ np.arange(probabilities.shape[-1])
    return np.divide(mean, total, out=np.full_like(total, np.nan), where=total > 0)


def arrival_entropy(
    similar: Bool[np.ndarray, "n E"], arrivals: Float[np.ndarray, "E C T"]
) -> Float[np.ndarray, "n C"]:
    """Entropy in nats of arrival times of similar signals, H_y = −Σ_t q(t) log q(t).

    0 when they all arrive at once, log T when they spread evenly. NaN for an input with
    no similar signal.

    Args:
        similar: Which emissions of each input are similar to the host.
        arrivals: Probability of each emission to arrive at each target and time.

    Raises:
        ValueError: If shapes do not fit, or numbers are not real.
    """
    check_mask(similar=similar)
    check_real(arrivals=arrivals)
    check_shapes(similar=(similar, "n E"), arrivals=(arrivals, "E C T"))
    arrivals = np.asarray(arrivals, float)
    arriving = np.einsum("ne,ect->nct", similar.astype(arrivals.dtype), arrivals)
    total = arriving.sum(axis=-1, keepdims=True)
    q = np.divide(arriving, total, out=np.full_like(arriving, np.nan), where=total > 0)
    return -np.where(q > 0, q * np.log(np.where(q > 0, q, 1.0)), q).sum(axis=-1) + 0.0
