"""MNIST in patches: both scales of the softmax, controls without trained attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.data.patches import to_patches
from isinglass.experiments.convergence.digits_models import (
    CLASSES,
    Arm,
    Case,
    Digits,
    Job,
    Trained,
    Training,
    distances,
    predictions,
    trained,
)
from isinglass.plot import COLOURS, INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.systems.convergence import arc_cosine_kernel

SIDE = 7  # of a patch
HALF = Arm("d_m^(−1/2)", 0.5)
INVERSE = Arm("1/d_m", 1.0)
FROZEN = Arm("d_m^(−1/2), W_Q, W_K frozen", 0.5, is_frozen=True)
UNIFORM = Arm("S = 1/d_s", 0.5, mixing="uniform")
ARMS = (HALF, INVERSE, FROZEN, UNIFORM)
ATTENDING = (HALF, INVERSE, FROZEN)
LOGISTIC, RIDGE, WHOLE = PEERS = (
    "logistic regression",
    "kernel of infinite width",
    "that kernel on all pixels",
)
TENFOLD = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
# C of logistic regression, weight of the penalty of the kernels.
STRENGTHS = {
    LOGISTIC: tuple(0.01 * s for s in TENFOLD),
    RIDGE: TENFOLD,
    WHOLE: TENFOLD,
}
PERCENT = {"unit": "%", "valid_range": (0, 100)}
PUBLISHED = Training()
LOOKED_AT = 500  # pictures whose attention is measured
NEAR = 0.05  # of total variation, of 0.94 at most: what is called uniform here


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        widths: d_m.
        learn: Pictures to learn from.
        validation: Of these, what rates are chosen by.
        test: Pictures to test on, at most.
        training: How.
        arms: Which.
    """

    widths: tuple[int, ...] = (64, 512)
    learn: int = 2500
    validation: int = 500
    test: int = 2500
    training: Training = PUBLISHED
    arms: tuple[Arm, ...] = ARMS


SETTINGS = {
    "quick": Setting(
        (64,),
        learn=300,
        validation=100,
        test=200,
        training=Training(steps=40, rates=(0.03,), searches=1, every=10),
        arms=(HALF, INVERSE),
    ),
    "default": Setting(),
    "full": Setting((64, 256, 1024), training=Training(rates=(0.003, 0.01, 0.03, 0.1))),
}


@dataclass(frozen=True)
class Split:
    """A draw of pictures: numbers of those to learn from and those to test on."""

    learn: np.ndarray
    test: np.ndarray


class Pictures(NamedTuple):
    """All pictures, those to learn from first.

    Attributes:
        patches: (n, 16, 49), of mean 0 and variance 1 over all pixels.
        labels: (n,).
        pool: How many there are to learn from; the rest is the official test set. All
            where there is none: then tests are of what a draw leaves.
    """

    patches: np.ndarray
    labels: np.ndarray
    pool: int


@dataclass(frozen=True)
class Problem:
    """Pictures, and the draws of them to search on and to report."""

    options: Setting
    pictures: Pictures
    searched: list[Split]
    reported: list[Split]


