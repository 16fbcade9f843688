"""How a looped transformer answers: what it attends to in which iteration, and what if it may not.

The three places that matter at a position are the token before it, the match (what
followed the same symbol when it was last seen: the answer stands there) and itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from isinglass._common.intervals import mean_interval, mean_text
from isinglass.experiments.looped import setting as paper
from isinglass.reproduce import (
    Context,
    Experiment,
    Figure,
    Outcome,
    Row,
    compare,
    share,
)
from isinglass.systems.looped.intervention import barred_logits

if TYPE_CHECKING:
    from jax import Array

    from isinglass.data.induction import InductionBatch, InductionTask
    from isinglass.systems.looped import LoopedTransformer
    from isinglass.systems.looped.recipe import Recipe

NAME = "looped-mechanism"
SOURCE = "beyond the paper, attention by iteration"
FORM = "full-sequence"
SOLVED = (
    0.9  # accuracy at the longest length of training from which a seed counts as solved
)
BEYOND = 200  # iterations that a trained loop is followed for
EXAMPLE = 16  # symbols of the sequence that is drawn
PREVIOUS, MATCH, ITSELF, OTHER = range(4)
PLACES = ("previous token", "match", "itself", "another token")
LOOKED_AT, DRAWN = 20, 21  # keys of fresh sequences
NO_NUMBER = "We know of no published number"


class Size(NamedTuple):
    """How long to train, on what, and on how many sequences to look."""

    steps: int
    longest: int
    iterations: int
    sequences: int


QUICK = Size(steps=2500, longest=16, iterations=6, sequences=128)
DEFAULT = Size(steps=6000, longest=16, iterations=12, sequences=512)
FULL = Size(steps=paper.STEPS, longest=paper.LONGEST, iterations=25, sequences=512)


class Example(NamedTuple):
    """One sequence, with the rows of attention of every iteration."""

    tokens: Int[np.ndarray, "n"]
    source: Int[np.ndarray, "n"]
    rows: Float[np.ndarray, "T n n"]
    right: Bool[np.ndarray, "n"]


class Found(NamedTuple):
    """What models of several seeds do, S, on fresh sequences of the longest length of training.

    Attention is counted where a question is asked and previous token, match and itself
    are three different places; what may not be attended to is so barred, and answers
    are counted there too.

    Attributes:
        size: How they were trained.
        accuracy: Share of right answers read out after t = 0, 1, … iterations, (S,
            BEYOND + 1).
        attention: Mean attention on previous token, match and itself, (S, 3, BEYOND).
        uniform: The same of a row that looks everywhere alike.
        state: Root mean square over positions of |Z_t|, (S, BEYOND + 1).
        change: The same of |F|, by which iteration t moves, (S, BEYOND).
        free: Share of right answers after T iterations with nothing barred, (S,).
        barred: The same with a place barred in one iteration, and last in all, (S, 4, T
            + 1).
        example: A sequence that the best seed answers.
    """

    size: Size
    accuracy: Float[np.ndarray, "S B1"]
    attention: Float[np.ndarray, "S 3 B"]
    uniform: float
    state: Float[np.ndarray, "S B1"]
    change: Float[np.ndarray, "S B"]
    free: Float[np.ndarray, "S"]
    barred: Float[np.ndarray, "S 4 T1"]
    example: Example

    @property
    def trained(self) -> int:
        """T of the training."""
        return self.size.iterations

    @property
    def solved(self) -> Bool[np.ndarray, "S"]:
        """Which seeds learned the task."""
        return self.accuracy[:, self.trained] >= SOLVED

    @property
    def counted(self) -> Bool[np.ndarray, "S"]:
        """Which seeds the numbers are of: those that learned the task, or all if none did."""
        return self.solved if self.solved.any() else np.ones_like(self.solved)


def run(context: Context) -> Outcome:
    """Train, and look at what the attention of every iteration is on."""
    found = measure(
        context, FULL if context.full else QUICK if context.quick else DEFAULT
    )
    figures = [_figure_of_example(found), _figure_of_iterations(found)]
    return Outcome(_rows(found), figures, _findings(found))


def measure(context: Context, size: Size) -> Found:
    """Train models and follow them."""
    import equinox as eqx
    import jax

    from isinglass.data.induction import InductionTask
    from isinglass.systems.looped.evaluation import Evaluation

    names = paper.seeds(context, context.seeds)
    config = paper.our_config(iterations=size.iterations)
    evaluate = Evaluation((size.longest,), max(1, size.steps // 4), sequences=64)
    trained = paper.trained(
        context, "models", config, FORM, _recipe(size), names, evaluate
    )
    task = InductionTask(FORM, config.vocabulary)
    context.progress.step("attention by iteration")
    # Sequences of its own for each model, so that they are independent samples.
    keys = [jax.random.fold_in(jax.random.key(LOOKED_AT), name) for name in names]
    models = [trained.of(name) for name in names]
    look = eqx.filter_jit(partial(_look, task=task, size=size))
    seen = [
        look(*given)
        for given in context.progress.track(
            zip(models, keys, strict=True), "models", len(names)
        )
    ]
    accuracy, attention, uniform, state, change, barred = (
        np.stack([np.asarray(one, float) for one in each])
        for each in zip(*seen, strict=True)
    )
    best = models[int(accuracy[:, size.iterations].argmax())]
    drawn = task.batch(jax.random.key(DRAWN), 64, EXAMPLE)
    return Found(
        size,
        accuracy,
        attention.transpose(0, 2, 1),
        float(uniform.mean()),
        state,
        change,
        barred[:, -1, 0],
        barred[:, :-1],
        _example(best, jax.tree.map(np.asarray, drawn)),
    )


def _look(
    model: LoopedTransformer, key: Array, task: InductionTask, size: Size
) -> tuple[Any, ...]:
    """All there is to know of one model, in the order of `Found`."""
    import jax
    import jax.numpy as jnp

    of_batch, of_places = jax.random.split(key)
    batch = task.batch(of_batch, size.sequences, size.longest)
    places, apart = _places(batch, of_places)
    given = (batch, places.swapaxes(0, 1), apart)
    followed = jax.lax.map(
        lambda one: _follow(model, *one), given, batch_size=_at_once(size.longest)
    )
    right, attention, state, change = jax.tree.map(lambda x: x.sum(0), followed)
    visible = jnp.arange(1, size.longest + 1)
    return (
        right / batch.mask.sum(),
        attention / apart.sum(),
        (apart / visible).sum() / apart.sum(),
        jnp.sqrt(state / size.sequences),
        jnp.sqrt(change / size.sequences),
        _bar(model, batch, places, apart),
    )


def _recipe(size: Size) -> Recipe:
    """Ours; longer sequences come in over the first half of training."""
    grows = (0, size.steps // 2) if size.longest > EXAMPLE else (0, 0)
    return paper.our_recipe(
        steps=size.steps, longest=size.longest, length_curriculum=grows
    )


def _places(batch: InductionBatch, key: Array) -> tuple[Array, Array]:
    """Where previous token, match, itself and another token are, and where the first three differ.

    Returns:
        Positions, (4, B, n), −1 where there is none, and a mask, (B, n). The other
        token is drawn from what is before and none of the three.
    """
    import jax
    import jax.numpy as jnp

    here = jnp.broadcast_to(jnp.arange(batch.tokens.shape[1]), batch.tokens.shape)
    match = jnp.where(batch.mask, batch.source + 1, -1)
    apart = batch.mask & (match < here - 1)
    drawn = jax.random.randint(key, here.shape, 0, jnp.maximum(here - 2, 1))
    other = jnp.where(apart & (here > 2), drawn + (drawn >= match), -1)
    return jnp.stack([here - 1, jnp.where(apart, match, -1), here, other]), apart


def _follow(
    model: Any, sequence: InductionBatch, places: Array, apart: Array
) -> tuple[Array, Array, Array, Array]:
    """Right answers, attention by place, |Z|² and |F|² of one sequence, by iteration."""
    import jax
    import jax.numpy as jnp

    tokens, targets, mask, _ = sequence
    inputs = model.embed(tokens)
    looked_for = jnp.maximum(places[:OTHER], 0).T

    def right(state: Array) -> Array:
        return ((model.decode(state).argmax(-1) == targets) & mask).sum()

    def size(vectors: Array) -> Array:
        return (vectors**2).sum(-1).mean()

    def iterate(state: Array, _: None) -> tuple[Array, Any]:
        rows = model.attention(state + inputs)[0]
        on = (jnp.take_along_axis(rows, looked_for, axis=1) * apart[:, None]).sum(0)
        change = model.block(state + inputs)
        after = state + change
        return after, (right(after), on, size(after), size(change))

    start = jnp.zeros_like(inputs)
    answers, on, state, change = jax.lax.scan(iterate, start, None, length=BEYOND)[1]
    return (
        jnp.concatenate([right(start)[None], answers]),
        on,
        jnp.concatenate([jnp.zeros(1), state]),
        change,
    )


def _bar(model: Any, batch: InductionBatch, places: Array, apart: Array) -> Array:
    """Share of right answers with each place barred, in one iteration or in all: (4 + 1, T + 1).

    In the last row nothing is.
    """
    import jax
    import jax.numpy as jnp

    iterations = model.config.iterations
    alone, always = jnp.eye(iterations, dtype=bool), jnp.ones((1, iterations), bool)
    nowhere = jnp.full_like(places[:1], -1)

    def one(given: Any, when: Array) -> Array:
        tokens, targets, place, apart = given
        logits = barred_logits(model, tokens, place, when)
        return ((logits.argmax(-1) == targets) & apart).sum()

    def share_right(place: Array, when: Array) -> Array:
        given = (batch.tokens, batch.targets, place, apart)
        at_once = _at_once(batch.tokens.shape[1])
        right = jax.lax.map(lambda each: one(each, when), given, batch_size=at_once)
        return right.sum() / apart.sum()

    return jax.lax.map(
        lambda place: jax.lax.map(
            lambda when: share_right(place, when), jnp.concatenate([alone, always])
        ),
        jnp.concatenate([places, nowhere]),
    )


def _at_once(length: int) -> int:
    """Sequences side by side, so that their rows of attention stay in the cache."""
    return max(1, 2**15 // length**2)


def _example(model: LoopedTransformer, batch: InductionBatch) -> Example:
    """The first sequence with the most right answers."""
    import jax

    runs = jax.vmap(model.run)(batch.tokens)
    logits = jax.vmap(model.decode)(runs.states[:, -1])
    right = np.asarray(logits).argmax(-1) == batch.targets
    index = int((right & batch.mask).sum(-1).argmax())
    return Example(
        np.asarray(batch.tokens[index]),
        np.asarray(batch.source[index]),
        np.asarray(runs.rows[index, :, 0]),
        right[index],
    )


# -- the ledger ------------------------------------------------------------------------


def _peaks(found: Found) -> Int[np.ndarray, "S 3"]:
    """Iteration in which each place is attended to most, of those trained, counted from 1."""
    return found.attention[found.counted, :, : found.trained].argmax(-1) + 1


def _rows(found: Found) -> list[Row]:
    counted, trained = found.counted, found.trained
    solved = share(
        NAME,
        SOURCE,
        f"seeds with at least {SOLVED:.0%} right answers at L = {found.size.longest}",
        int(found.solved.sum()),
        len(counted),
        paper=None,
        because="Another recipe than the paper's",
    )
    peaks, most = _peaks(found), 100 * found.attention[counted, :, :trained].max(-1)
    quantities = []
    for index, place in enumerate(PLACES[:OTHER]):
        what = "the position itself" if index == ITSELF else f"the {place}"
        quantities += [
            (f"most attention on {what} in any iteration", most[:, index], "%"),
            (f"iteration with most attention on {what}", peaks[:, index], ""),
        ]
    for times in _readouts(trained):
        what = f"right answers after {times} iterations, {_beyond(times, trained)}"
        quantities.append((what, 100 * found.accuracy[counted, times], "%"))
    free = 100 * found.free[counted]
    quantities.append(("right answers where the three places differ", free, "%"))
    for index, place in enumerate(PLACES):
        lost = free[:, None] - 100 * found.barred[counted, index]
        quantities.append(
            (f"right answers lost if no row sees {_of(place)}", lost[:, -1], "%")
        )
        if index != OTHER:
            at_peak = np.take_along_axis(lost, peaks[:, index, None] - 1, axis=1)[:, 0]
            what = (
                f"the same in the iteration with most attention on {_of(place)} alone"
            )
            quantities.append((what, at_peak, "%"))
    quantities += [
        ("|Z| gained by an iteration at the end of 200", _gain(found), ""),
        ("|F| of iteration 200 over that of the last trained", _drift(found), ""),
    ]
    return [
        solved,
        *(_row(what, values, unit) for what, values, unit in quantities),
    ]


def _row(quantity: str, values: np.ndarray, unit: str) -> Row:
    row = compare(
        NAME, SOURCE, quantity, values, paper=None, unit=unit, because=NO_NUMBER
    )
    return row.between(-100.0) if unit == "%" else row


def _of(place: str) -> str:
    return place if place in PLACES[ITSELF:] else f"its {place}"


def _readouts(trained: int) -> list[int]:
    return [trained, 2 * trained, 4 * trained, BEYOND]


def _beyond(times: int, trained: int) -> str:
    return (
        "as trained"
        if times == trained
        else f"{times / trained:.3g} times as many as trained"
    )


def _gain(found: Found) -> Float[np.ndarray, "S"]:
    return (found.state[:, -1] - found.state[:, -11])[found.counted] / 10


def _drift(found: Found) -> Float[np.ndarray, "S"]:
    return (found.change[:, -1] / found.change[:, found.trained - 1])[found.counted]


# -- what is shown ---------------------------------------------------------------------


def _figure_of_example(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    tokens, source, rows, right = found.example
    shown = _shown(len(rows))
    symbols = [chr(ord("a") + symbol) for symbol in tokens]
    figure, panels = subplots(1, len(shown), width=12, height=3.5, sharey=True)
    asked = np.flatnonzero(source >= 0)
    for axis, iteration in zip(panels, shown, strict=True):
        axis.imshow(rows[iteration - 1], cmap="Blues", vmin=0, vmax=1)
        axis.plot(
            source[asked] + 1,
            asked,
            "s",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=COLOURS[1],
            markeredgewidth=1.2,
            label="match",
        )
        axis.set_title(f"iteration {iteration}")
        axis.grid(visible=False)
        axis.set_xticks(range(len(tokens)), symbols, fontsize=8)
        axis.set_yticks(range(len(tokens)), symbols, fontsize=8)
        axis.tick_params(length=0)
        axis.set_xlabel("attended to")
    for label, good in zip(panels[0].get_yticklabels(), right, strict=True):
        label.set_color(INK if good else MUTED)
    panels[0].set_ylabel("by")
    panels[-1].legend(loc="upper right", fontsize=8)
    figure.colorbar(panels[0].images[0], ax=panels[-1], label="attention", shrink=0.75)
    wrong = int((~right & (source >= 0)).sum())
    caption = (
        f"Rows of attention of the best seed for one fresh sequence of {len(tokens)} "
        f"symbols, of which it answers {len(asked) - wrong} of {len(asked)} questions. "
        "A square marks the "
        "match: what followed the same symbol when it was last seen, where the answer "
        "stands. Rows without one are asked nothing."
    )
    return Figure(NAME, figure, caption)


def _shown(iterations: int) -> list[int]:
    """Iterations to draw: the first three, one in the middle and the last."""
    return sorted(
        {1, 2, 3, max(4, iterations // 2), iterations} & set(range(1, iterations + 1))
    )


def _figure_of_iterations(found: Found) -> Figure:
    from isinglass.figures.style import MUTED, subplots

    figure, panels = subplots(2, 2, width=10, height=7)
    attention, knocked, answers, sizes = panels.ravel()
    trained, counted = found.trained, found.counted
    first = np.arange(1, trained + 1)
    for index, place in enumerate(PLACES[:OTHER]):
        _band(
            attention,
            first,
            100 * found.attention[counted, index, :trained],
            index,
            place,
        )
    attention.axhline(
        100 * found.uniform, color=MUTED, linestyle=":", label="uniform row"
    )
    attention.set_ylabel("mean attention in %")
    attention.set_title("What rows look at")
    attention.set_ylim(0, 100)
    for index, place in enumerate(PLACES):
        _band(
            knocked, first, 100 * found.barred[counted, index, :trained], index, place
        )
    for index in range(len(PLACES)):
        in_all = 100 * found.barred[counted, index, -1].mean()
        knocked.plot(
            trained + 1.2, in_all, "D", color=f"C{index}", markersize=6, clip_on=False
        )
    knocked.axhline(
        100 * found.free[counted].mean(),
        color=MUTED,
        linestyle=":",
        label="nothing barred",
    )
    knocked.set_ylim(0, 102)
    ticks = _ticks(trained)
    knocked.set_xticks([*ticks, trained + 1.2], [*map(str, ticks), "all"])
    attention.set_xticks(ticks)
    knocked.set_ylabel("right answers in %")
    knocked.set_title("If an iteration may not look there")
    for axis in (attention, knocked):
        axis.set_xlabel("iteration")
        axis.legend(fontsize=8)
    times = np.arange(BEYOND + 1)
    _band(answers, times[1:], 100 * found.accuracy[counted, 1:], 0, "all questions")
    answers.axhline(100 / paper.VOCABULARY, color=MUTED, linestyle=":", label="guess")
    answers.set_ylabel("right answers in %")
    answers.set_ylim(0, 102)
    answers.set_title("Read out after so many iterations")
    _band(sizes, times[1:], found.state[counted, 1:], 0, "state |Z|")
    _band(sizes, times[1:], found.change[counted], 1, "change |F|")
    sizes.set_yscale("log")
    sizes.set_ylabel("root mean square over positions")
    sizes.set_title("Size of state and change")
    for axis in (answers, sizes):
        axis.set_xscale("log")
        axis.set_xticks([1, 3, 10, 30, 100, 200], ["1", "3", "10", "30", "100", "200"])
        axis.minorticks_off()
        axis.axvline(
            trained, color=MUTED, linewidth=1, linestyle="--", label="trained $T$"
        )
        axis.set_xlabel("iteration")
        axis.legend(fontsize=8)
    n = int(counted.sum())
    caption = (
        f"{n} {'seeds' if n > 1 else 'seed'}"
        f"{f' with at least {SOLVED:.0%} right answers' if found.solved.any() else ''}, "
        f"{found.size.sequences} fresh sequences of {found.size.longest} symbols. Thin "
        "lines are "
        "seeds, thick ones their mean. Top: positions at which previous token, match "
        "and itself are three different places. Right, the place is barred in one "
        "iteration, or (diamonds) in all, and its attention shared out among the rest "
        "of the row; another token is one drawn "
        "from the rest. Bottom: all questions, and iterations beyond the trained "
        f"{trained}."
    )
    return Figure(f"{NAME}-iterations", figure, caption)


def _band(
    axis: Any, x: np.ndarray, values: np.ndarray, colour: int, label: str
) -> None:
    axis.plot(x, values.T, color=f"C{colour}", alpha=0.25, linewidth=0.8)
    axis.plot(x, values.mean(axis=0), color=f"C{colour}", label=label)


def _ticks(last: int) -> list[int]:
    every = max(1, -(-last // 12))
    return list(range(1, last + 1, every))


def _findings(found: Found) -> str:
    size = found.size
    solved, n = int(found.solved.sum()), len(found.solved)
    whose = "these" if solved else "all, although none learned it"
    learned = (
        f"{solved} of {n} seeds answer at least {SOLVED:.0%} of the questions in "
        f"sequences of {size.longest} symbols after {size.steps:,} steps of our "
        f"recipe; what follows is of {whose}."
    )
    return "\n\n".join(
        [learned, _of_attention(found), _of_barred(found), _of_beyond(found)]
    )


def _percent(values: np.ndarray) -> str:
    return f"{mean_text(100 * values, 0, 100)} %"


def _of_attention(found: Found) -> str:
    shares = found.attention[found.counted, :, : found.trained]
    parts = []
    for index, place in enumerate(PLACES[:OTHER]):
        mean = shares[:, index].mean(axis=0)
        peaks = _peaks(found)[:, index]
        at = int(mean.argmax())
        above = np.flatnonzero((shares[:, index] > 0.5).any(axis=-1))
        first = (shares[above, index] > 0.5).argmax(axis=-1) + 1
        half = (
            f"above half first in iteration {_spread(first)}, in {len(above)} of "
            f"{len(shares)}"
            if above.size
            else "above half in none"
        )
        what = "the position itself" if index == ITSELF else f"the {place}"
        parts.append(
            f"{what}, {_percent(shares[:, index, at])} in iteration {at + 1} (single "
            f"seeds peak in {_spread(peaks)}; {half})"
        )
    return (
        "Most attention, mean over sequences and seeds with its interval: "
        f"{'; '.join(parts)}. A uniform row would give {found.uniform:.0%} to each."
    )


def _spread(values: np.ndarray) -> str:
    return (
        f"{values.min()}"
        if values.min() == values.max()
        else f"{values.min()} to {values.max()}"
    )


def _of_barred(found: Found) -> str:
    free, barred = found.free[found.counted], found.barred[found.counted]
    lost = (free[:, None, None] - barred).mean(axis=0)
    always = ", ".join(
        f"{_percent(barred[:, index, -1])} if {_of(place)} is barred"
        for index, place in enumerate(PLACES)
    )
    worst = "; ".join(
        f"{PLACES[index]}: iteration {lost[index, :-1].argmax() + 1}, which costs "
        f"{100 * lost[index, :-1].max():.0f} points"
        for index in (PREVIOUS, MATCH, ITSELF, OTHER)
    )
    return (
        "What attention is on need not be what counts, so places were barred. Where "
        "the three "
        f"places differ, {_percent(free)} of the answers are right, and with a place "
        f"barred in all iterations {always}. Barred in one iteration alone, the one "
        f"that matters most is, by place: {worst}."
    )


def _of_beyond(found: Found) -> str:
    counted, trained = found.counted, found.trained
    accuracy = found.accuracy[counted]
    later = ", ".join(
        f"{_percent(accuracy[:, times])} after {times}" for times in _readouts(trained)
    )
    mean = accuracy.mean(axis=0)
    best = int(mean.argmax())
    falls = np.flatnonzero(mean[best:] < (mean[best] + 1 / paper.VOCABULARY) / 2)
    half = (
        f"half of what is above a guess is lost {best + int(falls[0])} iterations in"
        if falls.size
        else f"half of what is above a guess is still there after {BEYOND}"
    )
    gain, drift = mean_interval(_gain(found)).mean, mean_interval(_drift(found)).mean
    grows = found.state[counted, -1].mean() / found.state[counted, trained].mean()
    return (
        f"Beyond the {trained} iterations of training: right answers are {later}; the "
        f"most are read out after {best}, and {half}. The loop does not settle: |Z| "
        f"after {BEYOND} iterations is {grows:.1f} times that after {trained}, and "
        f"still gains {gain:.2f} with each, with |F| {drift:.2f} times what it was. "
        "The normalisation gives F its size "
        "whatever the state is, and X, by which a row knows symbols and places, is "
        "ever less of Z + X."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="What each iteration attends to",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "Which iteration of a trained loop looks at the previous token, and which "
        "finds the match? Do the answers need that attention, and what becomes of them "
        "when the loop goes on "
        f"beyond the trained number of iterations, up to {BEYOND}?"
    ),
    duration=140,
    quick_duration=45,
    full_duration=3_300,
    default_seeds=10,
    quick_seeds=3,
    run=run,
    needs_digits=False,
)
