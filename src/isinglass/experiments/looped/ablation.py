"""What each penalty does: the eight objectives with and without P, K and S, at equal budget.

Lam 2026 trains with all three penalties and never without. Here every arm has the same
seeds, data and number of steps, and its own learning rate, chosen on other seeds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

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
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    from isinglass.systems.looped import LoopedConfig
    from isinglass.systems.looped.evaluation import Evaluation
    from isinglass.systems.looped.recipe import Recipe

NAME = "looped-ablation"
SOURCE = "beyond the paper: ablation"
BECAUSE = "The paper has no ablation"
SUCCESS = {64: 99.0, 1000: 90.0}  # accuracy in % at each length that counts as solved
PENALTIES = {"P": "potential", "K": "kinetic", "S": "entropy"}
# Purposes of fresh sequences: to choose a learning rate, and to report.
VALIDATION, TEST = 2, 3


class Design(NamedTuple):
    """What is compared, and at what cost.

    Attributes:
        forms: Forms of the task.
        vocabularies: Numbers of symbols.
        rates: Learning rates to choose from; of one alone there is no choice.
        tried: Seeds of each in the search.
        steps: Steps of training, in the search too: one number at the paper's setting,
            or of both stages of ours by number of symbols.
        longest: Longest length trained on.
        long: Sequences to measure on of more than 64 symbols; of shorter ones eight
            times as many.
    """

    forms: tuple[str, ...]
    vocabularies: tuple[int, ...]
    rates: tuple[float, ...]
    tried: int
    steps: int | dict[int, tuple[int, int]]
    longest: int
    long: int


QUICK = Design(("full-sequence",), (4,), (0.01,), 1, {4: (300, 200)}, 16, 16)
OURS = {4: (2000, 1500), 16: (5000, 4000)}
DEFAULT = Design(
    paper.FORMS, tuple(OURS), (0.003, 0.01, 0.03), 2, OURS, paper.LONGEST, 128
)
FULL = Design(
    paper.FORMS, (4, 16), (3e-4, 1e-3, 3e-3), 3, paper.STEPS, paper.LONGEST, 256
)


class Cell(NamedTuple):
    """A task."""

    form: str
    vocabulary: int

    def __str__(self) -> str:
        return f"{self.form}, V = {self.vocabulary}"


class Found(NamedTuple):
    """What one arm came to on one task.

    Attributes:
        rate: Learning rate it was trained with.
        searched: Accuracy in % on validation sequences, mean over seeds, by learning
            rate; empty where there was nothing to choose.
        lengths: Lengths it was measured at.
        accuracy: In percent, by seed and length.
        cross_entropy: At the longest length trained on, nats.
        diverged: How many seeds did.
    """

    rate: float
    searched: dict[float, float]
    lengths: tuple[int, ...]
    accuracy: Float[np.ndarray, "seeds lengths"]
    cross_entropy: Float[np.ndarray, "seeds"]
    diverged: int

    def at(self, length: int) -> Float[np.ndarray, "seeds"]:
        """Accuracy in % at a length."""
        return self.accuracy[:, self.lengths.index(length)]

    @property
    def at_the_edge(self) -> bool:
        """Whether a learning rate that was not tried might be better still."""
        return len(self.searched) > 1 and self.rate in (
            min(self.searched),
            max(self.searched),
        )


Table = dict[Cell, dict[str, Found]]


class Measure(NamedTuple):
    """A number that arms are compared by, on the same seeds."""

    name: str
    unit: str
    of: Callable[[Found], np.ndarray]
    better: int  # +1 if more is better, −1 if less


def run(context: Context) -> Outcome:
    """Train every arm on every task."""
    design = FULL if context.full else QUICK if context.quick else DEFAULT
    table = measure(context, design)
    rows = [row for cell, arms in table.items() for row in _rows(design, cell, arms)]
    figures = [
        _figure_of_accuracy(design, table),
        _figure_of_differences(design, table),
    ]
    return Outcome(rows, figures, _findings(design, table))


def measure(context: Context, design: Design) -> Table:
    """All arms on all tasks, side by side, since each is compiled by one core."""
    from isinglass.systems.looped.training import DivergedWarning

    cells = [
        Cell(form, symbols) for symbols in design.vocabularies for form in design.forms
    ]
    jobs = [(cell, arm) for cell in cells for arm in paper.ARMS]
    # Those that diverged are counted, and told of in the findings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergedWarning)
        found = side_by_side(context, _measure_arm, jobs, "arms", (design,))
    return {cell: {arm: found[cell, arm] for arm in paper.ARMS} for cell in cells}


def _measure_arm(context: Context, design: Design, cell: Cell, arm: str) -> Found:
    config, lengths = _config(design, cell), _lengths(design)
    searched = _search(context, design, cell, arm) if len(design.rates) > 1 else {}
    # Where several are equally good, the middle one: of an arm that learns nothing,
    # too.
    middle = design.rates[len(design.rates) // 2]
    rate = (
        max(searched, key=lambda r: (searched[r], r == middle)) if searched else middle
    )
    recipe = _recipe(design, cell, arm, rate)
    run = paper.trained(
        context,
        f"{cell.form}-{cell.vocabulary}-{arm}",
        config,
        cell.form,
        recipe,
        paper.seeds(context, context.seeds),
        _seldom(design),
    )
    short = [n for n in lengths if n <= paper.LONGEST]
    accuracy = np.concatenate(
        [
            paper.fresh_accuracy(run, some, sequences, TEST)["all"].values
            for some, sequences in (
                (short, 8 * design.long),
                (lengths[len(short) :], design.long),
            )
        ],
        axis=1,
    )
    terms = paper.fresh_terms(run, design.longest, 8 * design.long, TEST)
    return Found(
        rate,
        searched,
        lengths,
        100 * accuracy,
        terms.cross_entropy.values,
        paper.diverged(run),
    )


def _search(
    context: Context, design: Design, cell: Cell, arm: str
) -> dict[float, float]:
    """Accuracy at lengths trained on, by learning rate, of seeds that are not reported."""
    names = paper.seeds(context, design.tried, paper.SEARCH)
    lengths = (design.longest // 2, design.longest)
    found = {}
    for rate in design.rates:
        run = paper.trained(
            context,
            f"{cell.form}-{cell.vocabulary}-{arm}-search-{rate:g}",
            _config(design, cell),
            cell.form,
            _recipe(design, cell, arm, rate),
            names,
            _seldom(design),
        )
        accuracy = paper.fresh_accuracy(run, lengths, 8 * design.long, VALIDATION)
        found[rate] = 100 * float(accuracy["all"].mean())
    return found


def _config(design: Design, cell: Cell) -> LoopedConfig:
    published = isinstance(design.steps, int)
    return (paper.paper_config if published else paper.near_config)(cell.vocabulary)


def _recipe(design: Design, cell: Cell, arm: str, rate: float) -> tuple[Recipe, ...]:
    """The arm's objective from the first step to the last."""
    if isinstance(design.steps, int):
        return (paper.paper_recipe(arm, design.steps, learning_rate=rate),)
    return paper.near_recipe(
        cell.form,
        cell.vocabulary,
        design.steps[cell.vocabulary],
        (arm, arm),
        design.longest,
        rate,
    )


