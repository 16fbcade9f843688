"""Speed of one pass over many patterns, beside what matrix products alone would take.

    python benchmarks/energy.py [--patterns 100000 --width 1024 --states 256 --rounds 5]

Layer energy and force (`nearest_neighbour_energy_and_force`) take two products, 4 ·
states · patterns · width flops; the limit is a large product of the same rounds. Beside
it stand the same two products of these very shapes with nothing else, over the same
blocks, which is the most a pass that keeps no (states × patterns) matrix could reach.

Memory is of a fresh process that reads the patterns from a file and has no others: its
peak of anonymous memory, without the pages of the file that Linux keeps at hand.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.energy import (
    nearest_neighbour_energy,
    nearest_neighbour_energy_and_force,
)


@jax.jit
def two_products(state: jax.Array, patterns: jax.Array) -> jax.Array:
    """The products of a pass and nothing else, block by block."""
    rows = min(1024, len(patterns))

    def read(index: jax.Array, summed: jax.Array) -> jax.Array:
        block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
        return summed + (state @ block.T) @ block

    return jax.lax.fori_loop(0, patterns.shape[0] // rows, read, jnp.zeros_like(state))


def rows(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Time and memory of passes over patterns in memory and in a file."""
    m, n, s = options.patterns, options.width, options.states
    patterns = jax.random.normal(jax.random.key(0), (m, n))
    state = patterns[:s] + 0.1
    file = folder / "patterns"
    on_disk = np.memmap(file, np.float32, "w+", shape=(m, n))
    on_disk[:] = patterns
    both = nearest_neighbour_energy_and_force
    np.testing.assert_array_equal(both(state, patterns)[1], both(state, on_disk)[1])
    name, flops = f"{m:,} patterns × {n:,}, {s} states", 4.0 * s * m * n
    programs = {
        "energy and force": Program(lambda: both(state, patterns)),
        "from a file": Program(lambda: both(state, on_disk)),
        "two products, nothing else": Program(lambda: two_products(state, patterns)),
    }
    yield from harness.measure(
        Work(name, programs, ceiling=harness.product(), operations=flops),
        options.rounds,
    )
    alone = {"energy alone": Program(lambda: nearest_neighbour_energy(state, patterns))}
    yield from harness.measure(
        Work(name, alone, ceiling=harness.product(), operations=flops / 2),
        options.rounds,
    )
    code = (
        "import jax, numpy as np\n"
        "from isinglass.energy import nearest_neighbour_energy_and_force\n"
        f"patterns = np.memmap({str(file)!r}, np.float32, 'r').reshape(-1, {n})\n"
        f"state = jax.numpy.asarray(patterns[:{s}]) + 0.1\n"
        "jax.block_until_ready(nearest_neighbour_energy_and_force(state, patterns))"
    )
    yield harness.peak_memory(name, f"{4 * m * n / 2**30:.2f} GiB", code, "RssAnon")


def main() -> None:
    """Measure everything and print the table."""
    sizes = {"patterns": 100_000, "width": 1_024, "states": 256}
    options = harness.options_of(__doc__, **sizes).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        harness.report(rows(options, Path(folder)), options)


if __name__ == "__main__":
    main()
