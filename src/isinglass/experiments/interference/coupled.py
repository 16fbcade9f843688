"""The coupled learner's learning curves beside tuned peers, on pixels and features."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference import picture_sets
from isinglass.experiments.interference.coupled_setting import (
    PEERS,
    VIEWS,
    Features,
    best_of,
    coupled,
    load_split,
    score,
    training_places,
    tuned_strengths,
)
from isinglass.experiments.interference.few_shot import PAPER
from isinglass.experiments.interference.setting import CLASSES
from isinglass.plot import COLOURS, MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import CoupledClassifier, GaussianPrior, StrokePrior

OURS, PLAIN, SHUFFLED = "coupled", "coupled, no strokes", "coupled, shuffled labels"
ON = {"pixels": "pixels", "dipoles": "f", "whitened": "x"}
GRID = {
    ("LR", "pixels"): (0.001, 0.01, 0.1, 1.0),
    ("LR", "dipoles"): (10.0, 100.0, 1000.0, 10_000.0),
    ("LR", "whitened"): (0.001, 0.01, 0.1, 1.0),
    ("SVM", "pixels"): (0.001, 0.01, 0.1, 1.0),
    ("SVM", "dipoles"): (1.0, 10.0, 100.0, 1000.0),
    ("SVM", "whitened"): (0.0001, 0.001, 0.01, 0.1),
}
VARIANCES = (1e2, 1e3, 1e4)  # of the prior without strokes, in units of f²
FEWER = {peer: choices[1:3] for peer, choices in GRID.items()}
SETTINGS = {
    "quick": {
        "shots": (1, 5),
        "tuned": {1: 1},
        "grid": FEWER,
        "draws": {1: 4, 5: 2},
        "sets": (1,),
        "repeats": 1,
    },
    "default": {
        "shots": (1, 5, 10, 50, 200),
        "tuned": {1: 3, 5: 2, 50: 1},
        "grid": GRID,
        "draws": {1: 20, 5: 12, 10: 8, 50: 4, 200: 2},
        "sets": (1, 5, 10),
        "repeats": 10,
    },
    "full": {
        "shots": (1, 5, 10, 50, 200),
        "tuned": {1: 6, 5: 4, 50: 2, 200: 1},
        "grid": GRID,
        "draws": {1: 40, 5: 20, 10: 20, 50: 12, 200: 12},
        "sets": (1, 5, 10),
        "repeats": 20,
    },
}
FOUR_SHOTS = {1: "K=1, 5 epochs", 5: "K=5, 1 epoch", 10: "K=10, 1 epoch"}
SETS = ("scikit-learn's digits", "letters in typefaces", "pieces of photographs")
OWN = "coupled, prior from pictures"
SET_LEARNERS = (OURS, OWN, "1-NN on pixels", "LR on pixels", "SVM on pixels", "LR on x")


def name_of(peer: str, view: str) -> str:
    """A peer with what it learns from, such as "LR on x"."""
    return f"{peer} on {ON[view]}"


LEARNERS = (
    OURS,
    PLAIN,
    *(name_of(peer, view) for view in VIEWS for peer in PEERS),
    SHUFFLED,
)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all learners on the same draws; NaN where a draw was not made.

    `four` is that on the paper's digits, `sets` on other pictures; `strength` the C and
    the variance that were chosen on validation pictures.
    """
    settings = SETTINGS[context.resolution]
    pool, validation, test = (Features.of(*part) for part in load_split(context))
    strengths = tuned_strengths(context, (pool, validation), settings)
    variances = {
        shots: best_of(VARIANCES, partial(_plain, context, pool, validation, shots))
        for shots in settings["tuned"]
    }
    percent = {"unit": "%", "valid_range": (0, 100)}
    axes = {"shots": settings["shots"], "seed": context.seeds}
    accuracy = context.table(**percent, learner=LEARNERS, **axes)
    four = context.table(**percent, **axes)
    chosen = context.table(learner=LEARNERS, shots=settings["shots"])
    for (shots,) in context.cases(settings["shots"], what="numbers of pictures"):
        variance = variances[max(k for k in variances if k <= shots)]
        chosen.loc[PLAIN, shots] = variance
        for (peer, view, k), strength in strengths.items():
            if k == shots:
                chosen.loc[name_of(peer, view), shots] = strength
        draws = context.seeds[: settings["draws"][shots]]
        for (seed,) in context.cases(draws, what=f"draws of {shots}"):
            rng = context.rng("training set", seed, shots)
            train = pool.at(training_places(pool.labels, shots, rng))
            scores = _scores(train, test, chosen.sel(shots=shots), rng)
            for learner, value in scores.items():
                accuracy.loc[learner, shots, seed] = value
            if shots in FOUR_SHOTS:
                four.loc[shots, seed] = _on_four(train, test)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "four": four,
            "strength": chosen,
            "sets": _other_sets(context, settings, strengths),
        }
    )