def _seldom(design: Design) -> Evaluation:
    """As little as can be measured during training; a checkpoint is written as often."""
    from isinglass.systems.looped.evaluation import Evaluation

    return Evaluation(lengths=(design.longest,), every=1000, sequences=16)


def _lengths(design: Design) -> tuple[int, ...]:
    return tuple(sorted({design.longest, *SUCCESS}))


def _measures(design: Design) -> list[Measure]:
    longest = design.longest
    return [
        Measure(
            f"cross-entropy at L = {longest}",
            "nats",
            lambda found: found.cross_entropy,
            -1,
        ),
        Measure(
            f"accuracy at L = {longest}", "points", lambda found: found.at(longest), 1
        ),
        Measure("accuracy at L = 1000", "points", lambda found: found.at(1000), 1),
    ]


# -- comparisons -----------------------------------------------------------------------


def difference(
    arms: dict[str, Found], arm: str, of: Measure
) -> Float[np.ndarray, "seeds"]:
    """An arm minus cross-entropy alone, by seed."""
    return of.of(arms[arm]) - of.of(arms[paper.PLAIN])


def main_effect(
    arms: dict[str, Found], penalty: str, of: Measure
) -> Float[np.ndarray, "seeds"]:
    """Mean of the four arms that have a penalty minus that of the four that have not, by seed."""
    term = PENALTIES[penalty]
    with_it, without = (
        np.mean(
            [
                of.of(arms[arm])
                for arm, terms in paper.ARMS.items()
                if (term in terms) is has
            ],
            0,
        )
        for has in (True, False)
    )
    return with_it - without


