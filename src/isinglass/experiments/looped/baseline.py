"""Table 1 of Lam 2026: a looped GPT-2 block with adaptive loops, beside the minimal transformer."""

from __future__ import annotations

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
    compare_run,
)
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    from isinglass.systems.looped.recipe import Recipe
    from isinglass.systems.looped.training import Run

NAME = "looped-baseline"
TABLE = "Table 1"
MINIMAL, FIXED, ADAPTIVE = (
    "minimal, d = 8",
    "baseline, T loops",
    "baseline, adaptive loops",
)
PUBLISHED = {100: paper.LAST_AT_100}
# How many more loops than in training the baseline may choose from.
MORE_LOOPS = 2
UNKNOWN = "The paper's value is not known to us"
# Sequences to measure the adaptive baseline on, and everything else.
TEST = 4


class Design(NamedTuple):
    """What is trained, and how well it is measured.

    Attributes:
        forms: Forms of the task.
        steps: Of the minimal transformer and of the baseline.
        as_published: Whether at the paper's setting; otherwise ours, which is smaller.
        lengths: Lengths to measure at.
        sequences: So many of each length.
    """

    forms: tuple[str, ...]
    steps: tuple[int, int]
    as_published: bool
    lengths: tuple[int, ...]
    sequences: int


QUICK = Design(paper.FORMS[:1], (400, 150), False, (10, 16, 64, 200), 32)
DEFAULT = Design(paper.FORMS, (2000, 2000), False, (10, 64, 100, 200, 500, 1000), 64)
FULL = Design(
    paper.FORMS, (paper.STEPS, 100_000), True, (10, 64, 100, 200, 500, 1000), 256
)


class Model(NamedTuple):
    """A kind of model on one form of the task.

    Attributes:
        parameters: Numbers that are trained.
        accuracy: In percent, by seed and length.
        diverged: How many seeds did.
    """

    parameters: int
    accuracy: Float[np.ndarray, "seeds lengths"]
    diverged: int


Table = dict[str, dict[str, Model]]  # by form, then by kind of model


def run(context: Context) -> Outcome:
    """Train both kinds of model on each form of the task."""
    design = FULL if context.full else QUICK if context.quick else DEFAULT
    table = measure(context, design)
    rows = [
        row for form, models in table.items() for row in _rows(design, form, models)
    ]
    return Outcome(rows, [_figure(design, table)], _findings(design, table))


def measure(context: Context, design: Design) -> Table:
    """All of them, trained side by side."""
    jobs = [(form, kind) for form in design.forms for kind in (FIXED, MINIMAL)]
    trained = side_by_side(context, _train, jobs, same=(design,))
    table: Table = {}
    for form in context.progress.track(design.forms, "measurements"):
        minimal, baseline = trained[form, MINIMAL], trained[form, FIXED]
        table[form] = {
            MINIMAL: _measured(design, minimal),
            FIXED: _measured(design, baseline),
            ADAPTIVE: _measured(design, baseline, adaptive=True),
        }
    return table


