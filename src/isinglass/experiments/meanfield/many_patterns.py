"""One to eight patterns: how often random features give chaos, and of what dimension."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.intervals import mean_interval
from isinglass._common.machine import cores
from isinglass.experiments.meanfield.setting import BETA_ATT, EPSILON, PAPER, SCALE
from isinglass.figures.attractors import KIND_STYLES
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare

if TYPE_CHECKING:
    import xarray as xr
    from jax import Array

    from isinglass.dynamics import DelayState
    from isinglass.systems.meanfield import Features

NAME = "meanfield-many-patterns"
SOURCE = "beyond the paper, M = 1 to 8"
PATTERNS = tuple(range(1, 9))
QUICK_PATTERNS = (1, 3, 5, 8)
POSITIONAL_BITS = 2
LENGTH = 2**POSITIONAL_BITS
# The paper has as many segments as patterns. With fewer the patterns depend on each
# other, with many more they would all be nearly orthogonal; so the ratio is kept.
SEGMENTS_PER_PATTERN = 1
SPINS_PER_SEGMENT = 33
# Enough for every Kaplan–Yorke dimension below it; each costs as much as the map
# itself.
MOST_EXPONENTS = 6
NOT_PUBLISHED = (
    "The paper's figures have M = 3 and one set of features. Each sample is one draw, "
    "a draw without chaos counts as 0"
)


class Lengths(NamedTuple):
    """Values of β, and steps before and while each is measured."""

    values: int
    transient: int
    steps: int


class Found(NamedTuple):
    """What one number of patterns does, over D draws of features and B values of β.

    Attributes:
        kind: `isinglass.dynamics.Kind`.
        leading: λ₁ of chaos, nats per step, and 0 for all else: a cycle's may be −∞.
        dimension: Dimension of the attractor: 0 for a cycle, 1 for a torus,
            Kaplan–Yorke's for chaos; at most `MOST_EXPONENTS`, where it stands for "or
            more".
        groups: Different columns of W^o up to their sign, by draw.
    """

    kind: Int[np.ndarray, "D B"]
    leading: Float[np.ndarray, "D B"]
    dimension: Float[np.ndarray, "D B"]
    groups: Int[np.ndarray, "D"]


def run(context: Context) -> Outcome:
    """Sweep β for many draws of features at every number of patterns."""
    lengths = Lengths(8, 1000, 800) if context.quick else Lengths(24, 3000, 1500)
    betas = np.linspace(0, 4, lengths.values + 1)[1:]
    tried = QUICK_PATTERNS if context.quick else PATTERNS
    # Half of the time goes into compiling, which keeps one core busy: so two at a time.
    with ThreadPoolExecutor(cores()) as pool:
        measured = pool.map(
            lambda patterns: _measure(context, patterns, betas, lengths), tried
        )
        progress = context.progress.track(measured, "patterns", total=len(tried))
        found = dict(zip(tried, progress, strict=True))
    rows = [row for patterns, one in found.items() for row in _rows(patterns, one)]
    return Outcome(rows, [_figure(found, betas)], _findings(found, betas))


def _measure(
    context: Context, patterns: int, betas: Float[np.ndarray, "B"], lengths: Lengths
) -> Found:
    from isinglass.dynamics import DelayMap, Measure
    from isinglass.dynamics.sweep.diagrams import phase_diagram

    features = [_draw(context, patterns, draw) for draw in range(context.seeds)]
    windows = np.stack(
        [
            np.random.default_rng([context.seed, 1, patterns, draw]).uniform(
                -1.0, 1.0, (LENGTH, patterns)
            )
            for draw in range(context.seeds)
        ]
    )
    measure = Measure(
        transient=lengths.transient,
        steps=lengths.steps,
        exponents=min(MOST_EXPONENTS, LENGTH * patterns),
        points=0,
    )
    swept = phase_diagram(
        DelayMap(Ensemble(features), LENGTH, 2**POSITIONAL_BITS),
        _Windows(windows),
        {
            "gamma": BETA_ATT * SCALE / patterns**0.5,
            "epsilon": EPSILON,
            "beta": 1.0,
            "draw": 0,
        },
        {"draw": np.arange(context.seeds), "beta": betas},
        measure,
        lanes=128,
        store=context.store(f"{patterns}-patterns"),
    )
    return _found(swept, np.array([one.n_groups for one in features]))


def _draw(context: Context, patterns: int, draw: int) -> Features:
    from isinglass.systems.meanfield import Features

    segments = SEGMENTS_PER_PATTERN * patterns
    return Features.random_segments(
        patterns,
        POSITIONAL_BITS,
        SPINS_PER_SEGMENT * segments,
        segments,
        np.random.default_rng([context.seed, 0, patterns, draw]),
    )


def _found(swept: xr.Dataset, groups: np.ndarray) -> Found:
    from isinglass.dynamics import Kind

    kind, exponents = (
        np.asarray(swept[name].transpose("draw", "beta", ...))
        for name in ("kind", "exponents")
    )
    leading = np.where(kind == Kind.CHAOTIC, exponents[..., 0], 0.0)
    return Found(kind, leading, _dimension(kind, exponents), groups)


def _dimension(
    kind: Int[np.ndarray, "D B"], exponents: Float[np.ndarray, "D B k"]
) -> Float[np.ndarray, "D B"]:
    from isinglass.dynamics import Kind, kaplan_yorke_dimension

    dimension = np.where(kind == Kind.QUASI_PERIODIC, 1.0, 0.0)
    for cell in zip(*np.nonzero(kind == Kind.CHAOTIC), strict=True):
        # Not a number: the sum of all that were measured is still positive.
        dimension[cell] = np.nan_to_num(
            kaplan_yorke_dimension(exponents[cell]), nan=float(exponents.shape[-1])
        )
    return dimension


class Ensemble:
    """The mean-field map of several features of one size, with the parameter "draw" to say whose.

    The features are data here, where `isinglass.systems.meanfield.MeanField` has them
    as constants, so that one compiled program serves them all.
    """

    def __init__(self, features: Sequence[Features]) -> None:
        self.features = features

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Signs (D, G, M), semantic weights (D, 3, M, G) and positional overlaps (D, 3, M, 4).

        Of W^v, W^q and W^k. Features with fewer groups are filled up with groups of no
        spins.
        """
        from isinglass.systems.meanfield.attention import position_signs

        most = max(one.n_groups for one in self.features)
        clock = position_signs(POSITIONAL_BITS).T / POSITIONAL_BITS
        signs = [
            np.pad(one.signs, ((0, most - one.n_groups), (0, 0)), constant_values=1.0)
            for one in self.features
        ]
        semantic = [
            np.pad(one.semantic[1:], ((0, 0), (0, 0), (0, most - one.n_groups)))
            for one in self.features
        ]
        positional = [one.positional[1:] @ clock for one in self.features]
        return np.stack(signs), np.stack(semantic), np.stack(positional)

    def __call__(self, window: Any, parameters: Any, phase: Any) -> Array:
        """The next attention; the head of a `DelayMap`."""
        import jax.numpy as jnp

        from isinglass.systems.meanfield.attention import attend

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
            jnp.stack([one[kind] for one in tokens]) for kind in range(3)
        )
        return attend(queries[0], list(keys), list(values), parameters["gamma"])


