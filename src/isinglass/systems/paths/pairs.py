"""Pairs of forward and backward positions, and bases in which a density matrix is real.

A path has at each time a pair x = (s⁺, s⁻), one of d². A later pair acts on earlier
ones by its difference Δ alone, so that what has to be carried along a chain is a label
of few values: 3 of a two-level system, not 4. Exchanging forward and backward
conjugates all weights; in the basis of the sums and differences of exchanged pairs the
chain is real, a third of the work, and Hermitian whatever is cut.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

_SAME = 1e-12  # of the largest difference: labels closer than this are one


class Pairs(NamedTuple):
    """The pairs of d positions in rows: (s₀, s₀), (s₀, s₁) and so on.

    Attributes:
        difference: Δ = s⁺ − s⁻ of all pairs, (d²,).
        mean: s̄ = (s⁺ + s⁻)/2, (d²,).
        label: The number of the label of each pair, (d²,).
        label_difference: Δ of each label, (labels,).
        basis: Unitary (d², d²) that makes a Hermitian matrix real.
        label_basis: The same for labels.
    """

    difference: Float[np.ndarray, " p"]
    mean: Float[np.ndarray, " p"]
    label: Int[np.ndarray, " p"]
    label_difference: Float[np.ndarray, " l"]
    basis: Complex[np.ndarray, "p p"]
    label_basis: Complex[np.ndarray, "l l"]


def pairs_of(positions: Float[np.ndarray, " d"], shares_labels: bool = True) -> Pairs:
    """The pairs of positions; without shared labels each pair is one of its own."""
    size = len(positions)
    forward, backward = np.repeat(positions, size), np.tile(positions, size)
    difference = forward - backward
    exchange = np.arange(size**2).reshape(size, size).T.ravel()
    label, label_difference, partner = np.arange(size**2), difference, exchange
    if shares_labels:
        label, label_difference = _labels(difference)
        partner = np.arange(len(label_difference))[::-1]
    return Pairs(
        difference,
        (forward + backward) / 2,
        label,
        label_difference,
        _real_basis(exchange),
        _real_basis(partner),
    )


def pair_weight(
    later: Float[np.ndarray, " a"], pairs: Pairs, coefficient: complex
) -> Complex[np.ndarray, "a p"]:
    """exp(−Δ_later [Re η Δ + 2i Im η s̄]) of a later difference on an earlier pair."""
    return _weight(later[:, None], pairs, coefficient)


def self_weight(pairs: Pairs, coefficient: complex) -> Complex[np.ndarray, " p"]:
    """The weight of a pair on itself."""
    return _weight(pairs.difference, pairs, coefficient)


def _weight(
    later: Float[np.ndarray, "..."], pairs: Pairs, coefficient: complex
) -> Complex[np.ndarray, "..."]:
    with np.errstate(over="ignore", invalid="ignore"):
        rate = coefficient.real * pairs.difference + 2j * coefficient.imag * pairs.mean
        weight = np.exp(-later * rate)
    if not np.isfinite(weight).all():
        raise ValueError(
            "positions must lie so close, the bath be so weak and the grid so fine "
            "that weights of paths are finite, got positions "
            f"{pairs.label_difference.max():g} apart"
        )
    return weight


def _labels(difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each difference among all that differ, which are antisymmetric."""
    sizes = np.sort(abs(difference))
    starts = np.append(True, np.diff(sizes) > _SAME * sizes[-1])
    positive = sizes[starts]
    positive = positive[positive > 0]
    values = np.concatenate([-positive[::-1], [0.0], positive])
    return abs(difference[:, None] - values).argmin(1), values


def _real_basis(partner: np.ndarray) -> Complex[np.ndarray, "n n"]:
    """Rows are what stays, (u + v)/√2 and (u − v)/i√2 of two that change places."""
    basis = np.zeros((len(partner), len(partner)), complex)
    for place, other in enumerate(partner):
        if place == other:
            basis[place, place] = 1
        elif place < other:
            basis[place, [place, other]] = np.sqrt(0.5)
            basis[other, [place, other]] = np.sqrt(0.5) * np.array([-1j, 1j])
    return basis
