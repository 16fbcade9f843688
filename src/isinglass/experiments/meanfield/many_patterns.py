"""One to eight patterns: how often features give chaos, and of what dimension."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from jaxtyping import Float

from isinglass import plot
from isinglass._common.machine import cores
from isinglass.dynamics import (
    DelayMap,
    DelayState,
    Kind,
    Measure,
    Run,
    kaplan_yorke_dimension,
    phase_diagram,
)
from isinglass.experiments.meanfield.setting import BETA_ATT, EPSILON, SCALE
from isinglass.plot import COLOURS, subplots
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.meanfield import Features
from isinglass.systems.meanfield.attention import attend, position_signs

POSITIONAL_BITS = 2
LENGTH = 2**POSITIONAL_BITS
LARGEST_BETA = 4.0
# The paper has as many segments as patterns. With fewer the patterns depend on each
# other, with many more they would all be nearly orthogonal; so the ratio is kept.
SEGMENTS_PER_PATTERN = 1
SPINS_PER_SEGMENT = 33
# Enough for every Kaplan–Yorke dimension below it; each costs as much as the map
# itself.
MOST_EXPONENTS = 6


class Setting(NamedTuple):
    """Numbers of patterns, values of β, and steps before and while each is measured."""

    patterns: tuple[int, ...]
    values: int
    transient: int
    steps: int


SETTINGS = {
    "quick": Setting((1, 3, 5, 8), 8, 1000, 800),
    "default": Setting(tuple(range(1, 9)), 24, 3000, 1500),
}


# -- measuring -------------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Sweep β for many draws of features at every number of patterns.

    Returns:
        By patterns, seed and β: "kind" (`isinglass.dynamics.Kind`); "leading", λ₁ of
        chaos and 0 for all else, whose λ₁ may be −∞; "dimension" of the attractor, 0
        for a cycle, 1 for a torus, Kaplan–Yorke's for chaos, at most `MOST_EXPONENTS`,
        where it stands for "or more". "groups", different columns of W^o up to their
        sign, by patterns and seed.
    """
    setting = SETTINGS[context.resolution]
    # Half of the time goes into compiling, which keeps one core busy: two at a time.
    with ThreadPoolExecutor(cores()) as pool:
        sweeps = pool.map(lambda patterns: sweep(context, patterns), setting.patterns)
        parts = list(
            context.progress.track(sweeps, "patterns", total=len(setting.patterns))
        )
    return xr.concat(parts, xr.IndexVariable("patterns", list(setting.patterns)))


def sweep(context: Context, patterns: int) -> xr.Dataset:
    """All draws of features with so many patterns."""
    setting = SETTINGS[context.resolution]
    features = [random_features(context, patterns, seed) for seed in context.seeds]
    windows = [random_window(context, patterns, seed) for seed in context.seeds]
    swept = phase_diagram(
        DelayMap(Ensemble(features), LENGTH, 2**POSITIONAL_BITS),
        Windows(np.stack(windows)),
        {
            "gamma": BETA_ATT * SCALE / patterns**0.5,
            "epsilon": EPSILON,
            "beta": 1.0,
            "draw": 0,
        },
        {
            "draw": np.arange(len(context.seeds)),
            "beta": np.linspace(0, LARGEST_BETA, setting.values + 1)[1:],
        },
        Measure(
            transient=setting.transient,
            steps=setting.steps,
            exponents=min(MOST_EXPONENTS, LENGTH * patterns),
            points=0,
        ),
        Run(lanes=128, store=context.store(f"{patterns}-patterns")),
    )
    swept = swept.rename(draw="seed").transpose("seed", "beta", ...)
    exponents, axes = swept.exponents.values, ("seed", "beta")
    chaos = swept.kind.values == Kind.CHAOTIC
    return xr.Dataset(
        {
            "kind": (axes, swept.kind.values),
            "leading": (
                axes,
                np.where(chaos, exponents[..., 0], 0.0),
                {"units": "nats/step"},
            ),
            "dimension": (axes, dimensions(swept.kind.values, exponents)),
            "groups": ("seed", [part.n_groups for part in features]),
        },
        {"seed": list(context.seeds), "beta": swept.beta.values},
    )


def random_features(context: Context, patterns: int, seed: int) -> Features:
    """Random segments, as the paper's."""
    segments = SEGMENTS_PER_PATTERN * patterns
    return Features.random_segments(
        patterns,
        POSITIONAL_BITS,
        SPINS_PER_SEGMENT * segments,
        segments,
        context.rng("features", patterns, seed),
    )


