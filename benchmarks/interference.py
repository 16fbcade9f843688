"""Speed and memory of the interference classifier, beside the published loops.

    python benchmarks/interference.py [--mnist DIR]

One run, interleaved, medians. The loops are a plain NumPy transcription of the
published rule, written from its equations; that both give the same numbers is checked
before anything is timed.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from isinglass.data import few_shot, mnist
from isinglass.systems.interference import (
    InterferenceClassifier,
    encode_images,
    ensemble_energies,
    paper_settings,
)

CLASSES = (0, 1, 2, 4)
BATCH = 4000
WHOLE_SET = 24_000  # MNIST has about as many training pictures of the four digits
LOOP_IMAGES = 4  # images a round that the loops are given; they take 10 to 100 ms each
ROUNDS = 7


# -- the published rule, route by route ------------------------------------------------


RATES, THRESHOLD = (1.0, -0.5, -0.8), 0.7


def loop_train(p, dipoles, target, host, distance):
    """Eq. 4 for one picture, in place."""
    rates, threshold = RATES, THRESHOLD
    n_durations = p.shape[2]
    for s in range(len(dipoles)):
        change = np.zeros(n_durations)
        for t in range(n_durations):
            if t < distance[s, target]:
                continue
            similarity = np.dot(dipoles[s], host)
            if similarity >= threshold:
                change[t] += rates[0] * p[s, target, t]
            elif similarity > -threshold:
                change[t] += rates[1] * p[s, target, t]
            else:
                change[t] += rates[2] * p[s, target, t]
        route = p[s, target] + change
        p[s, target] = route / route.sum()


def loop_energies(p, dipoles, host, distance, n_signals=1000, threshold=0.7):
    """Peak energy at every target for one picture, Eqs. 2 and 3."""
    n_sources, n_targets, n_durations = p.shape
    peaks = np.full(n_targets, -np.inf)
    for y in range(n_targets):
        for t in range(n_durations):
            friends, others = [], []
            for s in range(n_sources):
                if distance[s, y] <= t:
                    kind = friends if np.dot(dipoles[s], host) >= threshold else others
                    kind.append(s)
            attended = (
                np.mean([dipoles[s] for s in friends], axis=0) if friends else host
            )
            energy = 0.0
            for s in friends:
                energy += n_signals * p[s, y, t]
            for s in others:
                energy += n_signals * p[s, y, t] * np.dot(dipoles[s], attended)
            peaks[y] = max(peaks[y], energy)
    return peaks


# -- measuring -------------------------------------------------------------------------


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each function, run in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(ROUNDS):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: float(np.median(values)) for name, values in times.items()}


def matrix_ceiling(size: int = 2048) -> float:
    """Flop/s of one large float64 matrix product."""
    with jax.enable_x64(True):
        a = jnp.ones((size, size), dtype=jnp.float64)
        product = jax.jit(jnp.matmul)
        median = interleaved({"product": lambda: product(a, a).block_until_ready()})[
            "product"
        ]
    return 2 * size**3 / median


def memory_ceiling(size: int = 1 << 26) -> float:
    """Bytes/s of a large copy on one thread, read and written."""
    source, target = np.ones(size), np.zeros(size)
    median = interleaved({"copy": lambda: np.copyto(target, source)})["copy"]
    return 16 * size / median


def work_per_image(
    model: InterferenceClassifier, images: np.ndarray
) -> dict[str, dict[str, float]]:
    """Flops of the matrix products, and bytes of input, per image.

    Counted by hand: S sources, C targets, T steps, D components. Prediction multiplies
    (C·T, S) by (S, D) twice (hosts; signals of the others) and by (S, 1) twice (counts;
    friends). Training has one product of D with the host and one small one with the
    class memberships.
    """
    sources, targets, steps = model.prior_.shape
    components = 9
    return {
        "predict": {
            "flops": 2.0 * sources * targets * steps * 2 * (components + 1),
            "bytes": float(images[0].nbytes),
        },
        "train": {
            "flops": 2.0 * sources * (components + 3 * targets),
            "bytes": float(images[0].nbytes),
        },
    }


def peak_memory(n_images: int = 60_000) -> float:
    """Peak resident GiB of a new process that predicts `n_images` pictures (Linux)."""
    code = (
        "import numpy as np\n"
        "from isinglass.systems.interference import InterferenceClassifier\n"
        "from isinglass.systems.interference import paper_settings\n"
        "rng = np.random.default_rng(0)\n"
        f"X = rng.integers(0, 256, ({n_images}, 28, 28), dtype=np.uint8)\n"
        "y = np.arange(100) % 4\n"
        "model = InterferenceClassifier(**paper_settings(), random_state=0)\n"
        "model.fit(X[:100], y).predict(X)\n"
        "print(open('/proc/self/status').read())\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    # Not getrusage, whose high-water mark a process inherits from its parent.
    return int(re.findall(r"VmHWM:\s*(\d+) kB", output.stdout)[0]) / 2**20


def table_one(task: few_shot.Task, seeds: int = 100) -> float:
    """Seconds for all of Table 1, ours: draw, train, test every seed of every cell."""
    cells = ((1, 5, False), (5, 1, False), (10, 1, False), (5, 10, False))
    cells += tuple((k, epochs, True) for k, epochs, _ in cells[1:])

    def run(n: int) -> None:
        for k, epochs, mixed in cells:
            models = []
            for seed in range(n):
                rng = np.random.default_rng([seed, k])
                digits = few_shot.draw(task.pool, CLASSES, k, rng)
                order = rng.permutation(len(digits.labels)) if mixed else slice(None)
                model = InterferenceClassifier(
                    **paper_settings(), epochs=epochs, random_state=seed
                )
                models.append(model.fit(digits.images[order], digits.labels[order]))
            ensemble_energies(models, task.test.images).argmax(axis=-1)

    run(seeds)
    return seconds(lambda: run(seeds))


# -- the run ---------------------------------------------------------------------------


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="folder with the official IDX files")
    data = mnist.load(parser.parse_args().mnist)
    task = few_shot.task(data, CLASSES)
    rng = np.random.default_rng(0)
    images = task.test.images[rng.integers(len(task.test.images), size=BATCH)]
    shots = few_shot.draw(task.pool, CLASSES, 5, rng)
    model = InterferenceClassifier(**paper_settings(), random_state=0).fit(*shots)
    train_where = rng.integers(len(task.pool.images), size=WHOLE_SET)
    train_images, train_labels = (
        task.pool.images[train_where],
        task.pool.labels[train_where],
    )

    with jax.enable_x64(True):
        dipoles = np.asarray(encode_images(images[:LOOP_IMAGES], (3, 3)))
        shot_dipoles = np.asarray(encode_images(shots.images, (3, 3)))
    host, distance = model._host(), model.geometry_.distances
    routes = model.route_probabilities_
    stage = (host, distance)
    check_loops(model, (dipoles, images), (shot_dipoles, shots.labels), stage)

    def loops_predict() -> None:
        for picture in dipoles:
            loop_energies(routes, picture, host, distance)

    def loops_train() -> None:
        p = model.prior_.copy()
        for picture, label in zip(shot_dipoles[::5], shots.labels[::5], strict=True):
            loop_train(p, picture, CLASSES.index(label), host, distance)

    fresh = InterferenceClassifier(**paper_settings(), random_state=0)
    times = interleaved(
        {
            "predict": lambda: model.decision_function(images),
            "predict, loops": loops_predict,
            "train": lambda: fresh.fit(train_images, train_labels),
            "train, loops": loops_train,
        }
    )
    report(times, work_per_image(model, images))
    console = Console()
    console.print(
        f"Table 1, ours, 100 seeds × 7 cells, {len(task.test.labels)} test images: "
        f"{table_one(task):.1f} s"
    )
    console.print(
        f"Peak memory of predicting 60,000 images, whole process: {peak_memory():.2f} "
        "GiB"
    )
    console.print(
        f"{data.source} {platform.machine()}, {jax.device_count()} × "
        f"{jax.devices()[0].device_kind}"
    )


def check_loops(model, queries, shots, stage) -> None:
    """Refuse to time two programs that do not compute the same thing."""
    (dipoles, images), routes = queries, model.route_probabilities_
    p = model.prior_.copy()
    for picture, label in zip(*shots, strict=True):
        loop_train(p, picture, CLASSES.index(label), *stage)
    np.testing.assert_allclose(p, routes, rtol=1e-9)
    loops = [loop_energies(routes, picture, *stage) for picture in dipoles]
    np.testing.assert_allclose(
        loops, model.energies(images[: len(dipoles)]), rtol=1e-9, atol=1e-9
    )


def report(times: dict[str, float], work: dict[str, dict[str, float]]) -> None:
    """Print times per image, ratios, and shares of what the machine can do."""
    flops, bandwidth = matrix_ceiling(), memory_ceiling()
    table = Table(
        title=f"medians of {ROUNDS} rounds; predict {BATCH:,}, train "
        f"{WHOLE_SET:,} images"
    )
    for column in (
        "",
        "µs / image",
        "images / s",
        "loops, ms / image",
        "ratio",
        "of matrix ceiling",
        "of memory ceiling",
    ):
        table.add_column(column, justify="right")
    for what in ("predict", "train"):
        ours = times[what] / {"predict": BATCH, "train": WHOLE_SET}[what]
        loops = times[f"{what}, loops"] / LOOP_IMAGES
        table.add_row(
            what,
            f"{1e6 * ours:.2f}",
            f"{1 / ours:,.0f}",
            f"{1e3 * loops:.2f}",
            f"{loops / ours:,.0f} ×",
            f"{work[what]['flops'] / ours / flops:.0%}",
            f"{work[what]['bytes'] / ours / bandwidth:.1%}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"ceilings: {flops / 1e9:.0f} Gflop/s (float64 product), {bandwidth / 1e9:.0f} "
        "GB/s (copy)"
    )


if __name__ == "__main__":
    main()
