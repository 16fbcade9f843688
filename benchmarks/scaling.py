"""How time and memory of the main jobs grow with their size, over two decades.

    python benchmarks/scaling.py [--picture docs/images/scaling.png] [--json FILE]

Each job runs in a process of its own, smallest size first: once to compile, then for
`--rounds` rounds, of which the median counts. Memory is the peak of the process at each
size, less what it had before the first. Exponents are fitted to the upper half of the
sizes, since the smallest are mostly fixed cost: 1 is in proportion, 2 quadratic.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

import harness
from harness import Row

Call = Callable[[], object]


def values(size: int) -> Call:
    """A bifurcation diagram of the mean field over values of β, 200 steps each."""
    from isinglass.dynamics import Measure, bifurcation

    field, start, fixed = _mean_field(3)
    vary = {"beta": np.linspace(1.24, 1.28, size)}
    measure = Measure(transient=0, steps=200)
    return lambda: bifurcation(field.map, start, fixed, vary, measure)


def patterns(size: int) -> Call:
    """The same of 32 values, with M patterns."""
    from isinglass.dynamics import Measure, bifurcation

    field, start, fixed = _mean_field(size)
    vary, measure = {"beta": np.linspace(1.24, 1.28, 32)}, Measure(0, 100)
    return lambda: bifurcation(field.map, start, fixed, vary, measure)


def steps(size: int) -> Call:
    """All exponents of the Hénon map, by steps."""
    from isinglass.dynamics import lyapunov_spectrum
    from isinglass.dynamics.textbook import henon

    start, fixed = np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3}
    return lambda: lyapunov_spectrum(henon, start, fixed, size)


def length(size: int) -> Call:
    """A looped transformer reads one sequence, T = 25."""
    import equinox as eqx

    from isinglass.systems.looped import LoopedConfig, LoopedTransformer

    config = LoopedConfig(vocabulary=16)
    model = eqx.filter_jit(LoopedTransformer(config, key=jax.random.key(0)))
    tokens = jax.random.randint(jax.random.key(1), (size,), 0, 16)
    return lambda: model(tokens)


def seeds(size: int) -> Call:
    """Four training steps of looped transformers, several seeds in one program."""
    from looped import CONFIG, TASK, Span, Stage, _steps, recipe

    stage, keys = Stage(TASK, recipe(16)), jax.random.split(jax.random.key(0), size)
    states = [_steps.first_state(CONFIG, stage.recipe, keys)]

    def run() -> object:
        states[0], _ = _steps.advance(states[0], keys, Span(0, 0, 4), stage, None)
        return states[0]

    return run


def vectors(size: int) -> Call:
    """Exact nearest neighbours, 128 numbers a vector."""
    from isinglass.systems.memory import nearest_neighbours

    rows = np.random.default_rng(0).standard_normal((size, 128), np.float32)
    return lambda: nearest_neighbours(rows)


def stored(size: int) -> Call:
    """Energy and force of 64 states amid stored patterns, 512 numbers each."""
    from isinglass.energy import nearest_neighbour_energy_and_force

    rows = jax.random.normal(jax.random.key(0), (size, 512))
    state = rows[:64] + 0.1
    return lambda: nearest_neighbour_energy_and_force(state, rows)


def pictures(size: int) -> Call:
    """Learn pictures of 28 × 28, and predict as many."""
    from isinglass.systems.interference import InterferenceClassifier

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)
    labels = np.arange(size) % 4
    model = InterferenceClassifier(random_state=0)
    return lambda: model.fit(images, labels).predict(images)


JOBS: dict[str, tuple[Callable[[int], Call], tuple[int, ...]]] = {
    "values of β": (values, (50, 160, 500, 1_600, 5_000)),
    "patterns M of the mean field": (patterns, (3, 10, 30, 100, 300)),
    "steps of an orbit": (steps, (10_000, 32_000, 100_000, 320_000, 1_000_000)),
    "length of a sequence": (length, (30, 100, 300, 1_000, 3_000)),
    "seeds": (seeds, (1, 3, 10, 30, 100)),
    "vectors": (vectors, (300, 1_000, 3_000, 10_000, 30_000)),
    "stored patterns": (stored, (1_000, 3_200, 10_000, 32_000, 100_000)),
    "pictures": (pictures, (500, 1_600, 5_000, 16_000, 50_000)),
}


def _mean_field(n_patterns: int) -> tuple:
    from functools import partial

    from isinglass.systems.meanfield import Features, MeanField, gamma_of

    field = MeanField(Features.random_segments(n_patterns, random_state=0))
    fixed = {"gamma": gamma_of(2.2, 100, n_patterns), "epsilon": 0.02}
    return field, partial(field.start_from_pattern, pattern=0), fixed


def run_job(name: str, rounds: int) -> None:
    """In a process of its own: print the rows of a job, and its memory."""
    job, sizes = JOBS[name]
    peak = harness.watch_memory("VmHWM")
    for size in sizes:
        call = job(size)
        before = peak() if size == sizes[0] else before
        jax.block_until_ready(call())
        times = np.array([harness.seconds(call) for _ in range(rounds)])
        print(json.dumps([size, times.tolist(), (peak() - before) / 2**20]))


def rows_of(name: str, rounds: int) -> Iterator[Row]:
    """Seconds, processor seconds and GiB, size by size."""
    command = [sys.executable, __file__, "--job", name, "--rounds", str(rounds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        size, times, memory = json.loads(line)
        work = f"{name}: {size}"
        for numbers, unit in zip(
            np.transpose(times), ("s", "processor s"), strict=True
        ):
            ends = float(numbers.min()), float(numbers.max())
            yield Row(work, "Isinglass", unit, float(np.median(numbers)), *ends)
        yield Row(work, "Isinglass", harness.MEMORY, memory, memory, memory)


def curve(rows: list[Row], name: str, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and medians of a job."""
    those = [row for row in rows if row.work.startswith(f"{name}: ")]
    points = [(int(r.work.split(": ")[1]), r.median) for r in those if r.unit == unit]
    return tuple(np.array(points, float).T)


