"""How much data a transformer of N parameters can know by heart: N against D*, and the law in it.

Proposition 5 of the paper says N = O(D²), for N parameters and D tokens of data; its
version 2 trains models of 40, 60 and 80 million parameters and finds N/D*² at 8.4 to
8.8e-10. What version 2 means by D*, beyond the data size at which a model of that size
did best, was not at hand when this was written. So D* is defined anew here, by memory,
which is what the proposition is about:

    D*(N): the number of tokens at which a model of N parameters, trained by one recipe,
    goes from knowing its data by heart to not knowing them: where the training loss is
    ½ log V.

The data are sequences of uniformly random tokens, each after a key that names it and
does not count. They have no structure, so that nothing but memory helps, and both ends
of the loss are known: 0 by heart, log V for who knows nothing. At D* a model knows half
of D* log₂ V bits.

One rule makes the recipe of all sizes: each sequence is seen as often on average
(batches are drawn with replacement), with a batch that depends on the width alone and
grows as N. So steps are not as many: their number goes as D/N, and a width that knows
more per parameter takes more of them at its D*. That may be a part of the exponent that
is found; `Found.steps` says how many they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.intervals import mean_text
from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    from isinglass.data.sources import ExampleSource
    from isinglass.systems.memory import Recipe, TransformerConfig

NAME = "memory-width"
SOURCE = "Proposition 5, version 2"
RATIOS = (8.4e-10, 8.8e-10)  # N/D*² of the paper
QUADRATIC, LINEAR = (
    2.0,
    1.0,
)  # exponents of N in D: of the paper, and of a fixed capacity
BITS = 2.0  # per parameter, of facts that language models hold: Allen-Zhu & Li 2024
VOCABULARY, KEY, COUNTED = (
    64,
    3,
    13,
)  # random tokens, and how many a sequence has of each kind
HALF = math.log(VOCABULARY) / 2  # the loss at D*
LAYERS, HEADS = 2, 2
RATE = 0.4  # learning rate times width
# Data sizes at which every search begins, in tokens per parameter, and how it goes on
# from them.
BEGIN, FACTOR, MOST = (0.30, 0.45, 0.675), 1.5, 16
OUR_STAR = "2 is what a constant N/D*² says; the paper's D* may be measured otherwise"
OTHER_DATA = (
    "The paper's models are a thousand times as large, and its text has structure"
)


class Budget(NamedTuple):
    """Models, and how long they are trained.

    Attributes:
        widths: Of the models, rising.
        passes: How often each sequence is seen.
    """

    widths: tuple[int, ...]
    passes: int


# Narrower models than these know less per parameter: a normalisation takes two of each
# place's few numbers.
QUICK = Budget((6, 8, 12, 16), 150)
DEFAULT = Budget((6, 8, 12, 16, 24, 32, 44), 150)
FULL = Budget(
    (6, 8, 12, 16, 24, 32, 44, 64, 96, 128), 400
)  # its duration is an estimate


class Search(NamedTuple):
    """The data sizes that were tried with one model, rising.

    Attributes:
        data: Tokens that count, (K,).
        loss: Nats per token at the end of training, on all of them, (K,).
    """

    data: Float[np.ndarray, "K"]
    loss: Float[np.ndarray, "K"]

    @property
    def star(self) -> float:
        """D*: where the loss first crosses `HALF`, by interpolation over log D."""
        above = int(np.argmax(self.loss > HALF))
        (x, loss), (y, more) = (
            (math.log(self.data[k]), float(self.loss[k])) for k in (above - 1, above)
        )
        return math.exp(x + (y - x) * (HALF - loss) / (more - loss))


class Found(NamedTuple):
    """All models, W widths by S seeds.

    Attributes:
        widths: (W,).
        parameters: N, (W,).
        searches: By width and seed.
        star: D*, (W, S).
    """

    widths: Int[np.ndarray, "W"]
    parameters: Int[np.ndarray, "W"]
    searches: list[list[Search]]
    star: Float[np.ndarray, "W S"]

    @property
    def bits(self) -> Float[np.ndarray, "W S"]:
        """Bits per parameter that are known at D*: half of what the data hold."""
        return self.star * math.log2(VOCABULARY) / 2 / self.parameters[:, None]

    def exponents(self, first: int = 0) -> Float[np.ndarray, "S"]:
        """The power a of N ∝ D*^a, of each seed, from the width of that number on."""
        return np.array(
            [
                exponent(self.star[first:, s], self.parameters[first:])
                for s in range(self.seeds)
            ]
        )

    def steps(self, budget: Budget) -> Int[np.ndarray, "W"]:
        """How many a training takes at D*, the geometric mean over seeds, by width."""
        stars = np.exp(np.log(self.star).mean(axis=1))
        return np.array(
            [
                recipe(budget, int(width), sequences_of(float(star)), 0).steps
                for width, star in zip(self.widths, stars, strict=True)
            ]
        )

    @property
    def seeds(self) -> int:
        """S."""
        return self.star.shape[1]


def run(context: Context) -> Outcome:
    """Find D* of every width, and fit its law."""
    budget = QUICK if context.quick else FULL if context.full else DEFAULT
    found = measure(context, budget)
    return Outcome(_rows(found), [_figure(found)], _findings(context, budget, found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget) -> Found:
    """Every width and seed, the widest first; trainings side by side."""
    indices = range(context.seeds)
    jobs = [(width, index) for width in reversed(budget.widths) for index in indices]
    ended = side_by_side(context, _search, jobs, "models", (budget,))
    searches = [[ended[width, index] for index in indices] for width in budget.widths]
    return Found(
        np.array(budget.widths),
        np.array([parameters(width) for width in budget.widths]),
        searches,
        np.array([[search.star for search in each] for each in searches]),
    )


def _search(context: Context, budget: Budget, width: int, index: int) -> Search:
    def loss(sequences: int) -> float:
        return _trained_loss(context, budget, width, index, sequences)

    return search(loss, parameters(width))


def search(loss: Callable[[int], float], parameters: int) -> Search:
    """Try data sizes until the loss is below `HALF` at one and above it at the next.

    It begins with the sizes `BEGIN`, and goes up or down from there as far as it must,
    so that where it begins does not decide what it finds.

    Args:
        loss: At the end of a training on so many sequences.
        parameters: N.

    Raises:
        RuntimeError: If there is no crossing `MOST` steps away from where it begins.
    """
    begin = sorted({sequences_of(share * parameters) for share in BEGIN})
    tried = {count: loss(count) for count in begin}
    for _ in range(MOST):
        low, high = min(tried), max(tried)
        if tried[low] > HALF and low > 1:
            count = max(1, round(low / FACTOR))
        elif max(tried.values()) <= HALF:
            count = round(high * FACTOR) + 1
        else:
            break
        tried[count] = loss(count)
    counts = sorted(tried)
    losses = np.array([tried[count] for count in counts])
    if losses[0] > HALF or losses.max() <= HALF:
        raise RuntimeError(
            f"the training loss of a model of {parameters} parameters does not cross "
            f"{HALF:.2f} between {counts[0]} and {counts[-1]} sequences"
        )
    return Search(np.array(counts, float) * COUNTED, losses)


def sequences_of(data: float) -> int:
    """How many sequences have so many tokens that count; at least two."""
    return max(2, round(data / COUNTED))


def _trained_loss(
    context: Context, budget: Budget, width: int, index: int, sequences: int
) -> float:
    from isinglass.systems.memory import evaluate, train
    from isinglass.training import Runtime

    alone = memory_paper.one_device()
    seed = int(np.random.default_rng((context.seed, index, width)).integers(2**32))
    source = random_source(sequences, seed)
    name = f"width-{width}-{index}-{sequences}"
    with context.progress.follow(f"width {width}, {sequences} sequences") as tell:
        run = train(
            memory_paper.wide_start(config(width), seed),
            source,
            recipe(budget, width, sequences, seed),
            runtime=Runtime(
                context.store(name), lambda now: tell(now.step, now.steps), alone
            ),
        )
    return evaluate(run.model, source, batch=128, devices=alone)


def random_source(sequences: int, seed: int) -> ExampleSource:
    """Random tokens after a random key; no two keys are the same."""
    from isinglass.data.sources import ExampleSource

    rng = np.random.default_rng(seed)
    keys = rng.choice(VOCABULARY**KEY, sequences, replace=False)
    key = keys[:, None] // VOCABULARY ** np.arange(KEY) % VOCABULARY
    rows = np.concatenate(
        [key, rng.integers(0, VOCABULARY, (sequences, COUNTED))], axis=1
    )
    weights = (np.arange(KEY + COUNTED) >= KEY).astype(np.float32)
    return ExampleSource(
        ((row, weights) for row in rows), start=0, vocabulary=VOCABULARY
    )


def config(width: int) -> TransformerConfig:
    """The model of a width."""
    from isinglass.systems.memory import TransformerConfig

    return TransformerConfig(VOCABULARY, KEY + COUNTED, width, HEADS, LAYERS)


def parameters(width: int) -> int:
    """N: embeddings, positions, layers and the last normalisation."""
    return width * (VOCABULARY + KEY + COUNTED + 2) + LAYERS * (
        12 * width**2 + 13 * width
    )


def recipe(budget: Budget, width: int, sequences: int, seed: int) -> Recipe:
    """One rule for all: as many passes on average, in steps of a quarter of a middle size of data.

    So steps of one width are in proportion to the sequences. The learning rate falls as
    1/width, with which models of all widths learn about alike.
    """
    from isinglass.systems.memory import Recipe

    batch = max(4, round(sequences_of(BEGIN[1] * parameters(width)) / 4))
    steps = max(100, round(budget.passes * sequences / batch))
    return Recipe(
        steps=steps,
        batch=batch,
        learning_rate=RATE / width,
        lowest_rate=0.02,
        warmup=steps // 16,
        weight_decay=0.0,
        every=max(1, steps // 4),
        seed=seed,
    )


# -- the law ---------------------------------------------------------------------------


def exponent(
    data: Float[np.ndarray, "*shape"],
    parameters: Float[np.ndarray, "*shape"] | np.ndarray,
) -> float:
    """The power a of N ∝ D^a, by least squares of log D over log N, which has no error."""
    x, y = np.log(parameters), np.log(data)
    x = x - x.mean()
    return float((x @ x) / (x @ y))


def bootstrap(found: Found, seed: int, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the exponent of the mean log D*, seeds drawn anew at each width."""
    rng = np.random.default_rng(seed)
    log_star = np.log(found.star)
    drawn = rng.integers(0, found.seeds, (draws, *log_star.shape))
    means = np.take_along_axis(log_star[None], drawn, axis=2).mean(axis=2)
    fitted = [exponent(np.exp(mean), found.parameters) for mean in means]
    low, high = np.quantile(fitted, (0.025, 0.975))
    return float(low), float(high)


