"""Speed of responses and avalanches, beside plain Python, SciPy and `powerlaw`.

    python benchmarks/avalanches.py [--rounds N --tensors N --relays N --points N]

Roots of Eq. 6 beside SciPy's `brentq`, one root at a time; a sweep over tensors that
all act on all; networks of relays with whole travel times beside a plain event queue in
Python (`heapq`, lists), which has to give the same avalanches;
and exponents of sizes with a cut-off beside `powerlaw` (``pip install
'isinglass[benchmark]'``; left out without it), which has to find the same ones. A
*jump* sets the field at once: one avalanche, a million arrivals. A *slow drive* stops
at every threshold: tens of thousands of small avalanches, each with its own field.

What takes seconds is timed once.

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
import warnings
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from scipy.optimize import brentq

import harness
from harness import Program, Row, Work
from isinglass.systems.interference import (
    RelayNetwork,
    borel,
    fit_exponent,
    mean_field_solutions,
    spinodal,
    sweep_avalanches,
)

ROOTS = 2_000  # points at which the peer finds a solution
COUPLING, WIDTH, NEIGHBOURS = 1.2, 1.0, 10
JUMP = 1.0  # field that a jump goes to
RATIOS, SIZES = (0.99, 0.9), 20_000  # of avalanches whose exponents are fitted


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


def roots(options: argparse.Namespace) -> Iterator[Row]:
    """All solutions of Eq. 6 beside one solution at a time."""
    rng, points = np.random.default_rng(0), options.points
    x, h = rng.uniform(0, 5, points), rng.uniform(-2, 2, points)
    some = slice(ROOTS)
    upper = (x[some] <= 1) | (h[some] > 0)
    pairs = list(zip(x[some][upper].tolist(), h[some][upper].tolist(), strict=True))
    ours = Program(lambda: mean_field_solutions(x, h), points)
    brent = Program(lambda: [one_root(a, b) for a, b in pairs], len(pairs), once=True)
    programs = {"Isinglass, all solutions": ours, "brentq, one solution": brent}
    name = f"solutions at {points:,} points"
    yield from harness.measure(Work(name, programs, "µs a point", 1e6), options.rounds)


def sweeps(options: argparse.Namespace) -> Iterator[Row]:
    """Tensors that all act on all, with durations and without."""
    thresholds = np.random.default_rng(0).uniform(-2, 2, options.tensors)
    programs = {
        name: Program(
            lambda with_durations=with_durations: sweep_avalanches(
                thresholds, 1.0, durations=with_durations
            ),
            options.tensors,
        )
        for name, with_durations in (("Isinglass", False), ("with durations", True))
    }
    name = f"avalanches of {options.tensors:,} tensors that all act on all"
    yield from harness.measure(Work(name, programs, "µs a tensor", 1e6), options.rounds)


def networks(options: argparse.Namespace) -> Iterator[Row]:
    """Relays beside an event queue, which must give the same avalanches."""
    weights, delays, fields = network(options.relays)
    for name, ours, theirs in (
        ("jump", lambda r: r.jump(JUMP), lambda e: e.jump(JUMP)),
        ("slow drive", lambda r: r.drive(20.0), lambda e: e.drive()),
    ):
        # Each is used up by a run.
        fresh = [
            RelayNetwork(weights, delays, fields, COUPLING)
            for _ in range(options.rounds + 1)
        ]
        queue, sizes = Events(weights, delays, fields), {}

        def run(ours=ours, fresh=fresh, sizes=sizes) -> None:
            sizes["ours"] = ours(fresh.pop()).size.tolist()

        def run_queue(theirs=theirs, queue=queue, sizes=sizes) -> None:
            sizes["theirs"] = theirs(queue)

        programs = {"Isinglass": Program(run)}
        programs["event queue in Python"] = Program(run_queue, once=True)
        work = Work(f"{name}, {options.relays:,} relays", programs)
        rows = harness.measure(work, options.rounds)
        if sizes["ours"] != sizes["theirs"]:
            raise AssertionError(f"{name}: the event queue gives other avalanches")
        yield from rows


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
        fits = {}

        def run(sizes=sizes, fits=fits) -> None:
            fits["ours"] = fit_exponent(sizes, 1, int(sizes.max())).truncated

        def run_powerlaw(sizes=sizes, fits=fits) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a rate is near zero
                peer = powerlaw.Fit(sizes, discrete=True, xmin=1, verbose=False)
                fits["theirs"] = peer.truncated_power_law

        programs = {"Isinglass": Program(run)}
        programs["powerlaw"] = Program(run_powerlaw, once=True)
        work = Work(f"exponent of {SIZES:,} sizes, n = {ratio:g}", programs)
        rows = harness.measure(work, options.rounds)
        ours, theirs = fits["ours"], fits["theirs"]
        if abs(ours.exponent - theirs.parameter1) > ours.exponent_error:
            raise AssertionError(f"powerlaw finds {theirs.parameter1}, we {ours}")
        yield from rows


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """All contests."""
    for contest in (roots, sweeps, networks, exponents):
        yield from contest(options)


def main() -> None:
    """Measure everything and print the tables."""
    options = harness.options_of(
        __doc__, rounds=5, points=4_000_000, tensors=10_000_000, relays=100_000
    ).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
