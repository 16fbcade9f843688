"""Few labels among many pictures: DIFFormer without a graph, controls and peers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph
from sklearn.semi_supervised import LabelSpreading

from isinglass import plot
from isinglass.data.graph_folders import random_splits
from isinglass.experiments.diffusion.setting import (
    BARE,
    CONVOLVED,
    MEAN,
    NONE,
    PERCENT,
    PUBLISHED,
    REPORT,
    ROWS,
    SEARCH,
    SIGMOID,
    Arm,
    Draws,
    Problem,
    Training,
    learned,
    sides_of,
    unevenness,
)
from isinglass.plot import COLOURS, INK, MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.reproduce.paired import less
from isinglass.systems.diffusion import Graph

SMALL, MNIST, FEWER = "scikit-learn's digits", "MNIST", "800 of scikit-learn's digits"
CLASSES, NEIGHBOURS = 10, 5
ALONG = PUBLISHED.along_graph()
ARMS = (PUBLISHED, ROWS, SIGMOID, MEAN, NONE, ALONG, CONVOLVED, BARE)
LINEAR = tuple(arm for arm in ARMS if arm != SIGMOID)  # -a takes N² operations
EVEN = (PUBLISHED, ROWS, SIGMOID)  # whose conductances are measured


class Peer(NamedTuple):
    """A learner that is no DIFFormer, and the choices of its one number.

    Attributes:
        make: A scikit-learn classifier from that number.
        choices: Of which one is chosen on validation labels.
        sees_all: Whether it is shown the pictures without labels, too, as of label −1.
    """

    make: Callable[[float], Any]
    choices: tuple[float, ...]
    sees_all: bool = False


PEERS = {
    "label spreading": Peer(
        lambda k: LabelSpreading("knn", n_neighbors=int(k), max_iter=1000),
        (5, 7, 10, 15),
        sees_all=True,
    ),
    "1-NN": Peer(lambda _: KNeighborsClassifier(1), (1,)),
    "logistic regression": Peer(
        lambda c: LogisticRegression(C=c, max_iter=1000), (0.01, 0.1, 1.0, 10.0)
    ),
}
LINES = {
    MEAN.name: (COLOURS[5], "-"),
    PUBLISHED.name: (COLOURS[0], "--"),
    NONE.name: (COLOURS[1], "-"),
    BARE.name: (COLOURS[3], "-"),
    "label spreading": (COLOURS[2], "-"),
    "1-NN": (INK, ":"),
    "logistic regression": (MUTED, "--"),
}
LEARNERS = (*(arm.name for arm in ARMS), *PEERS)


class PictureSet(NamedTuple):
    """Pictures, and what is trained on them.

    Attributes:
        name: What to call them.
        pictures: N, at most: as many are drawn.
        shots: Labels of each class, K.
        arms: What is trained.
    """

    name: str
    pictures: int
    shots: tuple[int, ...]
    arms: tuple[Arm, ...] = LINEAR


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        sets: Of which pictures.
        validation: Labels to choose by.
        training: How.
    """

    sets: tuple[PictureSet, ...]
    validation: int
    training: Training

    @property
    def shots(self) -> tuple[int, ...]:
        """All numbers of labels."""
        return tuple(sorted({k for part in self.sets for k in part.shots}))