def _whole(found: Found, first: int = 0) -> float:
    mean = np.exp(np.log(found.star).mean(axis=1))
    return exponent(mean[first:], found.parameters[first:])


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Found) -> list[Row]:
    n = found.parameters[:, None]
    ratio = n / found.star**2
    rows = [
        compare(
            NAME,
            SOURCE,
            "a of N ∝ D*^a",
            found.exponents(),
            paper=QUADRATIC,
            because=OUR_STAR,
        ),
        compare(
            NAME,
            SOURCE,
            f"a of N ∝ D*^a, {_upper(found)}",
            found.exponents(_middle(found)),
            paper=QUADRATIC,
            because=OUR_STAR,
        ),
        compare(
            NAME,
            SOURCE,
            f"log₁₀ of N/D*² at the largest N over the least, {_range(found)}",
            np.log10(ratio[-1] / ratio[0]),
            paper=0.0,
            because="the paper's ratio is constant to 5 %",
        ),
        compare(
            NAME,
            SOURCE,
            f"log₁₀ of N/D* at the largest N over the least, {_range(found)}",
            np.log10(n[-1] / found.star[-1] * found.star[0] / n[0]),
            paper=None,
            because="Not in the paper; 0 where data grow in proportion to parameters",
        ),
    ]
    for k, size in enumerate(found.parameters):
        rows.append(
            compare(
                NAME,
                SOURCE,
                f"N/D*² at N = {size:,}",
                ratio[k],
                paper=float(np.mean(RATIOS)),
                because=OTHER_DATA,
                comparable=False,
            )
        )
    for k, size in enumerate(found.parameters):
        rows.append(
            compare(
                NAME,
                SOURCE,
                f"known at D*, N = {size:,}",
                found.bits[k],
                paper=None,
                unit="bits/parameter",
                because="The paper does not count bits",
            )
        )
    return rows


