"""Derivatives of maps by the bond, and 16 systems at a time by one chain.

    python benchmarks/paths_gradients.py

20 steps with all memory of a spin in an Ohmic bath. Derivatives by ξ and by ε are
compared with differences of chains that are cut at 1e-17, extrapolated; "held" is the
control whose singular vectors are constant under the derivative. BLAS has one thread.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from isinglass.systems.paths import (
    Ohmic,
    OpenSystem,
    TimeGrid,
    process_tensor,
    propagate,
)
from isinglass.systems.paths.coefficients import traced_coefficients
from isinglass.systems.paths.fixed_bond import bound_process

GRID = TimeGrid(0.1, 20, splitting="tempo")
STRENGTH, ENERGY = 0.1, 0.5
BONDS = (4, 8, 12, 16)
SYSTEMS = 16


def system(strength: Any, energy: Any) -> OpenSystem:
    matrix = energy * np.diag([1.0, -1.0]) - np.eye(2)[::-1]
    return OpenSystem(matrix, (1.0, -1.0), Ohmic(strength, 7.5, 5.0))


def exact(strength: float, energy: float, cutoff: float = 1e-17) -> np.ndarray:
    run = propagate(system(strength, energy), GRID, cutoff=cutoff, check=False)
    return run.maps


def difference(by: int) -> np.ndarray:
    """Central differences at two widths, extrapolated."""
    slopes = []
    for width in (2e-3, 4e-3):
        step = width * np.eye(2)[by]
        ends = [exact(*(np.array([STRENGTH, ENERGY]) + s * step)) for s in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * width))
    return (4 * slopes[0] - slopes[1]) / 3


def slopes(bond: int, moves: bool) -> tuple[list[np.ndarray], float, float]:
    """Maps and their derivatives, seconds to compile and to run."""

    def maps(strength: Any, energy: Any) -> Any:
        own = system(strength, energy)
        process = bound_process(own, GRID, bond, traced_coefficients(own, GRID), moves)
        return process.maps(own.hamiltonian)

    both = jax.jit(lambda p: (maps(*p), jax.jacfwd(maps, (0, 1))(*p)))
    times = [time.process_time()]
    jax.block_until_ready(both((STRENGTH, ENERGY)))
    times.append(time.process_time())
    values, parts = jax.block_until_ready(both((STRENGTH, ENERGY)))
    times.append(time.process_time())
    first, again = np.diff(times)
    return [np.asarray(x) for x in (values, *parts)], first - again, again


def batch(console: Console) -> None:
    """A sweep over ε: a program for all, beside chains one after another."""
    energies = np.linspace(0, 1, SYSTEMS)
    begun = time.process_time()
    chain = process_tensor(system(STRENGTH, ENERGY), GRID, cutoff=1e-12)
    padded = chain.padded()
    made = time.process_time() - begun
    sweep = jax.jit(jax.vmap(lambda e: padded.maps(system(STRENGTH, e).hamiltonian)))
    jax.block_until_ready(sweep(energies))
    times = [time.process_time()]
    maps = jax.block_until_ready(sweep(energies))
    times.append(time.process_time())
    loop = [exact(STRENGTH, e, 1e-12) for e in energies]
    times.append(time.process_time())
    together, singly = np.diff(times)
    off = abs(np.asarray(maps) - np.stack(loop)).max()
    console.print(
        f"{SYSTEMS} systems, cutoff 1e-12: chain {made:.3f} s, all maps "
        f"{together:.4f} s; propagate {SYSTEMS} times {singly:.2f} s; "
        f"differ by {off:.1e}"
    )


def main() -> None:
    console = Console()
    reference = [exact(STRENGTH, ENERGY), difference(0), difference(1)]
    sizes = [abs(x).max() for x in reference]
    console.print(f"largest by ξ {sizes[1]:.2f}, by ε {sizes[2]:.2f}")
    with jax.enable_x64(True), threadpool_limits(1, "blas"):
        for bond in BONDS:
            for moves in (True, False):
                values, first, again = slopes(bond, moves)
                pairs = zip(values, reference, strict=True)
                errors = [abs(a - b).max() for a, b in pairs]
                console.print(
                    f"bond {bond}, {'moving' if moves else 'held'}: maps "
                    f"{errors[0]:.1e}, by ξ {errors[1]:.1e}, by ε {errors[2]:.1e}; "
                    f"compiles in {first:.1f} s, runs in {again:.2f} s"
                )
        batch(console)


if __name__ == "__main__":
    main()
