"""A bath as a net of lines and labels without ends, cut from the largest lag to none.

A bath weighs two points of a path by their lag alone. Draw each point as a line that
goes straight and its label as one that goes back to earlier points: the label of x_m
crosses the line of x_j with the weight of lag m − j. Cut this net at one lag, and the
lines form a chain without ends, line and label in turn, which is the same everywhere.
From the largest lag to the first, each lag is one crossing and one cut of singular
values, however many points there are (infinite time-evolving block decimation; Link,
Tu & Strunz 2024, PRL 132, 200403). At lag 0 a label meets its own line.

What is not the same everywhere is a further value of all points. Before time 0 they are
*none*, which weighs nothing and which nothing weighs. With the splitting "quapi" the
first and the last point are *ends*, pairs that stand for half a step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

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
from isinglass.systems.paths.system import OpenSystem, TimeGrid

_SQUARED = 1e-14  # cutoffs from which squares of matrices tell singular values
_SQUARINGS = 40  # of a matrix, until its leading vector is all that is left
_STILL = 1e-13  # by how much a matrix of norm 1 may change when it is squared
_TURN = 1e-6  # of its length: how far a leading vector may turn


class Point(NamedTuple):
    """The tensor of a point at any time, and what begins and ends its chain.

    Attributes:
        site: Of an inner point.
        start: What the bond left of the first point is closed with.
        cap: What any bond is closed with, as if nothing were done later.
        ends: The first point and the last as ends, closed to the left and right, (pair,
            bond); None with the splitting "tempo".
    """

    site: Complex[np.ndarray, "b p b"]
    start: Float[np.ndarray, " b"]
    cap: Complex[np.ndarray, " b"]
    ends: tuple[Complex[np.ndarray, "p b"], Complex[np.ndarray, "p b"]] | None


def uniform_point(system: OpenSystem, grid: TimeGrid, cutoff: float) -> Point:
    """The point of a system's bath, by as many cuts as there are lags.

    Raises:
        ValueError: If the lineshape diverges, or the cutoff leaves a chain that comes
            to no rest.
    """
    terms = terms_of(pairs_of(system.positions))
    eta = influence_coefficients(system, grid)
    if grid.splitting == "tempo":
        lags, own, kinds = (
            min(grid.reach, grid.steps - 1),
            [eta.inner_self],
            [[eta.inner]],
        )
    else:
        lags, own = grid.reach, [eta.inner_self, eta.end_self]
        kinds = [[eta.inner, eta.end_inner], [eta.end_inner, eta.ends]]
    with one_thread():
        net = _apart(terms, own)
        for lag in range(lags, 0, -1):
            operators = [[terms.lag_operator(x[lag - 1]) for x in row] for row in kinds]
            net = _cross(net, _crossing(operators), cutoff)
        point = _point(net, terms, own)
    if point is None:
        raise ValueError(
            "cutoff must be so small that a bath without ends comes to rest, which it "
            f"does not at {cutoff:g}"
        )
    return point


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


def _apart(terms: Terms, own: Sequence[complex]) -> _Net:
    """Labels and lines before any has crossed, inner ones and, if any, ends.

    Each has half of what a point weighs on itself, without which those of a strong bath
    would be cut as though they were large.
    """
    pairs = terms.pairs
    labels = [np.real(pairs.label_basis @ _label_half(terms, eta)) for eta in own]
    lines = [np.real(pairs.basis.conj() @ _line_half(terms, eta)) for eta in own]
    return _Net(
        np.concatenate(labels).reshape(1, -1, 1),
        np.concatenate([*lines, [1.0]]).reshape(1, -1, 1),
        np.ones(1),
    )


def _label_half(terms: Terms, own: complex) -> Float[np.ndarray, " l"]:
    return np.exp(-own.real / 2 * terms.pairs.label_difference**2)


def _line_half(terms: Terms, own: complex) -> Complex[np.ndarray, " p"]:
    return self_weight(terms.pairs, own - own.real / 2)


def _crossing(operators: Sequence[Sequence[Operator]]) -> Float[np.ndarray, "a b"]:
    """(pair or none, label) before to after, of operators by the kinds of both.

    A point that is none does nothing.
    """
    pairs, labels = operators[0][0].shape[:2]
    lines, passing = len(operators) * pairs + 1, len(operators) * labels
    out = np.zeros((lines, passing, lines, passing))
    for i, row in enumerate(operators):
        line = slice(i * pairs, (i + 1) * pairs)
        for j, operator in enumerate(row):
            label = slice(j * labels, (j + 1) * labels)
            out[line, label, line, label] = operator
    out[-1, :, -1] = np.eye(passing)
    return out.reshape(lines * passing, -1).T


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


def _point(net: _Net, terms: Terms, own: Sequence[complex]) -> Point | None:
    """Join each label with its own line, and close both ends.

    Later points that do nothing, equal pairs, leave the cap as it is; earlier ones that
    are none, the start. None if an end has no such vector.
    """
    pairs = terms.pairs
    size, width = len(pairs.difference), len(pairs.label_difference)
    meets = pairs.label_basis.conj().T[pairs.label]  # the label of each pair
    label = np.einsum("xe,lec->xlc", meets, net.label[:, :width])
    line = np.einsum("yx,cyr->xcr", pairs.basis, net.line[:, :size])
    site = (label @ line).transpose(1, 0, 2)
    equal = site[:, :: round(size**0.5) + 1].real.mean(1)
    norm, cap = _leading_vector(equal)
    still, none = (
        net.label[:, width // 2],
        net.line[:, -1],
    )  # the label of no difference
    begun, start = _leading_vector((still @ none).T)
    overlap = start @ cap
    if not norm * begun * overlap:
        return None
    site, start, ends = site / norm, start / overlap, None
    if len(own) == 2:
        line = np.einsum("yx,cyr->xcr", pairs.basis, net.line[:, size:-1])
        label = np.einsum("xe,lec->xlc", meets, net.label[:, width:])
        half, rest = _label_half(terms, own[1])[pairs.label], _line_half(terms, own[1])
        first = half[:, None] * (start @ still @ line) / norm
        last = rest[:, None] * (label @ (none @ cap)) / norm
        ends = (first, last)
    return Point(site, start, cap.astype(complex), ends)


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
