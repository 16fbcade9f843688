"""Speed and memory of the interference classifier, beside the published loops.

    python benchmarks/interference.py [--mnist DIR]

The loops are a plain NumPy transcription of the published rule, written from its
equations; that both give the same numbers is checked before anything is timed. The
limit of prediction are the matrix products that it takes, in float64; that of training
is to read the pictures once.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

import harness
from harness import Program, Row, Work
from isinglass.data import few_shot, mnist
from isinglass.systems.interference import (
    FitnessWarning,
    InterferenceClassifier,
    encode_images,
    ensemble_energies,
    paper_settings,
)

CLASSES = (0, 1, 2, 4)
BATCH = 4000
WHOLE_SET = 24_000  # MNIST has about as many training pictures of the four digits
LOOP_IMAGES = 4  # pictures that the loops are handed; they take 1 to 100 ms each
MEMORY_CODE = """
import numpy as np
from isinglass.systems.interference import InterferenceClassifier, paper_settings
X = np.random.default_rng(0).integers(0, 256, (60_000, 28, 28), dtype=np.uint8)
model = InterferenceClassifier(**paper_settings(), random_state=0)
model.fit(X[:100], np.arange(100) % 4).predict(X)
"""


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


def table_one(task: few_shot.Task, seeds: int = 100) -> None:
    """All of Table 1, ours: draw, train, test every seed of every cell."""
    cells = ((1, 5, False), (5, 1, False), (10, 1, False), (5, 10, False))
    cells += tuple((k, epochs, True) for k, epochs, _ in cells[1:])
    for k, epochs, mixed in cells:
        models = []
        for seed in range(seeds):
            rng = np.random.default_rng([seed, k])
            digits = few_shot.draw(task.pool, CLASSES, k, rng)
            order = rng.permutation(len(digits.labels)) if mixed else slice(None)
            model = InterferenceClassifier(
                **paper_settings(), epochs=epochs, random_state=seed
            )
            models.append(model.fit(digits.images[order], digits.labels[order]))
        ensemble_energies(models, task.test.images).argmax(axis=-1)


# -- the run ---------------------------------------------------------------------------


def products_of_prediction(model: InterferenceClassifier) -> float:
    """Flops of the matrix products a picture: S sources, C targets, T steps, D = 9.

    (C·T, S) by (S, D + 1), twice: hosts with counts of friends, and the signals.
    """
    sources, targets, steps = model.prior_.shape
    return 2.0 * sources * targets * steps * 2 * (9 + 1)


@dataclass(frozen=True)
class Stage:
    """What is learned and asked, as pictures and, for the loops, as dipoles."""

    model: InterferenceClassifier
    images: np.ndarray
    many: tuple[np.ndarray, np.ndarray]
    shots: tuple[np.ndarray, np.ndarray]
    dipoles: np.ndarray
    shot_dipoles: np.ndarray

    @classmethod
    def of(cls, task: few_shot.Task) -> Stage:
        """Draw the pictures, and learn five of each class."""
        rng = np.random.default_rng(0)
        images = task.test.images[rng.integers(len(task.test.images), size=BATCH)]
        shots = few_shot.draw(task.pool, CLASSES, 5, rng)
        model = InterferenceClassifier(**paper_settings(), random_state=0).fit(*shots)
        where = rng.integers(len(task.pool.images), size=WHOLE_SET)
        many = task.pool.images[where], task.pool.labels[where]
        with jax.enable_x64(True):
            dipoles = np.asarray(encode_images(images[:LOOP_IMAGES], (3, 3)))
            shot_dipoles = np.asarray(encode_images(shots.images, (3, 3)))
        return cls(model, images, many, tuple(shots), dipoles, shot_dipoles)

    def loops_predict(self) -> None:
        """Predict as the loops do."""
        stage = self.model._host(), self.model.geometry_.distances
        routes = self.model.route_probabilities_
        for picture in self.dipoles:
            loop_energies(routes, picture, *stage)

    def loops_train(self) -> None:
        """Learn one picture of each class as the loops do."""
        stage = self.model._host(), self.model.geometry_.distances
        p = self.model.prior_.copy()
        pairs = zip(self.shot_dipoles[::5], self.shots[1][::5], strict=True)
        for picture, label in pairs:
            loop_train(p, picture, CLASSES.index(label), *stage)


def works(stage: Stage) -> Iterator[Work]:
    """Prediction and training, ours and the loops'."""
    model, images = stage.model, stage.images
    fresh = InterferenceClassifier(**paper_settings(), random_state=0)
    unit = {"unit": "µs a picture", "scale": 1e6}
    yield Work(
        f"predict {BATCH:,} pictures",
        {
            "Isinglass": Program(lambda: model.decision_function(images), BATCH),
            "loops": Program(stage.loops_predict, LOOP_IMAGES),
        },
        **unit,
        ceiling=harness.product(dtype="float64"),
        operations=products_of_prediction(model),
    )
    yield Work(
        f"train on {WHOLE_SET:,} pictures",
        {
            "Isinglass": Program(lambda: fresh.fit(*stage.many), WHOLE_SET),
            "loops": Program(stage.loops_train, len(CLASSES)),
        },
        **unit,
        ceiling=harness.copying(),
        operations=float(images[0].nbytes),
    )


def check_loops(stage: Stage) -> None:
    """Refuse to time two programs that do not compute the same thing."""
    model, p = stage.model, stage.model.prior_.copy()
    field = model._host(), model.geometry_.distances
    for picture, label in zip(stage.shot_dipoles, stage.shots[1], strict=True):
        loop_train(p, picture, CLASSES.index(label), *field)
    np.testing.assert_allclose(p, model.route_probabilities_, rtol=1e-9)
    routes, some = model.route_probabilities_, stage.images[:LOOP_IMAGES]
    loops = [loop_energies(routes, picture, *field) for picture in stage.dipoles]
    np.testing.assert_allclose(loops, model.energies(some), rtol=1e-9, atol=1e-9)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Check, and time prediction, training, Table 1 and memory."""
    task = few_shot.task(mnist.load(options.mnist), CLASSES)
    stage = Stage.of(task)
    check_loops(stage)
    for work in works(stage):
        yield from harness.measure(work, options.rounds)
    table = {"Isinglass": Program(lambda: table_one(task))}
    yield from harness.measure(Work("Table 1, 100 seeds × 7 cells", table), 1)
    yield harness.peak_memory("predict 60,000", "Isinglass", MEMORY_CODE)


def main() -> None:
    """Measure everything and print the tables."""
    warnings.simplefilter("ignore", FitnessWarning)  # the paper's settings, on purpose
    parser = harness.options_of(__doc__, rounds=7)
    parser.add_argument("--mnist", type=Path, help="folder with the official IDX files")
    options = parser.parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
