"""Table 2 of Lam 2026: the energy–entropy looped transformer at the paper's setting, over training.

Beside it, the same width and penalties with our recipe, so that it can be seen what it
takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    claim,
    compare,
    compare_run,
    share,
)
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    import xarray as xr

    from isinglass.systems.looped.training import Run

NAME = "looped-induction"
TABLE = "Table 2"
LENGTHS = (10, 100, 1000)
OURS = "our recipe"
# The jump is "around step 500"; by twice as many steps half of it is to have happened.
JUMPED, HALFWAY = 2 * paper.JUMP_STEP, (paper.JUMP_FROM + paper.JUMP_TO) / 2
OTHER_RECIPE = "Another recipe than the paper's"


class Budget(NamedTuple):
    """How long to train and how well to measure."""

    forms: tuple[str, ...]
    steps: int
    every: int
    sequences: int  # of each length, at each measurement
    at_the_end: int  # the same, of the models that came out
    ours: int  # steps of our recipe


QUICK = Budget(
    paper.FORMS[1:], steps=300, every=100, sequences=32, at_the_end=64, ours=600
)
DEFAULT = Budget(
    paper.FORMS, steps=5000, every=250, sequences=64, at_the_end=256, ours=4000
)
FULL = Budget(
    paper.FORMS, steps=paper.STEPS, every=250, sequences=64, at_the_end=512, ours=4000
)


class Trained(NamedTuple):
    """What came of one setting.

    Attributes:
        form: Form of the task.
        iterations: T.
        chance: Accuracy of a guess that sees no context, in percent.
        metrics: Those of the training, see `isinglass.systems.looped.training.train`.
        final: "all" and "last" of the trained models, shares by (seed, length).
        diverged: How many seeds did.
    """

    form: str
    iterations: int
    chance: float
    metrics: xr.Dataset
    final: xr.Dataset
    diverged: int

    @property
    def steps(self) -> int:
        """Steps of training."""
        return int(self.metrics.step[-1])

    def accuracy(
        self, length: int, step: int | None = None
    ) -> Float[np.ndarray, "seeds"]:
        """In percent; of the trained models, or at the last record up to a step."""
        if step is None:
            return 100 * self.final["all"].sel(length=length).values
        at = self.metrics.accuracy_at.sel(length=length).sel(step=step, method="ffill")
        return 100 * at.values

    def summed_kinetic(self) -> Float[np.ndarray, "seeds records"]:
        """The kinetic term summed over iterations, and not divided by T."""
        return self.iterations * self.metrics.kinetic.transpose("seed", "step").values


def run(context: Context) -> Outcome:
    """Train at the paper's setting, and with our recipe."""
    found = measure(
        context, FULL if context.full else QUICK if context.quick else DEFAULT
    )
    rows = [
        row
        for name, one in found.items()
        for row in (_our_rows(one) if name == OURS else _rows(one))
    ]
    return Outcome(rows, [_figure(found)], _findings(found))


def measure(context: Context, budget: Budget) -> dict[str, Trained]:
    """All settings, side by side."""
    settings = [(f"paper's setting, {form}", form) for form in budget.forms] + [
        (OURS, OURS)
    ]
    found = side_by_side(context, _train, settings, same=(budget,))
    return {name: one for (name, _), one in found.items()}


