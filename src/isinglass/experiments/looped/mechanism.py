"""How a looped transformer answers: what it attends to when, and what if it may not.

The three places that matter at a position are the token before it, the match (what
followed the same symbol when it last occurred: the answer stands there) and itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np
import xarray as xr

from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import models, setting
from isinglass.experiments.looped.mechanism_figures import draw_example, draw_iterations
from isinglass.experiments.looped.mechanism_summary import (
    ATTENDED,
    BEYOND,
    ITSELF,
    SOLVED,
    attended,
    attention_when_trained,
    barred,
    beyond,
    counted,
    drift,
    gain,
    peaks,
    readouts,
    solved,
    trained,
    words,
)
from isinglass.experiments.looped.models import PERCENT, Training
from isinglass.experiments.looped.parts import concat
from isinglass.reproduce import Context, Figure, Ledger
from isinglass.systems.looped import Evaluation, LoopedTransformer, Recipe, Run
from isinglass.systems.looped.course import Course, follow_loop
from isinglass.systems.looped.intervention import barred_accuracy
from isinglass.systems.looped.places import PLACES, find_places

FORM = "full-sequence"
EXAMPLE = 16  # symbols of the sequence that is drawn
FRESH, DRAWN = 20, 21  # keys of fresh sequences
NO_NUMBER = "We know of no published number"


@dataclass(frozen=True)
class Setting:
    """How long to train, on what, and on how many sequences to look.

    Attributes:
        steps: Of training.
        longest: Longest length of training, and the length that is looked at.
        iterations: T.
        sequences: Fresh ones, for each model.
    """

    steps: int
    longest: int
    iterations: int
    sequences: int


SETTINGS = {
    "quick": Setting(steps=2500, longest=16, iterations=6, sequences=128),
    "default": Setting(steps=6000, longest=16, iterations=12, sequences=512),
    "full": Setting(setting.STEPS, setting.LONGEST, iterations=25, sequences=512),
}


def measure(context: Context) -> xr.Dataset:
    """What models of several seeds do, on fresh sequences of the longest length.

    Attention is counted where a question is asked and previous token, match and itself
    are three different places; what may not be attended to is so barred, and answers
    are counted there too. Variables by seed: "accuracy" read out after t = 0, 1, …
    iterations ("times"); "attention" on three places, with what a "uniform" row would
    give; "state" and "change", root mean squares of |Z_t| and of |F|; and accuracy
    "unbarred", with a place "barred" in one iteration, and "always_barred".
    """
    options = SETTINGS[context.resolution]
    config = setting.our_config(iterations=options.iterations)
    evaluate = Evaluation((options.longest,), max(1, options.steps // 4), sequences=64)
    training = Training("models", FORM, config, recipe(options), evaluate)
    run = models.trained(context, training)
    context.progress.step("attention by iteration")
    examine = eqx.filter_jit(_examine)
    seeds = []
    for seed in context.progress.track(run.seeds, "models", len(run.seeds)):
        # Sequences of its own for each model, so that they are independent samples.
        key = jax.random.fold_in(jax.random.key(FRESH), seed)
        seeds.append(_dataset(*examine(run.of(seed), key, run.task, options)))
    by_seed = concat(seeds, "seed")
    best = int(by_seed.accuracy.sel(times=options.iterations).argmax("seed"))
    return by_seed.merge(_example(run, best))


def recipe(options: Setting) -> Recipe:
    """Ours; longer sequences come in over the first half of training."""
    grows = (0, options.steps // 2) if options.longest > EXAMPLE else (0, 0)
    return setting.our_recipe(
        steps=options.steps, longest=options.longest, length_curriculum=grows
    )


def _examine(
    model: LoopedTransformer, key: jax.Array, task: InductionTask, options: Setting
) -> tuple[Course, jax.Array]:
    """The course of a model, and its accuracy with places barred."""
    batch_key, places_key = jax.random.split(key)
    batch = task.batch(batch_key, options.sequences, options.longest)
    where = find_places(batch, places_key)
    return follow_loop(model, batch, where, BEYOND), barred_accuracy(
        model, batch, where
    )


def _dataset(course: Course, accuracy: jax.Array) -> xr.Dataset:
    barred = np.asarray(accuracy, float)
    variables = {
        "accuracy": ("times", course.accuracy, PERCENT),
        "attention": (("iteration", "attended"), course.attention, PERCENT),
        "uniform": ((), course.uniform, PERCENT),
        "state": ("times", course.state, {}),
        "change": ("iteration", course.change, {}),
        "barred": (("place", "trained_iteration"), barred[:-1, :-1], PERCENT),
        "always_barred": ("place", barred[:-1, -1], PERCENT),
        "unbarred": ((), barred[-1, 0], PERCENT),
    }
    return xr.Dataset(
        {
            name: (dims, np.asarray(x, float) * (100 if attrs else 1), attrs)
            for name, (dims, x, attrs) in variables.items()
        },
        {
            "times": np.arange(BEYOND + 1),
            "iteration": np.arange(1, BEYOND + 1),
            "attended": list(ATTENDED),
            "place": list(PLACES),
            "trained_iteration": np.arange(1, barred.shape[1]),
        },
    )


def _example(run: Run, best: int) -> xr.Dataset:
    """A sequence that the best seed answers, with all its rows of attention."""
    model = run.of(run.seeds[best])
    batch = jax.tree.map(np.asarray, run.task.batch(jax.random.key(DRAWN), 64, EXAMPLE))
    trajectories = jax.vmap(model.run)(batch.tokens)
    logits = jax.vmap(model.decode)(trajectories.states[:, -1])
    right = np.asarray(logits).argmax(-1) == batch.targets
    # The first with the most right answers.
    index = int((right & batch.mask).sum(-1).argmax())
    rows = ("trained_iteration", "position", "attended_position")
    return xr.Dataset(
        {
            "tokens": ("position", batch.tokens[index]),
            "source": ("position", batch.source[index]),
            "right": ("position", right[index]),
            "rows": (rows, np.asarray(trajectories.rows[index, :, 0])),
        }
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Where attention is and what is lost without it; none of it is published."""
    part, ledger = counted(measured), ledger.using(because=NO_NUMBER)
    longest = SETTINGS[measured.resolution].longest
    ledger.share(
        f"seeds with at least {SOLVED}% right answers at L = {longest}",
        int(solved(measured).sum()),
        measured.sizes["seed"],
        because="Another recipe than the paper's",
    )
    shares = ledger.using(unit="%", valid_range=(0, 100))
    for place in ATTENDED:
        what = "the position itself" if place == ITSELF else f"the {place}"
        most = attention_when_trained(part).sel(attended=place).max("iteration").values
        shares.ours_alone(f"most attention on {what} in any iteration", most)
        peak = peaks(part).sel(attended=place).values
        ledger.ours_alone(f"iteration with most attention on {what}", peak)
    for times in readouts(measured):
        ratio = times / trained(measured)
        more = "as trained" if ratio == 1 else f"{ratio:.3g} times as many as trained"
        quantity = f"right answers after {times} iterations, {more}"
        shares.ours_alone(quantity, part.accuracy.sel(times=times).values)
    _compare_barred(part, shares)
    ledger.ours_alone("|Z| gained by an iteration at the end of 200", gain(part))
    ledger.ours_alone("|F| of iteration 200 over that of the last trained", drift(part))


