"""Fig. 1 of Lam 2026: do the penalties make a funnel of the loss around a trained model?

Three landscapes are compared on one plane: the cross-entropy around a model trained
with it, the whole objective around a model trained with that, and the cross-entropy
around the latter. The first two are what the figure shows. The third tells other
weights from another function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from isinglass._common.intervals import mean_text
from isinglass.experiments.looped import setting as paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    from isinglass.systems.looped import LoopedTransformer
    from isinglass.systems.looped.training import Run

NAME = "looped-landscape"
SOURCE = "Fig. 1"
FORM = "full-sequence"
OURS, PAPERS = "our recipe", "the paper's setting"
LENGTH = 16  # symbols of the sequences that the loss is of
EXTENT = 1.0  # half the side of the square: a filter has moved by its own norm
AROUND = 0.5  # distance at which the rise of the loss is told
LOOKED_AT = 40  # key of fresh sequences
ARMS = (paper.PLAIN, paper.ALL)
# Arm that the model was trained with, and arm whose objective is looked at.
LANDSCAPES = {
    "cross-entropy": (paper.PLAIN, paper.PLAIN),
    "all penalties": (paper.ALL, paper.ALL),
    "its cross-entropy alone": (paper.ALL, paper.PLAIN),
}
PLAIN, PENALISED, STRIPPED = LANDSCAPES
NO_NUMBER = "Fig. 1 is a picture without numbers"


class Size(NamedTuple):
    """How long to train and how closely to look."""

    steps: int
    points: int  # along a side of the plane, odd
    sequences: int  # that the loss is a mean over
    probes: int  # random vectors for the trace
    papers: int = 0  # steps at the paper's setting; 0 to leave it out


QUICK = Size(steps=1500, points=25, sequences=64, probes=16)
DEFAULT = Size(steps=4000, points=41, sequences=128, probes=32)
FULL = Size(steps=4000, points=41, sequences=256, probes=64, papers=paper.STEPS)


class Landscape(NamedTuple):
    """The loss on the plane around one model, and how it curves there.

    Attributes:
        loss: On the grid, nats, (points, points); the model is in the middle.
        largest: Largest eigenvalue of the Hessian by all weights.
        smallest: Its smallest eigenvalue.
        trace: Its trace.
        trace_error: Standard error of that.
        plane: Eigenvalues of the Hessian by the two coordinates of the plane,
            descending.
    """

    loss: Float[np.ndarray, "p p"]
    largest: float
    smallest: float
    trace: float
    trace_error: float
    plane: Float[np.ndarray, "2"]


class Found(NamedTuple):
    """What came of one setting.

    Attributes:
        accuracy: Share of right answers by arm, each (S,).
        landscapes: Those of `LANDSCAPES`, each of S seeds.
    """

    accuracy: dict[str, Float[np.ndarray, "S"]]
    landscapes: dict[str, list[Landscape]]

    def of(
        self, name: str, measure: Callable[[Landscape], float]
    ) -> Float[np.ndarray, "S"]:
        """A number of every seed."""
        return np.array([measure(one) for one in self.landscapes[name]], float)


def run(context: Context) -> Outcome:
    """Train with and without penalties, and look at the loss around what came out."""
    found = measure(
        context, FULL if context.full else QUICK if context.quick else DEFAULT
    )
    rows = [row for setting, one in found.items() for row in _rows(setting, one)]
    figures = [_figure(setting, one) for setting, one in found.items()]
    return Outcome(rows, figures, _findings(found))


def measure(context: Context, size: Size) -> dict[str, Found]:
    """All settings."""
    found = {OURS: _of_setting(context, OURS, size)}
    if size.papers:
        found[PAPERS] = _of_setting(context, PAPERS, size)
    return found


def _of_setting(context: Context, setting: str, size: Size) -> Found:
    names = paper.seeds(context, context.seeds)
    trained = side_by_side(context, _train, [(setting, arm, size) for arm in ARMS])
    runs: dict[str, Run] = {arm: one for (_, arm, _), one in trained.items()}
    accuracy = {
        arm: paper.fresh_accuracy(one, [LENGTH], 256, LOOKED_AT)["all"].values[:, 0]
        for arm, one in runs.items()
    }
    seen = side_by_side(
        context,
        lambda _, name: _of_seed(name, runs, size),
        [(name,) for name in names],
        "landscapes",
    )
    return Found(
        accuracy, {name: [one[name] for one in seen.values()] for name in LANDSCAPES}
    )


def _train(context: Context, setting: str, arm: str, size: Size) -> Run:
    from isinglass.systems.looped.evaluation import Evaluation

    if setting == OURS:
        config, recipe = paper.our_config(), paper.our_recipe(arm, steps=size.steps)
    else:
        config, recipe = paper.paper_config(), paper.paper_recipe(arm, size.papers)
    evaluate = Evaluation((LENGTH,), max(1, recipe.steps // 4), sequences=64)
    names = paper.seeds(context, context.seeds)
    return paper.trained(
        context, f"{setting}, {arm}", config, FORM, recipe, names, evaluate
    )


def _of_seed(seed: int, runs: dict[str, Run], size: Size) -> dict[str, Landscape]:
    """All landscapes of one seed, on the same sequences and in the same directions."""
    import jax

    from isinglass.training.loss_landscape import (
        curvature,
        filter_normalised_directions,
        loss_surface,
    )

    of_batch, of_plane, of_probes = jax.random.split(
        jax.random.fold_in(jax.random.key(LOOKED_AT), seed), 3
    )
    seen = {}
    for name, (trained, judged) in LANDSCAPES.items():
        model = runs[trained].of(seed)
        batch = runs[trained].task.batch(of_batch, size.sequences, LENGTH)
        loss = partial(_loss, batch=batch, objective=paper.objective(judged))
        directions = filter_normalised_directions(model, of_plane)
        surface = loss_surface(loss, model, directions, EXTENT, size.points)
        curved = curvature(
            loss, model, directions, eigenvalues=1, probes=size.probes, key=of_probes
        )
        seen[name] = Landscape(
            surface.values,
            float(curved.largest[0]),
            float(curved.smallest[0]),
            curved.trace,
            curved.trace_error,
            curved.plane_eigenvalues,
        )
    return seen


def _loss(model: LoopedTransformer, batch: Any, objective: Any) -> Any:
    """The objective on given sequences."""
    import optax

    q = None if objective.is_plain else objective.q
    final, energies = model.energies(batch.tokens, q=q)
    logits = model.decode(final)
    each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)
    task = (each * batch.mask).sum() / batch.mask.sum()
    return objective(task, *(one.mean() for one in energies))[0]


# -- what a surface is like ------------------------------------------------------------


def basins(loss: Float[np.ndarray, "p p"]) -> Int[np.ndarray, "p p"]:
    """Where steepest descent from each point of a grid ends: the index of a point.

    A step goes to the lowest of the eight neighbours, and none is taken where all are
    higher.
    """
    points = len(loss)
    padded = np.pad(loss, 1, constant_values=np.inf)
    flat = np.arange(points**2).reshape(points, points)
    offsets = [(0, 0)] + [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    around = np.stack(
        [padded[1 + i : 1 + i + points, 1 + j : 1 + j + points] for i, j in offsets]
    )
    moves = np.array([i * points + j for i, j in offsets])
    down = (flat + moves[around.argmin(axis=0)]).ravel()
    while not np.array_equal(down[down], down):
        down = down[down]
    return down.reshape(points, points)


def funnel(loss: Float[np.ndarray, "p p"]) -> Bool[np.ndarray, "p p"]:
    """From where steepest descent ends where it does from the middle."""
    ends = basins(loss)
    middle = len(loss) // 2
    return ends == ends[middle, middle]


def convex(loss: Float[np.ndarray, "p p"]) -> Bool[np.ndarray, "q q"]:
    """Where second differences make a positive definite matrix; of all points but the border's."""
    inner = loss[1:-1, 1:-1]
    aa = loss[2:, 1:-1] - 2 * inner + loss[:-2, 1:-1]
    bb = loss[1:-1, 2:] - 2 * inner + loss[1:-1, :-2]
    ab = (loss[2:, 2:] - loss[2:, :-2] - loss[:-2, 2:] + loss[:-2, :-2]) / 4
    return (aa > 0) & (aa * bb > ab**2)