def random_window(
    context: Context, patterns: int, seed: int
) -> Float[np.ndarray, "L M"]:
    """Attentions to start from, uniform in [−1, 1]."""
    rng = context.rng("start", patterns, seed)
    return rng.uniform(-1.0, 1.0, (LENGTH, patterns))


def dimensions(
    kind: np.ndarray, exponents: Float[np.ndarray, "D B k"]
) -> Float[np.ndarray, "D B"]:
    """Dimension of every attractor, as `measure` says."""
    dimension = np.where(kind == Kind.QUASI_PERIODIC, 1.0, 0.0)
    for cell in zip(*np.nonzero(kind == Kind.CHAOTIC), strict=True):
        # Not a number: the sum of all that were measured is still positive.
        dimension[cell] = np.nan_to_num(
            kaplan_yorke_dimension(exponents[cell]), nan=float(exponents.shape[-1])
        )
    return dimension


class Ensemble:
    """The mean-field map of several features of one size; "draw" says whose.

    The features are data here, where `isinglass.systems.meanfield.MeanField` has them
    as constants, so that one compiled program serves them all.
    """

    def __init__(self, features: Sequence[Features]) -> None:
        self.features = features

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Signs (D, G, M), semantic weights (D, 3, M, G), clock overlaps (D, 3, M, 4).

        Weights and overlaps are of W^v, W^q and W^k. Features with fewer groups are
        filled up with groups of no spins.
        """
        most = max(features.n_groups for features in self.features)
        clock = position_signs(POSITIONAL_BITS).T / POSITIONAL_BITS
        signs, semantic, positional = [], [], []
        for features in self.features:
            missing = (0, most - features.n_groups)
            signs.append(np.pad(features.signs, (missing, (0, 0)), constant_values=1.0))
            semantic.append(np.pad(features.semantic[1:], ((0, 0), (0, 0), missing)))
            positional.append(features.positional[1:] @ clock)
        return np.stack(signs), np.stack(semantic), np.stack(positional)

    def __call__(self, window: Any, parameters: Any, phase: Any) -> Array:
        """The next attention; the head of a `DelayMap`."""
        draw = jnp.asarray(parameters["draw"], int)
        signs, semantic, positional = (
            jnp.asarray(table)[draw] for table in self.tables
        )
        beta, epsilon = parameters["beta"], parameters["epsilon"]

        def token(age: int) -> Array:
            # Sums in place of products of matrices, along whose batch XLA would not
            # vectorise.
            means = jnp.tanh(beta * (signs * window[age]).sum(axis=-1))
            overlaps = (semantic * means).sum(axis=-1)
            clock = positional[:, :, (phase - age) % 2**POSITIONAL_BITS]
            return (1 - epsilon) * overlaps + epsilon * clock

        tokens = [token(age) for age in range(LENGTH)]
        values, queries, keys = (
            jnp.stack([overlaps[kind] for overlaps in tokens]) for kind in range(3)
        )
        return attend(queries[0], list(keys), list(values), parameters["gamma"])


class Windows:
    """The start of a sweep: each draw's own window, the same at every β."""

    def __init__(self, windows: Float[np.ndarray, "D L M"]) -> None:
        self.windows = windows

    def __call__(self, parameters: Any) -> DelayState:
        """The window of the draw that the parameters name."""
        draw = jnp.asarray(parameters["draw"], int)
        return DelayState(jnp.asarray(self.windows)[draw], jnp.zeros((), jnp.int32))


# -- views -----------------------------------------------------------------------------


