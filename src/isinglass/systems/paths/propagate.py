"""The iterative chain: maps of a density matrix at all times, each from the last."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from isinglass._common.checks import check_flag, check_in, check_kind
from isinglass.systems.paths.absorb import Cut, absorb
from isinglass.systems.paths.chain import (
    Site,
    Terms,
    one_thread,
    sum_pair,
    terms_of,
)
from isinglass.systems.paths.coefficients import Coefficients, influence_coefficients
from isinglass.systems.paths.pairs import pairs_of
from isinglass.systems.paths.system import (
    OpenSystem,
    TimeGrid,
    as_density_matrix,
    check_system,
)

FINER = 100.0


@dataclass(frozen=True, eq=False)
class Propagation:
    """The maps ρ(0) ↦ ρ(t), and how far they may be trusted.

    Attributes:
        times: 0, δ, …, Nδ.
        maps: Complex (N + 1, d², d²), on the rows of ρ one after another.
        bonds: The largest bond of the chain at each time, (N + 1,).
        cutoff: Share of the squares of singular values that was dropped at each bond.
        change: The largest difference of an element of the maps to those at a hundredth
            of the cutoff: about the error of the cut. None if it was not computed, NaN
            never. The error of δ and of memory is another: `convergence_report`.
    """

    times: Float[np.ndarray, " n"]
    maps: Complex[np.ndarray, "n p p"] = field(repr=False)
    bonds: Int[np.ndarray, " n"] = field(repr=False)
    cutoff: float
    change: float | None

    @property
    def trace_error(self) -> float:
        """By how much a trace differs from 1 at most.

        It is no meter: it understates the error of a cut 7 to 380 times.
        """
        size = round(len(self.maps[0]) ** 0.5)
        trace = np.eye(size).ravel()
        return float(abs(trace @ self.maps - trace).max())

    def states(self, start: Any) -> Complex[np.ndarray, "n d d"]:
        """ρ(t) at all times of a ρ(0) that is not yet correlated with the bath.

        Args:
            start: ρ(0), (d, d).

        Raises:
            ValueError: If it is no such matrix of finite numbers.
        """
        size = round(len(self.maps[0]) ** 0.5)
        rho = as_density_matrix("start", start, size)
        return (self.maps @ rho.ravel()).reshape(-1, size, size)


class ChainRun(NamedTuple):
    """How one chain is run.

    Attributes:
        cutoff: As in `propagate`.
        weights: In place of what the bath weighs lags with, such as shuffled ones; None
            for the bath's.
        shares_labels: Whether bonds carry what differs of Δ, and not all pairs.
    """

    cutoff: float
    weights: Coefficients | None = None
    shares_labels: bool = True


class Convergence(NamedTuple):
    """The largest changes of an element of the maps, at times that are common.

    Attributes:
        cutoff: From a cutoff to a hundredth of it.
        step: From δ to δ/2, at the same memory in time: four thirds of the error of δ,
            as it falls with δ².
        memory: From the memory to half of it, which says how much the older half does.
    """

    cutoff: float
    step: float
    memory: float


def propagate(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10, check: bool = True
) -> Propagation:
    """The maps of an open system by the iterative chain of tensors (AP-TNPI).

    The amplitude of a path, x_0 open, is a chain whose bonds stay small as the bath
    forgets. A step takes 4 N χ³ or so at bond χ, of the last points in memory alone.
    Without a cut it equals `sum_paths`. The chain is real, so that a density matrix
    stays Hermitian to the last digit whatever is cut. BLAS has one thread meanwhile.

    Args:
        system: What moves.
        grid: In which steps.
        cutoff: At each bond singular values are dropped while the sum of their squares
            is at most this share of that of all; 0 for none.
        check: Whether all is done again at a hundredth of the cutoff, to say by how
            much it changes; it takes about twice to three times as long.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: If the cutoff is not in [0, 1), the lineshape of the bath diverges,
            or maps overflow, as of a bath that is strong and slow at a high cutoff.
    """
    check_system(system)
    check_kind(TimeGrid, grid=grid)
    check_in("[0, 1)", cutoff=cutoff)
    check_flag(check=check)
    maps, bonds = run_chain(system, grid, ChainRun(cutoff))
    change = None
    if check:
        finer, _ = run_chain(system, grid, ChainRun(cutoff / FINER))
        change = float(abs(finer - maps).max())
    return Propagation(grid.times, maps, bonds, cutoff, change)


def convergence_report(
    system: OpenSystem, grid: TimeGrid, *, cutoff: float = 1e-10
) -> Convergence:
    """By how much maps change with the cutoff, the step and the memory.

    Three numbers in place of a guess: none of them follows from another.

    Args:
        system: What moves.
        grid: As it is to be used.
        cutoff: As it is to be used.

    Raises:
        TypeError: If an argument is of another class.
        ValueError: As `propagate`.
    """
    rough = propagate(system, grid, cutoff=cutoff)
    memory = None if grid.memory is None else 2 * grid.memory
    fine_grid = TimeGrid(grid.step / 2, 2 * grid.steps, memory, grid.splitting)
    fine = propagate(system, fine_grid, cutoff=cutoff, check=False)
    short_grid = TimeGrid(
        grid.step, grid.steps, max(grid.reach // 2, 1), grid.splitting
    )
    short = propagate(system, short_grid, cutoff=cutoff, check=False)
    return Convergence(
        float(rough.change or 0.0),
        float(abs(fine.maps[::2] - rough.maps).max()),
        float(abs(short.maps - rough.maps).max()),
    )


def run_chain(
    system: OpenSystem, grid: TimeGrid, run: ChainRun
) -> tuple[Complex[np.ndarray, "n p p"], Int[np.ndarray, " n"]]:
    """Maps and the largest bonds at all times, unchecked: for controls."""
    terms = terms_of(pairs_of(system.positions, run.shares_labels))
    weights = run.weights or influence_coefficients(system, grid)
    steps = _tempo if grid.splitting == "tempo" else _quapi
    size = len(terms.pairs.difference)
    maps, bonds = [np.eye(size, dtype=complex)], [1]
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):
        try:
            for mapping, bond in steps(system, grid, terms, weights, run.cutoff):
                maps.append(mapping)
                bonds.append(bond)
        except np.linalg.LinAlgError:  # of numbers that are not finite
            maps[0] = maps[0] * np.nan
    return finite_maps(np.stack(maps), run.cutoff), np.array(bonds)


def finite_maps(
    maps: Complex[np.ndarray, "n p p"], cutoff: float
) -> Complex[np.ndarray, "n p p"]:
    """Maps as they are, if what was cut of a strong bath did not let them overflow."""
    if not np.isfinite(maps).all():
        raise ValueError(
            "cutoff must be so small that maps stay finite, which of this bath they do "
            f"not at {cutoff:g}"
        )
    return maps


def _quapi(
    system: OpenSystem,
    grid: TimeGrid,
    terms: Terms,
    weights: Coefficients,
    cutoff: float,
) -> Iterator[tuple[Any, int]]:
    """Points at 0, δ, …; the newest is read as an end, and goes on as an inner one."""
    inner = [terms.lag_operator(eta) for eta in weights.inner]
    end_inner = [terms.lag_operator(eta) for eta in weights.end_inner]
    last = [terms.newest(eta) for eta in (weights.end_self, weights.inner_self)]
    reach = grid.reach
    sites: list[Site] = [terms.first_weight(weights.end_self).reshape(1, -1, 1)]
    for m in range(1, grid.steps + 1):
        move = system.propagator((m - 1) * grid.step, grid.step)
        sites = _move_last(sites, terms, move)
        lags, first = min(m, reach), []
        reads = end_inner[:lags]
        if m <= reach:  # the open point has weights of its own
            reads = [*end_inner[: m - 1], terms.lag_operator(weights.ends[m - 1])]
            first = [end_inner[m - 1]]
        mapping = _read(sites, reads, last[0], terms)
        operators = inner[: lags - len(first)] + first
        absorbed = absorb(sites, operators, last[1], terms, Cut(cutoff, m > reach))
        sites = absorbed.sites
        yield terms.back(mapping), absorbed.bond


def _tempo(
    system: OpenSystem,
    grid: TimeGrid,
    terms: Terms,
    weights: Coefficients,
    cutoff: float,
) -> Iterator[tuple[Any, int]]:
    """Points at δ/2, 3δ/2, … after the open one, which no point weighs."""
    inner = [terms.lag_operator(eta) for eta in weights.inner]
    last = terms.newest(weights.inner_self)
    half = grid.step / 2
    sites: list[Site] = [terms.ones.reshape(1, -1, 1)]
    before = np.eye(len(terms.total))
    for m in range(1, grid.steps + 1):
        move = system.propagator((m - 1) * grid.step, half) @ before
        before = system.propagator(m * grid.step - half, half)
        sites = _move_last(sites, terms, move)
        operators = inner[: min(m - 1, grid.reach)]
        absorbed = absorb(
            sites, operators, last, terms, Cut(cutoff, m > grid.reach + 1)
        )
        sites = absorbed.sites
        carry = sites[-1][:, :, 0]
        for site in reversed(sites[1:-1]):
            carry = sum_pair(site, terms.total) @ carry
        mapping = (sites[0][0] @ carry).T
        yield before @ terms.back(mapping), absorbed.bond


def _move_last(sites: list[Site], terms: Terms, move: np.ndarray) -> list[Site]:
    """The chain with its last pair copied and moved: the right bond of the last."""
    tensor = terms.move_operator(move)
    last = np.tensordot(sites[-1][:, :, 0], tensor, 1)
    return [*sites[:-1], last]


def _read(
    sites: list[Site], operators: list[np.ndarray], newest: np.ndarray, terms: Terms
) -> Float[np.ndarray, "p p"]:
    """The map to a new point, all points but it and the open one summed out."""
    carry = newest
    for lag, site in enumerate(reversed(sites), start=1):
        left, pair, right = site.shape
        is_open = lag == len(sites)
        if lag > len(operators):  # the open point, out of reach
            return (site[0] @ carry).T
        labels, size = carry.shape[1:]
        joined = site.reshape(-1, right) @ carry.reshape(right, -1)
        joined = joined.reshape(left, pair, labels, size)
        operator = operators[lag - 1]
        if is_open:
            operator = operator @ terms.start  # (pair, label, new pair)
            return np.einsum("pdn,pdy->ny", joined[0], operator)
        operator = np.einsum("pdye,y->pde", operator, terms.total)
        carry = np.einsum("lpdn,pde->len", joined, operator, optimize=True)
        if lag == len(operators):
            carry = np.einsum("len,e->ln", carry, terms.start)
    raise AssertionError("a chain begins with its open point")
