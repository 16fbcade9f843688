"""How far activations lie apart, layer by layer: the theory's radius, or the scale of a model?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from isinglass.data import text as texts
from isinglass.experiments.memory import language_model as memory_text
from isinglass.experiments.memory import setting as memory_paper
from isinglass.experiments.memory.language_model import Size
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.ledger import share
from isinglass.systems.memory.rescaling import rescaled

if TYPE_CHECKING:
    from isinglass.data.text import Text
    from isinglass.systems.memory import Transformer

NAME = "memory-radius"
SOURCE = "appendix F.1"
FRACTIONS = (0.25, 0.5, 0.75, 1.0)
# The paper's: mean and median, of so many sequences of this length, in GPT-2 medium.
MEASURED, SEQUENCES, CONTEXT, WIDTH = 20.0, 80_000, 256, 1_024
ROOM = 2.0  # around the paper's value, of which it gives two digits, for another text
MOST_LAYERS = 6
BATCH = 16  # sequences at a time
FINAL = "final"
OTHER = "The paper measures GPT-2 medium, which is 1,024 wide"
SCALE = "The paper does not look at the scale of activations"


class Budget(NamedTuple):
    """What to train, and how much to measure.

    Attributes:
        size: Our model and its training.
        sequences: How many to take from the text, at most.
        work: Multiplications and additions for the user's model and its control, of
            which follows how many sequences they get; None for as many as the paper
            has.
    """

    size: Size
    sequences: int
    work: float | None


DEFAULT = Budget(Size(4, 128, 128, 4, 2_400, 3e-3, 64), 8_000, 4e13)
QUICK = Budget(Size(3, 96, 128, 4, 1_500, 4e-3, 32), 2_000, 1e13)
FULL = Budget(Size(12, 768, 256, 64, 4_000, 6e-4, 512), SEQUENCES, None)


class Found(NamedTuple):
    """Activations of S models of one kind, at K layers and F shares of the sample.

    Attributes:
        layers: Their names, K.
        depth: How many layers the models have.
        width: n.
        vectors: In each share, (F,).
        mean, median: Of the distances to the nearest other one, (S, K, F).
        norm: Root mean square length, (S, K).
        apart: Root mean square distance of any two, (S, K).
        duplicates: Activations that another one equals, in the whole sample, (S, K).
    """

    layers: tuple[str, ...]
    depth: int
    width: int
    vectors: Integer[np.ndarray, " F"]
    mean: Float[np.ndarray, "S K F"]
    median: Float[np.ndarray, "S K F"]
    norm: Float[np.ndarray, "S K"]
    apart: Float[np.ndarray, "S K"]
    duplicates: Integer[np.ndarray, "S K"]

    @property
    def unit(self) -> float:
        """√(n/2πe)."""
        return float(np.sqrt(self.width / (2 * np.pi * np.e)))

    @property
    def in_units(self) -> Float[np.ndarray, "S K"]:
        """Mean distance in the whole sample, over √(n/2πe)."""
        return self.mean[:, :, -1] / self.unit

    @property
    def over_norm(self) -> Float[np.ndarray, "S K"]:
        """The same over the root mean square length."""
        return self.mean[:, :, -1] / self.norm

    @property
    def over_apart(self) -> Float[np.ndarray, "S K"]:
        """The same over the distance of any two."""
        return self.mean[:, :, -1] / self.apart


class Rescaled(NamedTuple):
    """Models beside themselves with another scale, by seed.

    Attributes:
        factor: By which the stream of activations was multiplied.
        change: Largest change of a logit, over the largest logit.
        unit: Mean distance after the last layer over √(n/2πe), then.
    """

    factor: np.ndarray
    change: np.ndarray
    unit: np.ndarray


class Kind(NamedTuple):
    """A model with its controls.

    Attributes:
        trained: The models.
        untrained: Of the same shape, as training begins.
        normal: Independent normal vectors instead of activations.
        rescaled: The models with the scale that makes the last radius 2 √(n/2πe).
    """

    trained: Found
    untrained: Found
    normal: Found
    rescaled: Rescaled


def run(context: Context) -> Outcome:
    """Train a model and measure it; and the user's, where there is one."""
    budget = FULL if context.full else QUICK if context.quick else DEFAULT
    text = texts.read(context.text)
    ours = measure(context, budget, text)
    theirs = None if context.model is None else measure_given(context, budget, text)
    rows = _rows(ours, "our model")
    if theirs is not None:
        rows += _rows(theirs, "the model given")
    return Outcome(rows, [_figure(ours, theirs)], _findings(budget, text, ours, theirs))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget, text: Text) -> Kind:
    """Our model, from every seed."""
    from isinglass.systems.memory import sequences_of

    size = budget.size
    sequences = sequences_of(text.whole, size.context, budget.sequences)
    found = []
    for seed in memory_text.seeds(context):
        name = f"model-{seed}"
        run = memory_text.trained(
            context, name, seed, size, text.training, text.held_out
        )
        control = memory_text.untrained(size, seed)
        found.append(_kind(context, run.model, control, sequences, seed))
    return _together(found)