def _compare_barred(part: xr.Dataset, shares: Ledger) -> None:
    unbarred = part.unbarred.values
    points = shares.using(valid_range=(-100, 100))
    shares.ours_alone("right answers where the three places differ", unbarred)
    for place in PLACES:
        lost = unbarred - part.always_barred.sel(place=place).values
        quantity = f"right answers lost if no row sees {words(place)}"
        points.ours_alone(quantity, lost)
        if place in ATTENDED:
            peak = peaks(part).sel(attended=place, drop=True)
            at_peak = part.barred.sel(place=place, trained_iteration=peak)
            points.ours_alone(
                "the same in the iteration with most attention on "
                f"{words(place)} alone",
                unbarred - at_peak.values,
            )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The rows of a sequence; then attention, answers and sizes by iteration."""
    options, part = SETTINGS[measured.resolution], counted(measured)
    yield draw_example(measured)
    learned = (
        f" with at least {SOLVED}% right answers" if solved(measured).any() else ""
    )
    yield draw_iterations(
        part,
        f"{'seeds' if part.sizes['seed'] > 1 else 'seed'}{learned}, "
        f"{options.sequences} fresh sequences of {options.longest} symbols",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Where attention is, what it costs to bar a place, and what goes on beyond T."""
    part, options = counted(measured), SETTINGS[measured.resolution]
    return {
        "solved": int(solved(measured).sum()),
        "all_seeds": measured.sizes["seed"],
        "enough": SOLVED,
        "options": options,
        "trained": trained(measured),
        "beyond": BEYOND,
        "part": part,
        "attended": [attended(part, place) for place in ATTENDED],
        "barred": [barred(part, place) for place in PLACES],
        "readouts": readouts(measured),
        "gain": gain(part),
        "drift": drift(part),
        **beyond(part),
    }
