"""Speed of responses and avalanches, beside plain Python, SciPy and `powerlaw`.

    python benchmarks/avalanches.py [--rounds 5 --tensors 10000000 --relays 100000]

Roots of Eq. 6 beside SciPy's `brentq`, one root at a time; a sweep over tensors that
all act on all; networks of relays with whole travel times beside a plain event queue in
Python (`heapq`, lists), which has to give the same avalanches before anything is timed;
and exponents of sizes with a cut-off beside `powerlaw` (``pip install
'isinglass[benchmark]'``; left out without it), which has to find the same ones. A
*jump* sets the field at once: one avalanche, a million arrivals. A *slow drive* stops
at every threshold: tens of thousands of small avalanches, each with its own field.

Wall time is what a user waits for; processor time is what it costs where others use the
machine, and the ratio to trust there. Medians; what takes seconds is timed once.

Why the slow drive is not 50 times a Python loop: its 45,652 avalanches hold 100,000
switches in 34 batches, and of 0.19 processor seconds 40 % go to the order within each
batch (`_relax`), 27 % to finding out who switches in it (`_cascade`), 11 % to the
times, 6 % to where the next batch ends. The loop itself compiled, by Numba, takes 0.26
s, ten times as fast as Python: random access to memory is what there is to do, an
arrival at a time. One jitted `lax.while_loop` over all switches, the next threshold
from minima of blocks, takes 6.8 s: XLA spends 70 µs on the small operations of each.
"""

from __future__ import annotations

import argparse
import heapq
import platform
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq

from isinglass._common.machine import cores
from isinglass.systems.interference import (
    RelayNetwork,
    borel,
    fit_exponent,
    mean_field_solutions,
    spinodal,
    sweep_avalanches,
)

POINTS = 4_000_000
COUPLING, WIDTH, NEIGHBOURS = 1.2, 1.0, 10
JUMP = 1.0  # field that a jump goes to
RATIOS, SIZES = (0.99, 0.9), 20_000  # of avalanches whose exponents are fitted