def measure(context: Context) -> xr.Dataset:
    """Accuracy, training loss and attention of all arms, and accuracy of the peers.

    `loss` is the mean of a batch since the record before; `distance` the total
    variation of attention from uniform on test pictures of the own draw; `failed` how
    many of the trainings of a search diverged, by learning rate; `strength` what was
    chosen for a peer: C of logistic regression, weight of the penalty of a kernel.
    """
    options = SETTINGS[context.resolution]
    training = options.training
    axes = {"arm": [arm.name for arm in options.arms], "width": options.widths}
    records = range(training.every, training.steps + 1, training.every)
    accuracy = context.table(**PERCENT, **axes, seed=context.seeds)
    losses = context.table(**axes, seed=context.seeds, step=records)
    distance = context.table(**axes, seed=context.seeds, time=("start", "end"))
    chosen, failed = context.table(**axes), context.table(**axes, rate=training.rates)
    problem = _problem(context, options)
    digits = _digits(problem.pictures, problem.reported)
    for arm, width in context.cases(options.arms, options.widths, what="models"):
        place = arm.name, width
        chosen.loc[place], failed.loc[place] = _search(context, problem, arm, width)
        jobs = [
            Job(number, float(chosen.loc[place]), context.seed_of("model", seed))
            for number, seed in enumerate(context.seeds)
        ]
        outcome = trained(context, digits, Case(arm, width, "report"), training, jobs)
        losses.loc[place] = outcome.losses
        accuracy.loc[place] = _right(outcome, digits, problem.reported)
        if arm in ATTENDING:
            distance.loc[place] = _distances(outcome, digits, problem.reported)
    peers = context.table(**PERCENT, peer=PEERS, seed=context.seeds)
    strengths = context.table(peer=PEERS)
    for (peer,) in context.cases(PEERS, what="peers"):
        best, values = _of_peer(peer, problem)
        peers.loc[peer], strengths.loc[peer] = values, best
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "loss": losses,
            "distance": distance,
            "rate_chosen": chosen,
            "failed": failed,
            "peers": peers,
            "strength": strengths,
        }
    )


def _problem(context: Context, options: Setting) -> Problem:
    pictures = _pictures(context)
    numbers = {"search": range(options.training.searches), "report": context.seeds}
    splits = (
        [_split(context, options, pictures, purpose, seed) for seed in seeds]
        for purpose, seeds in numbers.items()
    )
    return Problem(options, pictures, *splits)


def _pictures(context: Context) -> Pictures:
    data = context.read(inputs.digits)
    parts = [part for part in (data.train, data.test) if part is not None]
    pixels = np.concatenate([part.images for part in parts]).astype(np.float32)
    labels = np.concatenate([part.labels for part in parts]).astype(np.int32)
    own = pixels[: len(data.train.labels)]
    patches = to_patches((pixels - own.mean()) / own.std(), (SIDE, SIDE))
    return Pictures(patches, labels, len(own))


def _split(
    context: Context, options: Setting, pictures: Pictures, purpose: str, seed: int
) -> Split:
    """A draw; to search, part of what is learned from else is tested on."""
    rng = context.rng(f"split to {purpose}", seed)
    order = rng.permutation(pictures.pool)
    if purpose == "search":
        learn = options.learn - options.validation
        return Split(order[:learn], order[learn : options.learn])
    rest = order[options.learn :]
    if pictures.pool < len(pictures.labels):
        rest = rng.permutation(np.arange(pictures.pool, len(pictures.labels)))
    return Split(order[: options.learn], rest[: options.test])


def _digits(pictures: Pictures, splits: list[Split]) -> Digits:
    return Digits(
        jnp.asarray(pictures.patches),
        jnp.asarray(pictures.labels),
        jnp.asarray(np.stack([split.learn for split in splits]), jnp.int32),
    )


def _right(outcome: Trained, digits: Digits, splits: list[Split]) -> np.ndarray:
    """Accuracy in % of each model on the pictures of its draw."""
    tested = _tested(outcome, splits)
    answers = predictions(outcome.models, digits.patches, jnp.asarray(tested))
    right = np.asarray(answers) == np.asarray(digits.labels)[tested]
    return 100 * right.mean(-1)


def _tested(outcome: Trained, splits: list[Split]) -> np.ndarray:
    """Numbers of the pictures that each model is tested on: those of its draw."""
    return np.stack([splits[n].test for n in np.asarray(outcome.models.place)])


def _distances(outcome: Trained, digits: Digits, splits: list[Split]) -> np.ndarray:
    """Of each model's attention from uniform, at the start and the end."""
    tested = jnp.asarray(_tested(outcome, splits)[:, :LOOKED_AT])
    pair = outcome.starts, outcome.models
    return np.stack([distances(m, digits.patches, tested) for m in pair], axis=-1)


