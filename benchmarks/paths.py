"""Path integrals of a spin in an Ohmic bath beside OQuPy's TEMPO, at equal error.

    python benchmarks/paths.py --oqupy PYTHON [--rounds 3 --steps 20 --driven]

PYTHON is the interpreter of an environment of its own, as OQuPy demands an older NumPy:
``python -m venv DIR && DIR/bin/pip install oqupy==0.5.0 'numpy<2'``. Both have one
thread, the same splitting and steps. Of both the error of the density matrices is
measured against a chain that is cut at 1e-16, and ours, `propagate` and
`uniform_propagate`, are timed at the first cutoff whose error is not larger than
OQuPy's at its `epsrel`, each beside the same runs of OQuPy. OQuPy's integrals over J
are part of its time, as a closed form is of ours. ``--driven`` adds sin(3t) σ_z to H,
which both take at the middles of half steps. Without ``--oqupy``, one thread of BLAS is
timed beside as many as it takes by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from rich.console import Console

import harness
from harness import Program, Row, Work
from isinglass.systems.paths import (
    Ohmic,
    OpenSystem,
    TimeGrid,
    propagate,
    uniform_propagate,
)

HAMILTONIAN = [[0.5, -1.0], [-1.0, -0.5]]
STRENGTH, CUTOFF, BETA, STEP = 0.1, 7.5, 5.0, 0.1
SIZES = ((20, None), (40, None), (100, 20))  # steps and memory
PRECISIONS = (1e-5, 1e-6, 1e-7)  # OQuPy's epsrel
CUTOFFS = tuple(10.0**-k for k in range(7, 17))
REFERENCE = 1e-16
DRIVE = (1.0, 3.0)  # of how much, and of which frequency
BATH = Ohmic(STRENGTH, CUTOFF, BETA)
SYSTEM = OpenSystem(HAMILTONIAN, (1.0, -1.0), BATH)
UP = np.diag([1.0, 0.0])
METHODS = {"propagate": propagate, "uniform_propagate": uniform_propagate}
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def driven(time: float) -> np.ndarray:
    """H at a time."""
    return HAMILTONIAN + DRIVE[0] * np.sin(DRIVE[1] * time) * np.diag([1.0, -1.0])


DRIVEN = OpenSystem(driven, (1.0, -1.0), BATH)


class Size(NamedTuple):
    """Steps, memory, and whether H depends on time."""

    steps: int
    memory: int | None
    driven: bool = False

    @property
    def name(self) -> str:
        lags = "all memory" if self.memory is None else f"memory {self.memory}"
        return f"{self.steps} steps, {lags}{', driven' if self.driven else ''}"


class Timed(NamedTuple):
    """Density matrices, and wall and processor seconds."""

    states: np.ndarray
    seconds: tuple[float, float]


def ours(size: Size, cutoff: float, method: str = "propagate") -> Timed:
    """By a chain of tensors."""
    grid = TimeGrid(STEP, size.steps, size.memory, "tempo")
    system = DRIVEN if size.driven else SYSTEM
    wall, processor = time.perf_counter(), time.process_time()
    states = METHODS[method](system, grid, cutoff=cutoff, check=False).states(UP)
    return Timed(states, (time.perf_counter() - wall, time.process_time() - processor))


def theirs(python: str, size: Size, epsrel: float) -> Timed:
    """By OQuPy, in its own interpreter, the start of which is not timed."""
    request = {
        "H": HAMILTONIAN,
        "xi": STRENGTH,
        "cutoff": CUTOFF,
        "beta": BETA,
        "dt": STEP,
        "steps": size.steps,
        "memory": size.memory,
        "epsrel": epsrel,
        "drive": DRIVE if size.driven else None,
    }
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | THREADS
    script = Path(__file__).with_name("paths_oqupy.py")
    command = [python, str(script), json.dumps(request)]
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    answer = json.loads(output.splitlines()[-1])
    states = np.array(answer["real"]) + 1j * np.array(answer["imaginary"])
    return Timed(states, (answer["wall"], answer["processor"]))


def rows(python: str, rounds: int, sizes: Iterable[Size]) -> Iterator[Row]:
    """Some sizes, at each of OQuPy's precisions."""
    for size in sizes:
        reference = ours(size, REFERENCE).states
        errors = {
            (method, cutoff): abs(ours(size, cutoff, method).states - reference).max()
            for method in METHODS
            for cutoff in CUTOFFS
            if (method, cutoff) != ("propagate", REFERENCE)
        }
        for epsrel in PRECISIONS:
            error = abs(theirs(python, size, epsrel).states - reference).max()
            if error > 0.02:
                raise SystemExit(f"OQuPy and Isinglass differ by {error:.2g}")
            name = f"{size.name}: OQuPy at {epsrel:.0e}, error {error:.1e}"
            calls: dict[str, Callable[[], Timed]] = {
                "OQuPy": lambda s=size, e=epsrel: theirs(python, s, e)
            }
            names = {}
            for method in METHODS:
                exact = [
                    c for (m, c), e in errors.items() if m == method and e <= error
                ]
                if not exact:
                    Console().print(f"{name}: no cutoff of {method} is as exact")
                    continue
                cutoff = max(exact)
                calls[method] = lambda s=size, c=cutoff, m=method: ours(s, c, m)
                names[method] = (
                    f"{name}; {method} at {cutoff:.0e}, "
                    f"error {errors[method, cutoff]:.1e}"
                )
            yield from _timed(names, calls, rounds)


def threads(rounds: int) -> list[Row]:
    """20 steps by one thread of BLAS, and by as many as it takes by itself."""
    module = sys.modules[propagate.__module__]

    def at_will() -> Timed:
        with patch.object(module, "one_thread", nullcontext):
            return ours(Size(20, None), 1e-13)

    programs = {
        "isinglass": Program(lambda: ours(Size(20, None), 1e-13)),
        "BLAS at will": Program(at_will, warm=False),
    }
    return harness.measure(Work("20 steps, cutoff 1e-13", programs), rounds)


def _timed(
    names: dict[str, str], calls: dict[str, Callable[[], Timed]], rounds: int
) -> Iterator[Row]:
    """All programs in turn, round by round; OQuPy's beside each of ours."""
    taken: dict[str, list[Any]] = {program: [] for program in calls}
    for _ in range(rounds):
        for program, call in calls.items():
            taken[program].append(call().seconds)
    times = {program: np.array(values) for program, values in taken.items()}
    for method, name in names.items():
        for program in (method, "OQuPy"):
            for column, unit in enumerate(("s", "processor s")):
                own, base = times[program][:, column], times[method][:, column]
                yield Row(
                    name,
                    program,
                    unit,
                    float(np.median(own)),
                    float(own.min()),
                    float(own.max()),
                    float(np.median(own / base)),
                )


def main() -> None:
    parser = harness.options_of(__doc__, rounds=3)
    parser.add_argument("--oqupy", metavar="PYTHON")
    parser.add_argument("--steps", nargs="*", type=int, help="20, 40, 100; all of them")
    parser.add_argument("--driven", action="store_true")
    options = parser.parse_args()
    sizes = [
        Size(steps, memory, options.driven)
        for steps, memory in SIZES
        if steps in (options.steps or [steps])
    ]
    if options.oqupy is None:
        harness.report(threads(options.rounds), options)
        return
    harness.report(rows(options.oqupy, options.rounds, sizes), options)


if __name__ == "__main__":
    main()