def _middle(found: Found) -> int:
    return min(len(found.widths) // 2, len(found.widths) - 2)


def _upper(found: Found) -> str:
    return f"N = {found.parameters[_middle(found)]:,} and more"


def _range(found: Found) -> str:
    return f"N = {found.parameters[0]:,} to {found.parameters[-1]:,}"


# -- what is shown ---------------------------------------------------------------------


def _figure(found: Found) -> Figure:
    from matplotlib.ticker import NullFormatter

    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, (left, middle, right) = subplots(1, 3, width=12.0, height=3.9)
    colours = _shades(len(found.widths))
    for colour, each, n in zip(colours, found.searches, found.parameters, strict=True):
        for number, search in enumerate(each):
            left.plot(
                search.data,
                search.loss,
                "o-",
                color=colour,
                markersize=3.5,
                linewidth=1.1,
                label=f"{n:,}" if number == 0 else None,
            )
    left.axhline(HALF, color=INK, linewidth=1)
    left.axhline(2 * HALF, color=MUTED, linewidth=1, linestyle=":")
    least, most = found.searches[0][0].data[0], found.searches[-1][0].data[-1]
    for level, text in ((2 * HALF, "log V: nothing known"), (HALF, "half known")):
        left.text(least / 7, level + 0.05, text, fontsize=8.5, color=MUTED)
    left.set(
        xscale="log",
        xlabel="tokens of data D",
        ylabel="training loss, nats per token",
        xlim=(least / 8, most * 1.5),
        ylim=(0, 2 * HALF + 0.35),
        title="Loss against data",
    )
    left.legend(title="parameters N", fontsize=8, title_fontsize=8.5, loc="lower left")
    n = found.parameters.astype(float)
    star = np.exp(np.log(found.star).mean(axis=1))
    for seed in range(found.seeds):
        middle.plot(
            found.star[:, seed], n, "o", color=COLOURS[0], markersize=5, alpha=0.7
        )
    across = np.geomspace(star[0] / 1.3, star[-1] * 1.3, 50)
    centre = np.exp(np.log(star).mean()), np.exp(np.log(n).mean())
    fitted = _whole(found)
    for power, style, colour, label in (
        (fitted, "-", COLOURS[0], f"fit, a = {fitted:.2f}"),
        (LINEAR, "--", COLOURS[2], "a = 1"),
        (QUADRATIC, "--", COLOURS[1], "a = 2, the paper"),
    ):
        middle.plot(
            across,
            centre[1] * (across / centre[0]) ** power,
            style,
            color=colour,
            linewidth=1.4,
            label=label,
        )
    middle.set(
        xscale="log",
        yscale="log",
        xlabel="D*, tokens",
        ylabel="parameters N",
        title="The law",
        ylim=(n[0] / 8, n[-1] * 8),
    )
    middle.legend(fontsize=8.5, loc="upper left")
    for power, colour, marker, label in (
        (1, COLOURS[2], "s", "N/D*"),
        (2, COLOURS[1], "o", "N/D*²"),
    ):
        ratio = n[:, None] / found.star**power
        ratio = ratio / np.exp(np.log(ratio[0]).mean())
        right.plot(
            n,
            np.exp(np.log(ratio).mean(axis=1)),
            marker + "-",
            color=colour,
            label=label,
        )
        right.plot(n, ratio, marker, color=colour, markersize=3, alpha=0.5)
    right.axhline(1, color=INK, linewidth=0.9)
    right.set(
        xscale="log",
        yscale="log",
        xlabel="parameters N",
        title="Which ratio is constant?",
        ylabel="ratio, over that of the least N",
    )
    right.legend(loc="lower left")
    for panel in (left, middle, right):
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
    for panel in (middle, right):
        low, high = panel.get_xlim()
        ticks = [x for x in _TICKS if low <= x <= high]
        panel.set_xticks(ticks, [f"{x:,}" for x in ticks], fontsize=8.5)
    return Figure(
        NAME,
        figure,
        "Left: training loss on random tokens against their number, by size of the "
        "model; D* is where it crosses half of log V (line). Middle: parameters "
        "against D*, each point a model, with the fitted power, the linear law and the "
        "paper's. Right: N/D* and the paper's N/D*², over their values at the least N; "
        "the right law's is constant.",
    )


_TICKS = [figure * 10**power for power in range(8) for figure in (1, 3)]


def _shades(count: int) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](x)) for x in np.linspace(0, 0.88, count)]


