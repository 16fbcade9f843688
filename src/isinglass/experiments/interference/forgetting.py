"""Catastrophic forgetting (Tang 2020, §4.1): classes that arrive one after another."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import mean_interval
from isinglass.experiments.interference.setting import (
    CLASSES,
    load_task,
    model_seed,
    training_set,
)
from isinglass.reproduce import (
    Context,
    Experiment,
    Figure,
    Outcome,
    Row,
    compare,
    share,
)

if TYPE_CHECKING:
    from isinglass.data.few_shot import Task

NAME = "interference-forgetting"
K = 5
# Backpropagation learns next to nothing in one epoch (Table 1): it gets ten, ours one.
BP_EPOCHS = 10

# Accuracy in % per seed, after each arrival, on each digit.
Course = Float[np.ndarray, "seeds arrivals digits"]


def run(context: Context) -> Outcome:
    """Follow both methods through the arrival of the four classes."""
    task = load_task(context)
    ours, same = _ours(context, task)
    bp = _backprop(context, task)
    return Outcome(_rows(ours, bp, same), [_figure(ours, bp)], _findings(ours, bp))


def _ours(context: Context, task: Task) -> tuple[Course, list[bool]]:
    """Our course, and per seed whether the last model is the one of joint training."""
    from isinglass.systems.interference import InterferenceClassifier, ensemble_energies

    stages, same = [], []
    for seed in context.progress.track(range(context.seeds), "interference"):
        digits = training_set(context, task, K, seed)
        model = InterferenceClassifier(random_state=model_seed(context, seed))
        for label in CLASSES:
            new = digits.labels == label
            model.partial_fit(digits.images[new], digits.labels[new], classes=CLASSES)
            stages.append(copy.deepcopy(model))
        joint = InterferenceClassifier(random_state=model_seed(context, seed)).fit(
            *digits
        )
        same.append(
            np.array_equal(joint.route_probabilities_, model.route_probabilities_)
        )
    context.progress.step("testing every stage")
    guesses = ensemble_energies(stages, task.test.images).argmax(axis=-1)
    return _course(guesses.reshape(context.seeds, len(CLASSES), -1), task), same


def _backprop(context: Context, task: Task) -> Course:
    import jax

    from isinglass.systems.interference import baseline as bp

    context.progress.step("backpropagation")
    draws = [training_set(context, task, K, seed) for seed in range(context.seeds)]
    inputs = bp.features(np.concatenate([digits.images for digits in draws]))
    inputs = inputs.reshape(context.seeds, len(CLASSES), 1, K, -1)
    inputs = np.tile(inputs, (1, 1, BP_EPOCHS, 1, 1)).reshape(
        context.seeds, -1, inputs.shape[-1]
    )
    labels = np.repeat(np.arange(len(CLASSES)), K * BP_EPOCHS)[None].repeat(
        context.seeds, axis=0
    )
    stops = tuple(K * BP_EPOCHS * (phase + 1) for phase in range(len(CLASSES)))
    keys = jax.random.split(jax.random.key(context.seed), context.seeds)
    weights = bp.train_many(keys, inputs, labels, n_classes=len(CLASSES), stops=stops)
    scores = np.einsum(
        "nf,pmcf->mpnc", bp.features(task.test.images), weights, optimize=True
    )
    return _course(scores.argmax(axis=-1), task)


def _course(guesses: np.ndarray, task: Task) -> Course:
    right = np.asarray(CLASSES)[guesses] == task.test.labels
    return np.stack(
        [100 * right[..., task.test.labels == c].mean(axis=-1) for c in CLASSES],
        axis=-1,
    )


def _loss_of_first(course: Course) -> np.ndarray:
    """Points of accuracy on the first digit lost between its arrival and the last one."""
    return course[:, 0, 0] - course[:, -1, 0]


def _rows(ours: Course, bp: Course, same: list[bool]) -> list[Row]:
    silent = "the paper says that ours does not forget, and gives no number"
    losses = {"ours": _loss_of_first(ours), "BP": _loss_of_first(bp)}
    finals = {"ours": ours[:, -1].mean(axis=-1), "BP": bp[:, -1].mean(axis=-1)}
    return [
        share(
            NAME,
            "§4.1",
            "class after class gives the model of joint training, bit for bit",
            sum(same),
            len(same),
            paper=None,
            because="Exact in closed form; the paper says 'forgetting is not obvious'.",
        ),
        share(
            NAME,
            "§4.1",
            "ours keeps more of the first digit than BP, same draws",
            int((losses["ours"] < losses["BP"]).sum()),
            len(same),
            paper=None,
            because=silent,
        ),
        *(
            compare(
                NAME,
                "§4.1",
                f"accuracy on the first digit lost by the end, {name}",
                values,
                paper=None,
                unit="points",
                because=silent,
            )
            for name, values in losses.items()
        ),
        *(
            compare(
                NAME,
                "§4.1",
                f"accuracy on digit {digit} at the end, {name}",
                values[:, -1, i],
                paper=None,
                unit="%",
                because=silent,
            )
            for name, values in (("ours", ours), ("BP", bp))
            for i, digit in enumerate(CLASSES)
        ),
        *(
            compare(
                NAME,
                "§4.1",
                f"accuracy over the four digits at the end, {name}",
                values,
                paper=None,
                unit="%",
                because=silent,
            )
            for name, values in finals.items()
        ),
    ]


def _figure(ours: Course, bp: Course) -> Figure:
    from isinglass.figures.style import COLOURS, subplots

    figure, panels = subplots(1, 2, width=9, height=3.6, sharey=True)
    titles = (
        "Interference, one epoch",
        f"Backpropagation, {BP_EPOCHS} epochs per class",
    )
    for panel, title, course in zip(panels, titles, (ours, bp), strict=True):
        for index, digit in enumerate(CLASSES):
            intervals = np.array(
                [
                    mean_interval(course[:, phase, index])
                    for phase in range(len(CLASSES))
                ]
            )
            phases, colour = np.arange(len(CLASSES)), COLOURS[index]
            learned = phases >= index
            panel.fill_between(
                phases[learned],
                intervals[learned, 1],
                intervals[learned, 2],
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
            panel.plot(phases, intervals[:, 0], ":", color=colour, alpha=0.5)
            panel.plot(
                phases[learned],
                intervals[learned, 0],
                "o-",
                color=colour,
                label=f"digit {digit}",
            )
        panel.set_title(title)
        panel.set_xticks(range(len(CLASSES)), [f"+ digit {digit}" for digit in CLASSES])
    panels[0].set_ylabel("accuracy in %")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    caption = (
        "Accuracy on each digit, all four answers allowed, while the digits arrive one "
        "after "
        f"another (K={K}). Lines are dotted before a digit has arrived; bands are 95 % "
        "confidence "
        "intervals of the mean. Left: what a digit loses, it loses to competitors that "
        "have learned their own. Right: training on a new digit overwrites the old "
        "ones."
    )
    return Figure(NAME, figure, caption)


def _findings(ours: Course, bp: Course) -> str:
    def mean(values: np.ndarray) -> str:
        return f"{values.mean():.1f}"

    return (
        "After the fourth digit has arrived, interference is right on "
        f"{mean(ours[:, -1])} % of the four digits and backpropagation on "
        f"{mean(bp[:, -1])} %. On the first digit interference went from "
        f"{mean(ours[:, 0, 0])} % to {mean(ours[:, -1, 0])} %, backpropagation from "
        f"{mean(bp[:, 0, 0])} % to {mean(bp[:, -1, 0])} %.\n\n"
        "For interference this is an exact statement: routes to one target never "
        "change those to another, so the model after the last digit is the one that "
        "joint training gives, to the last bit."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="No catastrophic forgetting",
    paper="Tang 2020",
    source="§4.1",
    question=(
        "When the four digits arrive one after another and old ones are never shown "
        "again, what is left of the old ones? Accuracy on each digit after each "
        "arrival, for interference and for backpropagation."
    ),
    duration=8,
    quick_duration=5,
    default_seeds=100,
    quick_seeds=10,
    run=run,
)