def _successes(found: Found, length: int) -> int:
    return int((found.at(length) >= SUCCESS[length]).sum())


def _sign(samples: np.ndarray) -> int:
    """+1 or −1 where the interval of the mean excludes 0, otherwise 0."""
    if len(samples) < 2 or not np.ptp(samples):
        return 0
    _, low, high = mean_interval(samples)
    return int(low > 0) - int(high < 0)


# -- the ledger ------------------------------------------------------------------------


def _rows(design: Design, cell: Cell, arms: dict[str, Found]) -> list[Row]:
    """Successes and accuracy far out of every arm, and the differences that answer the question.

    Differences of every arm are in the figure.
    """
    rows = []
    for arm, found in arms.items():
        because = f"{BECAUSE}. Learning rate {found.rate:g}"
        for length, enough in SUCCESS.items():
            quantity = (
                f"{cell}, {arm}: seeds with at least {enough:.0f} % at L = {length}"
            )
            right = _successes(found, length)
            rows.append(
                share(
                    NAME,
                    SOURCE,
                    quantity,
                    right,
                    len(found.accuracy),
                    paper=None,
                    because=because,
                )
            )
        mean = compare(
            NAME,
            SOURCE,
            f"{cell}, {arm}: accuracy at L = 1000",
            found.at(1000),
            paper=None,
            unit="%",
            because=because,
        )
        rows.append(mean.between())
    for of in _measures(design):
        rows.append(
            _paired_row(
                cell,
                f"{paper.ALL} − {paper.PLAIN}",
                difference(arms, paper.ALL, of),
                of,
                BECAUSE,
            )
        )
        for penalty, name in PENALTIES.items():
            because = (
                f"{BECAUSE}. Four arms with the {name} penalty, minus the four without"
            )
            samples = main_effect(arms, penalty, of)
            rows.append(_paired_row(cell, f"effect of {penalty}", samples, of, because))
    return rows


def _paired_row(
    cell: Cell, what: str, samples: np.ndarray, of: Measure, because: str
) -> Row:
    return compare(
        NAME,
        SOURCE,
        f"{cell}, {what}: {of.name}",
        samples,
        paper=None,
        unit=of.unit,
        because=f"{because}, by seed",
    )


# -- what is shown ---------------------------------------------------------------------