def chaos_share(measured: xr.Dataset) -> xr.DataArray:
    """Values of β with chaos, in percent, by patterns and draw."""
    return 100 * (measured.kind == Kind.CHAOTIC).mean("beta")


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper has one set of three patterns: nothing here has a published value."""
    ledger = ledger.using(
        table="By number of patterns",
        because="The paper's figures have M = 3 and one set of features. Each sample "
        "is one draw, a draw without chaos counts as 0",
    )
    share = chaos_share(measured)
    for patterns in measured.patterns.values:
        part, line = measured.sel(patterns=patterns), f"M = {patterns}"
        ledger.using(unit="%", valid_range=(0, 100)).ours_alone(
            Cell(line, "values of β with chaos"),
            share.sel(patterns=patterns),
        )
        ledger.using(unit="nats/step", valid_range=(0, np.inf)).ours_alone(
            Cell(line, "largest λ₁ of chaos"), part.leading.max("beta")
        )
        ledger.using(valid_range=(0, np.inf)).ours_alone(
            Cell(line, "largest dimension of a draw"),
            part.dimension.max("beta"),
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Kinds by patterns, chaos by patterns and β, exponents by draw."""
    figure, ((kinds, chaos), (exponents, dimension)) = subplots(
        2, 2, width=10, height=7.4
    )
    _draw_kinds(kinds, measured)
    figure.legend(
        *kinds.get_legend_handles_labels(), loc="outside lower center", ncols=6
    )
    _draw_chaos(chaos, measured)
    figure.colorbar(chaos.images[0], ax=chaos, label="%")
    for axes, name, colour in (
        (exponents, "leading", COLOURS[1]),
        (dimension, "dimension", COLOURS[0]),
    ):
        largest = measured[name].max("beta")
        plot.columns(largest, axes, by="patterns", colours=[colour])
        axes.set_xlabel("patterns $M$")
    exponents.set_ylabel("nats per step")
    exponents.set_title("Largest $\\mathbf{\\lambda_1}$ of each draw")
    dimension.set_title("Largest dimension of each draw")
    dimension.set_ylabel("Kaplan–Yorke dimension")
    yield Figure(
        figure,
        f"Random features of M patterns on M segments, γ = {BETA_ATT * SCALE:.0f}/√M, "
        f"ε = {EPSILON}, context {LENGTH}, {measured.sizes['seed']} draws each and "
        f"{measured.sizes['beta']} values of β up to {measured.beta.values[-1]:.0f}. "
        "Dots are draws, their largest value over β; bars are means with their 95 % "
        "confidence interval. Without chaos λ₁ is shown as 0. A cycle has dimension 0, "
        f"a torus 1; {MOST_EXPONENTS} means {MOST_EXPONENTS} or more.",
    )


def _draw_kinds(axes: Any, measured: xr.Dataset) -> None:
    patterns = measured.patterns.values
    bottom = np.zeros(len(patterns))
    for kind in Kind:
        shares = 100 * (measured.kind == kind).mean(["seed", "beta"]).values
        if shares.any():
            style = KIND_STYLES[kind]
            plot.bars(
                patterns,
                shares,
                axes,
                bottom=bottom,
                color=style.colour,
                label=style.label,
            )
            bottom += shares
    axes.set(title="Kinds of attractor", ylabel="share of draws and β in %")
    axes.grid(axis="x", visible=False)
    axes.set_xticks(patterns)
    axes.set_xlabel("patterns $M$")


def _draw_chaos(axes: Any, measured: xr.Dataset) -> None:
    share = 100 * (measured.kind == Kind.CHAOTIC).mean("seed")
    betas, rows = measured.beta.values, measured.sizes["patterns"]
    half = (betas[1] - betas[0]) / 2
    plot.picture(
        share.transpose("patterns", "beta"),
        axes,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=0,
        extent=(betas[0] - half, betas[-1] + half, -0.5, rows - 0.5),
    )
    axes.set_yticks(range(rows), measured.patterns.values)
    axes.grid(visible=False)
    axes.set_title("Share of draws with chaos")
    axes.set(xlabel="inverse temperature β", ylabel="patterns $M$")


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Names for the findings."""
    share, chaos = chaos_share(measured), measured.kind == Kind.CHAOTIC
    with_chaos = measured.beta.values[chaos.any(["patterns", "seed"]).values]
    largest = measured.dimension.max("beta")
    top = largest.max("seed")
    return {
        "values": measured.sizes["beta"],
        "draws": measured.sizes["seed"],
        "chaotic_draws": dict(
            zip(measured.patterns.values, (share > 0).sum("seed").values, strict=True)
        ),
        "shares": share.mean("seed").values,
        "without": measured.patterns.values[~(share > 0).any("seed").values],
        "earliest": float(with_chaos.min()) if with_chaos.size else None,
        "most": int(top.idxmax("patterns")),
        "top": float(top.max()),
        "at_least": float(top.max()) >= MOST_EXPONENTS,
        "means": largest.mean("seed").values,
        "length": LENGTH,
        "mean_groups": measured.groups.mean("seed").values,
        "undecided": 100 * float((measured.kind == Kind.UNDECIDED).mean()),
    }