def measure_given(context: Context, budget: Budget, text: Text) -> Kind:
    """The user's model, with its own tokens of the text."""
    import jax

    from isinglass.data.tokens import tokenise, tokens_of
    from isinglass.systems.memory import Transformer, load_gpt2, sequences_of

    assert context.model is not None
    model = load_gpt2(context.model)
    length = min(CONTEXT, model.config.context)
    count = SEQUENCES
    if budget.work is not None:
        numbers = sum(leaf.size for leaf in jax.tree.leaves(model))
        count = int(np.clip(budget.work / (4 * numbers * length), 64, SEQUENCES))
    key = jax.random.key(memory_paper.key_seed(context))
    control = jax.jit(Transformer, static_argnums=0)(model.config, key=key)
    with _scratch(context) as folder:
        path = Path(folder) / "text"
        if context.text is None:
            path.write_bytes(text.whole.tobytes())
        tokens = tokens_of(context.model, model.config.vocabulary)
        store = Path(folder) / "tokens.npy"
        found = tokenise(context.text or path, tokens, store)
        sequences = np.array(sequences_of(found, length, count))
        del found  # a file that is mapped cannot be removed everywhere
    return _together([_kind(context, model, control, sequences, context.seed)])


def _kind(
    context: Context,
    model: Transformer,
    control: Transformer,
    sequences: np.ndarray,
    seed: int,
) -> Kind:
    vectors = np.random.default_rng(seed).standard_normal(
        (len(sequences), model.config.width), np.float32
    )
    trained = _of_model(context, model, sequences, seed, "trained")
    return Kind(
        trained,
        _of_model(context, control, sequences, seed, "untrained"),
        _of_layers(("normal",), [vectors], model.config.layers, seed, None),
        _rescaled(context, model, trained, sequences, seed),
    )


def _of_model(
    context: Context,
    model: Transformer,
    sequences: np.ndarray,
    seed: int,
    told: str,
    layers: tuple[str, ...] | None = None,
) -> Found:
    from isinglass.systems.memory import activations

    layers = layers or chosen_layers(model.config.layers)
    with (
        _scratch(context) as folder,
        context.progress.follow(f"activations, {told}") as tell,
    ):
        found = activations(
            model,
            sequences,
            layers=layers,
            batch=BATCH,
            out=Path(folder) / "activations.npy",
            progress=tell,
        )
        vectors = [found.of(name) for name in layers]
        result = _of_layers(layers, vectors, model.config.layers, seed, context)
        del found, vectors
    return result