def _figure_of_accuracy(design: Design, table: Table) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    lengths = _lengths(design)
    figure, panels = subplots(
        len(table),
        len(lengths),
        width=10,
        height=2.7 * len(table) + 0.4,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    rng = np.random.default_rng(0)
    for line, (cell, arms) in zip(panels, table.items(), strict=True):
        for panel, length in zip(line, lengths, strict=True):
            for place, (arm, found) in enumerate(reversed(arms.items())):
                samples = found.at(length)
                spread = place + rng.uniform(-0.25, 0.25, len(samples))
                colour = COLOURS[1] if arm == paper.PLAIN else COLOURS[0]
                panel.plot(samples, spread, ".", color=colour, alpha=0.5, markersize=6)
                _draw_interval(panel, samples, place, INK)
            if length in SUCCESS:
                panel.axvline(SUCCESS[length], color=MUTED, linewidth=1)
            panel.axvline(
                paper.chance(*cell), color=MUTED, linestyle=":", linewidth=1.2
            )
            panel.set_title(f"{cell}, L = {length}", fontsize=9)
            panel.grid(axis="y", visible=False)
        line[0].set_yticks(range(len(arms)), list(reversed(arms)))
    for panel in panels[-1]:
        panel.set_xlabel("accuracy in %")
        panel.set_xlim(0, 102)
    caption = (
        "Accuracy of every arm on fresh sequences. Dots are seeds, the same in all "
        "arms; bars are means with their 95 % confidence interval; solid lines: what "
        "counts as solved; dotted: a "
        f"guess without context. {_setting(design)}"
    )
    return Figure(NAME, figure, caption)


def _figure_of_differences(design: Design, table: Table) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    measures = _measures(design)
    labels = [*list(paper.ARMS)[1:], *(f"effect of {penalty}" for penalty in PENALTIES)]
    figure, panels = subplots(
        len(table),
        len(measures),
        width=10,
        height=3.1 * len(table) + 0.4,
        sharex="col",
        sharey=True,
        squeeze=False,
    )
    for line, (cell, arms) in zip(panels, table.items(), strict=True):
        for panel, of in zip(line, measures, strict=True):
            samples = [difference(arms, arm, of) for arm in list(paper.ARMS)[1:]]
            samples += [main_effect(arms, penalty, of) for penalty in PENALTIES]
            for place, each in enumerate(samples):
                better = of.better * _sign(each)
                colour = {1: COLOURS[2], -1: COLOURS[1], 0: INK}[better]
                _draw_interval(panel, each, len(samples) - 1 - place, colour)
            panel.axvline(0, color=MUTED, linewidth=1)
            panel.set_title(f"{cell}, {of.name}", fontsize=8)
            panel.grid(axis="y", visible=False)
        line[0].set_yticks(range(len(labels)), list(reversed(labels)))
    for panel, of in zip(panels[-1], measures, strict=True):
        panel.set_xlabel(f"difference in {of.unit}")
    caption = (
        f"Arms minus {paper.PLAIN} alone, and effects of each penalty (the four arms "
        "with it "
        "minus the four without), paired by seed: means with their 95 % confidence "
        "interval. It is green on the better side of 0, orange on the worse, and black "
        "across it. "
        f"{_setting(design)}"
    )
    return Figure(f"{NAME}-differences", figure, caption)


def _draw_interval(panel: Any, samples: np.ndarray, place: float, colour: str) -> None:
    mean, low, high = mean_interval(samples)
    panel.plot(
        [low, high], [place] * 2, color=colour, linewidth=3, solid_capstyle="butt"
    )
    panel.plot(mean, place, "|", color=colour, markersize=10, markeredgewidth=2)


def _setting(design: Design) -> str:
    """The setting, as a sentence."""
    if isinstance(design.steps, int):
        return f"The paper's setting, {design.steps:,} steps."
    steps = ", ".join(
        f"{first:,} and {second:,} steps with {symbols} symbols"
        for symbols, (first, second) in design.steps.items()
    )
    return (
        "Not the paper's setting but ours, with which the task can be learned: T = 6, "
        "a bias by "
        f"distance instead of sinusoids, lengths 6 to {design.longest} in two stages "
        f"of {steps}."
    )


def _findings(design: Design, table: Table) -> str:
    seeds = len(next(iter(next(iter(table.values())).values())).accuracy)
    paragraphs = [_of_design(design, table, seeds)]
    if seeds < 3:
        paragraphs.append(
            f"With {seeds} seed{'s' if seeds > 1 else ''} nothing can be concluded "
            " about the penalties: this shows that the comparison runs, no more."
        )
    paragraphs += [_of_cell(design, cell, arms) for cell, arms in table.items()]
    if seeds >= 3:
        paragraphs.append(_of_penalties(design, table))
    if mixed := [cell for cell, arms in table.items() if len(_by_rate(arms)) > 1]:
        paragraphs.append(_of_rates(design, {cell: table[cell] for cell in mixed}))
    return "\n\n".join(paragraphs)


def _of_design(design: Design, table: Table, seeds: int) -> str:
    every = [found for arms in table.values() for found in arms.values()]
    edges = sum(found.at_the_edge for found in every)
    searched = (
        "Each arm has the learning rate, out of "
        f"{', '.join(f'{r:g}' for r in design.rates)}, that did best on {design.tried} "
        f"other seeds, by accuracy at lengths it is trained on; in {edges} of "
        f"{len(every)} searches that is the first or last of them, so that a better "
        "one "
        "may lie outside"
        if len(design.rates) > 1
        else f"There was no search: all arms have the learning rate {every[0].rate:g}"
    )
    lost = sum(found.diverged for found in every)
    return (
        f"{_setting(design)} {seeds} seeds, the same in every arm, with weights "
        f"λ_P = {paper.WEIGHTS['potential']}, λ_K = {paper.WEIGHTS['kinetic']}, "
        f"λ_S = {paper.WEIGHTS['entropy']} where a penalty is on. {searched}. {lost} "
        f"of {len(every) * seeds} models that are reported diverged; they count with "
        "their last good "
        "parameters."
    )


def _of_cell(design: Design, cell: Cell, arms: dict[str, Found]) -> str:
    solved = " ".join(
        _of_success(arms, length, enough) for length, enough in SUCCESS.items()
    )
    longest, (plain, both) = (
        design.longest,
        (arms[arm] for arm in (paper.PLAIN, paper.ALL)),
    )
    means = ", ".join(
        f"{mean_text(plain.at(length), 0, 100)} and "
        f"{mean_text(both.at(length), 0, 100)} % at L = {length}"
        for length in plain.lengths
    )
    entropies = " and ".join(mean_text(found.cross_entropy) for found in (plain, both))
    rates = ", ".join(f"{found.rate:g} ({arm})" for arm, found in arms.items())
    return (
        f"{cell.form.capitalize()} form, V = {cell.vocabulary}. {solved} With "
        f"cross-entropy alone and with all three penalties accuracy is {means}, where "
        f"a guess has {paper.chance(*cell):.1f} %; cross-entropy at L = {longest} is "
        f"{entropies} nats. Learning rates: {rates}."
    )


def _of_success(arms: dict[str, Found], length: int, enough: float) -> str:
    counts = {arm: _successes(found, length) for arm, found in arms.items()}
    seeds = len(arms[paper.PLAIN].accuracy)
    if not any(counts.values()):
        return f"No seed of any arm has {enough:.0f} % at L = {length}."
    told = ", ".join(f"{count} ({arm})" for arm, count in counts.items())
    return f"Of {seeds} seeds, {told} have {enough:.0f} % at L = {length}."


def _of_penalties(design: Design, table: Table) -> str:
    paragraphs = []
    for penalty, name in PENALTIES.items():
        effects = [
            _listed(
                of,
                {cell: main_effect(arms, penalty, of) for cell, arms in table.items()},
            )
            for of in _measures(design)
        ]
        paragraphs.append(
            f"What the {name} penalty does (arms with it minus arms without): "
            f"{'; '.join(effects)}."
        )
    pairs = [
        of.better * _sign(difference(arms, arm, of))
        for arms in table.values()
        for of in _measures(design)
        for arm in list(paper.ARMS)[1:]
    ]
    better, worse = pairs.count(1), pairs.count(-1)
    paragraphs.append(
        f"Of {len(pairs)} paired comparisons of an arm with cross-entropy alone, "
        f"{better} have an interval on the better side of 0 and {worse} on the worse. "
        "Intervals are of 95 %, so that without any effect about "
        f"{0.025 * len(pairs):.0f} would be on either side, more or "
        "less: comparisons on one task share their seeds and one arm."
    )
    return "\n\n".join(paragraphs)


def _by_rate(arms: dict[str, Found]) -> dict[float, list[str]]:
    """Arms by the learning rate that was chosen for them."""
    rates = sorted({found.rate for found in arms.values()})
    return {
        rate: [arm for arm, found in arms.items() if found.rate == rate]
        for rate in rates
    }


def _of_rates(design: Design, table: Table) -> str:
    """What part of a difference may be the learning rate's."""
    told = []
    for cell, arms in table.items():
        each = []
        for rate, names in _by_rate(arms).items():
            mean = np.mean([arms[arm].at(design.longest).mean() for arm in names])
            each.append(f"{mean:.1f} % with {rate:g} ({', '.join(names)})")
        told.append(f"{cell}: {'; '.join(each)}")
    return (
        f"Arms on one task differ in learning rate too, chosen on {design.tried} "
        "seeds, so that "
        "what looks like the effect of a penalty may be that of a rate. Mean accuracy "
        "at "
        f"L = {design.longest} by rate: {'. '.join(told)}."
    )


def _listed(of: Measure, effects: dict[Cell, np.ndarray]) -> str:
    words = {1: "better", -1: "worse", 0: "no difference seen"}
    each = [
        f"{mean_text(samples)} ({cell}: {words[of.better * _sign(samples)]})"
        for cell, samples in effects.items()
    ]
    return f"{of.name}, {of.unit}, {', '.join(each)}"


EXPERIMENT = Experiment(
    name=NAME,
    title="With and without each penalty",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "Are the energy and entropy penalties what makes a looped transformer learn "
        "induction and carry it to longer sequences? Cross-entropy alone, each "
        "penalty, each pair and all three, with the same seeds and budget, and a "
        "learning rate searched for each."
    ),
    duration=6000,
    quick_duration=160,
    default_seeds=10,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=110_000,
)
