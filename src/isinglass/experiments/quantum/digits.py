"""Pairs of digits: bases and kernels of the circuit, and peers without a circuit."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass import plot
from isinglass.experiments.quantum.circuits import Arm, Training, learned
from isinglass.experiments.quantum.peers import (
    LOGISTIC,
    PEERS,
    QUADRATIC,
    peer_accuracy,
)
from isinglass.experiments.quantum.pictures import SIDE, Pair, name_of, pair, split
from isinglass.plot import subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.reproduce.paired import less, side
from isinglass.reproduce.searches import REPORT
from isinglass.systems.quantum import (
    SASQuaTCh,
    quadratic_form,
    translation_commutator,
)

FOURIER = Arm("Fourier")
HADAMARD = Arm("Hadamard", "hadamard")
HAAR = Arm("Haar", "haar")
PIXELS = Arm("pixels", "none")
WHOLE = Arm("Fourier, one register", registers=(8,))
CONVOLUTION = Arm("convolution", kernel="diagonal")
CONTROLS = (HADAMARD, HAAR, PIXELS)
DEFAULT = Training()
PERCENT = {"unit": "%", "valid_range": (0, 100)}
HIGH = 95  # in %, what is called high here
BECAUSE = (
    "The accuracies, data split, gates and optimiser of the paper could not be obtained"
)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        pairs: Of digits.
        layers: L of all arms but the convolution, of which one layer is all.
        arms: Which.
        training: How.
    """

    pairs: tuple[tuple[int, int], ...] = ((3, 6), (3, 5), (0, 1))
    layers: tuple[int, ...] = (1, 3)
    arms: tuple[Arm, ...] = (FOURIER, *CONTROLS, CONVOLUTION)
    training: Training = DEFAULT

    def circuits(self) -> list[tuple[Arm, int]]:
        """Arms with their layers."""
        return [
            (arm, layers)
            for arm in self.arms
            for layers in ((1,) if arm.kernel == "diagonal" else self.layers)
        ]