def seconds(function: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median wall and processor time."""
    times = []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        function()
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    wall, processor = np.median(times, axis=0)
    return float(wall), float(processor)


# -- the same in plain Python ----------------------------------------------------------


def one_root(x: float, h: float) -> float:
    """The upper solution of Eq. 6 by bracketing."""
    low = np.arctanh(np.sqrt(1 - 1 / x)) if x > 1 else h - x - 1
    return np.tanh(brentq(lambda u: u - x * np.tanh(u) - h, low, h + x + 1))


class Events:
    """Relays with an event queue: every arrival is an event of its own."""

    def __init__(self, weights: sp.csr_array, delays: sp.csr_array, fields: np.ndarray):
        by_sender, travel = weights.tocsc(), delays.tocsc()
        self.starts, self.to = by_sender.indptr.tolist(), by_sender.indices.tolist()
        self.weight = (2 * by_sender.data).tolist()
        self.delay = travel.data.tolist()
        self.limit = float(spinodal(COUPLING).field)
        self.local = (fields - weights.sum(axis=1)).tolist()
        self.up = [False] * len(self.local)

    def avalanche(self, field: float, roots: list[int]) -> int:
        """Let these switch at time 0 and all follow; the number of switches."""
        events = [(0.0, order, i, 0.0) for order, i in enumerate(roots)]
        order, size = len(events), 0
        while events:
            now, _, i, change = heapq.heappop(events)
            self.local[i] += change
            due = change == 0.0 or self.local[i] + field >= self.limit
            if self.up[i] or not due:
                continue
            self.up[i] = True
            size += 1
            for e in range(self.starts[i], self.starts[i + 1]):
                event = (now + self.delay[e], order, self.to[e], self.weight[e])
                heapq.heappush(events, event)
                order += 1
            self.touched.extend(self.to[self.starts[i] : self.starts[i + 1]])
        return size

    def jump(self, field: float) -> list[int]:
        """Set the field at once."""
        self.touched: list[int] = []
        local = enumerate(self.local)
        return [self.avalanche(field, [i for i, b in local if b + field >= self.limit])]

    def drive(self) -> list[int]:
        """Raise the field slowly until all are up; sizes."""
        queue = [(self.limit - b, i) for i, b in enumerate(self.local)]
        heapq.heapify(queue)
        sizes = []
        while queue:
            field, i = heapq.heappop(queue)
            if self.up[i] or field != self.limit - self.local[i]:
                continue
            self.touched = []
            sizes.append(self.avalanche(field, [i]))
            for j in self.touched:
                if not self.up[j]:
                    heapq.heappush(queue, (self.limit - self.local[j], j))
        return sizes


def network(n: int) -> tuple[sp.csr_array, sp.csr_array, np.ndarray]:
    """Random routes, ten a tensor, with travel times from 1 to 19."""
    rng = np.random.default_rng(1)
    ends = rng.integers(n, size=(2, n * NEIGHBOURS))
    ends = ends[:, ends[0] != ends[1]]
    key = np.unique(ends[0] * n + ends[1])
    places = (key // n, key % n)
    weights = sp.coo_array((np.full(len(key), 1 / NEIGHBOURS), places), (n, n)).tocsr()
    delays = weights.copy()
    delays.data = rng.integers(1, 20, len(key)).astype(float)
    return weights, delays, rng.normal(0, WIDTH, n)


Row = tuple[str, float, float, float, str]


def roots(options: argparse.Namespace) -> Iterator[Row]:
    """All solutions of Eq. 6 beside one solution at a time."""
    rng = np.random.default_rng(0)
    x, h = rng.uniform(0, 5, POINTS), rng.uniform(-2, 2, POINTS)
    mean_field_solutions(x, h)
    wall, processor = seconds(lambda: mean_field_solutions(x, h), options.rounds)
    some = 2000
    upper = (x[:some] <= 1) | (h[:some] > 0)
    pairs = list(zip(x[:some][upper].tolist(), h[:some][upper].tolist(), strict=True))
    plain = seconds(lambda: [one_root(a, b) for a, b in pairs], 1)[1]
    remark = (
        f"{POINTS / wall / 1e6:.3g} million points a second, "
        f"{POINTS / processor / 1e6:.3g} million a processor second"
    )
    peer = plain / len(pairs) * POINTS
    yield f"all roots, {POINTS:,} points", wall, processor, peer, remark


def sweeps(options: argparse.Namespace) -> Iterator[Row]:
    """Tensors that all act on all, with durations and without."""
    thresholds = np.random.default_rng(0).uniform(-2, 2, options.tensors)
    for durations in (False, True):
        wall, processor = seconds(
            lambda d=durations: sweep_avalanches(thresholds, 1.0, durations=d),
            options.rounds,
        )
        name = f"sweep, {options.tensors:,} tensors{', durations' if durations else ''}"
        yield name, wall, processor, np.nan, ""


def networks(options: argparse.Namespace) -> Iterator[Row]:
    """Relays beside an event queue."""
    weights, delays, fields = network(options.relays)
    fresh = lambda: RelayNetwork(weights, delays, fields, COUPLING)  # noqa: E731
    for name, ours, theirs in (
        ("jump", lambda r: r.jump(JUMP), lambda e: e.jump(JUMP)),
        ("slow drive", lambda r: r.drive(20.0), lambda e: e.drive()),
    ):
        plain_network = Events(weights, delays, fields)
        start = time.process_time()
        sizes = theirs(plain_network)
        peer = time.process_time() - start
        relays = [fresh() for _ in range(options.rounds)]
        if ours(fresh()).size.tolist() != sizes:
            raise AssertionError(f"{name}: the event queue gives other avalanches")
        wall, processor = seconds(lambda r=relays, o=ours: o(r.pop()), options.rounds)
        remark = f"{len(sizes):,} avalanches, {len(weights.data):,} routes"
        yield f"{name}, {options.relays:,} relays", wall, processor, peer, remark


def exponents(options: argparse.Namespace) -> Iterator[Row]:
    """Exponent and cut-off of Borel's sizes, beside `powerlaw` where it is there."""
    try:
        import powerlaw
    except ImportError:
        return
    every = np.arange(1, 100_001)
    for ratio in RATIOS:
        law = borel(every, ratio)
        sizes = np.random.default_rng(0).choice(every, SIZES, p=law / law.sum())
        largest = int(sizes.max())
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a rate is near zero
            peer = powerlaw.Fit(sizes, discrete=True, xmin=1, verbose=False)
            theirs = peer.truncated_power_law
        plain = time.process_time() - start
        fit = fit_exponent(sizes, 1, largest)
        wall, processor = seconds(
            lambda s=sizes, most=largest: fit_exponent(s, 1, most), options.rounds
        )
        ours = fit.truncated
        if abs(ours.exponent - theirs.parameter1) > ours.exponent_error:
            raise AssertionError(f"powerlaw finds {theirs.parameter1}, we {ours}")
        remark = (
            f"α = {ours.exponent:.3f}, λ = {ours.rate:.2g}; powerlaw "
            f"{theirs.parameter1:.3f}, {theirs.parameter2:.2g}; exact 1.5, "
            f"{ratio - 1 - np.log(ratio):.2g}"
        )
        yield f"{SIZES:,} sizes, n = {ratio:g}", wall, processor, plain, remark


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="Speed of responses and avalanches.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tensors", type=int, default=10_000_000)
    parser.add_argument("--relays", type=int, default=100_000)
    options = parser.parse_args()
    table = Table(
        title=f"{platform.processor() or platform.machine()}, {cores()} cores"
    )
    for column in ("", "wall, s", "processor, s", "peer, processor s", "ratio", ""):
        table.add_column(column, justify="left" if not column else "right")
    contests = (roots, sweeps, networks, exponents)
    rows = (row for contest in contests for row in contest(options))
    for name, wall, processor, peer, remark in rows:
        with_peer = np.isfinite(peer)
        table.add_row(
            name,
            f"{wall:.3g}",
            f"{processor:.3g}",
            f"{peer:.3g}" if with_peer else "",
            f"{peer / processor:,.0f} ×" if with_peer else "",
            remark,
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