def minima(loss: Float[np.ndarray, "p p"]) -> int:
    """How many ends steepest descent has."""
    return len(np.unique(basins(loss)))


def rise(loss: Float[np.ndarray, "p p"], distance: float = AROUND) -> float:
    """How much higher than in the middle the loss is, mean over about that distance, nats."""
    side = np.linspace(-EXTENT, EXTENT, len(loss))
    away = np.hypot(*np.meshgrid(side, side, indexing="ij"))
    ring = np.abs(away - distance) <= side[1] - side[0]
    middle = len(loss) // 2
    return float(loss[ring].mean() - loss[middle, middle])


def bend(loss: Float[np.ndarray, "p p"]) -> float:
    """Second difference in the middle, over one step of the grid, mean of both directions, nats."""
    middle, apart = len(loss) // 2, 2 * EXTENT / (len(loss) - 1)
    beside = [loss[middle - 1, middle], loss[middle + 1, middle]]
    beside += [loss[middle, middle - 1], loss[middle, middle + 1]]
    return float(2 * (np.mean(beside) - loss[middle, middle]) / apart**2)


MEASURES: dict[str, tuple[Callable[[Landscape], float], str]] = {
    "share of the plane that descends to the model's minimum": (
        lambda one: 100 * float(funnel(one.loss).mean()),
        "%",
    ),
    "share of the plane that is convex": (
        lambda one: 100 * float(convex(one.loss).mean()),
        "%",
    ),
    "minima in the plane": (lambda one: float(minima(one.loss)), ""),
    f"rise at distance {AROUND:g}": (lambda one: rise(one.loss), "nats"),
    "curvature of the plane over one step of the grid": (
        lambda one: bend(one.loss),
        "nats",
    ),
    "curvature of the plane at the model itself": (
        lambda one: float(one.plane.mean()),
        "nats",
    ),
    "largest eigenvalue of the Hessian": (lambda one: one.largest, "nats"),
    "smallest eigenvalue of the Hessian": (lambda one: one.smallest, "nats"),
    "trace of the Hessian": (lambda one: one.trace, "nats"),
}
FUNNEL, CONVEX, MINIMA, RISE, BEND, POINT, LARGEST, SMALLEST, TRACE = MEASURES
# What a smoother, wider funnel would have more of (1) or less of (−1) than the other
# landscape.
SMOOTHER = {
    FUNNEL: 1,
    CONVEX: 1,
    MINIMA: -1,
    RISE: -1,
    BEND: -1,
    LARGEST: -1,
    SMALLEST: 1,
}