def _of_layers(
    layers: tuple[str, ...],
    vectors: list[np.ndarray],
    depth: int,
    seed: int,
    context: Context | None,
) -> Found:
    from isinglass.systems.memory import nearest_neighbour_radius

    reports = []
    tracked = vectors if context is None else context.progress.track(vectors, "layers")
    norm, apart = [], []
    for each in tracked:
        reports.append(nearest_neighbour_radius(each, FRACTIONS, seed=seed))
        squares = np.square(each, dtype=np.float64).sum(1).mean()
        about = squares - np.square(each.mean(0, np.float64)).sum()
        norm.append(np.sqrt(squares))
        apart.append(np.sqrt(2 * max(about, 0.0) * len(each) / (len(each) - 1)))
    return Found(
        layers,
        depth,
        vectors[0].shape[1],
        reports[0]["vectors"].values,
        np.array([[report["mean"].values for report in reports]]),
        np.array([[report["median"].values for report in reports]]),
        np.array([norm]),
        np.array([apart]),
        np.array([[int(report["duplicates"].values[-1]) for report in reports]]),
    )


def _rescaled(
    context: Context, model: Transformer, found: Found, sequences: np.ndarray, seed: int
) -> Rescaled:
    last = str(model.config.layers)
    factor = float(2 / found.in_units[0, found.layers.index(last)])
    other = rescaled(model, factor)
    after = _of_model(context, other, sequences, seed, "rescaled", (last, FINAL))
    few = sequences[:: max(1, len(sequences) // BATCH)][:BATCH]
    before = _logits(model, few, found.layers)
    change = abs(_logits(other, few, after.layers) - before).max() / abs(before).max()
    return Rescaled(np.array([factor]), np.array([change]), after.in_units[:, 0])


def _logits(
    model: Transformer, sequences: np.ndarray, layers: tuple[str, ...]
) -> np.ndarray:
    """Of what follows each sequence, by a program that is there already for these layers."""
    from isinglass.systems.memory import activations

    final = activations(model, sequences, layers=layers, batch=BATCH).of(FINAL)
    return final @ np.asarray(model.embedding).T


def _together(kinds: list[Kind]) -> Kind:
    """One of several seeds."""

    def found(each: list[Found]) -> Found:
        names = ("mean", "median", "norm", "apart", "duplicates")
        joined = {n: np.concatenate([getattr(one, n) for one in each]) for n in names}
        return each[0]._replace(**joined)

    return Kind(
        found([kind.trained for kind in kinds]),
        found([kind.untrained for kind in kinds]),
        found([kind.normal for kind in kinds]),
        Rescaled(
            *(np.concatenate(c) for c in zip(*(k.rescaled for k in kinds), strict=True))
        ),
    )


def chosen_layers(depth: int) -> tuple[str, ...]:
    """Layers to measure, the last among them, and what its normalisation makes of it.

    Not the embedding: there it is that of one token at one place, and most of them are
    equal.
    """
    count = min(depth, MOST_LAYERS)
    places = [round(depth * (i + 1) / count) for i in range(count)]
    return (*map(str, places), FINAL)


def _scratch(context: Context) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=".isinglass-", dir=context.sweeps)


# -- the ledger ------------------------------------------------------------------------


def _rows(kind: Kind, of: str) -> list[Row]:
    trained = kind.trained
    rows = [row for layer in (-2, -1) for row in _of_shares(trained, layer, of)]
    for place, layer in enumerate(trained.layers):
        for found, which in ((trained, ""), (kind.untrained, ", untrained")):
            rows.append(
                compare(
                    NAME,
                    SOURCE,
                    f"{of}{which}, {_told(layer)}: mean distance over √(n/2πe)",
                    found.in_units[:, place],
                    paper=None,
                    because=OTHER,
                )
            )
        rows.append(
            compare(
                NAME,
                "beyond the paper",
                f"{of}, {_told(layer)}: mean distance over the length of activations",
                trained.over_norm[:, place],
                paper=None,
                because=SCALE,
            )
        )
    falls = _falls(trained)
    rows.append(
        share(
            NAME,
            SOURCE,
            f"{of}: layers where the mean distance falls with each larger share",
            int(falls.sum()),
            falls.size,
            paper=None,
            because="The paper says that its mean and median are about 20 for every share",
        )
    )
    rows.append(
        compare(
            NAME,
            "beyond the paper",
            f"{of}, rescaled to 2 √(n/2πe): largest change of a logit, over the "
            "largest logit",
            kind.rescaled.change,
            paper=None,
            because=SCALE,
        )
    )
    return rows


def _of_shares(found: Found, place: int, of: str) -> list[Row]:
    """Mean and median by share of the sample, with the paper's for the model that it has."""
    rows = []
    for number, (fraction, vectors) in enumerate(
        zip(FRACTIONS, found.vectors, strict=True)
    ):
        for name, values in (("mean", found.mean), ("median", found.median)):
            rows.append(
                compare(
                    NAME,
                    SOURCE,
                    f"{of}, {_told(found.layers[place])}: {name} distance, "
                    f"{100 * fraction:g} % of the sample",
                    values[:, place, number],
                    **_against(found, int(vectors)),
                )
            )
    return rows


def _against(found: Found, vectors: int) -> dict[str, Any]:
    """How the paper's value compares with ours."""
    if not _is_medium(found):
        return {"paper": None, "because": OTHER}
    if vectors < FRACTIONS[0] * SEQUENCES:
        because = (
            f"The paper has 20,000 to 80,000 activations, and these are {vectors:,}: "
            "the fewer, "
            "the further the nearest"
        )
        return {"paper": MEASURED, "comparable": False, "because": because}
    because = "the paper gives two digits, of another text"
    return {"paper": MEASURED, "tolerance": ROOM, "because": because}


def _is_medium(found: Found) -> bool:
    return (found.width, found.depth) == (WIDTH, 24)


def _falls(found: Found) -> np.ndarray:
    """Whether the mean falls with each larger share, (S, K)."""
    return np.asarray((np.diff(found.mean, axis=2) < 0).all(2))


def _told(layer: str) -> str:
    return "after the last normalisation" if layer == FINAL else f"layer {layer}"


# -- what is shown ---------------------------------------------------------------------


def _figure(ours: Kind, theirs: Kind | None) -> Figure:
    from isinglass.figures.style import COLOURS, MUTED, subplots

    figure, (units, norms, falls) = subplots(
        1, 3, width=12.0, height=4.1, gridspec_kw={"wspace": 0.08}
    )
    drawn = [("our model", ours, COLOURS[0])]
    if theirs is not None:
        drawn.append(("the model given", theirs, COLOURS[1]))
    for name, kind, colour in drawn:
        _draw((units, norms, falls), kind, name, colour)
    for value, label in ((1, "√(n/2πe)"), (2, "2 √(n/2πe)")):
        units.axhline(value, color=MUTED, linewidth=1, zorder=1.5)
        # Beside the panel, where no curve is.
        units.annotate(
            label,
            (1, value),
            (4, 0),
            ("axes fraction", "data"),
            "offset points",
            color=MUTED,
            fontsize="small",
            va="center",
        )
    units.set(yscale="log", title="Radius", ylabel="mean distance / √(n/2πe)")
    units.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    norms.set(title="Free of scale", ylabel="mean distance / distance of any two")
    norms.set_ylim(0, None)
    for panel in (units, norms):
        panel.set_xticks([0, 0.5, 1, 1.2], ["0", "½", "last", "LN"])
        panel.set(xlabel="layer", xlim=(0, 1.28))
    falls.set(title="By size of the sample", xlabel="% of the sample")
    falls.set_ylabel("mean distance / that at 25 %")
    falls.set_xticks([100 * fraction for fraction in FRACTIONS])
    figure.legend(
        *units.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize="small",
    )
    return Figure(
        NAME,
        figure,
        "Mean distance of an activation to its nearest other one, by layer; means over "
        "seeds. Left: over √(n/2πe); the paper compares with 2. LN: after the last "
        "normalisation. Cross: the same function, its activations made longer or "
        "shorter until the radius is 2 √(n/2πe). Middle: over the root mean square "
        "distance of any two activations, which no scale changes. Right: after the "
        "last layer, in larger shares of the sample, over that in the smallest. "
        "Dotted: independent normal vectors, as many and as wide.",
    )


def _draw(panels: tuple[Any, Any, Any], kind: Kind, name: str, colour: str) -> None:
    """What is told of one model, in its colour."""
    units, norms, falls = panels
    for found, style, face, what in (
        (kind.trained, "o-", colour, name),
        (kind.untrained, "o--", "white", f"{name}, untrained"),
    ):
        options: dict[str, Any] = {
            "color": colour,
            "markersize": 4,
            "markerfacecolor": face,
        }
        units.plot(_depths(found), found.in_units.mean(0), style, label=what, **options)
        norms.plot(_depths(found), found.over_apart.mean(0), style, **options)
    units.plot(
        [1],
        [kind.rescaled.unit.mean()],
        "x",
        color=colour,
        markersize=8,
        markeredgewidth=2,
        label=f"{name}, rescaled",
    )
    norms.axhline(kind.normal.over_apart.mean(), color=colour, linestyle=":")
    units.plot(
        [], [], ":", color=colour, label=f"normal vectors, n = {kind.normal.width:,}"
    )
    shares = [100 * fraction for fraction in FRACTIONS]
    for mean, style in (
        (kind.trained.mean[:, -2], "o-"),
        (kind.normal.mean[:, 0], ":"),
    ):
        falls.plot(
            shares, (mean / mean[:, :1]).mean(0), style, color=colour, markersize=4
        )


def _depths(found: Found) -> list[float]:
    return [1.2 if name == FINAL else int(name) / found.depth for name in found.layers]


def _findings(budget: Budget, text: Text, ours: Kind, theirs: Kind | None) -> str:
    seeds = len(ours.trained.mean)
    setting = (
        f"The text: {text.about}. Our model: {budget.size.told}, from {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}. The activation is that at the last "
        f"token of a sequence; {ours.trained.vectors[-1]:,} sequences that do not "
        "overlap, evenly spaced."
    )
    told = [setting, *_of_kind(ours, "Our model")]
    if theirs is None:
        told.append(
            "The paper's number is of GPT-2 medium, 1,024 wide. None was given "
            "(--model): nothing here compares with it directly."
        )
    else:
        told += _of_kind(theirs, "The model given")
        told.append(_of_paper(theirs.trained))
    return "\n\n".join(told)


def _of_kind(kind: Kind, name: str) -> list[str]:
    trained, untrained = kind.trained, kind.untrained
    units, without = trained.in_units.mean(0), untrained.in_units.mean(0)
    last, final = trained.mean[:, -2, -1].mean(), trained.mean[:, -1, -1].mean()
    layers = ", ".join(f"{value:.3g}" for value in units[:-1])
    radius = (
        f"{name} has n = {trained.width:,}, √(n/2πe) = {trained.unit:.2f} and twice "
        f"that {2 * trained.unit:.2f}. The mean distance to the nearest other "
        f"activation is {last:.3g} after the last layer and {final:.3g} after its "
        f"normalisation; over √(n/2πe), by layer: {layers}, and {units[-1]:.3g}. The "
        f"same shape without training has {without[-2]:.2g} and {without[-1]:.2g}. "
        f"{_range(units)}"
    )
    scale = kind.rescaled
    rescaling = (
        "Nothing fixes the scale. With all that is added to the stream multiplied by "
        f"{_span(scale.factor, '.3g')} and the last gain divided by it, the mean "
        f"distance after the last layer is {_span(scale.unit, '.3f')} times √(n/2πe), "
        f"and logits change by {scale.change.max():.1g} of the largest, which is "
        "rounding: the same function, with the "
        "radius that one likes. A radius near √(n/2πe) or twice that is then a matter "
        "of how a model was started and trained, not of what it stores."
        if scale.change.max() < 1e-3
        else "Rescaling the stream should not change the logits, and changes them by "
        f"{scale.change.max():.1g} of the largest: the control failed."
    )
    over, normal = trained.over_apart.mean(0)[-2], kind.normal.over_apart.mean()
    start = untrained.over_apart.mean(0)[-2]
    free = (
        f"Free of scale: after the last layer the mean distance is "
        f"{trained.over_norm.mean(0)[-2]:.2f} of the root mean square length of "
        f"activations, and {over:.2f} of the distance of any two, against {start:.2f} "
        f"without training and {normal:.2f} for as many independent normal vectors. "
        + (
            "So activations lie in clusters, or on fewer dimensions than n; "
            if over < 0.9 * normal
            else "So they are spread about as widely as independent vectors; "
        )
        + _of_training(over, start)
    )
    return [radius, rescaling, free, _of_sample(kind)]


def _of_training(over: float, start: float) -> str:
    if over > 1.1 * start:
        return "training spreads them."
    if over < 0.9 * start:
        return "training draws them together."
    return "training changes that little."


def _of_sample(kind: Kind) -> str:
    trained, falls = kind.trained, _falls(kind.trained)
    part = (trained.mean[:, -2, -1] / trained.mean[:, -2, 0]).mean()
    normal = (kind.normal.mean[:, 0, -1] / kind.normal.mean[:, 0, 0]).mean()
    where = (
        "in all layers"
        if falls.all()
        else f"in {falls.sum()} of {falls.size} layers and seeds"
        if falls.any()
        else "in no layer"
    )
    paper = (
        "here they differ."
        if part < 0.95
        else "here too, which is no sign of a radius: that of any vectors which spread over many "
        "dimensions hardly changes."
    )
    return (
        f"By number of activations: the mean falls with every larger share {where}. "
        f"After the last layer it is {part:.3f} times as large for "
        f"{trained.vectors[-1]:,} activations as for {trained.vectors[0]:,}; for "
        f"normal vectors {normal:.3f} times. "
        + ("So a radius belongs to its number of activations. " if part < 1 else "")
        + f"The paper has about the same for its four shares; {paper} {_equal(trained)}"
    )


def _equal(found: Found) -> str:
    share = 100 * found.duplicates[:, -2].mean() / found.vectors[-1]
    if not share:
        return "No two activations are equal after the last layer."
    return (
        f"After the last layer {share:.2g} % of the activations equal another one, as "
        "where the "
        "text repeats itself; their distance of 0 counts in the mean."
    )


def _range(units: np.ndarray) -> str:
    ratio = units.max() / units.min()
    if ratio < 1.25 and abs(units.mean() / 2 - 1) < 1 / 3:
        return "All layers are near 2, with which the paper compares."
    near = int((abs(units / 2 - 1) < 1 / 3).sum())
    return (
        f"From layer to layer it changes {ratio:.2g}-fold at the same n, for which the "
        "theory has one value; "
        f"{'none is' if not near else f'{near} of {len(units)} are'} within a third "
        "of 2."
    )


def _of_paper(found: Found) -> str:
    if not _is_medium(found):
        return (
            "The paper's number is of GPT-2 medium, 24 layers and 1,024 wide; the "
            f"model given has {found.depth} and {found.width:,}, and no published "
            "counterpart."
        )
    mean, final = found.mean[0, -2, -1], found.mean[0, -1, -1]
    return (
        f"The paper has about {MEASURED:g} for GPT-2 medium, of {SEQUENCES:,} "
        "sequences, and does not say whether that is before or after the last "
        f"normalisation: here, of {found.vectors[-1]:,}, {mean:.3g} before and "
        f"{final:.3g} after."
    )


def _span(values: np.ndarray, style: str) -> str:
    low, high = (format(value, style) for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


EXPERIMENT = Experiment(
    name=NAME,
    title="The radius of memories, layer by layer",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "Is the distance of an activation to its nearest other one what the theory "
        "gives, √(n/2πe) or twice that, or a matter of the scale that a model happens "
        "to have?"
    ),
    duration=310,
    quick_duration=50,
    default_seeds=3,
    quick_seeds=1,
    run=run,
    needs_digits=False,
    full_duration=1.2e6,
    uses_text=True,
    uses_model=True,
)