class _Windows:
    """The start of a sweep: each draw's own window, the same at every β."""

    def __init__(self, windows: Float[np.ndarray, "D L M"]) -> None:
        self.windows = windows

    def __call__(self, parameters: Any) -> DelayState:
        import jax.numpy as jnp

        from isinglass.dynamics import DelayState

        draw = jnp.asarray(parameters["draw"], int)
        return DelayState(jnp.asarray(self.windows)[draw], jnp.zeros((), jnp.int32))


# -- the ledger ------------------------------------------------------------------------


def _chaotic(found: Found) -> Float[np.ndarray, "D"]:
    from isinglass.dynamics import Kind

    return 100 * (found.kind == Kind.CHAOTIC).mean(axis=1)


def _rows(patterns: int, found: Found) -> list[Row]:
    quantities = [
        ("values of β with chaos", _chaotic(found), "%"),
        ("largest λ₁ of chaos", found.leading.max(axis=1), "nats/step"),
        ("largest dimension of a draw", found.dimension.max(axis=1), ""),
    ]
    return [
        compare(
            NAME,
            SOURCE,
            f"M = {patterns}, {what}",
            values,
            paper=None,
            unit=unit,
            because=NOT_PUBLISHED,
        )
        for what, values, unit in quantities
    ]


# -- what is shown ---------------------------------------------------------------------


