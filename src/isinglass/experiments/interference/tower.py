"""Attention towers with mean-field pooling, beside plain means (Tang 2020, §5.1)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Int

from isinglass import plot
from isinglass.data import few_shot
from isinglass.data.few_shot import Task
from isinglass.data.mnist import Digits
from isinglass.experiments.interference import tower_readout as readout
from isinglass.experiments.interference.tower_figures import draw_towers
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.reproduce.experiment import Resolution
from isinglass.systems.interference import Level, Tower

TASKS = {"four digits": (0, 1, 2, 4), "ten digits": tuple(range(10))}
SHOTS = (1, 5, 10, 50, 200)
VALIDATION = 100  # pictures of each digit, of those to learn from, for thresholds alone
TUNED = ("ten digits", 10)  # the task and K on which thresholds are tuned
MOST = 10_000  # pictures to draw from
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8)
PICTURES = {
    Resolution.QUICK: 500,
    Resolution.DEFAULT: 2000,
    Resolution.FULL: 10_000,
}
TOWERS = {
    "level 1": (Level(),),
    "level 2": (Level(), Level()),
    "plain mean": (Level(radius=0, neighbour_coupling=0.0),),
    "no guests": (Level(neighbour_coupling=0.0), Level(neighbour_coupling=0.0)),
    "rank 2": (Level(squash=False), Level()),
}
CONTROLS = ("plain mean", "no guests")  # whose thresholds are tuned


class Method(NamedTuple):
    """What is read, and by which rule."""

    features: str
    rule: str

    def __str__(self) -> str:
        return f"{self.features}, {self.rule}"


METHODS = (
    Method("flat", "paper's rule"),
    Method("level 1", "paper's rule"),
    Method("level 2", "paper's rule"),
    Method("flat", "tally"),
    Method("level 1", "tally"),
    Method("plain mean", "tally"),
    Method("level 2", "tally"),
    Method("no guests", "tally"),
    Method("rank 2", "tally"),
)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of towers and controls by K, and by threshold on validation digits."""
    task = few_shot.task(context.read(inputs.digits), TASKS["ten digits"])
    axes = {"task": TASKS, "shots": SHOTS, "model": map(str, METHODS)}
    percent = {"unit": "%", "valid_range": (0, 100)}
    accuracy = context.table(**percent, **axes, seed=context.seeds)
    curves = context.table(
        **percent, read=TOWERS, threshold=THRESHOLDS, seed=context.seeds
    )
    whole = all_features(context, task)
    features = {name: whole.only(classes) for name, classes in TASKS.items()}
    validate(context, features[TUNED[0]], curves)
    chosen = {"flat": 0.7} | dict.fromkeys(TOWERS, 0.5)
    chosen |= {name: best_threshold(curves, name) for name in CONTROLS}
    for seed, name, shots in context.cases(
        context.seeds, TASKS, SHOTS, what="draws of pictures"
    ):
        drawn = draw_rows(context, features[name].labels, shots, seed)
        if drawn is None:
            continue
        for method in METHODS:
            hits = score(context, features[name], method, chosen, drawn, seed)
            accuracy.loc[name, shots, str(method), seed] = 100 * hits
    measured = {"accuracy": accuracy, "validation": curves}
    measured["chosen"] = xr.DataArray(
        [chosen[name] for name in CONTROLS], {"control": list(CONTROLS)}, ["control"]
    )
    return xr.Dataset(measured | picture_of_towers(task.test))


class Features(NamedTuple):
    """Pictures as towers give them: to learn from, and to test on."""

    labels: Int[np.ndarray, "n"]
    test_labels: Int[np.ndarray, "n"]
    learn: dict[str, np.ndarray]
    tested: dict[str, np.ndarray]

    def only(self, classes: tuple[int, ...]) -> "Features":
        """Those of some digits."""
        rows, test_rows = (
            np.isin(labels, classes) for labels in (self.labels, self.test_labels)
        )
        return Features(
            self.labels[rows],
            self.test_labels[test_rows],
            {name: values[rows] for name, values in self.learn.items()},
            {name: values[test_rows] for name, values in self.tested.items()},
        )


