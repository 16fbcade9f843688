"""One event after another: what a network of relays does, whatever its routes.

A plain event queue. It is what the sweeps of `_relay_sweep` are compared with, and what
is left where routes are negative, so that tensors may switch back within an avalanche
and its size depends on the order in which signals arrive; or where the field moves on
while they travel, so that avalanches run into each other.
"""

import heapq
from typing import Any

import numpy as np


class EventDrive:
    """A drive of the field, event by event.

    Args:
        wiring: `relay.Wiring`: routes by sender, local fields and spinodal fields.
        branches: σ, (N,), at the beginning.
        sign: 1 if the field rises, −1 if it falls.
        most_switches: Of one avalanche.
        rate: How far the field moves in a unit of time while signals travel.

    Attributes:
        fields: At which avalanches went off.
        switches: Tensor, avalanche and time of each switch.
    """

    def __init__(
        self,
        wiring: Any,
        branches: np.ndarray,
        sign: int,
        most_switches: int,
        rate: float = 0.0,
    ):
        self.local = (wiring.local_fields + wiring.received(branches)).tolist()
        self.sigma, self.limit = branches.tolist(), wiring.limits.tolist()
        self.starts = wiring.starts.tolist()
        _, *columns = (part.tolist() for part in wiring.routes)
        self.receiver, self.weight, self.delay = columns
        self.sign, self.most, self.rate = sign, most_switches, rate
        self.fields: list[float] = []
        self.switches: list[tuple[int, int, float]] = []
        # Tensors that could switch, by field; what is out of date is passed over.
        self.waiting: list[tuple[float, int]] = []
        for i in range(len(self.sigma)):
            self._wait(i)

    def run(self, target: float) -> tuple[np.ndarray, np.ndarray]:
        """Move the field to the target; fields, and a row a switch.

        Raises:
            RuntimeError: If an avalanche does not end within so many switches.
        """
        waiting, self.stop = self.waiting, self.sign * target
        while waiting and waiting[0][0] <= self.stop:
            at = waiting[0][0]
            roots = set()
            while waiting and waiting[0][0] == at:  # several may have one threshold
                roots |= self._passed()
            if roots:
                self._avalanche(at, sorted(roots))
        rows = np.array(self.switches, dtype=float).reshape(-1, 3)
        return np.array(self.fields), rows

    def _threshold(self, i: int) -> float:
        """The field, counted along the drive, at which a tensor goes with it."""
        return self.limit[i] - self.sign * self.local[i]

    def _wait(self, i: int) -> None:
        if self.sigma[i] == -self.sign:
            heapq.heappush(self.waiting, (self._threshold(i), i))

    def _passed(self) -> set[int]:
        """The tensor with the next threshold, unless it is out of date."""
        at, i = heapq.heappop(self.waiting)
        is_due = self.sigma[i] == -self.sign and at == self._threshold(i)
        return {i} if is_due else set()

    def _field(self, start: float, now: float) -> float:
        """The field, counted along the drive, of an avalanche that has this age."""
        return min(start + self.rate * now, self.stop) if self.rate else start

    def _next(
        self, events: list[tuple[float, int, int, float]], start: float, now: float
    ) -> tuple[float, int, int, float]:
        """The next arrival, or what the field switches before it."""
        reach = self._field(start, events[0][0])
        while self.rate and self.waiting and self.waiting[0][0] <= reach:
            at = self.waiting[0][0]
            for i in self._passed():
                return max((at - start) / self.rate, now), 0, i, 0.0
        return heapq.heappop(events)

    def _avalanche(self, start: float, roots: list[int]) -> None:
        """Let these switch at time 0, and signals arrive until there are no more."""
        number, size, now = len(self.fields), 0, 0.0
        self.fields.append(self.sign * start)
        events = [(0.0, order, i, 0.0) for order, i in enumerate(roots)]
        order = len(events)
        while events:
            now, _, i, change = self._next(events, start, now)
            self.local[i] += change
            field = self.sign * self._field(start, now)
            if not self._switch(i, field, is_root=change == 0.0):
                self._wait(i)
                continue
            size += 1
            if size > self.most:
                raise RuntimeError(
                    f"an avalanche at the field {field:.6g} had not ended after "
                    f"{self.most} switches: with negative routes it need not; raise "
                    "most_switches, or weaken them"
                )
            self.switches.append((i, number, now))
            self._wait(i)
            for e in range(self.starts[i], self.starts[i + 1]):
                news = 2 * self.sigma[i] * self.weight[e]
                event = (now + self.delay[e], order, self.receiver[e], news)
                heapq.heappush(events, event)
                order += 1

    def _switch(self, i: int, field: float, *, is_root: bool) -> bool:
        """Switch a tensor if its field says so."""
        here = self.sign * (self.local[i] + field)
        if self.sigma[i] == -self.sign:
            due = is_root or here >= self.limit[i]
        else:
            due = here < -self.limit[i]
        if due:
            self.sigma[i] = -self.sigma[i]
        return due