def _findings(context: Context, budget: Budget, found: Found) -> str:
    n, decades = (
        found.parameters,
        math.log10(found.parameters[-1] / found.parameters[0]),
    )
    low, high = bootstrap(found, context.seed)
    interval = f" [{low:.3f}, {high:.3f}]" if found.seeds > 1 else ""
    ratio = (n / np.exp(np.log(found.star).mean(axis=1)) ** 2).tolist()
    fitted, upper = _whole(found), _whole(found, _middle(found))
    least, largest = found.bits.mean(axis=1).min(), found.bits.mean(axis=1).max()
    setting = (
        f"D* is where a model goes from knowing random tokens by heart to not, after "
        f"{budget.passes} passes. Over {decades:.1f} decades of N, {n[0]:,} to "
        f"{n[-1]:,} parameters in {LAYERS} layers, N ∝ D*^a with a = "
        f"{fitted:.3f}{interval}{' (95 %, seeds drawn anew)' if interval else ', from one seed'}; from {_upper(found)} "
        f"alone it is {upper:.3f}. "
    )
    ratios = (
        f"N/D*² goes from {ratio[0]:.2g} at the least N to {ratio[-1]:.2g} at the "
        f"largest, a factor of {max(ratio[0] / ratio[-1], ratio[-1] / ratio[0]):.0f}; "
        "the paper has 8.4e-10 "
        "to 8.8e-10, of models within a factor of 2, and perhaps of another D*: the "
        "text of its version 2 was not at hand."
    )
    known = (
        f"At D* the models know {least:.2f} to {largest:.2f} bits per parameter "
        f"({mean_text(found.bits[-1])} at the largest N). Allen-Zhu & Li (2024) find "
        f"about {BITS:g} in language models that have seen each fact a thousand times."
    )
    steps = found.steps(budget)
    taken = (
        f"A training at D* takes {', '.join(f'{count:,}' for count in steps)} steps, "
        f"by rising N: {steps[-1] / steps[0]:.2f} times as many at the largest as at "
        "the least, which may be a "
        "part of the exponent."
    )
    return "\n\n".join([setting + _verdict(fitted, upper), ratios, known, taken])


def _verdict(fitted: float, upper: float) -> str:
    if all(abs(a - LINEAR) < 0.2 for a in (fitted, upper)):
        return (
            "So the data that a model can know by heart grow about in proportion to "
            "its parameters: the linear law holds, the paper's N = c D² does not. As a "
            "bound N = O(D²) is true of it, and far from near."
        )
    if all(abs(a - QUADRATIC) < 0.2 for a in (fitted, upper)):
        return "That is the paper's law, N = c D²."
    nearer = LINEAR if abs(fitted - LINEAR) < abs(fitted - QUADRATIC) else QUADRATIC
    nears = abs(upper - nearer) < abs(fitted - nearer)
    return (
        "That is neither the linear law nor the paper's 2. It is nearer to "
        f"{nearer:g}, and the wider models are "
        f"{'still nearer' if nears else 'not nearer'}."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="Parameters against the data that can be known by heart",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "How does the data D* that a transformer can know by heart grow with its "
        "parameters N: is N/D*² constant, as the paper has it?"
    ),
    duration=650,
    quick_duration=70,
    default_seeds=3,
    quick_seeds=3,
    run=run,
    needs_digits=False,
    full_duration=75_000,
)
