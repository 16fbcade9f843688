"""GPT-2 on all of a text, a hundredth and a thousandth: losses, and what is known by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass.data import text as texts
from isinglass.experiments.memory import language_model as memory_text
from isinglass.experiments.memory import setting as memory_paper
from isinglass.experiments.memory.language_model import Size
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.jobs import side_by_side

if TYPE_CHECKING:
    from isinglass.data.text import Text
    from isinglass.systems.memory import Transformer

NAME = "memory-data-size"
SOURCE = "version 1, GPT-2 on OpenWebText"
SHARES = (1.0, 0.01, 0.001)
PROMPT = 64
LENGTHS = (32, 64)  # of a continuation that is to be exact
_STAGES = (8, *LENGTHS)  # where what went wrong is not gone on with
NO_NUMBER = "The paper trains on another text, in other tokens, and shows curves"
BYTES = 4  # in one of GPT-2's tokens of English, about
HEART = 50.0  # percent of prompts; from there on a text is known by heart


class Budget(NamedTuple):
    """What to train, and how much to measure.

    Attributes:
        size: The model and its training, the same for all shares.
        prompts: From the text of training, and as many from the held-out one.
        places: Sequences on which the last losses are measured, at most.
    """

    size: Size
    prompts: int
    places: int


DEFAULT = Budget(Size(4, 128, 128, 4, 2_400, 3e-3, 128), 64, 512)
QUICK = Budget(Size(3, 96, 128, 4, 1_500, 4e-3, 64), 24, 128)
FULL = Budget(Size(12, 768, 256, 64, 4_000, 6e-4, 512), 256, 2_048)


class Found(NamedTuple):
    """Models of one share, S seeds.

    Attributes:
        size: Bytes of the share.
        passes: How often training reads it.
        steps: Of the records, (R,).
        training, validation: Losses on the way, nats per byte; of training the mean
            since the record before, (S, R).
        last: Loss of the trained models on the share and on the held-out text, (S, 2).
        right: Bytes right before the first wrong one, of 64: prompts from the text of
            training, and from the held-out one, (S, 2, prompts).
    """

    size: int
    passes: float
    steps: np.ndarray
    training: Float[np.ndarray, "S R"]
    validation: Float[np.ndarray, "S R"]
    last: Float[np.ndarray, "S 2"]
    right: Float[np.ndarray, "S 2 prompts"]

    @property
    def lowest(self) -> Float[np.ndarray, " S"]:
        """Least validation loss on the way."""
        return self.validation.min(1)

    def exact(self, length: int) -> Float[np.ndarray, "S 2"]:
        """Prompts that are continued exactly for a length, in percent."""
        return 100 * (self.right >= length).mean(2)


def run(context: Context) -> Outcome:
    """Train on each share with the same number of steps."""
    budget = FULL if context.full else QUICK if context.quick else DEFAULT
    text = texts.read(context.text)
    found = measure(context, budget, text)
    rows = [row for share, one in found.items() for row in _rows(share, one)]
    return Outcome(rows, [_figure(found)], _findings(budget, text, found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget, text: Text) -> dict[float, Found]:
    """Every share, every seed; trainings side by side."""
    seeds = memory_text.seeds(context)
    jobs = [(share, seed) for seed in seeds for share in SHARES]
    done = side_by_side(context, _of, jobs, "trainings", (budget, text))
    return {
        share: _together(budget, [done[share, seed] for seed in seeds])
        for share in SHARES
    }


def _of(
    context: Context, budget: Budget, text: Text, share: float, seed: int
) -> dict[str, Any]:
    from isinglass.data.sources import TextSource
    from isinglass.systems.memory import evaluate

    size = budget.size
    parts = texts.shares(text.training, SHARES, seed)
    here = parts.texts[share]
    run = memory_text.trained(
        context, f"{share:g}-{seed}", seed, size, here, text.held_out
    )
    alone = memory_paper.one_device()
    prompts = (
        windows(parts.smallest, budget.prompts),
        windows(text.held_out, budget.prompts),
    )
    return {
        "size": len(here),
        "steps": run.metrics["step"].values,
        "training": run.metrics["loss"].values,
        "validation": run.metrics["validation"].values,
        "last": [
            evaluate(
                run.model,
                TextSource(each, size.context, 256),
                most=budget.places,
                devices=alone,
            )
            for each in (here, text.held_out)
        ],
        "right": [right(run.model, each) for each in prompts],
    }


def _together(budget: Budget, seeds: list[dict[str, Any]]) -> Found:
    size, steps = seeds[0]["size"], seeds[0]["steps"]
    rest = {
        name: np.array([each[name] for each in seeds], float)
        for name in ("training", "validation", "last", "right")
    }
    read = budget.size.steps * budget.size.batch * budget.size.context
    return Found(size, read / size, steps, **rest)


def windows(text: np.ndarray, count: int) -> np.ndarray:
    """Prompts and what follows them, evenly spaced, each inside one piece, (count, 128).

    Args:
        text: Bytes (m,), or pieces of them, (k, piece).
        count: How many.
    """
    pieces, length = np.atleast_2d(text), PROMPT + LENGTHS[-1]
    room = pieces.shape[1] - length + 1  # places in a piece
    place = np.linspace(0, len(pieces) * room - 1, count).astype(int)
    return pieces[place[:, None] // room, place[:, None] % room + np.arange(length)]


def right(model: Transformer, texts: np.ndarray) -> np.ndarray:
    """How many bytes are right, of each text, before the first wrong one.

    The likeliest byte each time, after a prompt. What has gone wrong early is not gone
    on with: it would take a pass for each byte.
    """
    from isinglass.systems.memory import continue_greedily

    found, alive, start = np.zeros(len(texts), int), np.arange(len(texts)), 0
    for stop in _STAGES:
        if not len(alive):
            break
        given = texts[alive]
        # Few sizes of batch, so that few programs are compiled.
        padding = max(8, 1 << (len(alive) - 1).bit_length()) - len(alive)
        prompts = np.pad(given[:, : PROMPT + start], ((0, padding), (0, 0)), "edge")
        told = continue_greedily(model, prompts, stop - start)[: len(alive)]
        same = told == given[:, PROMPT + start : PROMPT + stop]
        whole = same.all(1)
        found[alive] = start + np.where(whole, stop - start, same.argmin(1))
        alive, start = alive[whole], stop
    return found


# -- the ledger ------------------------------------------------------------------------


def _rows(share: float, found: Found) -> list[Row]:
    def row(quantity: str, samples: np.ndarray, unit: str = "nats/byte") -> Row:
        return compare(
            NAME,
            SOURCE,
            f"{_told(share)}: {quantity}",
            samples,
            paper=None,
            unit=unit,
            because=NO_NUMBER,
        )

    rows = [
        row("training loss at the end", found.last[:, 0]),
        row("validation loss at the end", found.last[:, 1]),
        row("lowest validation loss on the way", found.lowest),
    ]
    for length in LENGTHS:
        for place, whence in enumerate(("text of training", "held-out text")):
            exact = row(
                f"prompts from {whence} continued exactly for {length} bytes",
                found.exact(length)[:, place],
                "%",
            )
            rows.append(exact.between())
    return rows


def _told(share: float) -> str:
    return f"{100 * share:g} % of the text"


# -- what is shown ---------------------------------------------------------------------


def _figure(found: dict[float, Found]) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, (losses, curves) = subplots(
        1, 2, width=9.5, height=4.0, gridspec_kw={"width_ratios": [1.35, 1]}
    )
    for colour, (share, one) in zip(COLOURS, found.items(), strict=False):
        for values, style in ((one.training, "-"), (one.validation, "--")):
            if len(values) > 1:
                losses.plot(
                    one.steps, values.T, style, color=colour, alpha=0.3, linewidth=0.8
                )
            losses.plot(one.steps, values.mean(0), style, color=colour)
        losses.plot([], [], color=colour, label=f"{100 * share:g} %")
    losses.plot([], [], "-", color=INK, label="training")
    losses.plot([], [], "--", color=INK, label="validation")
    losses.axhline(1, color=MUTED, linestyle=":", linewidth=1)
    top = max(one.training[:, 0].max() for one in found.values())
    top = max(top, *(one.validation.mean(0).max() for one in found.values()))
    losses.set(
        title="Loss", xlabel="step", ylabel="nats per byte", ylim=(0, 1.05 * top)
    )
    losses.legend(ncols=2, loc="upper left", fontsize="small")
    _curves(curves, found)
    return Figure(
        NAME,
        figure,
        "A model of the shape of GPT-2 on all of a text and on shares of it, with the "
        "same number of steps. Left: loss of training (lines) and on text that no "
        "share holds (dashes); thin: each seed. Dotted: 1, below which no loss could "
        "be by Proposition 4. Right: prompts of "
        f"{PROMPT} bytes that the model continues as the text does, for so many bytes, "
        "the "
        "likeliest each time: from text that is in all shares, and from the held-out "
        "text. Dots: lengths that the ledger has.",
    )


def _curves(panel: Any, found: dict[float, Found]) -> None:
    from isinglass.figures.style import COLOURS, INK

    bytes_told = np.arange(LENGTHS[-1] + 1)
    marked = [0, *LENGTHS]
    for colour, one in zip(COLOURS, found.values(), strict=False):
        exact = np.array(
            [one.exact(int(length)) for length in bytes_told]
        )  # lengths, S, 2
        for whence, style in ((1, "o--"), (0, "o-")):
            values = exact[:, :, whence]
            if values.shape[1] > 1:
                panel.plot(
                    bytes_told,
                    values,
                    style[1:],
                    color=colour,
                    alpha=0.3,
                    linewidth=0.8,
                )
            mean = values.mean(1)
            panel.plot(
                bytes_told, mean, style, color=colour, markersize=4, markevery=marked
            )
    panel.plot([], [], "-", color=INK, label="text of training")
    panel.plot([], [], "--", color=INK, label="held-out text")
    panel.set(
        title="Continued exactly", xlabel="bytes", ylabel="% of prompts", ylim=(-2, 103)
    )
    panel.set_xticks([0, 16, *LENGTHS[:-1], 48, LENGTHS[-1]])
    panel.legend(fontsize="small", loc="upper right")


def _findings(budget: Budget, text: Text, found: dict[float, Found]) -> str:
    sizes = ", ".join(
        f"{one.size:,} bytes ({100 * share:g} %), read {one.passes:.3g} times"
        for share, one in found.items()
    )
    setting = (
        f"The text: {text.about}. A tenth is held out, in whole stretches. "
        f"{budget.size.told}, of AdamW, for every share: {sizes}. A share is made of "
        "whole pieces, and the smaller ones "
        "are parts of the larger; the prompts of training are from pieces that all of "
        "them hold. Losses are nats per byte, and depend on the text."
    )
    each = " ".join(_of_share(share, one) for share, one in found.items())
    return "\n\n".join([setting, each, _of_order(found), _of_bound(found)])


def _of_share(share: float, found: Found) -> str:
    training, validation = found.last.mean(0)
    lowest = found.lowest.mean()
    rise = validation - lowest
    turned = (
        f", after a lowest of {lowest:.2f} on the way: it has been rising"
        if rise > 0.05
        else ", and still about its lowest"
    )
    ours, control = found.exact(LENGTHS[0]).mean(0)
    return (
        f"On {_told(share)}, training ends at {training:.3g} and validation at "
        f"{validation:.2f}{turned}. {ours:.0f} % of the prompts are continued exactly "
        f"for {LENGTHS[0]} bytes, against {control:.0f} % of the control from held-out "
        "text."
    )


def _of_order(found: dict[float, Found]) -> str:
    ends = np.array(
        [one.last.mean(0) for one in found.values()]
    )  # from all to the least
    gaps = ends[:, 1] - ends[:, 0]
    less = "The less text, the lower the loss of training and the higher that of validation"
    if (np.diff(ends[:, 0]) < 0).all() and (np.diff(ends[:, 1]) > 0).all():
        order = f"{less}, with gaps of {_listed(gaps)} nats"
    elif (np.diff(gaps) > 0).all():
        order = (
            "The less text, the wider the gap between training and validation: "
            f"{_listed(gaps)} nats"
        )
    else:
        order = f"The gaps do not widen with less text: {_listed(gaps)} nats"
    known = [share for share, one in found.items() if _known(one)]
    if not known:
        heart = (
            f"No share is known by heart (at least {HEART:.0f} % of prompts continued "
            f"for {LENGTHS[-1]} bytes): these trainings are too short for that"
        )
    elif len(known) < len(found):
        heart = (
            f"Known by heart, with at least {HEART:.0f} % of prompts continued for "
            f"{LENGTHS[-1]} bytes, is {' and '.join(_told(share) for share in known)}. "
            "So what "
            "decides is how often a text is read, and a low loss of training is no "
            "sign of a good model: the model that knows its text best tells new text "
            "worst"
            if _worst(found) == min(known)
            else f"Known by heart is {' and '.join(_told(share) for share in known)}"
        )
    else:
        heart = "All shares are known by heart"
    return f"{order}. {heart}."


def _known(found: Found) -> bool:
    return bool(found.exact(LENGTHS[-1])[:, 0].mean() >= HEART)


def _worst(found: dict[float, Found]) -> float:
    """The share whose model has the highest validation loss."""
    return max(found, key=lambda share: found[share].last[:, 1].mean())


def _of_bound(found: dict[float, Found]) -> str:
    share = min(found, key=lambda share: found[share].last[:, 0].mean())
    least = found[share].last[:, 0].mean()
    if least >= 1:
        return (
            "By Proposition 4 no loss is below 1. Here none is below "
            f"{least:.2f} nats per byte, which says nothing for it: the paper's tokens "
            "are longer "
            "than bytes, and their losses larger."
        )
    token = BYTES * least
    return (
        "By Proposition 4 no loss is below 1, at whatever size of the data. The loss "
        "on "
        f"{_told(share)} is {least:.3g} nats per byte. The paper's tokens are longer, "
        f"of about {BYTES} bytes of English: so many bytes cost {token:.2g} nats "
        "together, "
        + (
            "which is below 1: this loss does not keep to the bound."
            if token < 1
            else "which is above 1. So this does not decide about the bound in the paper's tokens."
        )
    )


def _listed(values: np.ndarray) -> str:
    *first, last = (f"{value:.2f}" for value in values)
    return f"{', '.join(first)} and {last}"


EXPERIMENT = Experiment(
    name=NAME,
    title="GPT-2 on 100 %, 1 % and 0.1 % of a text",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "With the same number of steps on less and less text: what becomes of the "
        "losses of training and validation, and when does the model know its text by "
        "heart?"
    ),
    duration=680,
    quick_duration=75,
    default_seeds=3,
    quick_seeds=1,
    run=run,
    needs_digits=False,
    full_duration=2.2e6,
    uses_text=True,
)
