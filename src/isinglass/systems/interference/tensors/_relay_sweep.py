"""A slow drive of relays that only help each other, many avalanches at a time.

With no negative route a tensor that has switched stays, and more of its neighbours
switching can only bring it forward. So *which* tensors have switched by a field does
not depend on the order of anything, and the field F at which each one does is the
smallest that satisfies

    F_i = min over H of { H ≥ c_i − 2 Σ_{j : F_j ≤ H} W_ij },

c_i the field that it needs alone. Tensors with the same F are one avalanche. F is
worked out for thousands of thresholds at a time: the set that has switched by the last
of them by passing on switches until there are no new ones; then, within that set, whose
few routes alone matter, F by relaxation. A set that grows too large for this has a
large avalanche in it, and is cut until that is alone and needs no relaxation. Times
follow at the end, for all avalanches side by side: within each the field stands still.
"""

import heapq
from typing import Any, NamedTuple

import numpy as np

SHARE, FEWEST = 40, 64  # a batch is a 40th of all thresholds, at least so many
GROWTH = 4  # times as many switches that a batch may have
TABLE = 1 << 20  # entries of the table of routes within a batch
ROUNDING = 1e-12  # of sums of fields and weights, relative to the largest


class Routes(NamedTuple):
    """Some routes, one after another."""

    sender: np.ndarray
    receiver: np.ndarray
    weight: np.ndarray
    delay: np.ndarray

    def where(self, which: np.ndarray) -> "Routes":
        """Those of these numbers, or where a mask says so."""
        if which.dtype == bool:
            which = np.flatnonzero(which)  # faster than the mask, four times over
        return Routes(*(part[which] for part in self))