def _figure(found: dict[int, Found], betas: Float[np.ndarray, "B"]) -> Figure:
    from isinglass.dynamics import Kind
    from isinglass.figures.style import COLOURS, INK, subplots

    figure, panels = subplots(2, 2, width=10, height=7.4)
    kinds, map_of_chaos, exponents, dimensions = panels.ravel()
    bottom = np.zeros(len(found))
    for kind in Kind:
        shares = np.array([100 * (one.kind == kind).mean() for one in found.values()])
        if shares.any():
            style = KIND_STYLES[kind]
            kinds.bar(
                list(found),
                shares,
                bottom=bottom,
                color=style.colour,
                label=style.label,
            )
            bottom += shares
    kinds.set_ylabel("share of draws and β in %")
    kinds.set_title("Kinds of attractor")
    kinds.grid(axis="x", visible=False)
    kinds.set_xticks(list(found))
    kinds.set_xlabel("patterns $M$")
    figure.legend(
        *kinds.get_legend_handles_labels(), loc="outside lower center", ncols=6
    )
    chaos = np.array(
        [100 * (one.kind == Kind.CHAOTIC).mean(axis=0) for one in found.values()]
    )
    half = (betas[1] - betas[0]) / 2
    picture = map_of_chaos.imshow(
        chaos,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=0,
        extent=(betas[0] - half, betas[-1] + half, -0.5, len(found) - 0.5),
    )
    map_of_chaos.set_yticks(range(len(found)), list(found))
    map_of_chaos.grid(visible=False)
    map_of_chaos.set_title("Share of draws with chaos")
    map_of_chaos.set_xlabel("inverse temperature β")
    map_of_chaos.set_ylabel("patterns $M$")
    figure.colorbar(picture, ax=map_of_chaos, label="%")
    rng = np.random.default_rng(0)
    for axis, values, colour in (
        (exponents, [one.leading.max(axis=1) for one in found.values()], COLOURS[1]),
        (dimensions, [one.dimension.max(axis=1) for one in found.values()], COLOURS[0]),
    ):
        for patterns, samples in zip(found, values, strict=True):
            jitter = patterns + rng.uniform(-0.2, 0.2, len(samples))
            axis.plot(jitter, samples, ".", color=colour, alpha=0.5, markersize=6)
            mean, low, high = mean_interval(samples)
            axis.plot(
                [patterns] * 2,
                [low, high],
                color=INK,
                linewidth=3,
                solid_capstyle="butt",
            )
            axis.plot(patterns, mean, "_", color=INK, markersize=12, markeredgewidth=2)
        axis.set_xlabel("patterns $M$")
    exponents.set_ylabel("nats per step")
    exponents.set_title("Largest $\\mathbf{\\lambda_1}$ of each draw")
    dimensions.set_title("Largest dimension of each draw")
    dimensions.set_ylabel("Kaplan–Yorke dimension")
    caption = (
        f"Random features of M patterns on M segments, γ = {BETA_ATT * SCALE:.0f}/√M, "
        f"ε = {EPSILON}, context {LENGTH}, "
        f"{len(next(iter(found.values())).kind)} draws each and {len(betas)} values of "
        f"β up to {betas[-1]:.0f}. Dots are draws, their largest value over β; bars "
        "are means with their 95 % confidence interval. Without chaos λ₁ is shown as "
        f"0. A cycle has dimension 0, a torus 1; {MOST_EXPONENTS} means "
        f"{MOST_EXPONENTS} or more."
    )
    return Figure(NAME, figure, caption)


def _findings(found: dict[int, Found], betas: Float[np.ndarray, "B"]) -> str:
    from isinglass.dynamics import Kind

    shares = {patterns: _chaotic(one) for patterns, one in found.items()}
    with_chaos = ", ".join(
        f"{(share > 0).sum()} of {len(share)} (M = {patterns})"
        for patterns, share in shares.items()
    )
    mean_shares = ", ".join(f"{share.mean():.1f} %" for share in shares.values())
    none = [str(patterns) for patterns, share in shares.items() if not share.any()]
    without = (
        f"With M = {', '.join(none)} no draw was chaotic at any β. " if none else ""
    )
    earliest = min(
        (
            float(betas[(one.kind == Kind.CHAOTIC).any(axis=0)].min())
            for one in found.values()
            if (one.kind == Kind.CHAOTIC).any()
        ),
        default=None,
    )
    onset = (
        "Nothing was chaotic."
        if earliest is None
        else f"The lowest β with chaos, of any draw and M, is {earliest:.2f}."
    )
    most = max(found, key=lambda patterns: found[patterns].dimension.max())
    top = found[most].dimension.max()
    at_least = " or more" if top >= MOST_EXPONENTS else ""
    groups = ", ".join(f"{one.groups.mean():.1f}" for one in found.values())
    undecided = 100 * np.mean(
        [(one.kind == Kind.UNDECIDED).mean() for one in found.values()]
    )
    return (
        f"Draws with chaos at some of {len(betas)} values of β: {with_chaos}. "
        f"{without}Their shares of β are, in this order, {mean_shares} on average. "
        f"{onset}\n\n"
        f"The largest dimension of any attractor is {top:.2f}{at_least}, at M = "
        f"{most}; that of a draw's most complex attractor is on average "
        f"{', '.join(f'{one.dimension.max(axis=1).mean():.2f}' for one in found.values())} in the "
        f"same order. The state has {LENGTH} · M dimensions, of which the "
        "attractors fill few.\n\n"
        f"The exact map sums over {groups} groups of spins on average, where 2^(M − 1) "
        f"would be possible. {undecided:.1f} % of all attractors stay undecided: "
        "transients there are "
        "longer than we waited. The draws are random segments, as the paper's; other "
        "features may do other things."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="Chaos with one to eight patterns",
    paper=PAPER,
    source=SOURCE,
    question=(
        "The paper's figures are of one set of three patterns. How often do random "
        "features of M patterns make attention chaotic, at which temperatures, how "
        "strongly, and of what dimension are the attractors?"
    ),
    duration=70,
    quick_duration=20,
    default_seeds=24,
    quick_seeds=4,
    run=run,
    needs_digits=False,
)
