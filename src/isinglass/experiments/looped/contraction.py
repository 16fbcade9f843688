"""Theorem 3.2.1 of Lam 2026 over training: its bound, the true norms, and what the loop does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import mean_text
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

if TYPE_CHECKING:
    from jax import Array

    from isinglass.data.induction import InductionTask
    from isinglass.systems.looped import LoopedConfig, LoopedTransformer
    from isinglass.systems.looped.recipe import Recipe

NAME = "looped-contraction"
THEOREM = "Theorem 3.2.1"
FORM = "full-sequence"
OURS, PAPERS = "our recipe", "the paper's setting"
LENGTH = 16  # symbols of the sequences that derivatives are taken at
WARMUP = 200
NEUTRAL = 0.01  # an exponent above minus this is not told from 0
LOOKED_AT = 30  # key of fresh sequences
VALUE_AT_MOST = 0.5  # what the theorem assumes of |W_V|_F
NORM_AT_MOST = 1.0  # and of |X|_F and |Z|_F
NO_NUMBER = "We know of no published number"
PER_ITERATION = "nats/iteration"


class Size(NamedTuple):
    """Where training is looked at, and how closely."""

    steps: tuple[int, ...]
    iterations: int
    sequences: int
    exponent: int  # iterations that an exponent is measured over, and waited for before
    papers: tuple[int, ...] = ()  # the same steps of the paper's setting


QUICK = Size(steps=(0, 250, 1000), iterations=6, sequences=2, exponent=400)
DEFAULT = Size(
    steps=(0, 125, 250, 500, 1000, 2000, 4000),
    iterations=12,
    sequences=4,
    exponent=1000,
)
FULL = Size(
    steps=DEFAULT.steps,
    iterations=12,
    sequences=4,
    exponent=1000,
    papers=(0, 300, 600, 1250, 2500, 5000, 10_000, paper.STEPS),
)


class Measured(NamedTuple):
    """Models of one setting, S seeds at C steps of training; means over sequences.

    The loop is Z + F(Z + X), what the model iterates; the block F(Z + X) is what the
    theorem does. Norms are operator norms of derivatives by Z, at every state Z_0 …
    Z_{T−1} of the loop.

    Attributes:
        steps: Steps of training, (C,).
        accuracy: Share of right answers at `LENGTH`, (C, S).
        value: |W_V|_F, (C, S).
        inputs: |X|_F, (C, S).
        state: |Z_t|_F for t = 1 … T, (C, S, T).
        bound: The theorem's, (C, S, T).
        attention: The norm that it bounds, of attention alone, (C, S, T).
        loop: Norm of the loop's step, (C, S, T).
        block: Norm of the block, (C, S, T).
        worst: Largest norm over bound where X, Z and W_V are scaled down to what the
            theorem assumes; of all sequences and iterations, (C, S).
        scaled_bound: The bound there, mean, (C, S).
        growth: Logarithm, per iteration, of the norm of the derivative of Z_T by Z_0,
            (C, S).
        of_loop: Largest Lyapunov exponent of the loop, nats per iteration, of one
            sequence (C, S).
        of_block: The same of the block.
    """

    steps: np.ndarray
    accuracy: Float[np.ndarray, "C S"]
    value: Float[np.ndarray, "C S"]
    inputs: Float[np.ndarray, "C S"]
    state: Float[np.ndarray, "C S T"]
    bound: Float[np.ndarray, "C S T"]
    attention: Float[np.ndarray, "C S T"]
    loop: Float[np.ndarray, "C S T"]
    block: Float[np.ndarray, "C S T"]
    worst: Float[np.ndarray, "C S"]
    scaled_bound: Float[np.ndarray, "C S"]
    growth: Float[np.ndarray, "C S"]
    of_loop: Float[np.ndarray, "C S"]
    of_block: Float[np.ndarray, "C S"]


def run(context: Context) -> Outcome:
    """Train up to each of several steps, and take derivatives there."""
    found = measure(
        context, FULL if context.full else QUICK if context.quick else DEFAULT
    )
    rows = [row for setting, one in found.items() for row in _rows(setting, one)]
    figures = [_figure(setting, one) for setting, one in found.items()]
    return Outcome(rows, figures, _findings(found))


def measure(context: Context, size: Size) -> dict[str, Measured]:
    """All settings."""
    ours = paper.our_config(iterations=size.iterations)
    found = {OURS: _of_setting(context, OURS, ours, size.steps, size)}
    if size.papers:
        found[PAPERS] = _of_setting(
            context, PAPERS, paper.paper_config(), size.papers, size
        )
    return found


def _of_setting(
    context: Context,
    setting: str,
    config: LoopedConfig,
    steps: tuple[int, ...],
    size: Size,
) -> Measured:
    import equinox as eqx
    import jax

    from isinglass.data.induction import InductionTask
    from isinglass.systems.looped.evaluation import Evaluation

    names = paper.seeds(context, context.seeds)
    look = eqx.filter_jit(
        partial(_look, task=InductionTask(FORM, config.vocabulary), size=size)
    )
    seen = []
    for count in steps:
        evaluate = Evaluation((LENGTH,), max(1, count), sequences=64)
        what = f"{setting} to step {count:,}"
        trained = paper.trained(
            context, what, config, FORM, _recipe(setting, count), names, evaluate
        )
        accuracy = paper.fresh_accuracy(trained, [LENGTH], 256, LOOKED_AT)[
            "all"
        ].values[:, 0]
        for name, right in zip(names, accuracy, strict=True):
            key = jax.random.fold_in(jax.random.key(LOOKED_AT), name)
            model = trained.of(name)
            of_model, inputs = look(model, key)
            seen.append((right, *of_model, *_exponents(model, inputs, size)))
    stacked = (
        np.stack([np.asarray(x, float) for x in each])
        for each in zip(*seen, strict=True)
    )
    return Measured(
        np.array(steps),
        *(x.reshape(len(steps), len(names), *x.shape[1:]) for x in stacked),
    )


def _recipe(setting: str, steps: int) -> Recipe:
    """The first steps of one and the same training, whose learning rate must therefore not fall.

    At step 0 nothing is learned: one step that moves nothing.
    """
    still: Any = {"steps": 1, "learning_rate": 0.0} if steps == 0 else {"steps": steps}
    if setting == PAPERS:
        return paper.paper_recipe(**still)
    return paper.our_recipe(**still, warmup=0 if steps == 0 else WARMUP, decay=False)


def _look(
    model: LoopedTransformer, key: Array, task: InductionTask, size: Size
) -> tuple[tuple[Array, ...], Array]:
    """Everything but exponents of one model, in the order of `Measured`, and X of one sequence."""
    import jax
    import jax.numpy as jnp

    tokens = task.batch(key, size.sequences, LENGTH).tokens
    inputs, *each = jax.lax.map(lambda one: _derivatives(model, one), tokens)
    each, worst = each[:-1], each[-1].max()
    norm, state, bound, attention, loop, block, scaled, growth = (
        x.mean(0) for x in each
    )
    value = jnp.linalg.norm(model.value)
    of_model = (
        value,
        norm,
        state,
        bound,
        attention,
        loop,
        block,
        worst,
        scaled,
        growth,
    )
    return of_model, inputs[0]


def _derivatives(model: LoopedTransformer, tokens: Array) -> tuple[Array, ...]:
    """What is to be known of one sequence, by iteration."""
    import jax
    import jax.numpy as jnp

    from isinglass.systems.looped.contraction import (
        attention_jacobian_norm,
        contraction_bound,
        loop_jacobian_norm,
        loop_parameters,
        loop_step,
    )

    inputs = model.embed(tokens)
    states, rows = model.run(tokens)
    weights = (model.query, model.key, model.value)
    small, gentle = _within(inputs, NORM_AT_MOST), _within(model.value, VALUE_AT_MOST)

    def at(given: tuple[Array, Array]) -> tuple[Array, ...]:
        state, rows = given
        near = _within(state, NORM_AT_MOST)
        scaled = (model.query, model.key, gentle)
        scaled_bound = contraction_bound(scaled, model.attention(small + near)[0])
        return (
            contraction_bound(weights, rows[0]),
            attention_jacobian_norm(
                weights, inputs, state, causal=model.config.causal
            ),
            loop_jacobian_norm(model, state, inputs),
            loop_jacobian_norm(model, state, inputs, residual=False),
            scaled_bound,
            attention_jacobian_norm(scaled, small, near, causal=model.config.causal)
            / scaled_bound,
        )

    bound, attention, loop, block, scaled, ratio = jax.lax.map(at, (states[:-1], rows))

    def whole(state: Array) -> Array:
        parameters = loop_parameters(model, inputs)
        return jax.lax.scan(
            lambda z, _: (loop_step(z, parameters), None), state, None, len(rows)
        )[0].ravel()

    jacobian = jax.jacfwd(whole)(states[0]).reshape(inputs.size, inputs.size)
    growth = jnp.log(jnp.linalg.norm(jacobian, 2)) / len(rows)
    sizes = jnp.linalg.norm(states[1:], axis=(1, 2))
    norm = jnp.linalg.norm(inputs)
    return (
        inputs,
        norm,
        sizes,
        bound,
        attention,
        loop,
        block,
        scaled.mean(),
        growth,
        ratio,
    )


def _within(matrix: Array, norm: float) -> Array:
    """The matrix, scaled down to a Frobenius norm if it is larger."""
    import jax.numpy as jnp

    size = jnp.linalg.norm(matrix)
    return matrix * jnp.where(size > norm, norm / jnp.maximum(size, norm), 1.0)


def _exponents(
    model: LoopedTransformer, inputs: Array, size: Size
) -> tuple[float, float]:
    """The largest Lyapunov exponent of the loop and of the block, from Z = 0."""
    from isinglass.dynamics import Measure, lyapunov_spectrum
    from isinglass.systems.looped.contraction import (
        block_step,
        loop_parameters,
        loop_step,
    )

    parameters = loop_parameters(model, inputs)
    leading = Measure(transient=size.exponent, steps=size.exponent, exponents=1)
    found = [
        lyapunov_spectrum(step, 0 * inputs, parameters, leading).exponents[0]
        for step in (loop_step, block_step)
    ]
    return float(found[0]), float(found[1])


# -- the ledger ------------------------------------------------------------------------


def _rows(setting: str, found: Measured) -> list[Row]:
    last = int(found.steps[-1])
    seeds, exceeded = found.worst.shape[1], int((found.worst > 1).any(axis=0).sum())
    rows = [
        share(
            NAME,
            THEOREM,
            f"{setting}, seeds in which no norm exceeds the bound, X, Z and W_V scaled "
            "to what the "
            "theorem assumes",
            seeds - exceeded,
            seeds,
            paper=100.0,
        )
    ]
    for index in sorted({0, len(found.steps) - 1}):
        when = f"{setting}, step {found.steps[index]:,}"
        fits = int((found.value[index] <= VALUE_AT_MOST).sum())
        rows.append(
            share(
                NAME,
                THEOREM,
                f"{when}, seeds with |W_V|_F ≤ ½, as the theorem assumes",
                fits,
                seeds,
                paper=None,
                because="The paper does not say whether its trained weights do",
            )
        )
        rows += [
            _row(f"{when}, {what}", values, unit, because)
            for what, values, unit, because in _quantities(found, index)
        ]
    falls = int((found.of_block[-1] < -NEUTRAL).sum())
    rows.append(
        share(
            NAME,
            THEOREM,
            f"{setting}, step {last:,}, seeds in which Z = F(Z + X) contracts",
            falls,
            seeds,
            paper=None,
            because=f"The theorem says so where its bound is below 1; {_below(found)}",
        )
    )
    return rows


def _row(quantity: str, values: np.ndarray, unit: str, because: str) -> Row:
    row = compare(
        NAME, THEOREM, quantity, values, paper=None, unit=unit, because=because
    )
    if unit == PER_ITERATION:
        return row
    return row.between(high=100.0 if unit == "%" else np.inf)


def _quantities(found: Measured, index: int) -> list[tuple[str, np.ndarray, str, str]]:
    """What, samples by seed, unit, and what there is to compare with, of a step of training."""
    scaled = found.scaled_bound[index]
    return [
        (
            "right answers",
            100 * found.accuracy[index],
            "%",
            "The norms are taken there",
        ),
        ("|W_V|_F", found.value[index], "", "The theorem assumes at most ½"),
        ("|X|_F", found.inputs[index], "", "The theorem assumes at most 1"),
        (
            "|Z|_F at the end",
            found.state[index, :, -1],
            "",
            "The theorem assumes at most 1",
        ),
        ("bound, mean over iterations", found.bound[index].mean(-1), "", NO_NUMBER),
        (
            "norm that it bounds, mean over iterations",
            _mean(found.attention, index),
            "",
            NO_NUMBER,
        ),
        (
            "bound, where assumptions hold",
            scaled,
            "",
            "Contraction is concluded below 1",
        ),
        (
            "largest norm over bound there",
            found.worst[index],
            "",
            "The theorem says at most 1",
        ),
        (
            "norm of Z + F(Z + X), mean over iterations",
            _mean(found.loop, index),
            "",
            NO_NUMBER,
        ),
        (
            "norm of F(Z + X), mean over iterations",
            _mean(found.block, index),
            "",
            NO_NUMBER,
        ),
        (
            "growth over the trained iterations",
            found.growth[index],
            PER_ITERATION,
            NO_NUMBER,
        ),
        (
            "largest exponent of the loop",
            found.of_loop[index],
            PER_ITERATION,
            NO_NUMBER,
        ),
        (
            "largest exponent of Z = F(Z + X)",
            found.of_block[index],
            PER_ITERATION,
            NO_NUMBER,
        ),
    ]


def _mean(values: Float[np.ndarray, "C S T"], index: int) -> Float[np.ndarray, "S"]:
    return values[index].mean(axis=-1)


def _below(found: Measured) -> str:
    least = np.minimum(found.bound.min(axis=-1), found.scaled_bound)
    if count := int((least < 1).sum()):
        return f"it is in some iteration of {count} of {least.size} models"
    return f"it is nowhere, the least of all is {least.min():.2g}"


# -- what is shown ---------------------------------------------------------------------


def _figure(setting: str, found: Measured) -> Figure:
    from isinglass.figures.style import MUTED, subplots

    figure, panels = subplots(2, 3, width=12, height=7)
    right, sizes, bounds, steps, exponents, last = panels.ravel()
    _over_training(right, found, {"": 100 * found.accuracy})
    right.set_ylim(0, 102)
    right.set_ylabel("right answers in %")
    right.set_title(f"Accuracy at L = {LENGTH}")
    _over_training(
        sizes,
        found,
        {
            "$|W_V|_F$": found.value,
            "$|X|_F$": found.inputs,
            "$|Z|_F$ at the end": found.state[..., -1],
        },
    )
    sizes.axhline(VALUE_AT_MOST, color="C0", linestyle=":", label="assumed of $W_V$")
    sizes.axhline(
        NORM_AT_MOST, color=MUTED, linestyle=":", label="assumed of $X$ and $Z$"
    )
    sizes.set_title("What the theorem assumes")
    _over_training(
        bounds,
        found,
        {
            "bound": found.bound.mean(-1),
            "norm": found.attention.mean(-1),
            "bound, scaled": found.scaled_bound,
            "norm, scaled": found.worst * found.scaled_bound,
        },
    )
    bounds.axhline(1, color=MUTED, linestyle=":")
    bounds.set_title("Derivative of attention alone")
    _over_training(
        steps,
        found,
        {"$Z + F(Z + X)$": found.loop.mean(-1), "$F(Z + X)$": found.block.mean(-1)},
    )
    steps.axhline(1, color=MUTED, linestyle=":")
    steps.set_title("Norm of a whole step")
    steps.set_ylim(bottom=0)
    for axis in (sizes, bounds):
        axis.set_yscale("log")
        axis.set_ylim(bottom=0.02)  # room for what the lines are
    _over_training(
        exponents,
        found,
        {
            "loop, trained iterations": found.growth,
            "loop, long run": found.of_loop,
            "$Z = F(Z + X)$, long run": found.of_block,
        },
    )
    exponents.axhline(0, color=MUTED, linestyle=":")
    exponents.set_ylabel("nats per iteration")
    exponents.set_title("Growth of small differences")
    iterations = np.arange(1, found.bound.shape[-1] + 1)
    for colour, (label, values) in enumerate(
        {
            "bound": found.bound,
            "attention": found.attention,
            "loop": found.loop,
            "block": found.block,
        }.items()
    ):
        last.plot(
            iterations, values[-1].T, color=f"C{colour}", alpha=0.25, linewidth=0.8
        )
        last.plot(iterations, values[-1].mean(axis=0), color=f"C{colour}", label=label)
    last.axhline(1, color=MUTED, linestyle=":")
    last.set_yscale("log")
    last.set_xlabel("iteration")
    last.set_title(f"Norms by iteration, step {found.steps[-1]:,}")
    for axis in (steps, exponents, last):
        axis.legend(fontsize=8)
    for axis in (sizes, bounds):
        axis.legend(fontsize=8, loc="lower center", ncols=2)
    caption = (
        f"{setting[0].upper()}{setting[1:]}, {found.value.shape[1]} seeds (thin lines; "
        f"thick: their mean), sequences of {LENGTH} symbols. Norms are operator norms "
        "of derivatives by "
        "Z, means over sequences and iterations; the bound is that of the theorem for "
        "attention alone, A(X + Z). Scaled: with X, Z and W_V shrunk to what it "
        "assumes; the norm there is the largest over its bound, times the mean bound. "
        "Long run: the largest Lyapunov exponent. Dotted at 1 and 0: contraction is "
        "below."
    )
    name = NAME if setting == OURS else f"{NAME}-paper"
    return Figure(name, figure, caption)


def _over_training(axis: Any, found: Measured, lines: dict[str, np.ndarray]) -> None:
    where = np.arange(len(found.steps))
    for colour, (label, values) in enumerate(lines.items()):
        axis.plot(where, values, color=f"C{colour}", alpha=0.25, linewidth=0.8)
        axis.plot(
            where,
            values.mean(axis=1),
            "o-",
            color=f"C{colour}",
            markersize=4,
            label=label,
        )
    axis.set_xticks(where, [f"{step:,}" for step in found.steps], fontsize=8)
    axis.set_xlabel("step of training")


def _findings(found: dict[str, Measured]) -> str:
    return "\n\n".join(text for name, one in found.items() for text in _of(name, one))


def _of(setting: str, found: Measured) -> list[str]:
    last = int(found.steps[-1])
    told = partial(mean_text, low=0.0)
    exceeded = int((found.worst > 1).any(axis=0).sum())
    value = found.value
    holds = (
        "The bound of the theorem holds where its assumptions do: with X, Z and W_V "
        f"scaled down to them, the norm is at most {100 * found.worst.max():.0f} % of "
        "it, in all seeds, "
        "sequences and iterations."
        if not exceeded
        else f"The bound of the theorem fails where its assumptions hold: in {exceeded} of "
        f"{value.shape[1]} seeds a norm is larger, by up to {found.worst.max():.2f} "
        "times."
    )
    loose = (found.bound / found.attention)[-1].mean(axis=-1)
    outside = int((found.bound < found.attention).any(axis=(0, 2)).sum())
    assumed = (
        f"With {setting}, |W_V|_F is {told(value[0])} before training and "
        f"{told(value[-1])} at step {last:,}, where ½ is assumed, and |X|_F "
        f"{told(found.inputs[-1])}, |Z|_F up to {told(found.state[-1].max(axis=-1))}, "
        f"where 1 is: {int((value <= VALUE_AT_MOST).sum())} of {value.size} models "
        "satisfy what is assumed of W_V, and "
        f"{int((found.inputs <= NORM_AT_MOST).sum())} what is of X. At step {last:,} "
        f"the bound is {told(found.bound[-1].mean(axis=-1))}, {told(loose)} times the "
        "norm at the "
        "states that the loop goes through, where it need not hold "
        f"({f'and does not, in {outside} seeds' if outside else 'and does all the same'}). That "
        "it be below 1, from which contraction is concluded, "
        f"holds {_below(found).removeprefix('it is ')}."
    )
    contracts = int((found.of_block[-1] < -NEUTRAL).sum())
    growth, before, of_loop, of_block = (
        mean_text(values)
        for values in (
            found.growth[-1],
            found.growth[0],
            found.of_loop[-1],
            found.of_block[-1],
        )
    )
    does = (
        f"At step {last:,}, right answers {told(100 * found.accuracy[-1], high=100)} "
        "%, a step of the loop has a derivative of norm "
        f"{told(found.loop[-1].mean(axis=-1))}, and over the trained iterations "
        f"differences grow by {growth} nats in each (before training {before}). In the "
        f"long run its largest exponent is {of_loop}: 0 is the least that it can be, "
        "since "
        "what the normalisation takes out of F stays in Z for ever. Iterated without "
        "the "
        f"residual, as the theorem has it, Z = F(Z + X) contracts in {contracts} of "
        f"{value.shape[1]} seeds, largest exponent {of_block}."
    )
    return [holds + " " + assumed, does]


EXPERIMENT = Experiment(
    name=NAME,
    title="Does the loop contract?",
    paper=paper.PAPER,
    source=THEOREM,
    question=(
        "Is the bound on the derivative of attention valid where its assumptions hold, "
        "do trained weights satisfy them, and how loose is it? Does the loop contract, "
        "by the norm of its derivative and its largest Lyapunov exponent, and how does "
        "that change in training?"
    ),
    duration=190,
    quick_duration=50,
    full_duration=5_000,
    default_seeds=10,
    quick_seeds=2,
    run=run,
    needs_digits=False,
)
