"""Relays: tensors that switch, emit along their routes, and so switch each other.

Tang 2020, §5.2: "within an attention tensor, phase change can produce discontinuous
output, triggering phase change in other tensors connected with it after the signal
travelling time. An avalanche can propagate …". A tensor here is a mean field (Eq. 6)
taken at its two branches: it holds its branch σ = ±1 between the fields −h_s and h_s
(`response.spinodal`), and what it emits is σ.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Array, Float, Int

from isinglass._common.checks import (
    as_real_array,
    check_in,
    check_whole,
)
from isinglass._common.types import ArrayLike
from isinglass.systems.interference.tensors._relay_events import EventDrive
from isinglass.systems.interference.tensors._relay_sweep import (
    Routes,
    Sweep,
    arrival_times,
    largest,
    ranges,
)
from isinglass.systems.interference.tensors.avalanches import Avalanches, Switches
from isinglass.systems.interference.tensors.response import spinodal


class Wiring:
    """Routes by sender, and what each tensor needs."""

    def __init__(self, routes: Any, delays: Any, local_fields: Any, limits: Any):
        self.matrix = routes.tocsr()
        by_sender, travel = routes.tocsc(), delays.tocsc()
        self.starts = by_sender.indptr.astype(int)
        senders = np.repeat(np.arange(routes.shape[0]), np.diff(self.starts))
        receivers = by_sender.indices.astype(int)
        self.routes = Routes(senders, receivers, by_sender.data, travel.data)
        self.doubled = 2 * by_sender.data  # a switch changes a field by twice the route
        self.local_fields, self.limits = local_fields, limits

    def received(self, branches: np.ndarray) -> np.ndarray:
        """Σ_j W_ij σ_j."""
        return self.matrix @ branches.astype(float)

    def of(self, tensors: np.ndarray) -> np.ndarray:
        """Numbers of the routes that start at these tensors."""
        return ranges(self.starts[tensors], self.starts[tensors + 1])


class RelayNetwork:
    """Tensors with routes between them, in a field that moves.

    The field at tensor i is β(H + θ_i + Σ_j W_ij σ_j). A switch is a signal along each
    of its routes; it arrives after the travel time, while the field H stands still, or
    moves on (`drive`). All fields are in units of 1/β, as `response` has them.

    **Exact laws.** Where no route is negative, sizes and final states do not depend on
    travel times, and the network returns to the very same state when the field returns
    to where it had been before a smaller excursion (*return-point memory*). **Negative
    routes are allowed, and then neither holds:** a tensor may be switched back, a size
    depends on the order of arrivals, and an avalanche need not end
    (`has_exact_laws` says which it is).

    Args:
        routes: W, (N, N), dense or sparse; W[i, j] is the route from j to i. Nothing on
            the diagonal: a tensor's own elements are its coupling.
        delays: Travel times, positive: one for all, or (N, N) as W is. Where they are
            whole numbers, all that arrives at one time is computed at once.
        local_fields: θ, one for all or (N,).
        coupling: x = βn̄ ≥ 0 of each tensor, one for all or (N,). Up to 1 a tensor has
            no memory of its own and h_s = 0.

    Attributes:
        branches: σ, (N,), ±1; −1 at first.
        field: H; −∞ at first.

    Raises:
        ValueError: If shapes do not fit, or a number is out of range or not finite.

    Source: Tang 2020, §5.2.
    """

    def __init__(
        self,
        routes: Any,
        delays: Any = 1.0,
        local_fields: ArrayLike = 0.0,
        coupling: ArrayLike = 0.0,
    ):
        weights = _routes(routes)
        n = weights.shape[0]
        self._wiring = Wiring(
            weights,
            _delays(delays, weights),
            _per_tensor("local_fields", local_fields, n),
            np.nan_to_num(spinodal(_per_tensor("coupling", coupling, n)).field),
        )
        self.has_exact_laws = bool((weights.data >= 0).all())
        self.branches: Int[np.ndarray, "n"] = np.full(n, -1, dtype=np.int8)
        self.field = -np.inf

    def __repr__(self) -> str:
        """Its size, and whether it has the exact laws."""
        n, routes = len(self.branches), len(self._wiring.routes.weight)
        laws = "" if self.has_exact_laws else ", negative routes: no exact laws"
        return f"RelayNetwork({n:,} tensors, {routes:,} routes{laws})"

    @cached_property
    def map(self) -> Callable[[Float[Array, "n"], Any], Float[Array, "n"]]:
        """The network as a map for `isinglass.dynamics`, ``map(branches, parameters)``.

        In a step every signal arrives, and all tensors that have come to the end of
        their branch switch at once, up or down. ``parameters["field"]`` is H, and
        branches are real numbers ±1, (N,). Delays have no part in it: where no route is
        negative, it comes to rest where `drive` does. Else it may go round for ever.
        """
        wiring = self._wiring
        to, sender = wiring.routes.receiver, wiring.routes.sender
        numbers = wiring.routes.weight, wiring.local_fields, wiring.limits

        def step(branches: Float[Array, "n"], parameters: Any) -> Float[Array, "n"]:
            weight, local, limit = (jnp.asarray(x, branches.dtype) for x in numbers)
            total = local + jnp.asarray(parameters["field"], branches.dtype)
            total = total.at[to].add(weight * branches[sender])
            stays = jnp.where(total <= -limit, -1.0, branches)
            return jnp.where(total >= limit, 1.0, stays)

        return step

    def drive(
        self, field: ArrayLike, *, rate: float = 0.0, most_switches: int = 1_000_000
    ) -> Avalanches:
        """Move the field to a value, or to several in turn; slowly, or at a rate.

        At rate 0 it stands still while signals travel (*quasi-static*). Else it moves
        on, and tensors whose thresholds it passes join the avalanche that is under way:
        all that switches from one rest to the next is one avalanche. At each turning
        point the field waits until the network is at rest. What has happened stays in
        ``branches`` and ``field``, so that the next drive goes on from there.

        Where no route is negative, the network comes to rest in the same state at every
        rate; a tensor switches at a field that is the higher, the faster it rises; and
        avalanches are those of rate 0 as soon as each is over before the next begins.

        Args:
            field: H, one number or the turning points of a path.
            rate: How far the field moves in a unit of the travel times, from 0. Above
                it the network is computed one event after another.
            most_switches: Of one avalanche, where that is so.

        Returns:
            The avalanches with all their switches, and the rate. Where several tensors
            have the same threshold to the last bit they go off together.

        Raises:
            ValueError: If a field is not finite, or the rate negative or not finite.
            RuntimeError: If an avalanche among negative routes does not end. The
                network is then as it was before the drive.
        """
        check_in("[0, inf)", rate=rate)
        check_whole(most_switches=most_switches)
        stops = np.atleast_1d(as_real_array("field", field))
        if stops.ndim != 1:
            raise ValueError(
                f"field must be a number or a path, got shape {stops.shape}"
            )
        branches, at, parts = self.branches.copy(), self.field, []
        for stop in stops.tolist():
            if stop != at:
                parts.append(self._leg(branches, at, stop, most_switches, float(rate)))
            at = stop
        self.branches, self.field = branches, at
        return _joined(parts, rate)

    def jump(self, field: float) -> Avalanches:
        """Set the field at once, as a host does that arrives, and let all come to rest.

        Whatever the new field switches does so at time 0; there is one avalanche, or
        none. The final state is that of a slow drive to the same field.

        Args:
            field: H.

        Raises:
            ValueError: If the field is not finite, or a route is negative: tensors
                would switch back and forth, for which there is `drive`.
        """
        stop = float(as_real_array("field", field, ()))
        if not self.has_exact_laws:
            raise ValueError("field jumps in networks without negative routes alone")
        branches = self.branches.copy()
        if stop == self.field:
            return _joined([])
        sign = 1 if stop > self.field else -1
        needed = self._needed(branches, sign)
        missing, scale = needed - sign * stop, largest(needed)
        time = arrival_times(self._wiring.routes, missing, missing <= 0, scale)
        # Those on the new branch already take no part: they lack infinitely much.
        switched = np.flatnonzero(np.isfinite(time))
        branches[switched] = sign
        self.branches, self.field = branches, stop
        if not switched.size:
            return _joined([])
        order = switched[np.argsort(time[switched], kind="stable")]
        numbers = np.zeros(len(order), int)
        return _joined([(np.array([stop]), order, numbers, time[order])])

    def _needed(self, branches: Any, sign: int) -> np.ndarray:
        """The field at which each leaves its branch, with its sign turned if it falls.

        Infinite of those that are where the drive would bring them.
        """
        local = self._wiring.local_fields + self._wiring.received(branches)
        return np.where(branches == -sign, self._wiring.limits - sign * local, np.inf)

    def _leg(
        self, branches: Any, start: float, stop: float, most: int, rate: float
    ) -> tuple:
        """Fields, and tensor, avalanche and time of each switch; in place."""
        sign = 1 if stop > start else -1
        if rate or not self.has_exact_laws:
            events = EventDrive(self._wiring, branches, sign, most, rate)
            fields, rows = events.run(stop)
            branches[:] = events.sigma
            return fields, rows[:, 0].astype(int), rows[:, 1].astype(int), rows[:, 2]
        sweep = Sweep(self._wiring, self._needed(branches, sign))
        sweep.run(sign * stop)
        switched = np.flatnonzero(np.isfinite(sweep.at))
        branches[switched] = sign
        if not switched.size:
            return tuple(np.zeros(0) for _ in range(4))
        at, time = sweep.at[switched], sweep.times()[switched]
        order = np.lexsort((time, at))
        fields, numbers = np.unique(at[order], return_inverse=True)
        return sign * fields, switched[order], numbers, time[order]


def _joined(legs: list[tuple], rate: float = 0.0) -> Avalanches:
    """Avalanches of a path from those of its legs."""
    columns: list[list[np.ndarray]] = [[], [], [], []]
    count = 0
    for fields, tensors, numbers, times in legs:
        for column, part in zip(
            columns, (fields, tensors, numbers + count, times), strict=True
        ):
            column.append(part)
        count += len(fields)
    kinds = (float, int, int, float)
    fields, tensors, numbers, times = (
        np.concatenate([np.zeros(0, kind), *column]).astype(kind)
        for kind, column in zip(kinds, columns, strict=True)
    )
    sizes = np.bincount(numbers, minlength=count)
    durations: Float[np.ndarray, "_"] = np.zeros(count)
    np.maximum.at(durations, numbers, times)
    switches = Switches(tensors, numbers, times)
    return Avalanches(fields, sizes, durations, switches, float(rate))


def _sparse(name: str, value: Any) -> Any:
    """The value, which must hold real and finite numbers, as a sparse matrix."""
    if not sp.issparse(value):
        return sp.csr_array(as_real_array(name, value, (None, None)))
    if value.ndim != 2:
        raise ValueError(f"{name} must be of shape (any, any), got {value.shape}")
    entries: Any = value.tocoo()
    data = as_real_array(name, entries.data)
    return sp.csr_array((data, entries.coords), shape=value.shape)


def _routes(routes: Any) -> Any:
    """The routes as a sparse matrix without zeros."""
    matrix = _sparse("routes", routes)
    if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(f"routes must be of shape (N, N), got {matrix.shape}")
    matrix.eliminate_zeros()
    if matrix.diagonal().any():
        raise ValueError("routes must have nothing on the diagonal: see coupling")
    return matrix


def _delays(delays: Any, routes: Any) -> Any:
    """Travel times in the pattern of the routes."""
    pattern = routes.copy()
    if not sp.issparse(delays):
        delays = as_real_array("delays", delays)
    if delays.ndim == 0:
        pattern.data = np.full(len(routes.data), delays)
    else:
        matrix = _sparse("delays", delays)
        if matrix.shape != routes.shape:
            raise ValueError(
                f"delays must be one number or of shape {routes.shape}, got "
                f"{matrix.shape}"
            )
        row, column = routes.tocoo().coords
        pattern.data = np.ravel(matrix[row, column])
    if (pattern.data <= 0).any():
        raise ValueError("delays must be positive wherever there is a route")
    return pattern


def _per_tensor(name: str, value: Any, n: int) -> Float[np.ndarray, "n"]:
    array = as_real_array(name, value)
    if array.shape not in ((), (n,)):
        raise ValueError(
            f"{name} must be one number or of shape ({n},), got {array.shape}"
        )
    return np.broadcast_to(array, (n,)).copy()