class Sweep:
    """A drive in which the field rises; a falling one is handed over mirrored.

    Attributes:
        needed: c_i − 2 Σ W_ij over those that have switched so far; infinite of those
            that have switched.
        at: F_i, infinite of those that have not switched in this drive.
        is_root: Whether the field alone made it switch, the first of its avalanche.
        missing: What it lacked at F_i, before anything of its own avalanche arrived.
        routes: Those within an avalanche.
    """

    def __init__(self, wiring: Any, needed: np.ndarray):
        self.wiring, self.needed = wiring, needed
        self.at = np.full(len(needed), np.inf)
        self.is_root = np.zeros(len(needed), bool)
        self.missing = np.zeros(len(needed))
        self.batch = max(FEWEST, len(needed) // SHARE)
        self.scale = largest(needed)
        self.routes: list[Routes] = []

    def run(self, target: float) -> None:
        """Raise the field to the target."""
        size = self.batch
        while (stop := self._stop(size)) < np.inf and self.needed.min() <= target:
            if self._pass(min(stop, target), alone=size == 1):
                size = self.batch
            else:
                size = max(1, size // 8)

    def times(self) -> np.ndarray:
        """When each switched, since the first of its avalanche; infinite of others."""
        parts = zip(*self.routes, strict=True)
        routes = Routes(*(np.concatenate(columns) for columns in parts))
        return arrival_times(routes, self.missing, self.is_root, self.scale)

    def _stop(self, size: int) -> float:
        """The field at which so many thresholds have been passed."""
        waiting = self.needed[np.isfinite(self.needed)]
        if not waiting.size:
            return np.inf
        size = min(size, len(waiting))
        return float(np.partition(waiting, size - 1)[size - 1])

    def _pass(self, stop: float, *, alone: bool) -> bool:
        """Go to this field; False, and nothing done, if too many tensors switch."""
        cascade = self._cascade(stop, np.inf if alone else GROWTH * self.batch)
        if cascade is None:
            return False
        switched, places, needed = cascade
        lacking = self.needed[switched]
        among = np.zeros(len(needed), bool)
        among[switched] = True
        places = places[among[self.wiring.routes.receiver[places]]]
        routes = self.wiring.routes.where(places)
        if alone:
            first = lacking <= stop
            at = np.full(len(switched), lacking[first].max())
        else:
            relaxed = _relax(switched, lacking, routes)
            if relaxed is None:
                return False
            at, first = relaxed
        self.at[switched], self.is_root[switched] = at, first
        self.missing[switched] = lacking - at
        earlier = self.at[routes.sender] < self.at[routes.receiver]
        weights = 2 * routes.weight[earlier]
        np.subtract.at(self.missing, routes.receiver[earlier], weights)
        same = self.at[routes.sender] == self.at[routes.receiver]
        self.routes.append(routes.where(same))
        self.needed = needed
        return True

    def _cascade(self, stop: float, most: float) -> tuple | None:
        """All that has switched by a field, their routes, and what others still need.

        None if it is too much.
        """
        needed = self.needed.copy()
        new = np.flatnonzero(needed <= stop)
        switched, routes, count = [], [], 0
        while new.size:
            count += new.size
            if count > most:
                return None
            needed[new] = np.inf
            places = self.wiring.of(new)
            switched.append(new)
            routes.append(places)
            receiver = self.wiring.routes.receiver[places]
            np.subtract.at(needed, receiver, self.wiring.doubled[places])
            new = distinct(receiver[needed[receiver] <= stop])
        return np.concatenate(switched), np.concatenate(routes), needed


def _relax(tensors: Any, lacking: Any, routes: Routes) -> tuple | None:
    """F of the tensors of a batch, and whether the field alone decided it.

    None if the routes among them are too many for a table.
    """
    place = np.empty(tensors.max() + 1, int)
    place[tensors] = np.arange(len(tensors))
    sender, receiver = place[routes.sender], place[routes.receiver]
    # One line a receiver: its senders, padded by one that never switches.
    by_receiver = np.argsort(receiver, kind="stable")
    rows, line, lengths = np.unique(
        receiver[by_receiver], return_inverse=True, return_counts=True
    )
    width = int(lengths.max(initial=0))
    if width * len(rows) > TABLE:
        return None
    column = ranges(np.zeros_like(lengths), lengths)
    senders = np.full((len(rows), width), len(tensors))
    weights = np.zeros((len(rows), width))
    senders[line, column] = sender[by_receiver]
    weights[line, column] = 2 * routes.weight[by_receiver]
    line_of = np.zeros(len(tensors), int)
    line_of[rows] = np.arange(len(rows))
    at, alone = np.append(lacking, np.inf), np.ones(len(tensors), bool)
    stale = np.arange(len(rows))
    while stale.size:
        row = rows[stale]
        lead = at[senders[stale]]
        first = np.argsort(lead, axis=1)
        lead = np.take_along_axis(lead, first, axis=1)
        help_ = np.take_along_axis(weights[stale], first, axis=1).cumsum(axis=1)
        left = lacking[row, None] - help_
        fields = np.maximum(left, lead)
        place = fields.argmin(axis=1)[:, None]
        best = np.take_along_axis(fields, place, axis=1)[:, 0]
        earlier = best < at[row]
        moved = row[earlier]
        at[moved] = best[earlier]
        by_field = np.take_along_axis(left > lead, place, axis=1)[:, 0]
        alone[moved] = by_field[earlier]
        has_moved = np.zeros(len(tensors), bool)
        has_moved[moved] = True
        stale = distinct(line_of[receiver[has_moved[sender]]])
    return at[:-1], alone


def arrival_times(
    routes: Routes, missing: np.ndarray, is_root: np.ndarray, scale: float
) -> np.ndarray:
    """When each tensor switches while the field stands still; infinite if never.

    Args:
        routes: Those that count, in any order.
        missing: Field that each lacks; twice the weight of a route makes up for it.
        is_root: Which switch at time 0.
        scale: Of the fields that what is missing was computed from.
    """
    time = np.where(is_root, 0.0, np.inf)
    missing = missing - ROUNDING * scale
    by_sender = _BySender(len(time), routes)
    whole = (routes.delay == np.floor(routes.delay)).all()
    (_by_steps if whole else _by_events)(by_sender, missing, time)
    return time


class _BySender:
    """Routes, to be looked up by their sender."""

    def __init__(self, n: int, routes: Routes):
        if (np.diff(routes.sender) < 0).any():
            routes = routes.where(np.argsort(routes.sender, kind="stable"))
        self.routes = routes
        self.starts = np.searchsorted(self.routes.sender, np.arange(n + 1))

    def of(self, tensors: np.ndarray) -> np.ndarray:
        """Numbers of the routes of these tensors."""
        return ranges(self.starts[tensors], self.starts[tensors + 1])


def _by_steps(lookup: _BySender, missing: np.ndarray, time: np.ndarray) -> None:
    """Whole travel times: all that arrives at one time is taken at once."""
    routes = lookup.routes
    # Small whole numbers are sorted by counting, several times as fast.
    longest = int(routes.delay.max(initial=0))
    delays = routes.delay.astype(np.min_scalar_type(longest))
    new, now, coming = np.flatnonzero(time == 0), 0, {}
    while True:
        sent = lookup.of(new)
        sent = sent[np.argsort(delays[sent], kind="stable")]
        cuts = np.flatnonzero(np.diff(delays[sent])) + 1
        for part in np.split(sent, cuts) if sent.size else ():
            coming.setdefault(now + int(delays[part[0]]), []).append(part)
        if not coming:
            return
        now = min(coming)
        arrived = np.concatenate(coming.pop(now))
        to = routes.receiver[arrived]
        np.subtract.at(missing, to, 2 * routes.weight[arrived])
        new = distinct(to[(missing[to] <= 0) & np.isinf(time[to])])
        time[new] = now


def _by_events(lookup: _BySender, missing: np.ndarray, time: np.ndarray) -> None:
    """Any travel times: one arrival after another."""
    receiver, delay = lookup.routes.receiver.tolist(), lookup.routes.delay.tolist()
    weight, starts = (2 * lookup.routes.weight).tolist(), lookup.starts.tolist()
    lacks, reached = missing.tolist(), time.tolist()
    events = []

    def send(i: int, now: float) -> None:
        for e in range(starts[i], starts[i + 1]):
            heapq.heappush(events, (now + delay[e], e))

    for i in np.flatnonzero(time == 0).tolist():
        send(i, 0.0)
    while events:
        now, e = heapq.heappop(events)
        i = receiver[e]
        lacks[i] -= weight[e]
        if lacks[i] <= 0 and reached[i] == np.inf:
            reached[i] = now
            send(i, now)
    time[:] = reached


def largest(fields: np.ndarray) -> float:
    """The largest magnitude of those that are finite."""
    return float(np.abs(fields[np.isfinite(fields)]).max(initial=0.0))


def ranges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """All whole numbers from each start to before its end, one range after another."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The different ones of a few whole numbers, in order."""
    if not numbers.size:
        return numbers
    ordered = np.sort(numbers)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])]
