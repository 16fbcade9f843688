"""A bath at rest as a chain that is the same at all times (Link, Tu & Strunz 2024).

A bath weighs two points of a path by their lag alone. Draw each point as a line that
goes straight and its label as one that goes back to earlier points: the label of x_m
crosses the line of x_j with the weight of lag m − j. Cut this net at one lag, and the
lines form a chain without ends, line and label in turn, which is the same everywhere.
From the largest lag to the first, each lag is one crossing and one cut of singular
values, however many points there are (infinite time-evolving block decimation; PRL
132, 200403). At lag 0 a label meets its own line.

The chain without ends is made to begin by a further value of a point, none, that weighs
nothing and that nothing weighs: before time 0 all points have it.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from isinglass._common.checks import check_flag, check_in, check_kind
from isinglass.systems.paths.chain import (
    Operator,
    Site,
    Terms,
    kept_values,
    one_thread,
    terms_of,
)
from isinglass.systems.paths.coefficients import influence_coefficients
from isinglass.systems.paths.pairs import pairs_of, self_weight
from isinglass.systems.paths.process import ProcessTensor
from isinglass.systems.paths.propagate import FINER, Propagation, finite_maps
from isinglass.systems.paths.system import OpenSystem, TimeGrid, check_system

_SQUARED = 1e-14  # cutoffs from which squares of matrices tell singular values
_SQUARINGS = 40  # of a matrix, until its leading vector is all that is left
_STILL = 1e-13  # by how much a matrix of norm 1 may change when it is squared
_TURN = 1e-6  # of its length: how far a leading vector may turn


def uniform_propagate(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10, check: bool = True
) -> Propagation:
    """The maps of an open system by a chain of the bath that is the same at all times.

    As `propagate`, and of the same limit, but for the splitting, which must be "tempo".
    Time grows as the memory and not as steps times memory, which is why it is the
    faster of the two wherever there are more than a few steps.

    Args:
        system: What moves.
        grid: In which steps; the splitting must be "tempo".
        cutoff: As in `uniform_process_tensor`.
        check: Whether all is done again at a hundredth of the cutoff, to say by how
            much it changes.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: As `uniform_process_tensor`, or if maps overflow.
    """
    check_flag(check=check)
    maps, bond = _maps(system, grid, cutoff)
    change = None
    if check:
        finer, _ = _maps(system, grid, cutoff / FINER)
        change = float(abs(finer - maps).max())
    bonds = np.append(1, np.full(grid.steps, bond))
    return Propagation(grid.times, maps, bonds, cutoff, change)


def _maps(system: OpenSystem, grid: TimeGrid, cutoff: float) -> tuple[Any, int]:
    process = uniform_process_tensor(system, grid, cutoff=cutoff)
    with np.errstate(over="ignore", invalid="ignore"):
        maps = process.maps(system.hamiltonian)
    return finite_maps(maps, cutoff), process.bond


def uniform_process_tensor(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10
) -> ProcessTensor:
    """The influence of a system's bath on the points of a grid, by one tensor for all.

    As `process_tensor`, from as many cuts as there are lags in memory (Link, Tu &
    Strunz 2024): the tensor of one point serves all, as the bath is at rest. Its bond
    is larger than one that ends need, its time far shorter.

    Args:
        system: Its bath and positions; the Hamiltonian does not count.
        grid: Steps, and memory, if any. The splitting must be "tempo".
        cutoff: At each lag singular values are dropped while the sum of their squares
            is at most this share of that of all.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the splitting or cutoff is another, the lineshape diverges, or
            the cutoff leaves a chain that comes to no rest.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    check_in("[0, 1)", cutoff=cutoff)
    if grid.splitting != "tempo":
        raise ValueError(
            'grid.splitting must be "tempo" for a chain of the bath alone, got '
            f"{grid.splitting!r}"
        )
    terms = terms_of(pairs_of(system.positions))
    weights = influence_coefficients(system, grid)
    lags = min(grid.reach, grid.steps - 1)
    with one_thread():
        net = _apart(terms, weights.inner_self)
        for eta in weights.inner[:lags][::-1]:
            net = _cross(net, _crossing(terms.lag_operator(eta)), cutoff)
        point = _point(net, terms)
    if point is None:
        raise ValueError(
            "cutoff must be so small that a bath without ends comes to rest, which it "
            f"does not at {cutoff:g}"
        )
    first = np.tensordot(point.start, point.site, 1)[None]
    return ProcessTensor(
        grid,
        system.positions,
        (first, *[point.site] * (grid.steps - 1)),
        (point.cap,) * grid.steps,
    )


class _Net(NamedTuple):
    """Two neighbours of a chain without ends, all others like them, at one lag.

    Attributes:
        label: That of a later point, (left bond, label, inner bond); from the right its
            rows are orthonormal.
        line: That of an earlier point, its last value none: (inner bond, pairs + 1,
            right bond); likewise.
        values: The singular values of the outer bond, of norm 1.
    """

    label: Site
    line: Site
    values: Float[np.ndarray, " b"]