# -- the ledger ------------------------------------------------------------------------


def _rows(setting: str, found: Found) -> list[Row]:
    right = {PLAIN: found.accuracy[paper.PLAIN], PENALISED: found.accuracy[paper.ALL]}
    what = f"right answers at L = {LENGTH}"
    rows = [
        _row(f"{setting}, {name}, {what}", 100 * values, "%", NO_NUMBER)
        for name, values in right.items()
    ]
    for what, (number, unit) in MEASURES.items():
        values = {name: found.of(name, number) for name in LANDSCAPES}
        rows += [
            _row(f"{setting}, {name}, {what}", one, unit, NO_NUMBER)
            for name, one in values.items()
        ]
        if what in SMOOTHER:
            more = "more" if SMOOTHER[what] > 0 else "less"
            rows += [
                _row(
                    f"{setting}, {what}: {name} less cross-entropy, by seed",
                    values[name] - values[PLAIN],
                    unit,
                    f"{NO_NUMBER}; a smoother and wider funnel would have {more}",
                    low=-np.inf,
                )
                for name in (PENALISED, STRIPPED)
            ]
    return rows


def _row(
    quantity: str, values: np.ndarray, unit: str, because: str, low: float = 0.0
) -> Row:
    row = compare(
        NAME, SOURCE, quantity, values, paper=None, unit=unit, because=because
    )
    return row.between(low) if unit == "%" and low == 0 else row