def _plain(
    context: Context, pool: Features, validation: Features, shots: int, variance: float
) -> float:
    """Accuracy on validation pictures without strokes."""
    places = training_places(pool.labels, shots, context.rng("tuning", shots, 0))
    prior = GaussianPrior(0.0, variance)
    train = pool.at(places)
    return score(
        coupled(prior),
        train.whole(),
        train.labels,
        validation.whole(),
        validation.labels,
    )


def _scores(
    train: Features, test: Features, strength: xr.DataArray, rng: np.random.Generator
) -> dict[str, float]:
    """Accuracy of all learners after one training set."""
    whole = (train.whole(), train.labels, test.whole(), test.labels)
    plain = coupled(GaussianPrior(0.0, float(strength.sel(learner=PLAIN))))
    shuffled = (whole[0], rng.permutation(train.labels), *whole[2:])
    scores = {
        OURS: score(coupled(), *whole),
        PLAIN: score(plain, *whole),
        SHUFFLED: score(coupled(), *shuffled),
    }
    for view in VIEWS:
        for peer, make in PEERS.items():
            name = name_of(peer, view)
            scores[name] = score(
                make(float(strength.sel(learner=name))),
                getattr(train, view),
                train.labels,
                getattr(test, view),
                test.labels,
            )
    return scores


def _on_four(train: Features, test: Features) -> float:
    """Accuracy on the digits of the paper: the same samples without the others."""
    some, tests = (np.isin(part.labels, CLASSES) for part in (train, test))
    return score(
        coupled(),
        train.whole()[some],
        train.labels[some],
        test.whole()[tests],
        test.labels[tests],
    )


def _other_sets(context: Context, settings: dict, strengths: dict) -> xr.DataArray:
    """Accuracy on pictures that are no MNIST, with C as tuned on MNIST."""
    seeds = context.seeds[: settings["repeats"]]
    table = context.table(
        unit="%",
        valid_range=(0, 100),
        set=SETS,
        set_learner=SET_LEARNERS,
        set_shots=settings["sets"],
        seed=context.seeds,
    )
    for (seed,) in context.cases(seeds, what="other pictures"):
        rng = context.rng("pictures", seed)
        for pictures in (
            picture_sets.small_digits(),
            picture_sets.letters(rng),
            picture_sets.photographs(rng),
        ):
            train = Features.of(pictures.pool, pictures.pool_labels)
            test = Features.of(pictures.test, pictures.test_labels)
            own = StrokePrior.from_pictures(pictures.pool)
            for shots in settings["sets"]:
                places = training_places(train.labels, shots, rng)
                for learner in SET_LEARNERS:
                    model, view = _set_learner(learner, shots, strengths, own)
                    if view == "pictures":
                        pair = pictures.pool[places], pictures.test
                    else:
                        pair = getattr(train, view)[places], getattr(test, view)
                    table.loc[pictures.name, learner, shots, seed] = score(
                        model, pair[0], train.labels[places], pair[1], test.labels
                    )
    return table


def _set_learner(
    learner: str, shots: int, strengths: dict, own: GaussianPrior
) -> tuple[object, str]:
    """A learner by name, and what it learns from."""
    if learner in (OURS, OWN):
        return CoupledClassifier(prior=None if learner == OURS else own), "pictures"
    peer, on = learner.split(" on ")
    view = next(view for view, short in ON.items() if short == on)
    return PEERS[peer](strengths.get((peer, view, shots), 1.0)), view


