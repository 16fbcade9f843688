"""Speed of nearest neighbours beside faiss and scikit-learn, of training by PyTorch.

    pip install faiss-cpu==1.15.1 torch==2.13.0 && python benchmarks/memory.py
    [neighbours|training]

Both peers are only needed here. One run, interleaved, medians. That all name the same
neighbours, and that all have the same losses from the same weights, is checked before
anything is timed. Compilation is left out: every program is called once before.

Neighbours: the wall clock, and the processor time of all threads, which says more where
other programs run beside; peak memory is of fresh processes that each run one program,
vectors included. Training: whole steps, text, clipping and AdamW included. On a GPU,
GPT-2 small in bfloat16 too.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from isinglass._common.machine import cores
from isinglass.systems.memory import nearest_neighbour_radius, nearest_neighbours

PARTS = ("neighbours", "training")
Search = Callable[[np.ndarray], "np.ndarray | None"]


def draw(count: int, dimension: int, kind: str) -> np.ndarray:
    """Float32 vectors: independent numbers, or near a few hundred centres, off 0."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, dimension), np.float32)
    if kind == "clustered":
        centres = 3 * rng.standard_normal((300, dimension), np.float32) + 5
        for start in range(0, count, 2_048):  # memory is measured too
            part = vectors[start : start + 2_048]
            part += centres[rng.integers(0, len(centres), len(part))]
    return vectors


def ours(vectors: np.ndarray) -> np.ndarray:
    return nearest_neighbours(vectors).neighbour


def ours_by_share(vectors: np.ndarray) -> None:
    """The whole report, at four shares of the sample."""
    nearest_neighbour_radius(vectors)


def faiss(vectors: np.ndarray) -> np.ndarray:
    """The first two of each, of which one is the vector itself."""
    import faiss

    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    places = index.search(vectors, 2)[1]
    return np.where(places[:, 0] == np.arange(len(vectors)), places[:, 1], places[:, 0])


def scikit_learn(vectors: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=-1).fit(vectors)
    return search.kneighbors(return_distance=False)[:, 0]


PROGRAMS: dict[str, Search] = {
    "Isinglass": ours,
    "faiss IndexFlatL2": faiss,
    "scikit-learn brute": scikit_learn,
    "Isinglass, four shares": ours_by_share,
}


def check_same_neighbours(kind: str, dimension: int) -> None:
    """Refuse to time programs that differ, but for float32 rounding in the peers."""
    vectors = draw(3_000, dimension, kind)
    indices = [search(vectors) for search in (ours, faiss, scikit_learn)]
    exact = vectors.astype(float)
    first, *others = (np.linalg.norm(exact - exact[index], axis=1) for index in indices)
    for other in others:
        assert (first <= other * (1 + 1e-12)).all(), "another program found nearer ones"
        np.testing.assert_allclose(first, other, rtol=1e-3)


def times(
    programs: dict[str, Search], vectors: np.ndarray, rounds: int
) -> dict[str, np.ndarray]:
    """Seconds on the clock and of the processor, (rounds, 2) for each program."""
    for search in programs.values():
        search(vectors[:3_000])
    taken = {name: [] for name in programs}
    for _ in range(rounds):
        for name, search in programs.items():
            clock, processor = time.perf_counter(), time.process_time()
            search(vectors)
            taken[name].append(
                (time.perf_counter() - clock, time.process_time() - processor)
            )
    return {name: np.array(pairs) for name, pairs in taken.items()}


def peak_memory(name: str, count: int, dimension: int, kind: str) -> float:
    """Peak resident GiB of a fresh process that runs one program (Linux)."""
    code = (
        "import sys; sys.path.insert(0, 'benchmarks')\n"
        "from memory import *\n"
        f"PROGRAMS[{name!r}](draw({count}, {dimension}, {kind!r}))\n"
        "print(open('/proc/self/status').read())\n"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(re.findall(r"VmHWM:\s*(\d+) kB", output)[0]) / 2**20


def neighbours_table(
    count: int,
    dimension: int,
    kind: str,
    rounds: int,
    with_memory: bool,
    only: list[str],
) -> Table:
    """Medians, and how many times ours each takes, the median over rounds of ratios."""
    programs = {
        name: search for name, search in PROGRAMS.items() if not only or name in only
    }
    taken = times(programs, draw(count, dimension, kind), rounds)
    table = Table(
        title=f"nearest neighbours of {count:,} × {dimension:,} float32, {kind}"
    )
    for column in ("", "s", "processor s", "times ours", "peak GiB"):
        table.add_column(column, justify="right" if column else "left")
    for name, pairs in taken.items():
        clock, processor = np.median(pairs, axis=0)
        ratio = np.median(pairs[:, 0] / taken["Isinglass"][:, 0])
        memory = (
            f"{peak_memory(name, count, dimension, kind):.2f}" if with_memory else ""
        )
        table.add_row(
            name, f"{clock:.2f}", f"{processor:.2f}", f"{ratio:.2f} ×", memory
        )
    return table


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=[*PARTS], metavar="|".join(PARTS))
    parser.add_argument("--vectors", type=int, default=80_000)
    parser.add_argument("--dimension", type=int, default=1_024)
    parser.add_argument(
        "--kind", choices=("independent", "clustered"), default="independent"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--no-memory", action="store_true", help="leave peak memory out"
    )
    parser.add_argument(
        "--only", nargs="*", default=[], help="beside Isinglass", metavar="NAME"
    )
    options = parser.parse_args()
    if unknown := set(options.what) - set(PARTS):
        parser.error(
            f"what must be of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}"
        )
    console = Console()
    if "neighbours" in options.what:
        console.print(_neighbours(options))
    if "training" in options.what:
        from memory_training import training_tables, utilisation_table

        for table in training_tables(3 * options.rounds):
            console.print(table)
        if (table := utilisation_table(3 * options.rounds)) is not None:
            console.print(table)
    console.print(f"{platform.machine()}, {cores()} cores")


def _neighbours(options: argparse.Namespace) -> Table:
    check_same_neighbours(options.kind, options.dimension)
    only = ["Isinglass", *options.only] if options.only else []
    return neighbours_table(
        options.vectors,
        options.dimension,
        options.kind,
        options.rounds,
        not options.no_memory,
        only,
    )


if __name__ == "__main__":
    main()