def _train(context: Context, budget: Budget, name: str, which: str) -> Trained:
    from isinglass.systems.looped.evaluation import Evaluation

    if which == OURS:
        form, config = paper.FORMS[0], paper.our_config()
        recipe = paper.our_recipe(steps=budget.ours)
        every = max(1, budget.ours * budget.every // budget.steps)
    else:
        form, config = which, paper.paper_config()
        recipe, every = paper.paper_recipe(steps=budget.steps), budget.every
    evaluate = Evaluation(lengths=LENGTHS, every=every, sequences=budget.sequences)
    names = paper.seeds(context, context.seeds)
    run = paper.trained(context, _folder(name), config, form, recipe, names, evaluate)
    return _finished(budget, run)


def _folder(name: str) -> str:
    return name.replace("'", "").replace(", ", "-").replace(" ", "-")


def _finished(budget: Budget, run: Run) -> Trained:
    """Measure what came out, on fresh sequences."""
    final = paper.fresh_accuracy(run, LENGTHS, budget.at_the_end, paper.REPORT)
    return Trained(
        run.task.form,
        run.config.iterations,
        paper.chance(run.task.form),
        run.metrics,
        final,
        paper.diverged(run),
    )


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Trained) -> list[Row]:
    """Table 2 beside what came of the paper's setting."""
    kinetic = found.summed_kinetic()
    of = f"{found.form} form"
    first, last = int(found.metrics.step[0]), found.steps
    unstated = "The paper does not say over what its kinetic term is summed; ours, over iterations"
    told: list[tuple[str, np.ndarray, float]] = [
        (f"kinetic term, step {first}, {of}", kinetic[:, 0], paper.KINETIC_FIRST),
        (f"kinetic term, step {last}, {of}", kinetic[:, -1], paper.KINETIC_LAST),
    ]
    rows = [
        compare(
            NAME,
            TABLE,
            quantity,
            values,
            paper=published,
            comparable=False,
            because=unstated,
        )
        for quantity, values, published in told
    ]
    rows.append(
        _after(
            found,
            f"kinetic term, last over first, {of}",
            kinetic[:, -1] / kinetic[:, 0],
            round(paper.KINETIC_LAST / paper.KINETIC_FIRST, 3),
            "",
        )
    )
    rows.append(
        compare(
            NAME,
            TABLE,
            f"entropy S, step {last}, {of}",
            found.metrics.entropy.values[:, -1],
            paper=None,
            because="The paper's values are not known to us",
        )
    )
    rows.append(
        compare(
            NAME,
            TABLE,
            f"accuracy at L = 10, step {last}, {of}",
            found.accuracy(10),
            paper=None,
            unit="%",
            because="The paper's value is not known to us",
        )
    )
    return [*rows[:-1], rows[-1].between(), _jump(found), *_end(found)]


def _jump(found: Trained) -> Row:
    """Whether the paper's transition is there; the first steps are the same in a short run."""
    statement = f"by step {JUMPED}, accuracy at L = 1000 is above {HALFWAY:.0f} %"
    quantity = f"{statement}, {found.form} form"
    high = int((found.accuracy(1000, JUMPED) > HALFWAY).sum())
    if found.steps < JUMPED:
        return share(
            NAME,
            TABLE,
            quantity,
            high,
            _count(found),
            paper=100.0,
            comparable=False,
            because=f"We took {found.steps} steps",
        )
    return claim(NAME, TABLE, quantity, high, _count(found))


def _end(found: Trained) -> list[Row]:
    """What the paper has after all its steps."""
    of = f"{found.form} form"
    high = int((found.accuracy(1000) > paper.LAST_AT_1000).sum())
    statement = f"after training, accuracy at L = 1000 is above {paper.LAST_AT_1000:.0f} %, {of}"
    hundred = _after(
        found,
        f"accuracy at L = 100 after training, {of}",
        found.accuracy(100),
        paper.LAST_AT_100,
        "%",
    )
    mean = compare(
        NAME,
        TABLE,
        f"accuracy at L = 1000 after training, {of}",
        found.accuracy(1000),
        paper=None,
        unit="%",
        because='The paper says "above 90 %"',
    )
    if found.steps < paper.STEPS:
        short = share(
            NAME,
            TABLE,
            statement,
            high,
            _count(found),
            paper=100.0,
            comparable=False,
            because=_too_short(found),
        )
        return [hundred.between(), mean.between(), short]
    last = claim(NAME, TABLE, statement, high, _count(found))
    return [hundred.between(), mean.between(), last]


def _after(
    found: Trained, quantity: str, values: np.ndarray, published: float, unit: str
) -> Row:
    """A number of the paper's trained model, which takes all of its steps."""
    if found.steps < paper.STEPS:
        return compare(
            NAME,
            TABLE,
            quantity,
            values,
            paper=published,
            unit=unit,
            comparable=False,
            because=_too_short(found),
        )
    return compare_run(NAME, TABLE, quantity, values, paper=published, unit=unit)