def all_features(context: Context, task: Task) -> Features:
    """What all towers make of the pictures of ten digits."""
    # Of a large user's folder no more than can be drawn and validated on.
    pool = some(context, task.pool, MOST, "pool")
    test = some(context, task.test, PICTURES[context.resolution], "test pictures")
    parts = []
    for images in (pool.images, test.images):
        part = {"flat": readout.flat(images), "pictures": images}
        for tower, levels in TOWERS.items():
            context.progress.step(f"tower: {tower}")
            part[tower] = Tower(levels).fit_transform(images)
        # Of the plain mean its mean, not tanh(β · mean).
        part["plain mean"] = np.arctanh(part["plain mean"]) / 2
        parts.append(part)
    context.progress.step("")
    return Features(pool.labels, test.labels, *parts)


def some(context: Context, digits: Digits, most: int, purpose: str) -> Digits:
    """As many pictures as there may be, drawn at random."""
    rows = context.rng(purpose).permutation(len(digits.labels))[:most]
    return Digits(digits.images[rows], digits.labels[rows])


def draw_rows(
    context: Context, labels: np.ndarray, shots: int, seed: int
) -> Int[np.ndarray, "C K"] | None:
    """K pictures of each class to learn from; None where there are not as many."""
    rng = context.rng("training set", seed, shots)
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if min(map(len, places)) < shots:
        return None
    return np.stack([rng.choice(where, shots, replace=False) for where in places])


def score(
    context: Context,
    features: Features,
    method: Method,
    thresholds: dict[str, float],
    drawn: Int[np.ndarray, "C K"],
    seed: int,
) -> float:
    """Share of the test pictures whose class is right."""
    learn, tested = features.learn[method.features], features.tested[method.features]
    threshold = thresholds[method.features]
    if method.rule == "tally":
        scores = readout.by_tally(learn[drawn], tested, threshold)
    else:
        prior = context.seed_of("route prior", seed)
        if method.features == "flat":
            learn, tested = features.learn["pictures"], features.tested["pictures"]
            scores = readout.flat_by_energy(learn[drawn], tested, prior)
        else:
            scores = readout.by_energy(learn[drawn], tested, threshold, prior)
    classes = np.unique(features.labels)
    return float((classes[scores.argmax(axis=1)] == features.test_labels).mean())


def validate(context: Context, features: Features, curves: xr.DataArray) -> None:
    """Accuracy by threshold, learned from and scored on digits to learn from alone."""
    labels, classes = features.labels, np.unique(features.labels)
    held = np.concatenate(
        [np.flatnonzero(labels == label)[-VALIDATION:] for label in classes]
    )
    free = np.setdiff1d(np.arange(len(labels)), held)
    for seed in context.seeds:
        drawn = draw_rows(context, labels[free], TUNED[1], seed)
        if drawn is None:
            raise ValueError(
                f"mnist has too few pictures of a digit to learn from: thresholds need "
                f"{VALIDATION + TUNED[1]} of each"
            )
        for name in TOWERS:
            values = features.learn[name]
            for threshold in THRESHOLDS:
                scores = readout.by_tally(
                    values[free[drawn]], values[held], float(threshold)
                )
                hits = classes[scores.argmax(axis=1)] == labels[held]
                curves.loc[name, threshold, seed] = 100 * hits.mean()


def best_threshold(curves: xr.DataArray, name: str) -> float:
    """The threshold of the largest mean accuracy on validation digits."""
    return float(curves.sel(read=name).mean("seed").idxmax("threshold"))


def picture_of_towers(test: Digits) -> dict[str, xr.DataArray]:
    """The maps of both towers of Fig. 4 for one picture."""
    image = test.images[np.flatnonzero(test.labels == 2)[:1]]
    squashed = Tower(TOWERS["level 2"]).fit(image).maps(image)
    ranks = Tower([Level(squash=False)] * 2).fit(image).maps(image)
    top = Tower(TOWERS["rank 2"]).fit(image).maps(image)[-1]
    names = ("picture", "squashed_1", "squashed_2", "rank_1", "rank_2", "rank_2_field")
    maps = (*squashed, *ranks[1:], top)
    return {
        name: xr.DataArray(
            values[0], dims=[f"{name}_{axis}" for axis in ("row", "column", "element")]
        )
        for name, values in zip(names, maps, strict=True)
    }


def difference(measured: xr.Dataset, left: Method, right: Method) -> xr.DataArray:
    """Points between two methods in the same draws."""
    accuracy = measured.accuracy
    points = accuracy.sel(model=str(left)) - accuracy.sel(model=str(right))
    return points.drop_attrs().assign_attrs(units="points")