def _search(
    context: Context, problem: Problem, arm: Arm, width: int
) -> tuple[float, list[int]]:
    """The rate that is best on validation pictures, and how many diverged at each."""
    training, splits = problem.options.training, problem.searched
    if len(training.rates) == 1:
        return training.rates[0], [0]
    digits = _digits(problem.pictures, splits)
    jobs = [
        Job(place, rate, context.seed_of("search", place))
        for rate in training.rates
        for place in range(len(splits))
    ]
    outcome = trained(context, digits, Case(arm, width, "search"), training, jobs)
    shape = len(training.rates), -1
    failed = np.asarray(outcome.failed).reshape(shape)
    right = _right(outcome, digits, splits).reshape(shape)
    scores = np.where(failed, 0, right).mean(-1)
    best = training.rates[int(scores.argmax())]
    return best, failed.sum(-1).tolist()


def _of_peer(peer: str, problem: Problem) -> tuple[float, list[float]]:
    """The strength that is chosen, and accuracy in % on each reported draw."""
    patches, labels = problem.pictures.patches, problem.pictures.labels
    points = patches.mean(1) if peer == RIDGE else patches.reshape(len(patches), -1)

    def right(split: Split, strengths: tuple[float, ...]) -> list[float]:
        learn, test = split.learn, split.test
        answers = _answers(peer, points[learn], labels[learn], points[test], strengths)
        return [100 * float(np.mean(row == labels[test])) for row in answers]

    strengths = STRENGTHS[peer]
    scores = np.mean([right(split, strengths) for split in problem.searched], axis=0)
    best = strengths[int(scores.argmax())]
    return best, [right(split, (best,))[0] for split in problem.reported]


def _answers(
    peer: str,
    learned: np.ndarray,
    labels: np.ndarray,
    points: np.ndarray,
    strengths: tuple[float, ...],
) -> list[np.ndarray]:
    """The digits that a peer takes points for, by strength."""
    if peer == LOGISTIC:
        models = [LogisticRegression(C=s, max_iter=1000) for s in strengths]
        return [model.fit(learned, labels).predict(points) for model in models]
    kernel = arc_cosine_kernel(learned, learned)
    scale = np.trace(kernel) / len(kernel)
    targets, across = (
        np.eye(CLASSES)[labels],
        arc_cosine_kernel(points, learned) / scale,
    )
    ridge: Any = KernelRidge  # whose stub has alpha as a whole number
    models = [ridge(alpha=s, kernel="precomputed") for s in strengths]
    return [m.fit(kernel / scale, targets).predict(across).argmax(-1) for m in models]


# -- views -----------------------------------------------------------------------------


def difference(values: xr.DataArray, arm: Arm, of: Arm) -> xr.DataArray:
    """An arm's numbers less those of another on the same draws."""
    points = values.sel(arm=arm.name, drop=True) - values.sel(arm=of.name, drop=True)
    points.attrs = {"units": "points"}
    return points


def departed(measured: xr.Dataset) -> dict[int, xr.DataArray]:
    """How much further from uniform attention with 1/d_m ends than it starts."""
    distance = measured.distance.sel(arm=INVERSE.name)
    gained = distance.sel(time="end") - distance.sel(time="start")
    return {int(width): gained.sel(width=width) for width in measured.width.values}


def claims(measured: xr.Dataset) -> dict[str, tuple[int, int]]:
    """In how many runs a statement of the paper holds, and how many there are."""
    counted = {}
    last = measured.loss.isel(step=-1)
    for width in measured.width.values:
        pair, name = last.sel(width=width), f"d_m = {width}"
        faster = pair.sel(arm=HALF.name) < pair.sel(arm=INVERSE.name)
        counted[f"{name}: d_m^(−1/2) ends at a smaller loss than 1/d_m"] = faster
        end = measured.distance.sel(arm=INVERSE.name, width=width, time="end")
        uniform = end < NEAR
        counted[f"{name}: 1/d_m ends at uniform attention (below {NEAR:g})"] = uniform
    return {name: (int(holds.sum()), holds.size) for name, holds in counted.items()}


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Verdicts on the claims, then accuracies, losses and attention."""
    for statement, (held, runs) in claims(measured).items():
        ledger.claim(statement, held, runs)
    ledger = ledger.using(because="The paper's figures give no numbers")
    first, last = (measured.distance.sel(time=time) for time in ("start", "end"))
    tables = {
        "Accuracy": measured.accuracy,
        "Training loss at the end": measured.loss.isel(step=-1),
        "Attention's distance from uniform at the start": first,
        "Attention's distance from uniform at the end": last,
    }
    for title, values in tables.items():
        for arm in measured.arm.values:
            for width in measured.width.values:
                runs = values.sel(arm=arm, width=width).dropna("seed")
                if runs.size:
                    column = f"d_m = {width}"
                    cell = Cell(str(arm), column, f"{title}: {arm}, {column}")
                    ledger.using(table=title).ours_alone(cell, runs)
    for peer in measured.peer.values:
        cell = Cell(str(peer), "peer", f"Accuracy: {peer}")
        ledger.using(table="Accuracy").ours_alone(cell, measured.peers.sel(peer=peer))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Training loss, accuracy beside peers, and attention."""
    yield Figure(
        _picture(measured),
        "Left: training loss by step at the largest width, means with 95 % confidence "
        "intervals over draws. Middle: accuracy on test pictures; a dot is a draw, and "
        "lines are peers on the same draws. Right: how far attention is from uniform "
        "at the end (0.94 would be one token of sixteen).",
    )