def _our_rows(found: Trained) -> list[Row]:
    rows = [
        compare(
            NAME,
            "beside Table 2",
            f"accuracy at L = {length}, our recipe, {found.form} form",
            found.accuracy(length),
            paper=None,
            unit="%",
            because=OTHER_RECIPE,
        )
        for length in LENGTHS
    ]
    return [row.between() for row in rows]


def _too_short(found: Trained) -> str:
    return f"We took {found.steps:,} of the paper's {paper.STEPS:,} steps; a full run takes all"


def _count(found: Trained) -> int:
    return found.metrics.sizes["seed"]


# -- what is shown ---------------------------------------------------------------------


def _figure(found: dict[str, Trained]) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, panels = subplots(
        2, len(found), width=3.7 * len(found), height=6.4, sharex="col", sharey="row"
    )
    for column, (name, one) in zip(panels.T, found.items(), strict=True):
        accuracies, terms = column
        step = one.metrics.step.values
        for colour, length in zip(COLOURS, LENGTHS, strict=False):
            values = 100 * one.metrics.accuracy_at.sel(length=length).transpose(
                "seed", "step"
            )
            accuracies.plot(
                step, values.values.T, color=colour, alpha=0.3, linewidth=0.8
            )
            accuracies.plot(
                step, values.values.mean(0), color=colour, label=f"L = {length}"
            )
        accuracies.axhline(one.chance, color=MUTED, linestyle=":", linewidth=1.2)
        if name != OURS:
            marks = [
                (paper.JUMP_STEP, paper.JUMP_FROM),
                (paper.JUMP_STEP, paper.JUMP_TO),
            ]
            if one.steps >= paper.STEPS:
                marks += [
                    (paper.STEPS, paper.LAST_AT_1000),
                    (paper.STEPS, paper.LAST_AT_100),
                ]
            accuracies.plot(
                *zip(*marks, strict=True),
                "D",
                color="white",
                markeredgecolor=INK,
                markersize=6,
            )
        accuracies.set_title(name[:1].upper() + name[1:])
        accuracies.set_ylim(0, 102)
        for colour, (label, values) in zip(
            COLOURS[3:6], _terms(one).items(), strict=True
        ):
            terms.plot(step, values.T, color=colour, alpha=0.3, linewidth=0.8)
            terms.plot(step, values.mean(0), color=colour, label=label)
        terms.set_xlabel("step of training")
        terms.set_ylim(bottom=0)
    panels[0, 0].set_ylabel("accuracy in %")
    panels[1, 0].set_ylabel("penalty")
    for line in panels:
        line[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    caption = (
        "Training with all three penalties. Thick lines are means over seeds, thin "
        "ones the seeds. Above: accuracy over positions that count, at lengths 10, 100 "
        "and 1000; dotted: a guess without context; diamonds: the paper's values at L "
        "= 1000 around step "
        f"{paper.JUMP_STEP}, before and after its jump, and at the end of a full run. "
        "Below, at "
        "the longest length trained on: kinetic term over its first value ½ d, entropy "
        "S with q = 1.5, and potential in nats."
    )
    return Figure(NAME, figure, caption)


def _terms(found: Trained) -> dict[str, np.ndarray]:
    """Penalties by (seed, record); |F|² is d at first, so that the kinetic term is ½ d."""
    named = {
        "kinetic / (½ d)": found.metrics.kinetic / 4,
        "entropy S": found.metrics.entropy,
    }
    named["potential"] = found.metrics.potential
    return {
        label: values.transpose("seed", "step").values
        for label, values in named.items()
    }


def _findings(found: dict[str, Trained]) -> str:
    at_paper = [one for name, one in found.items() if name != OURS]
    paragraphs = [_told(one) for one in at_paper]
    return "\n\n".join([*paragraphs, _of_kinetic(at_paper), _of_ours(found[OURS])])


def _told(found: Trained) -> str:
    last, seeds = found.metrics.isel(step=-1), _count(found)
    jumped = int((found.accuracy(1000, JUMPED) > HALFWAY).sum())
    solved = int((found.accuracy(1000) > paper.LAST_AT_1000).sum())
    more = f" {found.diverged} diverged." if found.diverged else ""
    by = (
        f"By step {JUMPED:,}, {jumped} of {seeds} were above {HALFWAY:.0f} % at L = "
        f"1000, half of the paper's jump from {paper.JUMP_FROM} to {paper.JUMP_TO} %. "
        if found.steps >= JUMPED
        else f"Too few steps were taken to see the paper's jump around step {paper.JUMP_STEP}. "
    )
    return (
        f"At the paper's setting, T = {found.iterations}, lengths {paper.SHORTEST} to "
        f"{paper.LONGEST}, on the {found.form} form with {paper.VOCABULARY} symbols: "
        f"after {found.steps:,} of {paper.STEPS:,} steps accuracy is "
        f"{_accuracies(found)}, where a guess has {found.chance:.1f} %. The "
        f"cross-entropy on fresh sequences is {mean_text(last.cross_entropy.values)} "
        f"nats, ln {paper.VOCABULARY} = {np.log(paper.VOCABULARY):.2f}. {by}"
        f"{solved} of {seeds} seeds are above {paper.LAST_AT_1000:.0f} % at L = 1000 "
        "at the end. The entropy of attention is "
        f"{mean_text(last.entropy.values)}.{more}"
    )


def _of_kinetic(found: list[Trained]) -> str:
    ratios = ", ".join(
        f"{(one.summed_kinetic()[:, -1] / one.summed_kinetic()[:, 0]).mean():.2f} "
        f"({one.form})"
        for one in found
    )
    firsts = " and ".join(f"{one.summed_kinetic()[:, 0].mean():.1f}" for one in found)
    lasts = " and ".join(f"{one.summed_kinetic()[:, -1].mean():.1f}" for one in found)
    iterations, steps = found[0].iterations, found[0].metrics.step.values
    # AdamW takes lr · wd of every parameter in a step, and |F|² is Σ_k γ_k² with γ the
    # gain.
    rate = 2 * paper.LEARNING_RATE * paper.WEIGHT_DECAY
    ours, papers = np.exp(-rate * np.array([float(steps[-1] - steps[0]), paper.STEPS]))
    return (
        f"The paper's kinetic term falls from {paper.KINETIC_FIRST} to "
        f"{paper.KINETIC_LAST}, a ratio of "
        f"{paper.KINETIC_LAST / paper.KINETIC_FIRST:.2f}; ours, last over first "
        f"record: {ratios}. Weight decay alone, which shrinks the gain of the layer "
        f"normalisation, makes {ours:.2f} of it in as many steps, and {papers:.2f} in "
        f"{paper.STEPS:,}. Eq. 3 divides by "
        "T. At first |F|² is d for every input, whatever the weights, so that the term "
        "is ½ d = 4; "
        f"without the division it would be ½ d T = {4 * iterations}. Ours summed so "
        f"goes from {firsts} to {lasts}. The paper's "
        f"{paper.KINETIC_FIRST} fits a sum over iterations, just after the start; it "
        f"does not say.\n\n{paper.UNSTATED}. A guess is right in "
        f"{' and '.join(f'{one.chance:.1f} % ({one.form})' for one in found)}: its "
        f"first accuracy, {paper.JUMP_FROM} %, is a guess on the last token of "
        f"{paper.VOCABULARY} symbols."
    )


def _of_ours(found: Trained) -> str:
    return (
        "With our recipe (positions scaled by 2, F = LN(A + MLP(A)), T = "
        f"{found.iterations}, lengths 6 to 16, learning rate 0.01 with warm-up and "
        f"cosine, weight decay 0.01; the same penalties) {found.steps:,} steps on the "
        f"{found.form} form reach {_accuracies(found)}."
    )


def _accuracies(found: Trained) -> str:
    each = [
        f"{mean_text(found.accuracy(length), 0, 100)} % at L = {length}"
        for length in LENGTHS
    ]
    return f"{', '.join(each[:-1])} and {each[-1]}"


EXPERIMENT = Experiment(
    name=NAME,
    title="Training at the paper's setting",
    paper=paper.PAPER,
    source=TABLE,
    question=(
        "Does a looped transformer of width 8, trained as the paper says with all "
        "three penalties, come to solve induction at length 1000, with a jump around "
        "step 500? And what does it take to learn the task at all?"
    ),
    duration=360,
    quick_duration=75,
    default_seeds=4,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=4_500,
)