SHOTS, RATES = (5, 10, 50, 100), (0.01, 0.03, 0.1)
SETTINGS = {
    "quick": Setting(
        (PictureSet(SMALL, 600, (5,), (PUBLISHED, ROWS, MEAN, NONE)),),
        200,
        Training(32, epochs=60, rates=(0.01, 0.03), searches=1, lanes=2, every=10),
    ),
    "default": Setting(
        (
            PictureSet(SMALL, 1797, SHOTS),
            PictureSet(MNIST, 2000, (5, 50)),
            PictureSet(FEWER, 800, (5,), (PUBLISHED, SIGMOID, MEAN, NONE)),
        ),
        500,
        Training(32, rates=RATES),
    ),
    "full": Setting(
        (PictureSet(SMALL, 1797, SHOTS, ARMS), PictureSet(MNIST, 2000, SHOTS, ARMS)),
        500,
        Training(64, rates=RATES),
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all learners on the same splits; NaN where one was not trained.

    `rate` is the learning rate, number of neighbours or C that was chosen; `unevenness`
    N · max |S − 1/N| of trained models.
    """
    options = SETTINGS[context.resolution]
    axes = {
        "set": [part.name for part in options.sets],
        "learner": LEARNERS,
        "shots": options.shots,
    }
    accuracy = context.table(**PERCENT, **axes, seed=context.seeds)
    chosen = context.table(**axes)
    axes["learner"] = tuple(arm.name for arm in EVEN)
    uneven = context.table(**axes, seed=context.seeds).rename(learner="even")
    for pictures in options.sets:
        problem = _problem(context, options, pictures)
        for (arm,) in context.cases(pictures.arms, what="models"):
            outcomes = learned(context, problem, arm, options.training, pictures.shots)
            for shots, outcome in outcomes.items():
                place = pictures.name, arm.name, shots
                accuracy.loc[place] = outcome.accuracy
                chosen.loc[place] = outcome.rate
                if arm in EVEN:
                    uneven.loc[place] = unevenness(outcome.models, problem.draws)
        for peer, shots in context.cases(PEERS, pictures.shots, what="peers"):
            best, values = _of_peer(PEERS[peer], problem, shots)
            accuracy.loc[pictures.name, peer, shots] = values
            chosen.loc[pictures.name, peer, shots] = best
    return xr.Dataset({"accuracy": accuracy, "rate": chosen, "unevenness": uneven})


def _problem(context: Context, options: Setting, pictures: PictureSet) -> Problem:
    """Splits of a set, to search on and to report."""
    features, labels = _pictures(context, pictures)
    places, masks = {}, []
    for shots in pictures.shots:
        for purpose, seeds in (
            (SEARCH, range(options.training.searches)),
            (REPORT, context.seeds),
        ):
            for seed in seeds:
                rest = len(labels) - CLASSES * shots - options.validation
                rng = context.rng(f"split to {purpose}", seed, shots)
                split = random_splits(labels, shots, options.validation, rest, rng=rng)
                places[shots, purpose, seed] = len(masks)
                masks.append([_mask(part, len(labels)) for part in split[:2]])
    training, validation = np.moveaxis(np.array(masks), 1, 0)
    draws = Draws(
        jnp.asarray(features, jnp.float32),
        jnp.broadcast_to(jnp.asarray(labels, jnp.int32), training.shape),
        jnp.asarray(training),
        jnp.asarray(validation),
        _graph_of_neighbours(features),
    )
    return Problem(pictures.name, draws, CLASSES, places)


def _pictures(context: Context, pictures: PictureSet) -> tuple[np.ndarray, np.ndarray]:
    """Pixels from 0 to 1, (N, F), and labels; those of MNIST halved to 14 × 14."""
    if pictures.name != MNIST:
        digits: Any = load_digits()
        features, labels = digits.data / 16, digits.target
    else:
        train = context.read(inputs.digits).train
        features, labels = train.images, train.labels
    count = min(pictures.pictures, len(labels))
    places = context.rng("pictures").choice(len(labels), count, replace=False)
    features, labels = features[places], np.asarray(labels[places], int)
    if pictures.name == MNIST:
        features = features.reshape(count, 14, 2, 14, 2).mean((2, 4)) / 255
    return features.reshape(count, -1), labels


def _mask(places: np.ndarray, count: int) -> np.ndarray:
    mask = np.zeros(count, bool)
    mask[places] = True
    return mask


def _graph_of_neighbours(features: np.ndarray) -> Graph:
    """Pictures of which one is among the nearest of the other."""
    pairs = np.stack(kneighbors_graph(features, NEIGHBOURS).nonzero())
    edges = np.unique(np.concatenate([pairs, pairs[::-1]], axis=1), axis=1)
    return Graph(edges, len(features))


def _of_peer(peer: Peer, problem: Problem, shots: int) -> tuple[float, list[float]]:
    """What is chosen, and accuracy in % on each reported split."""
    features = np.asarray(problem.draws.features)
    labels = np.asarray(problem.draws.labels[0])

    def right(choice: float, place: int, mask: np.ndarray) -> float:
        training = np.asarray(problem.draws.training[place])
        learned_from = features, np.where(training, labels, -1)
        if not peer.sees_all:
            learned_from = features[training], labels[training]
        model = peer.make(choice).fit(*learned_from)
        # Where no label reaches the neighbours of a picture, spreading divides by 0.
        with np.errstate(invalid="ignore"):
            answers = model.predict(features[mask])
        return 100 * float(np.mean(answers == labels[mask]))

    validation, test = np.asarray(problem.draws.validation), problem.draws.test
    places = problem.of(shots, SEARCH).values()
    scores = [
        sum(right(choice, place, validation[place]) for place in places)
        if len(peer.choices) > 1
        else 0
        for choice in peer.choices
    ]
    best = peer.choices[int(np.argmax(scores))]
    reported = problem.of(shots, REPORT).values()
    return best, [right(best, place, test[place]) for place in reported]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, paired differences to the mean, and how uneven conductances are."""
    because = "The paper's tables are of other pictures, and have no such controls"
    ledger = ledger.using(because=because)
    for name in measured.set.values:
        tables = {
            f"Accuracy on {name}": measured.accuracy.sel(set=name),
            f"Less the mean, {name}": _differences(measured).sel(set=name),
        }
        for title, values in tables.items():
            for learner in values.learner.values:
                for shots in values.shots.values:
                    runs = values.sel(learner=learner, shots=shots).dropna("seed")
                    if runs.size:
                        cell = Cell(
                            learner, f"K={shots}", f"{title}: {learner}, K={shots}"
                        )
                        ledger.using(table=title).ours_alone(cell, runs)
        title = f"N max |S − 1/N|, {name}"
        for arm in measured.even.values:
            for shots in measured.shots.values:
                runs = measured.unevenness.sel(set=name, even=arm, shots=shots)
                if runs.dropna("seed").size:
                    cell = Cell(arm, f"K={shots}", f"{title}: {arm}, K={shots}")
                    ledger.using(table=title).ours_alone(cell, runs.dropna("seed"))


def _differences(measured: xr.Dataset) -> xr.DataArray:
    others = [name for name in measured.learner.values if name != MEAN.name]
    parts = [less(measured.accuracy, "learner", name, MEAN.name) for name in others]
    joined = xr.concat(parts, xr.DataArray(others, dims="learner", name="learner"))
    joined.attrs = parts[0].attrs
    return joined


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by number of labels, and paired differences to the mean."""
    yield Figure(
        _curves(measured),
        "Accuracy on the pictures without labels. Bands are 95 % confidence intervals "
        "of the mean over splits.",
    )
    yield Figure(
        _rows(measured),
        "Accuracy less that of the mean (S = 1/N exactly) on the same splits. A dot is "
        "a split, the bar the mean with its 95 % confidence interval.",
        part="differences",
    )


def _curves(measured: xr.Dataset) -> Any:
    counts = measured.accuracy.notnull().any(("learner", "seed")).sum("shots")
    most = min(2, int(counts.max()))  # one number of labels makes no curve
    sets = [name for name in measured.set.values if counts.sel(set=name) >= most]
    width = 4.6 * len(sets) + 1.8
    figure, panels = subplots(1, len(sets), width=width, height=3.8, squeeze=False)
    for panel, name in zip(panels[0], sets, strict=True):
        for learner, (colour, style) in LINES.items():
            plot.band(
                _trained_on(measured.accuracy.sel(set=name, learner=learner)),
                panel,
                along="shots",
                colours=[colour],
                linestyle=style,
                marker="o",
                markersize=4,
                label=learner,
            )
        log_ticks(panel, measured.shots.values.tolist())
        panel.set(title=name, xlabel="labels of each class, K")
    panels[0, 0].set_ylabel("accuracy in %")
    panels[0, -1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _trained_on(accuracy: xr.DataArray) -> xr.DataArray:
    """Without the numbers of labels that were not learned from."""
    return accuracy.dropna("shots", how="all")


def _rows(measured: xr.Dataset) -> Any:
    points = _differences(measured)
    names = [f"K = {shots}" for shots in points.shots.values]
    sets = measured.set.values
    size = {"width": 4.6 * len(sets) + 1.4, "height": 4.6}
    figure, panels = subplots(1, len(sets), sharey=True, squeeze=False, **size)
    for panel, name in zip(panels[0], sets, strict=True):
        values = points.sel(set=name).assign_coords(shots=names)
        plot.rows(values, panel, by="learner", hue="shots")
        panel.axvline(0, color=INK, linewidth=1)
        panel.set(title=name, xlabel="points more than the mean")
    panels[0, -1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Paired differences by set and number of labels, and which side of 0 they are."""
    sets = [str(name) for name in measured.set.values]
    shots = [int(k) for k in measured.shots.values]

    def against(learner: str, of: str = MEAN.name) -> dict[tuple[str, int], Any]:
        points = less(measured.accuracy, "learner", learner, of)
        cases = {
            (s, k): points.sel(set=s, shots=k).dropna("seed")
            for s in sets
            for k in shots
        }
        return {case: values for case, values in cases.items() if values.size}

    best = measured.accuracy.sel(learner=list(PEERS)).mean("seed").idxmax("learner")
    return {
        "seeds": measured.sizes["seed"],
        "published": against(PUBLISHED.name),
        "same_rate": {
            (s, k): values
            for (s, k), values in against(PUBLISHED.name).items()
            for rate in [measured.rate.sel(set=s, shots=k)]
            if rate.sel(learner=PUBLISHED.name) == rate.sel(learner=MEAN.name)
        },
        "rows": against(ROWS.name),
        "sigmoid": against(SIGMOID.name),
        "unmixed": against(NONE.name),
        "convolved": against(CONVOLVED.name, PUBLISHED.name),
        "along": against(ALONG.name, CONVOLVED.name),
        "beside_bare": against(ALONG.name, BARE.name),
        "peer": {
            (s, k): (peer, against(peer)[s, k])
            for s in sets
            for k in shots
            for peer in [str(best.sel(set=s, shots=k).values)]
            if peer in PEERS  # where that number of labels was learned from
        },
        "sides_of": sides_of,
        "neighbours": NEIGHBOURS,
        "even": measured.unevenness.sel(even=PUBLISHED.name),
        "squared": measured.unevenness.sel(even=SIGMOID.name),
        "uneven": measured.unevenness.sel(even=ROWS.name),
        "largest": float(
            abs(less(measured.accuracy, "learner", PUBLISHED.name, MEAN.name)).max()
        ),
        "options": SETTINGS[measured.resolution],
    }