# -- what is shown ---------------------------------------------------------------------


def _figure(setting: str, found: Found) -> Figure:
    from matplotlib.ticker import MaxNLocator

    from isinglass.figures.style import INK, MUTED, subplots

    figure, panels = subplots(2, 3, width=12, height=7.6)
    best = int(np.mean(list(found.accuracy.values()), axis=0).argmax())
    above = {name: each[best].loss for name, each in found.landscapes.items()}
    above = {
        name: loss - loss[len(loss) // 2, len(loss) // 2]
        for name, loss in above.items()
    }
    least = min(float(loss.min()) for loss in above.values())
    most = float(np.quantile(np.stack(list(above.values())), 0.95))
    levels = np.linspace(np.floor(least), np.ceil(most), 21)
    side = np.linspace(-EXTENT, EXTENT, len(above[PLAIN]))
    for axis, (name, loss) in zip(panels[0], above.items(), strict=True):
        axis.contourf(side, side, loss.T, levels, extend="max", cmap="magma")
        axis.contour(side, side, funnel(loss).T, [0.5], colors="white", linewidths=1.4)
        axis.plot(0, 0, "+", color="white", markersize=10, markeredgewidth=2)
        axis.set_title(name[0].upper() + name[1:])
        axis.set_aspect("equal")
        axis.set_xlabel("first direction")
        axis.grid(visible=False)
    panels[0, 0].set_ylabel("second direction")
    ticks = MaxNLocator(6).tick_values(levels[0], levels[-1])
    figure.colorbar(
        panels[0, 0].collections[0],
        ax=panels[0, 2],
        label="nats above the model",
        ticks=ticks[ticks <= levels[-1]],  # none on the arrow for what is above
    )
    for axis, what in zip(panels[1], (FUNNEL, CONVEX, LARGEST), strict=True):
        number, unit = MEASURES[what]
        values = np.stack([found.of(name, number) for name in LANDSCAPES])
        axis.plot(range(3), values, color=MUTED, alpha=0.35, linewidth=0.8)
        for index, one in enumerate(values):
            axis.plot(
                [index] * len(one), one, ".", color=f"C{index}", markersize=7, alpha=0.7
            )
            axis.plot(
                index, one.mean(), "_", color=INK, markersize=22, markeredgewidth=2.5
            )
        axis.set_xticks(
            range(3), [name.replace(" ", "\n") for name in LANDSCAPES], fontsize=9
        )
        axis.set_xlim(-0.5, 2.5)
        axis.set_ylabel(f"in {unit}")
        axis.set_title(
            what[0].upper() + what[1:].replace(" that descends", "\nthat descends")
        )
    panels[1, 2].set_ylim(bottom=0)
    caption = (
        f"{setting[0].upper()}{setting[1:]}. Top: the loss of one seed, the one with "
        "the most "
        "right answers, above its value at the model (cross), on the same random "
        "plane, whose directions have the norms of each model's filters; from within "
        "the white line steepest descent ends where it does from the model. Left, "
        "trained with cross-entropy alone; middle, with all penalties, and the whole "
        "objective shown; right, the same model, "
        f"cross-entropy alone shown. Bottom: {len(found.landscapes[PLAIN])} seeds "
        "(dots, joined by "
        "seed; bars are means)."
    )
    return Figure(NAME if setting == OURS else f"{NAME}-paper", figure, caption)


def _findings(found: dict[str, Found]) -> str:
    return "\n\n".join(text for name, one in found.items() for text in _of(name, one))


def _of(setting: str, found: Found) -> list[str]:
    right = " and ".join(
        f"{mean_text(100 * values, 0, 100)} % with "
        f"{arm if arm == paper.PLAIN else 'penalties'}"
        for arm, values in found.accuracy.items()
    )
    seeds = len(found.landscapes[PLAIN])
    begin = (
        f"With {setting}, right answers at L = {LENGTH} are {right}, means of {seeds} "
        f"seeds. A funnel is measured in {len(SMOOTHER)} ways; differences are by "
        "seed, with penalties less "
        "without."
    )
    told = [_compared(found, what) for what in SMOOTHER]
    verdicts = [_verdict(found, what, PENALISED) for what in SMOOTHER]
    of_weights = [_verdict(found, what, STRIPPED) for what in SMOOTHER]
    end = (
        f"Of the {len(SMOOTHER)}, the objective with penalties is smoother or wider "
        f"beyond doubt in {verdicts.count(1)}, rougher or narrower in "
        f"{verdicts.count(-1)}, and not to be told in {verdicts.count(0)}. Of the "
        "cross-entropy around the same models, which is what the weights alone "
        f"account for, it is {of_weights.count(1)}, {of_weights.count(-1)} and "
        f"{of_weights.count(0)}. A plane of two random directions through a model that "
        "training "
        "has found says little of the way there."
    )
    local, coarse = (found.of(PLAIN, MEASURES[what][0]) for what in (POINT, BEND))
    scale = (
        "The Hessian is of the model's immediate neighbourhood: with cross-entropy "
        f"the curvature of the plane is {mean_text(local)} nats at the model itself "
        f"and {mean_text(coarse)} "
        "over one step of the grid. Where the two are unlike, eigenvalues say little "
        "of how wide a basin is."
    )
    return [begin + " " + " ".join(told), scale, end]


def _compared(found: Found, what: str) -> str:
    number, unit = MEASURES[what]
    values = {name: found.of(name, number) for name in LANDSCAPES}
    least, most = (0.0, 100.0) if unit == "%" else (-np.inf, np.inf)
    unit = f" {unit}" if unit else ""
    differences = [
        mean_text(values[name] - values[PLAIN]) for name in (PENALISED, STRIPPED)
    ]
    plain = mean_text(values[PLAIN], least, most)
    return (
        f"{what[0].upper()}{what[1:]}: {plain}{unit} without penalties; the difference "
        f"is {differences[0]}, and {differences[1]} of cross-entropy alone."
    )


def _verdict(found: Found, what: str, name: str) -> int:
    """1 if the landscape is smoother by this measure than that of cross-entropy, −1 if less so.

    0 where the interval of the difference has 0 in it, or there is one seed only.
    """
    from isinglass._common.intervals import mean_interval

    number, _ = MEASURES[what]
    difference = found.of(name, number) - found.of(PLAIN, number)
    _, low, high = mean_interval(difference)
    if len(difference) == 1 or low <= 0 <= high:
        return 0
    return SMOOTHER[what] * int(np.sign(low))


EXPERIMENT = Experiment(
    name=NAME,
    title="The loss around a trained model",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "The paper shows the loss on a plane with and without penalties, and says that "
        "they make a funnel of it. By numbers, over seeds: is the landscape with "
        "penalties smoother and wider, and is it so because of the weights that were "
        "found or only because another function is looked at?"
    ),
    duration=170,
    quick_duration=75,
    full_duration=7_200,
    default_seeds=8,
    quick_seeds=2,
    run=run,
    needs_digits=False,
)
