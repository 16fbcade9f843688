"""Speed of nearest neighbours beside faiss and scikit-learn, of training by PyTorch.

    pip install faiss-cpu==1.15.1 torch==2.13.0 && python benchmarks/memory.py
    [neighbours|training|parts]

Both peers are only needed here. That all name the same neighbours, and that all have
the same losses from the same weights, is checked before anything is timed.

Neighbours: the limit is a large product of the same rounds, by n²d flops, half of what
all pairs take, for one product serves both of its vectors. Peak memory is of fresh
processes that each run one program, vectors included. Training: whole steps, text,
clipping and AdamW included. On a GPU, GPT-2 small in bfloat16 too. Parts: what a step
of training is made of, layer by layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.systems.memory import nearest_neighbour_radius, nearest_neighbours

PARTS = ("neighbours", "training", "parts")
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


def neighbours(options: argparse.Namespace) -> Iterator[Row]:
    """Time, memory, and the share of the products' limit."""
    check_same_neighbours(options.kind, options.dimension)
    count, dimension, kind = options.vectors, options.dimension, options.kind
    vectors = draw(count, dimension, kind)
    name = f"neighbours of {count:,} × {dimension:,} float32, {kind}"
    searches = {
        name: search
        for name, search in PROGRAMS.items()
        if not options.only or name in ("Isinglass", *options.only)
    }
    for search in searches.values():
        search(vectors[:3_000])  # compiles
    work = Work(
        name,
        {
            name: Program(lambda search=search: search(vectors), warm=False)
            for name, search in searches.items()
        },
        ceiling=harness.product(),
        operations=float(count) ** 2 * dimension,
    )
    yield from harness.measure(work, options.rounds)
    if not options.no_memory:
        for program in searches:
            code = (
                "from memory import PROGRAMS, draw\n"
                f"PROGRAMS[{program!r}](draw({count}, {dimension}, {kind!r}))"
            )
            yield harness.peak_memory(name, program, code)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """What was asked for."""
    if "neighbours" in options.what:
        yield from neighbours(options)
    if "training" in options.what:
        from memory_training import training, utilisation

        yield from training(3 * options.rounds)
        yield from utilisation(3 * options.rounds)
    if "parts" in options.what:
        from memory_parts import parts

        yield from parts(3 * options.rounds)


def main() -> None:
    """Measure everything and print the tables."""
    sizes = {"vectors": 80_000, "dimension": 1_024}
    parser = harness.options_of(__doc__, rounds=3, **sizes)
    parser.add_argument("what", nargs="*", default=[*PARTS], metavar="|".join(PARTS))
    parser.add_argument(
        "--kind", choices=("independent", "clustered"), default="independent"
    )
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
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
