"""Question formation: does the loss settle at the bound of Proposition 4, or at the data's entropy?

The paper trains transformers of 6 and 10 layers on two million tokens of question
formation, sees the training loss settle near 1, and takes that as support for L ≥ 1.
The entropy of the data is known exactly, and with it the least loss of any model on new
examples, which is near 1 too. Two controls tell them apart. The loss of the same
predictions is averaged over other tokens, which moves the floor of the data and leaves
the bound where it is; and a set of examples is shown again and again, so that it can be
learned by heart, which no entropy of the grammar forbids and the bound does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.intervals import mean_text
from isinglass.data.question import (
    COUNTED,
    TRAINING,
    grammar_losses,
    longest_example,
)
from isinglass.data.sources import NewExamples
from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.jobs import side_by_side
from isinglass.reproduce.ledger import claim

if TYPE_CHECKING:
    from isinglass.data.sources import Source
    from isinglass.systems.memory import Recipe, Run, Transformer

NAME = "memory-question-formation"
SOURCE = "training on Question-Formation"
BOUND = 1.0  # of Proposition 4, and about where the paper's training losses settle
NEAR = 0.1  # from it: what counts as "near 1"
# Nats per token above the data's entropy that count as settled there: a tenth of what
# lies between the bound and the entropy of the source alone, or of the target alone.
SETTLED = 0.1
ARMS = ("new", "repeated")
TRAINED = "words, tab and line end"  # what counts in training: all that a model reads
UNSTATED = (
    "The paper does not say which tokens count, nor whether its loss is of one run"
)


class Budget(NamedTuple):
    """Models, and how long they are trained.

    Attributes:
        depths: Numbers of layers.
        width, heads: Of each layer.
        steps: Of each arm, by depth; the deeper model learns later to copy.
        batch: Examples in a step.
        learning_rate: Of AdamW, at its highest.
        examples: Of the set that is shown again and again.
        validation: New examples on which the losses of a trained model are measured.
        records: How often the loss is noted; a killed run goes on from the last.
    """

    depths: tuple[int, ...]
    width: int
    heads: int
    steps: dict[str, tuple[int, ...]]
    batch: int
    learning_rate: float
    examples: int
    validation: int
    records: int = 20


QUICK = Budget(
    (6, 10),
    64,
    4,
    {"new": (1300, 1500), "repeated": (300, 300)},
    16,
    2e-3,
    100,
    400,
    20,
)
DEFAULT = Budget(
    (6, 10),
    64,
    4,
    {"new": (2500, 8000), "repeated": (800, 800)},
    16,
    2e-3,
    200,
    1000,
    25,
)
# The paper's width, and its two million tokens; for a GPU, where it has not been run:
# what is said of its duration is estimated from the work, 10¹⁷ operations.
FULL = Budget(
    (6, 10),
    512,
    8,
    {"new": (8000, 8000), "repeated": (32_000, 32_000)},
    128,
    3e-4,
    92_000,
    4000,
    80,
)


class Found(NamedTuple):
    """Trainings of one depth and arm.

    Attributes:
        steps: Of the records, (R,).
        loss: Mean training loss since the record before, (seeds, R).
        validation: On some new examples, (seeds, R).
        known: At the end, on all examples that it was trained on; NaN where they are
            drawn anew, (seeds,).
        by_counting: At the end, on new examples, by `COUNTED`, (seeds, 5).
        least: What the grammar's own law gives to the same examples, (seeds, 5): no
            model expects to be better.
        parameters: Numbers that are trained.
    """

    steps: Int[np.ndarray, "R"]
    loss: Float[np.ndarray, "seeds R"]
    validation: Float[np.ndarray, "seeds R"]
    known: Float[np.ndarray, "seeds"]
    by_counting: Float[np.ndarray, "seeds 5"]
    least: Float[np.ndarray, "seeds 5"]
    parameters: int

    @property
    def training(self) -> Float[np.ndarray, "seeds"]:
        """The training loss that a training ends with."""
        return np.where(np.isnan(self.known), self.loss[:, -1], self.known)

    @property
    def above(self) -> Float[np.ndarray, "seeds 5"]:
        """How far the losses on new examples are above what the law gives to them."""
        return self.by_counting - self.least


def run(context: Context) -> Outcome:
    """Train both depths on examples that are drawn anew, and on a set that is repeated."""
    budget = QUICK if context.quick else FULL if context.full else DEFAULT
    found = measure(context, budget)
    figures = [_figure(budget, found), _figure_of_countings(budget, found)]
    return Outcome(_rows(budget, found), figures, _findings(budget, found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget) -> dict[tuple[str, int], Found]:
    """Every arm and depth, every seed; trainings side by side."""
    indices = range(context.seeds)
    jobs = [
        (arm, depth, index)
        for depth in budget.depths
        for arm in ARMS
        for index in indices
    ]
    ended = side_by_side(context, _train, jobs, "trainings", (budget,))
    return {
        (arm, depth): _joined([ended[arm, depth, index] for index in indices])
        for depth in budget.depths
        for arm in ARMS
    }


class _Ended(NamedTuple):
    run: Run
    known: float
    by_counting: Float[np.ndarray, "5"]
    least: Float[np.ndarray, "5"]


def _train(
    context: Context, budget: Budget, arm: str, depth: int, index: int
) -> _Ended:
    from isinglass.data.sources import question_source
    from isinglass.systems.memory import evaluate, train
    from isinglass.training import Runtime

    # Sets and parameters of a repetition are the same at both depths.
    first = int(np.random.default_rng((context.seed, index)).integers(1 << 40))
    rows = longest_example()
    shown = TRAINING.sample(budget.examples, first)
    fresh = TRAINING.sample(budget.validation, first + 1)
    source = (
        NewExamples(rows, TRAINED)
        if arm == "new"
        else question_source(shown, TRAINED, context=rows)
    )
    alone = memory_paper.one_device()
    name = f"{arm}-{depth}-{index}"
    with context.progress.follow(name.replace("-", " ")) as tell:
        run = train(
            start(budget, depth, first % 2**32),
            source,
            recipe(budget, arm, depth, first % 2**32),
            validation=question_source(fresh, TRAINED, context=rows),
            runtime=Runtime(
                context.store(name), lambda now: tell(now.step, now.steps), alone
            ),
        )

    def loss(of: Source) -> float:
        return evaluate(run.model, of, batch=128, devices=alone)

    known = math.nan if arm == "new" else loss(source)
    by_counting = [
        loss(question_source(fresh, counted, context=rows)) for counted in COUNTED
    ]
    return _Ended(run, known, np.array(by_counting), grammar_losses(fresh))


def start(budget: Budget, depth: int, seed: int) -> Transformer:
    """A new model: GPT-2's form, as deep as the paper's, set up so that it learns soon to copy.

    Positions begin as sinusoids, as of the first transformers, with which a place knows
    the place before it; they are trained on from there.
    """
    import equinox as eqx
    import jax.numpy as jnp

    from isinglass.data.question import TOKENS
    from isinglass.systems.memory import TransformerConfig

    config = TransformerConfig(
        len(TOKENS), longest_example(), budget.width, budget.heads, depth
    )
    model = memory_paper.wide_start(config, seed)
    spread = float(model.embedding.std())
    positions = jnp.asarray(
        spread * sinusoids(longest_example(), budget.width), jnp.float32
    )
    return eqx.tree_at(lambda model: model.positions, model, positions)


def sinusoids(places: int, width: int) -> Float[np.ndarray, "places width"]:
    """Sines, then cosines, of each place at width / 2 frequencies from 1 to about 1/100.

    The mean of their squares is 1.
    """
    angles = np.arange(places)[:, None] * 100.0 ** -(
        np.arange(width // 2) / (width // 2)
    )
    return math.sqrt(2) * np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def recipe(budget: Budget, arm: str, depth: int, seed: int) -> Recipe:
    """How it is trained; the same for both arms and depths but for the number of steps."""
    from isinglass.systems.memory import Recipe

    steps = budget.steps[arm][budget.depths.index(depth)]
    return Recipe(
        steps=steps,
        batch=budget.batch,
        learning_rate=budget.learning_rate,
        lowest_rate=0.02,
        warmup=min(50, steps // 5),
        weight_decay=0.01,
        betas=(0.9, 0.98),
        every=max(1, steps // budget.records),
        validation=128,
        seed=seed,
    )


def _joined(ended: Sequence[_Ended]) -> Found:
    import jax

    metrics = [each.run.metrics for each in ended]
    return Found(
        metrics[0].step.values,
        np.array([each.loss.values for each in metrics]),
        np.array([each.validation.values for each in metrics]),
        np.array([each.known for each in ended]),
        np.array([each.by_counting for each in ended]),
        np.array([each.least for each in ended]),
        sum(leaf.size for leaf in jax.tree.leaves(ended[0].run.model)),
    )


# -- the ledger ------------------------------------------------------------------------


def _rows(budget: Budget, found: dict[tuple[str, int], Found]) -> list[Row]:
    rows = []
    for depth in budget.depths:
        new, repeated = found["new", depth], found["repeated", depth]
        for number, (counted, floor) in enumerate(
            TRAINING.figures().least_losses().items()
        ):
            rows.append(
                _row(
                    f"{depth} layers, new examples: loss over {counted}; floor "
                    f"{floor:.3f}",
                    new.by_counting[:, number],
                    paper=BOUND if counted.startswith("words") else None,
                )
            )
        above = new.above[:, COUNTED.index(TRAINED)]
        fresh = f"{depth} layers, new examples"
        again = f"{depth} layers, {budget.examples:,} examples again and again"
        rows += [
            _row(f"{fresh}: loss above the data's entropy", above),
            _row(f"{again}: training loss", repeated.training, paper=BOUND),
            _row(f"{again}: loss on new examples", _validation(repeated)),
            _claim(
                SOURCE,
                f"{fresh}: the training loss settles near 1, within {NEAR:g}",
                abs(new.training - BOUND) < NEAR,
            ),
        ]
        rows += [
            _claim(
                "Proposition 4",
                f"{of}: the training loss stays at 1 or above",
                one.training >= BOUND,
            )
            for of, one in ((fresh, new), (again, repeated))
        ]
    return rows


def _row(quantity: str, samples: np.ndarray, paper: float | None = None) -> Row:
    return compare(
        NAME,
        SOURCE,
        quantity,
        samples,
        paper=paper,
        unit="nats/token",
        because=UNSTATED,
        comparable=False,
    )


def _claim(source: str, statement: str, holds: np.ndarray) -> Row:
    return claim(NAME, source, statement, int(holds.sum()), len(holds))


def _validation(found: Found) -> Float[np.ndarray, "seeds"]:
    return found.by_counting[:, COUNTED.index(TRAINED)]


# -- what is shown ---------------------------------------------------------------------


def _figure(budget: Budget, found: dict[tuple[str, int], Found]) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    titles = {
        "new": "New examples only",
        "repeated": f"{budget.examples:,} examples, repeated",
    }
    figure, axes = subplots(1, 2, width=9.5, height=4.0, sharey=True)
    for panel, arm in zip(axes, ARMS, strict=True):
        for colour, depth in zip(COLOURS, budget.depths, strict=False):
            one = found[arm, depth]
            panel.plot(one.steps, one.loss.T, color=colour, alpha=0.3, linewidth=0.9)
            panel.plot(
                one.steps,
                one.loss.mean(0),
                color=colour,
                label=f"{depth} layers, training",
            )
            panel.plot(
                one.steps,
                one.validation.mean(0),
                "--",
                color=colour,
                linewidth=1.4,
                label=f"{depth} layers, new examples",
            )
        panel.axhline(BOUND, color=INK, linewidth=1.1, label="bound of Proposition 4")
        panel.axhline(
            TRAINING.figures().least_losses()[TRAINED],
            color=INK,
            linewidth=1.2,
            linestyle=":",
            label="entropy of the data",
        )
        panel.set(
            xlabel="step",
            title=titles[arm],
            ylim=(0, 3.2),
            xlim=(0, max(budget.steps[arm])),
        )
    by_heart = _by_heart(budget)
    axes[1].axhline(by_heart, color=MUTED, linewidth=1.2, linestyle="-.")
    axes[1].text(
        0.02 * max(budget.steps["repeated"]),
        by_heart - 0.03,
        "known by heart",
        va="top",
        fontsize=8.5,
        color=MUTED,
    )
    axes[0].set_ylabel("loss, nats per token")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
    )
    return Figure(
        NAME,
        figure,
        "Training loss (lines; thin: each seed) and loss on new examples (dashed) over "
        "training, "
        "all tokens counted. Dotted: the entropy of the data, "
        f"{TRAINING.figures().least_losses()[TRAINED]:.3f}; solid: the "
        "paper's bound. Left: each example is drawn anew. Right: a set of them again "
        "and again; dash-dotted is the loss of who knows the set by heart, log m nats "
        "for each of its m examples. The loss on new examples leaves the panel there.",
    )


def _by_heart(budget: Budget) -> float:
    """Nats per token where the set is known and nothing says which of it comes."""

    # Source, tab, target and line end.
    tokens = 2 * TRAINING.figures().sentence_tokens + 3
    return math.log(budget.examples) / tokens


def _figure_of_countings(budget: Budget, found: dict[tuple[str, int], Found]) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, panel = subplots(1, 1, width=5.2, height=4.2)
    x = np.array(list(TRAINING.figures().least_losses().values()))
    panel.plot([0, 2.2], [0, 2.2], ":", color=INK, linewidth=1.2)
    panel.text(
        1.62,
        1.48,
        "entropy of the data",
        fontsize=8.5,
        color=INK,
        rotation=38,
        ha="center",
        va="center",
    )
    panel.axhline(BOUND, color=INK, linewidth=1.1)
    panel.text(
        2.18, 1.03, "bound of Proposition 4", fontsize=8.5, color=INK, ha="right"
    )
    for number, (colour, depth) in enumerate(zip(COLOURS, budget.depths, strict=False)):
        losses = found["new", depth].by_counting
        panel.plot(
            np.tile(x, len(losses)),
            losses.ravel(),
            "os"[number % 2],
            color=colour,
            markersize=7 - 2 * number,
            label=f"{depth} layers",
            alpha=0.8,
        )
    offsets = {"source": (-8, 6), "words": (10, -14), "target": (10, 0)}
    for name, (dx, dy) in offsets.items():
        panel.annotate(
            f"{name} alone"
            if name != "words"
            else "words, with or without\ntab and line end",
            (
                TRAINING.figures().least_losses()[name],
                TRAINING.figures().least_losses()[name],
            ),
            textcoords="offset points",
            xytext=(dx, dy),
            ha="right" if dx < 0 else "left",
            va="center",
            fontsize=8.5,
            color=MUTED,
        )
    panel.set(
        xlabel="least loss that the data allow, nats per token",
        xlim=(-0.1, 2.25),
        ylabel="loss on new examples, nats per token",
        ylim=(-0.1, 2.25),
        title="The same predictions, counted in five ways",
    )
    panel.legend(loc="upper left")
    return Figure(
        f"{NAME}-countings",
        figure,
        "Loss on new examples of models trained on new ones, each point a model and a "
        "choice of the tokens over which the loss is averaged, against the least loss "
        "that the entropy of the grammar allows for it (dotted: equal).",
    )


def _findings(budget: Budget, found: dict[tuple[str, int], Found]) -> str:
    parts = [_of_setting(budget, found)]
    parts += [_of_new(depth, found["new", depth]) for depth in budget.depths]
    parts += [
        _of_repeated(budget, depth, found["repeated", depth]) for depth in budget.depths
    ]
    parts.append(_answer(budget, found))
    return "\n\n".join(parts)


def _of_setting(budget: Budget, found: dict[tuple[str, int], Found]) -> str:

    sizes = " and ".join(
        f"{depth} layers with {found['new', depth].parameters:,} parameters"
        for depth in budget.depths
    )
    tokens = 2 * TRAINING.figures().sentence_tokens + 3
    seen, times = (
        " and ".join(
            f"{steps * budget.batch / count:,.0f}" for steps in dict.fromkeys(each)
        )
        for each, count in (
            (budget.steps["new"], 1),
            (budget.steps["repeated"], budget.examples),
        )
    )
    return (
        f"The models are GPT-2's form of width {budget.width} (the paper: 512): "
        f"{sizes}. They see {seen} examples, each drawn anew, or {budget.examples:,} "
        f"examples {times} times, {tokens:.0f} tokens each. All tokens count in "
        "training: words, tab and line end, of which the entropy is "
        f"{TRAINING.figures().least_losses()[TRAINED]:.3f} nats per token."
    )


def _of_new(depth: int, found: Found) -> str:
    above = found.above[:, COUNTED.index(TRAINED)]
    by_counting = "; ".join(
        f"{counted}: {mean_text(found.by_counting[:, number])} (floor {floor:.3f})"
        for number, (counted, floor) in enumerate(
            TRAINING.figures().least_losses().items()
        )
    )
    return (
        f"{depth} layers, new examples: the training loss ends at "
        f"{mean_text(found.training)}, {_side(found.training)}. On further new "
        f"examples the loss is {mean_text(above)} above "
        "what the grammar's own law gives to the same ones. By which tokens count it "
        "is, "
        f"{by_counting}."
    )


def _of_repeated(budget: Budget, depth: int, found: Found) -> str:
    return (
        f"{depth} layers, {budget.examples:,} examples again and again: the training "
        f"loss ends at {mean_text(found.training)}, {_side(found.training)}; who knows "
        f"the set by heart has about {_by_heart(budget):.3f}. On new examples it is "
        f"then {mean_text(_validation(found))}."
    )


def _side(training: np.ndarray) -> str:
    each = "" if len(training) == 1 else " in every training"
    if (training < TRAINING.figures().least_losses()[TRAINED] - SETTLED).all():
        return f"below the bound and below the entropy of the data{each}"
    if (training < BOUND).all():
        return f"below the bound{each}"
    below = int((training < BOUND).sum())
    if not below:
        return f"not below the bound{each}"
    return f"below the bound in {below} of {len(training)}"


def _answer(budget: Budget, found: dict[tuple[str, int], Found]) -> str:
    worst = {depth: found["new", depth].above.max() for depth in budget.depths}
    training = np.concatenate(
        [found["repeated", depth].training for depth in budget.depths]
    )
    parts = []
    if settled := [depth for depth, above in worst.items() if above < SETTLED]:
        parts.append(
            f"On new examples the losses of {_layers(settled)}, of every counting, end "
            f"within {SETTLED:g} of the entropy of the data: they follow it from 0 to "
            "2, while the bound "
            "is 1 for all. So the value near 1 is the entropy of this data set, "
            "counted in about this way."
        )
    if late := [depth for depth in budget.depths if depth not in settled]:
        parts.append(
            f"On new examples the losses of {_layers(late)} had not come down to the "
            "entropy of "
            "the data in all countings when training ended: they were up to "
            f"{max(worst[depth] for depth in late):.2f} above."
        )
    parts.append(
        "Examples that come again are learned by heart, to a training loss below 1: 1 "
        "is no bound of a training loss."
        if (training < BOUND).all()
        else "In some trainings the loss on the repeated set did not go below 1."
    )
    return " ".join(parts)


def _layers(depths: Sequence[int]) -> str:
    return " and ".join(str(depth) for depth in depths) + " layers"


EXPERIMENT = Experiment(
    name=NAME,
    title="Question formation: the bound, or the data's own entropy",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "Does the loss of a 6- and a 10-layer model settle at the claimed bound of 1, "
        "or at the entropy of the data, which is known exactly?"
    ),
    duration=1500,
    quick_duration=120,
    default_seeds=3,
    quick_seeds=1,
    run=run,
    needs_digits=False,
    full_duration=2_300_000,
)