def _picture(measured: xr.Dataset) -> Any:
    figure, (loss, accuracy, attention) = subplots(1, 3, width=12, height=4.2)
    names = [str(name) for name in measured.arm.values]
    colours = [COLOURS[place] for place in range(len(names))]
    widest = measured.width.values[-1]
    for name, colour in zip(names, colours, strict=True):
        plot.band(
            measured.loss.sel(arm=name, width=widest),
            loss,
            along="step",
            colours=[colour],
            label=name,
        )
    title = f"Training, d_m = {widest}"
    loss.set(yscale="log", xlabel="step", ylabel="cross-entropy", title=title)
    labelled = {"width": [f"d_m = {width}" for width in measured.width.values]}
    options: dict[str, Any] = {"by": "width", "hue": "arm", "colours": colours}
    plot.columns(measured.accuracy.assign_coords(labelled), accuracy, **options)
    for peer, style in zip(measured.peer.values, ("-", "--", ":"), strict=True):
        mean = float(measured.peers.sel(peer=peer).mean())
        accuracy.axhline(mean, color=INK, linewidth=1, linestyle=style, label=peer)
    accuracy.set(ylabel="accuracy in %", title="Beside peers")
    ends = measured.distance.sel(time="end").assign_coords(labelled)
    plot.columns(ends, attention, **options)
    attention.set(ylabel="distance from uniform", title="Attention at the end")
    attention.set_ylim(bottom=0)
    handles = dict(zip(*loss.get_legend_handles_labels()[::-1], strict=True))
    peers = dict(zip(*accuracy.get_legend_handles_labels()[::-1], strict=True))
    handles |= {peer: peers[peer] for peer in measured.peer.values}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What was counted, and paired differences to the controls."""
    widths = [int(width) for width in measured.width.values]

    def against(arm: Arm, of: Arm) -> dict[int, xr.DataArray]:
        if of.name not in measured.arm.values:
            return {}
        points = difference(measured.accuracy, arm, of)
        return {width: points.sel(width=width) for width in widths}

    return {
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "widths": widths,
        "claims": claims(measured),
        "names": [str(name) for name in measured.arm.values],
        "half": HALF.name,
        "inverse": INVERSE.name,
        "scales": against(HALF, INVERSE),
        "frozen": against(HALF, FROZEN),
        "uniform": against(INVERSE, UNIFORM),
        "losses": {
            width: difference(measured.loss.isel(step=-1), HALF, INVERSE).sel(
                width=width
            )
            for width in widths
        },
        "departed": departed(measured),
        "departing": [
            width
            for width, values in departed(measured).items()
            if mean_interval(values.values).low > 0
        ],
        "blown": {
            (str(arm), int(width), float(rate)): int(count)
            for arm in measured.arm.values
            for width in measured.width.values
            for rate in measured.rate.values
            if (count := measured.failed.sel(arm=arm, width=width, rate=rate)) > 0
        },
        "logistic": LOGISTIC,
        "ridge": RIDGE,
        "whole": WHOLE,
    }
