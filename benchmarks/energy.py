"""Speed of one pass over many patterns, beside what matrix products alone would take.

    python benchmarks/energy.py [--patterns 100000 --width 1024 --states 256 --rounds 5]

Layer energy and force (`nearest_neighbour_energy_and_force`) take two products, 4 ·
states · patterns · width flops. The ceiling is a product of 2048 × 2048 measured in the
same run, in turn with the rest; beside it stand the same two products of these very
shapes with nothing else, over the same blocks, which is the most a pass that keeps no
(states × patterns) matrix could reach.

The last line is of a fresh process that reads the patterns from a file and has no
others: its peak of anonymous memory, sampled, without the pages of the file that Linux
keeps at hand (Linux only).

Wall time is what a user waits for; processor time is what it costs where others use the
machine, and the ratio to trust there.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from isinglass._common.machine import cores
from isinglass.energy import (
    nearest_neighbour_energy,
    nearest_neighbour_energy_and_force,
)

SQUARE = 2048


@jax.jit
def square(a: jax.Array, b: jax.Array) -> jax.Array:
    return a @ b


@jax.jit
def two_products(state: jax.Array, patterns: jax.Array) -> jax.Array:
    """The products of a pass and nothing else, block by block."""
    rows = 1024

    def read(index: jax.Array, summed: jax.Array) -> jax.Array:
        block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
        return summed + (state @ block.T) @ block

    return jax.lax.fori_loop(0, patterns.shape[0] // rows, read, jnp.zeros_like(state))


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    jax.block_until_ready(function())
    return time.perf_counter() - wall, time.process_time() - processor


def anonymous_memory(file: Path, width: int, states: int) -> float:
    """Peak GiB of a fresh process that takes energy and force of patterns in a file."""
    code = (
        "import re, threading, time, numpy as np, jax\n"
        "from isinglass.energy import nearest_neighbour_energy_and_force\n"
        f"patterns = np.memmap({str(file)!r}, np.float32, 'r').reshape(-1, {width})\n"
        "peak = 0\n"
        "def watch():\n"
        "    global peak\n"
        "    while True:\n"
        "        now = re.search(r'RssAnon:\\s*(\\d+)', "
        "open('/proc/self/status').read())\n        peak = max(peak, int(now[1]))\n"
        "        time.sleep(0.01)\n"
        "threading.Thread(target=watch, daemon=True).start()\n"
        f"state = jax.numpy.asarray(patterns[:{states}]) + 0.1\n"
        "jax.block_until_ready(nearest_neighbour_energy_and_force(state, patterns))\n"
        "print(peak)\n"
    )
    command = [sys.executable, "-c", code]
    return (
        int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        / 2**20
    )


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(
        description="Speed of one pass over many patterns."
    )
    parser.add_argument("--patterns", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--states", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    m, n, s = options.patterns, options.width, options.states
    patterns = jax.random.normal(jax.random.key(0), (m, n))
    state = patterns[:s] + 0.1
    square_of = jnp.ones((SQUARE, SQUARE))
    with tempfile.TemporaryDirectory() as folder:
        on_disk = np.memmap(Path(folder) / "patterns", np.float32, "w+", shape=(m, n))
        on_disk[:] = patterns
        both = 4.0 * s * m * n
        blocks = 4.0 * s * (m // 1024 * 1024) * n
        contests: dict[str, tuple[Callable[[], object], float]] = {
            "product, 2048 × 2048": (
                lambda: square(square_of, square_of),
                2.0 * SQUARE**3,
            ),
            "two products, blocks": (lambda: two_products(state, patterns), blocks),
            "energy and force": (
                lambda: nearest_neighbour_energy_and_force(state, patterns),
                both,
            ),
            "energy alone": (
                lambda: nearest_neighbour_energy(state, patterns),
                both / 2,
            ),
            "energy and force, file": (
                lambda: nearest_neighbour_energy_and_force(state, on_disk),
                both,
            ),
        }
        for function, _ in contests.values():
            seconds(function)  # compiles
        times = np.asarray(
            [[seconds(f) for f, _ in contests.values()] for _ in range(options.rounds)]
        )
        memory = anonymous_memory(Path(folder) / "patterns", n, s)
    flops = np.asarray([flops for _, flops in contests.values()])
    rates = np.where(times > 0, flops[:, None] / np.maximum(times, 1e-9), np.nan)
    shares = np.median(rates / rates[:, :1], axis=0)
    table = Table(
        title=f"{m:,} patterns × {n:,}, {s} states, medians of {options.rounds} rounds"
    )
    columns = ("", "s", "Gflop/s", "of the ceiling", "processor s", "of the ceiling")
    for name in columns:
        table.add_column(name, justify="right" if name else "left")
    middle = np.median(times, axis=0)
    for i, name in enumerate(contests):
        wall, processor = middle[i]
        table.add_row(
            name,
            f"{wall:.3f}",
            f"{flops[i] / wall / 1e9:.0f}",
            f"{shares[i, 0]:.0%}",
            f"{processor:.3f}",
            f"{shares[i, 1]:.0%}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"{platform.machine()}, {cores()} cores, {jax.device_count()} × "
        f"{jax.devices()[0].device_kind}; of {4 * m * n / 2**30:.2f} GiB in a file, "
        f"{memory:.2f} GiB in memory at peak, all else included"
    )


if __name__ == "__main__":
    main()