class _Point(NamedTuple):
    """The tensor of a point at any time, and what begins and ends its chain."""

    site: Complex[np.ndarray, "b p b"]
    start: Float[np.ndarray, " b"]
    cap: Complex[np.ndarray, " b"]


def _apart(terms: Terms, own: complex) -> _Net:
    """Labels and lines before any has crossed.

    Each has half of what a point weighs on itself, without which those of a strong bath
    would be cut as though they were large.
    """
    pairs = terms.pairs
    half = np.exp(-own.real / 2 * pairs.label_difference**2)
    line = self_weight(pairs, own - own.real / 2)
    return _Net(
        (pairs.label_basis @ half).real.reshape(1, -1, 1),
        np.append((pairs.basis.conj() @ line).real, 1.0).reshape(1, -1, 1),
        np.ones(1),
    )


def _crossing(operator: Operator) -> Float[np.ndarray, "a b"]:
    """(pair or none, label) before to after; a point that is none does nothing."""
    pairs, labels = operator.shape[:2]
    size = pairs * labels
    out = np.eye(size + labels)
    out[:size, :size] = operator.reshape(size, size).T
    return out


def _cross(net: _Net, crossing: np.ndarray, cutoff: float) -> _Net:
    """Let the labels pass the lines to their right, and cut the bond between them.

    The bond of before, once inner, becomes the outer one. No singular value is divided
    by (Hastings 2009).
    """
    left, labels, _ = net.label.shape
    pairs, right = net.line.shape[1:]
    joined = np.tensordot(net.label, net.line, 1).transpose(0, 3, 2, 1)
    joined = joined.reshape(left * right, -1) @ crossing
    joined = joined.reshape(left, right, pairs, labels).transpose(0, 2, 3, 1)
    # Of exponentials of strong baths squares would overflow.
    joined = joined.reshape(left, -1) / abs(joined).max()
    whole = (net.values[:, None] * joined).reshape(left * pairs, -1)
    values, rows = _leading_rows(whole, cutoff)
    norm = np.linalg.norm(values)
    line = joined.reshape(left * pairs, -1) @ rows.T / norm
    return _Net(
        rows.reshape(-1, labels, right),
        line.reshape(left, pairs, -1),
        values / norm,
    )


def _leading_rows(matrix: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Singular values above a cut, and their right vectors in rows.

    Rounding of the square is some 1e-16 of its trace: of what a cutoff drops, squares
    lose little from 1e-14 on, and take a third of the time.
    """
    if cutoff >= _SQUARED:
        squares, vectors = np.linalg.eigh(matrix.T @ matrix)
        values = np.sqrt(np.maximum(squares[::-1], 0.0))
        rank = kept_values(values, cutoff)
        return values[:rank], vectors.T[::-1][:rank]
    rest = np.linalg.qr(matrix, mode="r")
    _, values, rows = np.linalg.svd(rest, full_matrices=False)
    rank = kept_values(values, cutoff)
    return values[:rank], rows[:rank]


def _point(net: _Net, terms: Terms) -> _Point | None:
    """Join each label with its own line, and close both ends.

    Later points that do nothing, equal pairs, leave the cap as it is; earlier ones that
    are none, the start. None if an end has no such vector.
    """
    pairs = terms.pairs
    labels = pairs.label_basis.conj().T[pairs.label]
    label = np.einsum("xe,lec->xlc", labels, net.label)
    line = np.einsum("yx,cyr->xcr", pairs.basis, net.line[:, :-1])
    site = (label @ line).transpose(1, 0, 2)
    levels = round(len(pairs.difference) ** 0.5)
    equal = site[:, :: levels + 1].real.mean(1)
    size, cap = _leading_vector(equal)
    same = len(pairs.label_difference) // 2  # the label of no difference
    begun, start = _leading_vector((net.label[:, same] @ net.line[:, -1]).T)
    overlap = start @ cap
    if not size * begun * overlap:
        return None
    return _Point(site / size, start / overlap, cap.astype(complex))


def _leading_vector(matrix: np.ndarray) -> tuple[float, np.ndarray]:
    """The eigenvalue of largest size and its right vector, by squaring.

    It is 0 if two are as large, or none is anything.
    """
    power = matrix
    for _ in range(_SQUARINGS):
        before = power / (np.linalg.norm(power) or 1.0)
        power = before @ before
        if abs(power / (np.linalg.norm(power) or 1.0) - before).max() < _STILL:
            break
    vector = power[:, np.linalg.norm(power, axis=0).argmax()]
    vector = vector / (np.linalg.norm(vector) or 1.0)
    turned = matrix @ vector
    value = float(vector @ turned)
    if not np.linalg.norm(turned - value * vector) < _TURN * abs(value):
        return 0.0, vector
    return value, vector
