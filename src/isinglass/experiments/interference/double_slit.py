"""Double slit (Tang 2020, §4.2): are two rotating sources in phase or out of phase?"""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.data.double_slit import make_waves
from isinglass.plot import COLOURS, INK, MUTED, energy_over_time, style
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.findings import mean
from isinglass.systems.interference import Geometry, WaveClassifier

WAVES, TESTS = 5, 100  # per class, to learn from and to test on
PAPER = 97.0
# The three kinds of noise of `make_waves`, in words.
NOISES = {
    "program": "the program's noise",
    "step": "±π/12 at every time step",
    "wave": "±π/12 once per wave",
}
# Sources at ±1; the published program has the in-phase class's target at +2.
STAGE = Geometry([[-1.0], [1.0]], [[2.0], [-2.0]])


def measure(context: Context) -> xr.Dataset:
    """Accuracy by noise, training and seed, and energies of examples."""
    axes = {"noise": NOISES, "trained": [False, True], "seed": context.seeds}
    accuracy = context.table(unit="%", valid_range=(0, 100), **axes)
    for noise, seed in context.cases(NOISES, context.seeds):
        rng = context.rng("waves", seed)
        train, test = (make_waves(count, rng, noise=noise) for count in (WAVES, TESTS))
        model = classifier(context, seed).fit(*train).forget(*train)
        accuracy.loc[noise, False, seed] = 100 * model.score(*test)
        accuracy.loc[noise, True, seed] = 100 * model.partial_fit(*train).score(*test)
    return xr.Dataset({"accuracy": accuracy, "energy": example_energies(context)})


def classifier(context: Context, seed: int) -> WaveClassifier:
    """The paper's stage: two sources, two targets, field along the second component."""
    prior_seed = context.seed_of("route prior", seed)
    return WaveClassifier(geometry=STAGE, host=(0.0, 1.0), random_state=prior_seed)


def example_energies(context: Context) -> xr.DataArray:
    """Energy over time at both targets, of one wave of each kind."""
    train = make_waves(WAVES, context.rng("waves", 0))
    model, examples = classifier(context, 0).fit(*train), train.X[[0, -1]]
    after = model.energy_over_time(examples)
    before = model.forget(*train).energy_over_time(examples)
    return xr.DataArray(
        np.stack([before, after]),
        dims=("trained", "wave", "target", "time"),
        coords={"trained": [False, True], "wave": ["in phase", "out of phase"]},
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper's 97 % is the program's; its text describes a smaller noise."""
    ledger = ledger.using(source="§4.2", table="Accuracy", valid_range=(0, 100))
    before, after = (
        measured.accuracy.sel(trained=trained) for trained in (False, True)
    )
    ledger.one_run(_cell("program", "after"), after.sel(noise="program"), PAPER)
    for noise in ("step", "wave"):
        ledger.other_setting(
            _cell(noise, "after"),
            after.sel(noise=noise),
            PAPER,
            because="The paper's text, but its number was taken with the program's "
            "larger noise.",
        )
    for noise in NOISES:
        ledger.ours_alone(
            _cell(noise, "before"),
            before.sel(noise=noise),
            because="Our control; the paper has none.",
        )


def _cell(noise: str, when: str) -> Cell:
    words = NOISES[noise]
    return Cell(words, f"{when} training", f"accuracy {when} training, {words}")


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Energy over time at both targets, and all accuracies."""
    figure, (left, middle, right) = style.subplots(1, 3, width=11.5, height=3.5)
    for panel, wave in zip((left, middle), measured.wave.values, strict=True):
        before, after = measured.energy.sel(wave=wave)
        energy_over_time(before, panel, linestyle=":", alpha=0.7)
        names = ["in-phase target", "out-of-phase target"]
        energy_over_time(after, panel, labels=names)
        panel.set_title(f"{wave.capitalize()} input")
    middle.sharey(left)
    middle.set_ylabel("")
    left.legend(loc="upper left")
    words = [words.replace(" ", "\n", 1) for words in NOISES.values()]
    accuracy = measured.accuracy.assign_coords(noise=words)
    colours = (MUTED, COLOURS[0])
    plot.rows(accuracy, right, by="noise", hue="trained", paper=PAPER, colours=colours)
    right.set(xlabel="accuracy in %", title="Before (grey) and after (blue)")
    right.text(PAPER - 1, 0.5, "paper", color=INK, ha="right", va="center")
    yield Figure(
        figure,
        "Left and middle: energy over time at both targets for one input of each kind, "
        "before (dotted) and after training with five waves of each. Right: accuracy "
        "over trainings under three readings of the paper's 'small random noise', with "
        "means and 95 % confidence intervals.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Names for the findings."""
    after = measured.accuracy.sel(trained=True)
    return {
        "accuracies": [
            f"{words}: {mean(after.sel(noise=noise)):.1f} %"
            for noise, words in NOISES.items()
        ],
    }
