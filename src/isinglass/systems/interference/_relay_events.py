"""One event after another: what a network of relays does, whatever its routes.

A plain event queue. It is what the sweeps of `_relay_sweep` are compared with, and what
is left where routes are negative: tensors may then switch back within an avalanche, and
its size depends on the order in which signals arrive.
"""

import heapq
from typing import Any


def drive(
    wiring: Any, branches: Any, ends: tuple[float, float], most_switches: int
) -> tuple[list[float], list[int], list[int], list[float]]:
    """Move the field slowly from one end to the other, event by event.

    Args:
        wiring: `relay.Wiring`: routes by sender, local fields and spinodal fields.
        branches: σ, (N,), changed in place.
        ends: Field before and after.
        most_switches: Of one avalanche.

    Returns:
        Fields at which avalanches went off, and tensor, avalanche and time of each
        switch.

    Raises:
        RuntimeError: If an avalanche does not end within so many switches.
    """
    field, target = ends
    rising = target > field
    local = (wiring.local_fields + wiring.received(branches)).tolist()
    sigma, limit = branches.tolist(), wiring.limits.tolist()
    first, last = wiring.starts[:-1].tolist(), wiring.starts[1:].tolist()
    _, receiver, weight, delay = (part.tolist() for part in wiring.routes)

    def threshold(i: int) -> float:
        """The field at which a tensor leaves its branch in this drive."""
        return limit[i] - local[i] if rising else -limit[i] - local[i]

    # Of tensors that could switch, by field; entries that are out of date are passed.
    sign = 1 if rising else -1
    queue = [(sign * threshold(i), i) for i in range(len(sigma)) if sigma[i] == -sign]
    heapq.heapify(queue)
    fields, tensors, numbers, times = [], [], [], []
    while queue and queue[0][0] <= sign * target:
        at = queue[0][0]
        roots = set()
        while queue and queue[0][0] == at:  # several may have the same threshold
            i = heapq.heappop(queue)[1]
            if sigma[i] == -sign and at == sign * threshold(i):
                roots.add(i)
        if not roots:
            continue
        field = sign * at
        number, size = len(fields), 0
        fields.append(field)
        events = [(0.0, order, i, 0.0) for order, i in enumerate(sorted(roots))]
        order = len(events)
        while events:
            now, _, j, change = heapq.heappop(events)
            local[j] += change
            here = sign * (local[j] + field)  # along the drive
            along = change == 0.0 or here >= limit[j]
            if sigma[j] == -sign and along:
                sigma[j] = sign
            elif sigma[j] == sign and here < -limit[j]:
                sigma[j] = -sign
            else:
                if sigma[j] == -sign:
                    heapq.heappush(queue, (sign * threshold(j), j))
                continue
            size += 1
            if size > most_switches:
                raise RuntimeError(
                    f"an avalanche at the field {field:.6g} had not ended after "
                    f"{most_switches} switches: with negative routes it need not; "
                    "raise most_switches, or weaken them"
                )
            tensors.append(j)
            numbers.append(number)
            times.append(now)
            if sigma[j] == -sign:
                heapq.heappush(queue, (sign * threshold(j), j))
            for e in range(first[j], last[j]):
                new = 2 * sigma[j] * weight[e]
                heapq.heappush(events, (now + delay[e], order, receiver[e], new))
                order += 1
    branches[:] = sigma
    return fields, tensors, numbers, times