def difference(measured: xr.Dataset, learner: str, shots: int) -> xr.DataArray:
    """Ours less another learner on the same draws, in points."""
    accuracy = measured.accuracy.sel(shots=shots)
    points = (accuracy.sel(learner=OURS) - accuracy.sel(learner=learner)).dropna("seed")
    points.attrs = {"units": "points"}
    return points


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Learning curves, paired differences, Table 1's digits, and other pictures."""
    because = "The paper has no such learner."
    ledger = ledger.using(source="beside Table 1", because=because)
    percent = ledger.using(unit="%", valid_range=(0, 100))
    accuracies = percent.using(table="Accuracy on ten digits")
    ahead = ledger.using(table="Coupled less another, same draws", unit="points")
    for learner in measured.learner.values:
        for shots in measured.shots.values:
            values = measured.accuracy.sel(learner=learner, shots=shots).dropna("seed")
            place = Cell(learner, f"K={shots}", f"{learner}, K={shots}")
            accuracies.ours_alone(place, values)
            if learner not in (OURS, SHUFFLED):
                row = f"coupled − {learner}"
                ahead.ours_alone(
                    Cell(row, f"K={shots}", f"{row}, K={shots}"),
                    difference(measured, learner, int(shots)),
                )
    four = percent.using(table="Accuracy on the digits 0, 1, 2 and 4")
    for shots in measured.shots.values:
        if int(shots) in FOUR_SHOTS:
            paper = float(
                PAPER.sel(classifier="Ours+SeqTrn", cell=FOUR_SHOTS[int(shots)])
            )
            four.other_setting(
                f"four digits, K={shots}",
                measured.four.sel(shots=shots).dropna("seed"),
                paper,
                because="the paper's learner has no couplings",
            )
    for name in SETS:
        for learner in SET_LEARNERS:
            for shots in measured.set_shots.values:
                values = measured.sets.sel(
                    set=name, set_learner=learner, set_shots=shots
                )
                percent.using(table=f"Accuracy on {name}").ours_alone(
                    Cell(learner, f"K={shots}", f"{name}: {learner}, K={shots}"),
                    values.dropna("seed"),
                )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Learning curves by what is learned from, and on other pictures."""
    yield _draw_curves(measured)
    yield _draw_sets(measured)


def _draw_curves(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(1, 3, width=11, height=3.8, sharey=True)
    for panel, view in zip(panels, VIEWS, strict=True):
        colours = dict(zip(PEERS, COLOURS[1:4], strict=True))
        for learner, colour, style in (
            (OURS, COLOURS[0], "-"),
            *((name_of(peer, view), colours[peer], "-") for peer in PEERS),
            *(((PLAIN, MUTED, ":"),) if view == "dipoles" else ()),
        ):
            plot.band(
                measured.accuracy.sel(learner=learner),
                panel,
                along="shots",
                colours=[colour],
                marker="o",
                markersize=4,
                linestyle=style,
                label=learner,
            )
        log_ticks(panel, measured.shots.values.tolist())
        panel.set(title=f"beside peers on {ON[view]}", xlabel="pictures per class K")
        panel.legend(loc="lower right")
    panels[0].set_ylabel("accuracy in %")
    return Figure(
        figure,
        "Accuracy on ten digits after K pictures of each. The same curve of ours is in "
        "all panels: left, peers learn pixels; in the middle, our dipole features f; "
        "right, these whitened by the prior of pen strokes, x. Bands are 95 % "
        "confidence intervals of the mean over draws.",
    )


def _draw_sets(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(1, 3, width=11, height=3.4, sharey=True)
    for panel, name in zip(panels, SETS, strict=True):
        values = measured.sets.sel(set=name)
        plot.band(
            values,
            panel,
            along="set_shots",
            hue="set_learner",
            marker="o",
            markersize=4,
        )
        log_ticks(panel, values.set_shots.values.tolist())
        panel.set(title=name, xlabel="pictures per class K")
    panels[0].set_ylabel("accuracy in %")
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    return Figure(
        figure,
        "Pictures that are no MNIST, all from what is installed. C of the peers is "
        "that tuned on MNIST. The pieces of two photographs are no drawings.",
        part="sets",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """How far ours is ahead of the best peers on pixels, and on its own features."""
    shots = [int(k) for k in measured.shots.values]
    mean = measured.accuracy.mean("seed")
    best = {
        view: {
            k: max(
                (name_of(peer, view) for peer in PEERS),
                key=lambda name, k=k: float(mean.sel(learner=name, shots=k)),
            )
            for k in shots
        }
        for view in VIEWS
    }
    return {
        "ks": shots,
        "ours": measured.accuracy.sel(learner=OURS),
        "best": best,
        "ahead": {
            view: {k: difference(measured, best[view][k], k) for k in shots}
            for view in VIEWS
        },
        "plain": {k: difference(measured, PLAIN, k) for k in shots},
        "shuffled": measured.accuracy.sel(learner=SHUFFLED).mean("seed"),
        "set_names": SETS,
        "set_ks": [int(k) for k in measured.set_shots.values],
    }