PAIRS = {
    "level 1 minus flat": (METHODS[4], METHODS[3]),
    "level 1 minus plain mean": (METHODS[4], METHODS[5]),
    "level 2 minus no guests": (METHODS[6], METHODS[7]),
}


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Table of accuracies, and differences in the same draws."""
    ledger = ledger.using(because="The paper draws its towers and gives no number.")
    for task in TASKS:
        accuracy = measured.accuracy.sel(task=task)
        table = ledger.using(table=f"Accuracy, {task}", unit="%")
        for method in map(str, METHODS):
            for shots in SHOTS:
                runs = accuracy.sel(model=method, shots=shots).dropna("seed")
                if runs.size:
                    name = f"{task}, {method}, K={shots}"
                    table.ours_alone(Cell(method, f"K={shots}", name), runs)
        table = ledger.using(table=f"Differences in the same draws, {task}")
        for name, (left, right) in PAIRS.items():
            points = difference(measured, left, right).sel(task=task)
            for shots in SHOTS:
                runs = points.sel(shots=shots).dropna("seed")
                if runs.size:
                    row = f"{task}, {name}, tally, K={shots}"
                    table.ours_alone(Cell(name, f"K={shots}", row), runs)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The two towers, accuracy by K, and accuracy by threshold."""
    yield draw_towers(measured)
    yield draw_accuracy(measured)
    yield draw_thresholds(measured)


def draw_accuracy(measured: xr.Dataset) -> Figure:
    """Accuracy over K, towers beside what is flat or without guests."""
    figure, panels = subplots(1, 2, width=11, height=4.2)
    lines = {
        "flat, tally": (MUTED, "-"),
        "level 1, tally": (COLOURS[0], "-"),
        "plain mean, tally": (COLOURS[0], ":"),
        "level 2, tally": (COLOURS[1], "-"),
        "no guests, tally": (COLOURS[1], ":"),
        "level 1, paper's rule": (COLOURS[2], "-"),
        "flat, paper's rule": (COLOURS[2], ":"),
    }
    places = range(len(SHOTS))
    for panel, task in zip(panels, TASKS, strict=True):
        for name, (colour, style) in lines.items():
            plot.band(
                measured.accuracy.sel(task=task, model=name).assign_coords(
                    shots=places
                ),
                panel,
                along="shots",
                colours=[colour],
                label=name,
                linestyle=style,
                marker="o",
                markersize=4,
            )
        panel.set_xticks(places, SHOTS)
        panel.set(xlabel="pictures of each digit, K", title=task.capitalize())
    panels[0].set_ylabel("accuracy in %")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    return Figure(
        figure,
        "Accuracy of what is learned from the mean fields of a tower, beside the flat "
        "model of 3 × 3 patches. Dotted lines are the controls of the solid ones of "
        "their colour: plain means of the same windows, and two levels whose tensors "
        "do not couple (J₀ = 0), each with its threshold tuned on validation digits. "
        "Bands are 95 % confidence intervals over draws.",
        part="accuracy",
    )


def draw_thresholds(measured: xr.Dataset) -> Figure:
    """Accuracy over the threshold at which a place counts as similar."""
    figure, axes = subplots(width=7.5, height=4)
    styles = {
        "level 1": (COLOURS[0], "-"),
        "plain mean": (COLOURS[0], ":"),
        "level 2": (COLOURS[1], "-"),
        "no guests": (COLOURS[1], ":"),
    }
    for name, (colour, style) in styles.items():
        plot.band(
            measured.validation.sel(read=name),
            axes,
            along="threshold",
            colours=[colour],
            label=name,
            linestyle=style,
            marker="o",
        )
    axes.set(xlabel="threshold of the readout", ylabel="accuracy in %")
    axes.set_ylim(0)
    axes.legend()
    return Figure(
        figure,
        "Accuracy on validation digits (ten digits, K = 10, tally) by the threshold "
        "from which a place counts as similar. Mean fields are close to −1 or 1, so "
        "that the threshold hardly matters; a plain mean has to be cut at the right "
        "place. Bands are 95 % confidence intervals over draws.",
        part="thresholds",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Differences in the same draws."""
    return {
        "differences": {
            name: difference(measured, *pair) for name, pair in PAIRS.items()
        },
    }