def exponent(sizes: np.ndarray, numbers: np.ndarray) -> float:
    """Slope over the upper half, both in logarithms; NaN where nothing grew."""
    half = len(sizes) // 2
    x, y = sizes[half:], numbers[half:]
    return float(np.polyfit(np.log(x), np.log(y), 1)[0]) if (y > 0).all() else np.nan


def draw(rows: list[Row], path: Path) -> None:
    """Processor time and memory over the size, relative to the smallest one."""
    from isinglass import plot

    with plot.house_style():
        figure, axes = plot.subplots(1, 2, width=11, height=6, sharex=True)
        kinds = ("processor s", "processor time, s"), (harness.MEMORY, "memory, GiB")
        for axis, (unit, title) in zip(axes, kinds, strict=True):
            colours = zip(JOBS, (*plot.COLOURS, plot.INK), strict=True)
            for name, colour in colours:
                sizes, numbers = curve(rows, name, unit)
                slope = exponent(sizes, numbers)
                label = f"{name}" + ("" if slope != slope else f": {slope:.2f}")
                line = {"color": colour, "label": label, "markersize": 4}
                plot.line(sizes / sizes[0], numbers, axis, "o-", **line)
            axis.set(
                xscale="log",
                yscale="log",
                title=title,
                xlabel="size over the smallest size",
            )
            axis.legend(
                title="exponent of the upper half",
                fontsize=9,
                ncols=2,
                loc="upper left",
                bbox_to_anchor=(0, -0.14),
            )
        path.write_bytes(plot.render(figure, "png"))


def main() -> None:
    """Measure all jobs, print exponents, and draw."""
    parser = harness.options_of(__doc__, rounds=3)
    parser.add_argument("--picture", type=Path, help="file of the picture")
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        run_job(options.job, options.rounds)
        return
    rows = [row for name in JOBS for row in rows_of(name, options.rounds)]
    for name in JOBS:
        for unit in ("processor s", harness.MEMORY):
            sizes, numbers = curve(rows, name, unit)
            grown = f"{numbers[0]:.3g} to {numbers[-1]:.3g} {unit}"
            span = f"{sizes[0]:,.0f} to {sizes[-1]:,.0f}"
            print(f"{name}, {span}: {grown}, exponent {exponent(sizes, numbers):.2f}")
    if options.picture:
        draw(rows, options.picture)
    print(harness.machine())
    harness.write(rows, options)


if __name__ == "__main__":
    main()