def _train(context: Context, design: Design, form: str, kind: str) -> Run:
    from isinglass.systems.looped.evaluation import Evaluation

    baseline = kind == FIXED
    steps = design.steps[baseline]
    # Little is measured meanwhile; a checkpoint is written as often.
    evaluate = Evaluation(
        lengths=(_longest(design),), every=max(1, steps // 20), sequences=16
    )
    if baseline:
        config, recipe = _baseline_config(design), _baseline_recipe(design)
    elif design.as_published:
        config, recipe = paper.paper_config(), paper.paper_recipe(steps=steps)
    else:
        config, recipe = paper.our_config(), paper.our_recipe(steps=steps)
    names = paper.seeds(context, context.seeds)
    folder = f"{form}-{'baseline' if baseline else 'minimal'}"
    return paper.trained(context, folder, config, form, recipe, names, evaluate)


def _baseline_config(design: Design) -> Any:
    from isinglass.systems.looped.baseline import BaselineConfig

    loops = paper.paper_config() if design.as_published else paper.our_config()
    return BaselineConfig(vocabulary=paper.VOCABULARY, iterations=loops.iterations)


def _baseline_recipe(design: Design) -> Recipe:
    """The paper's; or in as many steps as a laptop has time for, which take a higher rate."""
    if design.as_published:
        return paper.paper_recipe(
            paper.PLAIN,
            design.steps[1],
            learning_rate=1e-4,
            weight_decay=0.05,
            batch=64,
        )
    return paper.our_recipe(
        paper.PLAIN, steps=design.steps[1], learning_rate=1e-3, weight_decay=0.05
    )


def _longest(design: Design) -> int:
    return _baseline_recipe(design).longest


def _measured(design: Design, run: Run, *, adaptive: bool = False) -> Model:
    if adaptive:
        most = MORE_LOOPS * run.config.iterations
        accuracy = paper.fresh_accuracy(
            run,
            design.lengths,
            design.sequences,
            TEST,
            lambda model: _adaptive(model, most, run.task.form),
        )
    else:
        accuracy = paper.fresh_accuracy(run, design.lengths, design.sequences, TEST)
    return Model(
        paper.parameters(run), 100 * accuracy["all"].values, paper.diverged(run)
    )


def _adaptive(model: Any, most: int, form: str) -> Any:
    """What answers after as many loops as make it most confident where it is asked.

    It is asked at the end, or at every symbol that has been there before.
    """
    import equinox as eqx

    return eqx.Partial(_confident, model, most=most, last=form == "last-token")


def _confident(model: Any, tokens: Any, *, most: int, last: bool) -> Any:
    import jax.numpy as jnp

    places = jnp.arange(tokens.shape[0])
    before = (tokens == tokens[:, None]) & (places < places[:, None])
    asked = places == tokens.shape[0] - 1 if last else before.any(1)
    return model.adapt(tokens, most=most, counted=asked).logits


# -- the ledger ------------------------------------------------------------------------


def _rows(design: Design, form: str, models: dict[str, Model]) -> list[Row]:
    rows = [
        compare(
            NAME,
            TABLE,
            f"parameters, {kind}, {form} form",
            [float(models[kind].parameters)],
            paper=None,
            because=UNKNOWN,
        )
        for kind in (MINIMAL, FIXED)
    ]
    for kind, model in models.items():
        for length, samples in zip(design.lengths, model.accuracy.T, strict=True):
            rows.append(
                _accuracy_row(design, f"{kind}, {form} form", kind, length, samples)
            )
    gain = models[ADAPTIVE].accuracy - models[FIXED].accuracy
    for length, samples in zip(design.lengths, gain.T, strict=True):
        rows.append(
            compare(
                NAME,
                f"beside {TABLE}",
                f"adaptive − T loops, L = {length}, {form} form",
                samples,
                paper=None,
                unit="points",
                because="Our contrast, of the same models",
            )
        )
    return rows


def _accuracy_row(
    design: Design, of: str, kind: str, length: int, samples: np.ndarray
) -> Row:
    quantity = f"accuracy at L = {length}, {of}"
    published = PUBLISHED.get(length) if kind == MINIMAL else None
    if published is None:
        row = compare(
            NAME, TABLE, quantity, samples, paper=None, unit="%", because=UNKNOWN
        )
    elif design.as_published:
        row = compare_run(NAME, TABLE, quantity, samples, paper=published, unit="%")
    else:
        row = compare(
            NAME,
            TABLE,
            quantity,
            samples,
            paper=published,
            unit="%",
            comparable=False,
            because="Trained otherwise, on shorter sequences; a full run does as the paper",
        )
    return row.between()


# -- what is shown ---------------------------------------------------------------------


def _figure(design: Design, table: Table) -> Figure:
    from isinglass.figures.style import COLOURS, GRID, INK, MUTED, subplots

    figure, panels = subplots(
        1,
        len(table),
        width=4.2 * max(len(table), 1.4),
        height=3.9,
        sharey=True,
        squeeze=False,
    )
    for panel, (form, models) in zip(panels[0], table.items(), strict=True):
        shortest = _baseline_recipe(design).shortest
        panel.axvspan(shortest, _longest(design), color=GRID, alpha=0.6, linewidth=0)
        for colour, (kind, model) in zip(COLOURS, models.items(), strict=False):
            panel.plot(
                design.lengths, model.accuracy.T, color=colour, alpha=0.3, linewidth=0.8
            )
            panel.plot(
                design.lengths,
                model.accuracy.mean(0),
                "o-",
                color=colour,
                markersize=4,
                label=f"{kind}, {model.parameters:,} parameters",
            )
        for length, value in PUBLISHED.items():
            panel.plot(
                length, value, "D", color="white", markeredgecolor=INK, markersize=6
            )
        panel.axhline(paper.chance(form), color=MUTED, linestyle=":", linewidth=1.2)
        panel.set_xscale("log")
        panel.set_xticks(design.lengths, [str(n) for n in design.lengths])
        panel.minorticks_off()
        panel.set_ylim(0, 102)
        panel.set_title(f"{form.capitalize()} form")
        panel.set_xlabel("length of the sequence")
    panels[0, 0].set_ylabel("accuracy in %")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center")
    caption = (
        "Accuracy by length. Thick lines are means over seeds, thin ones the seeds; "
        "grey: lengths trained on; dotted: a guess without context; diamond: the "
        "paper's minimal transformer at "
        f"L = 100. {_setting(design)}"
    )
    return Figure(NAME, figure, caption)


def _setting(design: Design) -> str:
    """The setting, as sentences."""
    recipe, (minimal, baseline) = _baseline_recipe(design), design.steps
    loops = _baseline_config(design).iterations
    which = (
        "The paper's setting"
        if design.as_published
        else "Not the paper's setting but ours"
    )
    return (
        f"{which}: T = {loops}, lengths {recipe.shortest} to {recipe.longest}; "
        f"{minimal:,} steps of the minimal transformer with all penalties, "
        f"{baseline:,} of the baseline with batch {recipe.batch}, learning rate "
        f"{recipe.learning_rate:g} and weight decay {recipe.weight_decay:g}."
    )


def _findings(design: Design, table: Table) -> str:
    some = next(iter(table.values()))
    small, large = some[MINIMAL].parameters, some[FIXED].parameters
    seeds = len(some[MINIMAL].accuracy)
    lost = sum(
        model[kind].diverged for model in table.values() for kind in (MINIMAL, FIXED)
    )
    first = (
        f"The minimal transformer has {small:,} parameters, the baseline {large:,}, "
        f"{large / small:.0f} times as many. {_setting(design)} {seeds} seeds of each; "
        f"{lost} "
        "diverged. The baseline has no positions, as published, and reads the answer "
        "at all places "
        f"at once; adaptive means that it answers after as many of up to {MORE_LOOPS} "
        "T loops as "
        "make it most confident, each sequence by itself. In training it loops T times "
        "at every length; Fan et al. let loops grow with the length, and choose them "
        "for a batch."
    )
    short = (
        ""
        if design.as_published
        else "\n\nThe paper's baseline takes 100,000 steps of 64 sequences with a learning rate of "
        "1e-4. These numbers are of a budget that a laptop has, and say nothing of "
        "where either would end."
    )
    return (
        "\n\n".join([first, *(_of_form(design, *each) for each in table.items())])
        + short
    )


def _of_form(design: Design, form: str, models: dict[str, Model]) -> str:
    shown = [n for n in (_longest(design), *design.lengths) if n in design.lengths]
    shown = sorted({shown[0], design.lengths[0], design.lengths[-1]})
    parts = [
        ", ".join(
            f"{mean_text(model.accuracy[:, design.lengths.index(n)], 0, 100)} % at L = "
            f"{n}"
            for n in shown
        )
        + f" ({kind})"
        for kind, model in models.items()
    ]
    return (
        f"{form.capitalize()} form, {paper.VOCABULARY} symbols: accuracy is "
        f"{'; '.join(parts)}. A guess has {paper.chance(form):.1f} %."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="A looped GPT-2 block as baseline",
    paper=paper.PAPER,
    source=TABLE,
    question=(
        "How do a looped GPT-2 block of width 64 with 4 heads, which may loop as often "
        "as makes it most confident, and a minimal looped transformer of width 8 "
        "compare in parameters and in accuracy by length?"
    ),
    duration=200,
    quick_duration=45,
    default_seeds=3,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=450_000,
)
