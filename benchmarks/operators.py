"""Speed of the operators beside attention, each beside the layer written plainly.

    python benchmarks/operators.py [--only convergence --rounds 9]

PyTorch is beside where it is installed (``pip install torch==2.13.0``). That both give
the same is checked before anything is timed. Each system has a module of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import harness
import operators_convergence
import operators_heat
import operators_polling
import operators_relative
from harness import Row

SYSTEMS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "convergence": operators_convergence.rows,
    "heat": operators_heat.rows,
    "polling": operators_polling.rows,
    "relative": operators_relative.rows,
}


def main() -> None:
    """Measure all systems, or one, and print the tables."""
    parser = harness.options_of(__doc__, rounds=9)
    parser.add_argument("--only", choices=SYSTEMS, help="one system alone")
    options = parser.parse_args()
    names = [options.only] if options.only else list(SYSTEMS)
    harness.report((row for name in names for row in SYSTEMS[name](options)), options)


if __name__ == "__main__":
    main()