SETTINGS = {
    "quick": Setting(
        ((3, 6),),
        (1,),
        (FOURIER, HAAR),
        Training(150, rates=(0.03,), searches=1),
    ),
    "default": Setting(),
    "full": Setting(
        layers=(1, 3, 6),
        arms=(FOURIER, *CONTROLS, WHOLE, CONVOLUTION),
        training=Training(2000),
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of circuits and peers; what trained circuits are as matrices.

    `commutator` is the largest ‖WT − TW‖₂ over both directions, `norm` the largest
    |eigenvalue| of A, `mode` its lowest and highest eigenvectors in the first
    repetition, as pictures; each `rate` was chosen of those within `limits`.
    """
    options = SETTINGS[context.resolution]
    circuits = options.circuits()
    labels = [arm.label(layers) for arm, layers in circuits]
    pairs = [name_of(digits) for digits in options.pairs]
    runs = {"pair": pairs, "seed": context.seeds}
    accuracy = context.table(**PERCENT, model=[*labels, *PEERS], **runs)
    commutator = context.table(circuit=labels, **runs)
    norm = context.table(circuit=labels, **runs)
    rate = context.table(circuit=labels, pair=pairs)
    limits = context.table(circuit=labels, pair=pairs, bound=("least", "largest"))
    size = context.table(circuit=labels)
    mode = context.table(
        circuit=labels,
        pair=pairs,
        end=("lowest", "highest"),
        row=range(SIDE),
        column=range(SIDE),
    )
    source = context.read(inputs.digits)
    problems = {
        name_of(digits): pair(context, source, digits) for digits in options.pairs
    }
    for label, own in zip(labels, circuits, strict=True):
        size.loc[label] = own[0].config(own[1]).parameters
    for (place, own), name in context.cases(
        enumerate(circuits), pairs, what="circuits"
    ):
        label = labels[place]
        outcome = learned(context, problems[name], own, options.training)
        accuracy.loc[label, name] = outcome.accuracy
        rate.loc[label, name] = outcome.rate
        limits.loc[label, name] = list(outcome.limits)
        matrices = [_matrices(circuit) for circuit in outcome.circuits]
        commutator.loc[label, name] = [turning for turning, _, _ in matrices]
        norm.loc[label, name] = [largest for _, largest, _ in matrices]
        mode.loc[label, name] = matrices[0][2]
    for peer, name, seed in context.cases(PEERS, pairs, context.seeds, what="peers"):
        own = split(context, problems[name], REPORT, seed)
        accuracy.loc[peer, name, seed] = peer_accuracy(peer, problems[name], own)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "commutator": commutator,
            "norm": norm,
            "rate": rate,
            "limits": limits,
            "size": size,
            "mode": mode,
            "learned": ("pair", [4 * problems[name].pool // 5 for name in pairs]),
            "tested": ("pair", [_tested(problems[name]) for name in pairs]),
        }
    )


def _tested(problem: Pair) -> int:
    return len(problem.signs) - problem.pool


def _matrices(
    circuit: SASQuaTCh,
) -> tuple[float, float, Float[np.ndarray, "2 row column"]]:
    """Commutator, largest |eigenvalue| and extreme eigenvectors of one circuit."""
    values, vectors = np.linalg.eigh(quadratic_form(circuit))
    turning = float(translation_commutator(circuit).max())
    ends = vectors[:, [0, -1]].T.reshape(2, SIDE, SIDE)
    return turning, float(np.abs(values).max()), ends


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, and what the Fourier transform adds to other fixed bases."""
    ledger = ledger.using(because=BECAUSE)
    fourier = [label for label in measured.circuit.values if label in _fourier()]
    runs = measured.accuracy.sel(model=fourier)
    held = int((runs >= HIGH).sum())
    statement = f"nine spins tell two digits apart with high accuracy ({HIGH} %)"
    ledger.claim(statement, held, runs.size, because=BECAUSE)
    for name in measured.pair.values:
        for model in measured.model.values:
            cell = Cell(model, name, f"accuracy: {model}, {name}")
            values = measured.accuracy.sel(model=model, pair=name)
            ledger.using(table="Accuracy").ours_alone(cell, values)
        for first, second in contrasts(measured):
            points = less(on(measured, name), "model", first, second)
            words = contrast(measured, first, second)
            cell = Cell(words, name, f"{words}, {name}")
            ledger.using(table="On the same draws").ours_alone(cell, points)
        for circuit in measured.circuit.values:
            values = measured.commutator.sel(circuit=circuit, pair=name)
            cell = Cell(
                circuit, name, f"commutator with translations: {circuit}, {name}"
            )
            table = "Commutator with translations, of 2 at most"
            ledger.using(table=table).ours_alone(cell, values)


def contrasts(measured: xr.Dataset) -> list[tuple[str, str]]:
    """Which models are compared on the same draws, the first less the second."""
    models = [str(name) for name in measured.model.values]
    pairs = []
    for layers in (1, 3, 6):
        own = FOURIER.label(layers)
        pairs += [(own, arm.label(layers)) for arm in (*CONTROLS, WHOLE)]
        pairs += [(own, CONVOLUTION.label(1)), (own, LOGISTIC)]
    pairs.append((QUADRATIC, LOGISTIC))
    return [pair for pair in pairs if set(pair) <= set(models)]


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracies, a dot a repetition; what circuits look for, as pictures."""
    pairs = measured.pair.values
    height = 0.32 * measured.sizes["model"] + 1.2
    figure, panels = subplots(
        1,
        len(pairs),
        sharey=True,
        squeeze=False,
        width=3.2 + 2.8 * len(pairs),
        height=height,
    )
    for axes, name in zip(panels[0], pairs, strict=True):
        plot.rows(measured.accuracy.sel(pair=name, drop=True), axes, by="model")
        axes.set(title=f"{name}", xlabel="accuracy in %")
    yield Figure(
        figure,
        "A dot is a repetition (other pictures to learn from and first angles), the "
        "bar the mean with its 95 % confidence interval. Logistic regression and the "
        "support vector machine see the same amplitudes.",
    )
    yield _modes(measured)


def _modes(measured: xr.Dataset) -> Figure:
    """The ends of A's spectrum, of the first pair."""
    name = str(measured.pair.values[0])
    circuits = [str(label) for label in measured.circuit.values]
    figure, panels = subplots(
        2, len(circuits), squeeze=False, width=1.5 * len(circuits) + 0.6, height=3.6
    )
    for column, label in zip(panels.T, circuits, strict=True):
        for axes, end in zip(column, measured.end.values, strict=True):
            picture = measured.mode.sel(circuit=label, pair=name, end=end)
            most = float(np.abs(picture).max())
            plot.picture(picture, axes, cmap="RdBu_r", vmin=-most, vmax=most)
            axes.set(xticks=[], yticks=[])
        column[0].set_title(label.replace(", L", ",\nL").replace("r, one", "r,\none"))
    for axes, end in zip(panels[:, 0], measured.end.values, strict=True):
        axes.set_ylabel(f"{end} ⟨Z⟩")
    return Figure(
        figure,
        "The pictures that turn the spin farthest down and up, of circuits trained on "
        f"{name}: eigenvectors of A in ⟨Z⟩ = xᵀAx/|x|². Red and blue are of opposite "
        "sign.",
        part="modes",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Means by pair, and who is ahead of whom on the same draws."""
    options = SETTINGS[measured.resolution]
    models = [str(name) for name in measured.model.values]
    pairs = [str(name) for name in measured.pair.values]
    return {
        "seeds": measured.sizes["seed"],
        "training": options.training,
        "pairs": pairs,
        "models": models,
        "accuracy": measured.accuracy,
        "learned": f"{int(measured.learned[0]):,}",
        "tested": [f"{count:,}" for count in measured.tested.values],
        "size": measured["size"],
        "rates": Counter(sorted(measured.rate.values.ravel().tolist())),
        "contrast": partial(contrast, measured),
        "commutator": measured.commutator,
        "norm": measured.norm,
        "contrasts": {
            both: {name: less(on(measured, name), "model", *both) for name in pairs}
            for both in contrasts(measured)
        },
        "ahead": {name: bases(measured, name, "ahead") for name in pairs},
        "behind": {name: bases(measured, name, "behind") for name in pairs},
        "logistic": LOGISTIC,
        "quadratic": QUADRATIC,
        "below": _below(measured, pairs, models),
    }


def contrast(measured: xr.Dataset, first: str, second: str) -> str:
    """What is compared, and how many numbers each learns where that differs."""
    circuits = measured.circuit.values
    sizes = [
        int(measured["size"].sel(circuit=x)) for x in (first, second) if x in circuits
    ]
    if len(set(sizes)) < 2:
        return f"{first} less {second}"
    return f"{first} ({sizes[0]} angles) less {second} ({sizes[1]})"


def on(measured: xr.Dataset, name: str) -> xr.DataArray:
    """Accuracies on a pair."""
    return measured.accuracy.sel(pair=name, drop=True)


def bases(measured: xr.Dataset, name: str, word: str) -> list[str]:
    """Controls that the Fourier transform is "ahead" of, or "behind", on a pair."""
    return [
        second
        for first, second in contrasts(measured)
        if second in _controls()
        and side(less(on(measured, name), "model", first, second)) == word
    ]


def _controls() -> set[str]:
    return {arm.label(layers) for arm in CONTROLS for layers in (1, 3, 6)}


def _fourier() -> set[str]:
    return {FOURIER.label(layers) for layers in (1, 3, 6)}


def _below(measured: xr.Dataset, pairs: list[str], models: list[str]) -> list[str]:
    """Pairs on which logistic regression is ahead of every circuit on average."""
    means = measured.accuracy.mean("seed")
    circuits = [name for name in models if name not in PEERS]
    return [
        name
        for name in pairs
        if float(means.sel(pair=name, model=LOGISTIC))
        > float(means.sel(pair=name, model=circuits).max())
    ]
