"""Networks of N spins beside their mean field: where the difference falls, and how."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Bool, Float
from scipy.special import stdtrit

from isinglass import plot
from isinglass._common.intervals import CONFIDENCE, mean_interval
from isinglass.dynamics import Measure, Sampling, lyapunov_spectrum, trajectory
from isinglass.experiments.meanfield.setting import mean_field, parameters, start
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.meanfield import Prompt, SelfAttentionNetwork

REPLICAS = {"quick": 8, "default": 16}
# The first is not of the paper: there the attention only follows the clock of the
# positional bits, and no noise can carry it anywhere else. The others are a torus, a
# cycle and chaos of the paper.
BETAS = {
    1.0: "clock only",
    1.255: "quasi-periodic",
    1.27: "periodic",
    1.4: "chaotic",
}
CLOCK, CHAOTIC = 1.0, 1.4
# Multiples of the paper's 99, so that every network has the same features.
SIZES = 99 * np.array([1, 3, 10, 30, 100, 300, 1000, 10_000, 100_000])
# The law is asked for from 10² to 10⁵; the sizes above show what only larger ones do.
LAST_OF_LAW = 99_000
# Below, terms of the next order in 1/N bend the lines once noise has been through
# attention.
STRAIGHT = 990
# A network of 99 or 297 spins leaves the chaotic orbit within a token or two: no time
# to amplify.
FIRST_OF_HORIZON = 990
TIMES = (1, 10, 100, 1000)  # tokens since the network was set beside the mean field
STEPS = 1001
SETTLED = 500  # rows from which statistics count as stationary
TRANSIENT = 100_000  # steps to the attractor, then 997 more to each further start
STRIDE = 997
DRAWN, DRAWN_SIZES = 150, (990, 9900, 99_000, 9_900_000)  # tokens, of networks
CLOSE = 0.05  # slopes nearer to −1/2 are not listed among those that differ from it


class Orbit(NamedTuple):
    """The mean field on its attractor: attentions, and the first one's position."""

    attention: Float[np.ndarray, "T M"]
    position: int


class Beside(NamedTuple):
    """What the mean field does from a start on.

    Attributes:
        window: Attentions that the network starts from, newest first.
        position: Position of its next token.
        attention: Attentions of the mean field from there on.
        overlaps: Its overlaps.
    """

    window: Float[np.ndarray, "L M"]
    position: int
    attention: Float[np.ndarray, "T M"]
    overlaps: Float[np.ndarray, "T 4 M"]


# -- measuring -------------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Set networks of growing size beside the mean field, at starts on its orbit."""
    replicas = REPLICAS[context.resolution]
    networks = [network(int(size)) for size in SIZES]
    orbits = {beta: orbit_of(beta, len(context.seeds)) for beta in BETAS}
    measured = empty_tables(context)
    measured["spread"] = ("beta", [spread(orbits[beta], beta) for beta in BETAS])
    measured["leading"] = ("estimate", leading_exponent())
    measured = measured.assign_coords(estimate=["value", "error"])
    shape = (len(context.seeds), len(BETAS), len(SIZES))
    for s, b, n in context.cases(*map(range, shape), what="networks"):
        beta, size = list(BETAS)[b], int(SIZES[n])
        field = beside(orbits[beta], beta, s)
        sample = networks[n].sample(
            jax.random.key(context.seed_of("noise", s, b, n)),
            parameters(beta),
            STEPS,
            replicas=replicas,
            prompt=Prompt(field.window, field.position),
        )
        errors = root_mean_square(sample.overlaps - field.overlaps)
        measured.error[s, b, n] = errors[np.array(TIMES) - 1]
        measured.expected[s, b, n] = binomial_error(beta, field.window[0], size)
        measured.power[s, b, n] = (sample.attention[:, SETTLED:] ** 2).mean()
        measured.limit[s, b] = (orbits[beta].attention ** 2).mean()
        if beta == CHAOTIC:
            half = float(measured.spread.sel(beta=beta)) / 2
            measured.horizon[s, n] = first_beyond(errors, half)
        if s == 0:
            measured.example.loc[beta, 0] = field.attention[:DRAWN, 0]
            if size in DRAWN_SIZES:
                measured.example.loc[beta, size] = sample.attention[0, :DRAWN, 0]
    return measured


def empty_tables(context: Context) -> xr.Dataset:
    """Make what is measured of networks, to be filled in."""
    axes = {"seed": context.seeds, "beta": BETAS, "spins": SIZES}
    drawn = {"drawn_spins": (0, *DRAWN_SIZES), "time": range(DRAWN)}
    return xr.Dataset(
        {
            "error": context.table(**axes, tokens=TIMES),
            "expected": context.table(**axes),
            "power": context.table(**axes),
            "limit": context.table(seed=context.seeds, beta=BETAS),
            "horizon": context.table(seed=context.seeds, spins=SIZES, unit="tokens"),
            "example": context.table(beta=BETAS, **drawn),
        }
    )


def network(size: int) -> SelfAttentionNetwork:
    """The paper's network with so many spins, a multiple of 99."""
    first = int(SIZES[0])
    smallest = SelfAttentionNetwork.from_features(mean_field().features, first)
    return smallest.repeated(size // first)


def orbit_of(beta: float, starts: int) -> Orbit:
    """The mean field on its attractor, long enough for so many starts."""
    state = start(parameters(beta))
    # One length for any number of starts up to 32, so that it is compiled once.
    steps = STEPS + STRIDE * max(starts, 32)
    attention = trajectory(
        mean_field().map, state, parameters(beta), Sampling(steps, TRANSIENT - 1)
    )
    return Orbit(attention, int(state.phase) + TRANSIENT - 1)


def beside(orbit: Orbit, beta: float, index: int) -> Beside:
    """The mean field from the index-th start on."""
    length, period = mean_field().length, mean_field().period
    begin = index * STRIDE
    position = (orbit.position + begin + length) % period
    generating = orbit.attention[begin + length - 1 : begin + length - 1 + STEPS]
    return Beside(
        window=orbit.attention[begin : begin + length][::-1],
        position=position,
        attention=orbit.attention[begin + length : begin + length + STEPS],
        overlaps=mean_field().overlaps(generating, parameters(beta), position),
    )


def root_mean_square(
    difference: Float[np.ndarray, "R T 4 M"],
) -> Float[np.ndarray, "T"]:
    """Of a difference, over replicas, the four kinds of overlap and the patterns."""
    return np.sqrt((difference**2).mean(axis=(0, 2, 3)))


def binomial_error(beta: float, attention: Float[np.ndarray, "M"], size: int) -> float:
    """Standard deviation of an overlap of one drawn token, exactly.

    Weights are ±1, so that it is the same for all kinds and patterns.
    """
    features = mean_field().features
    assert features.columns is not None
    assert features.shares is not None
    means = np.tanh(beta * features.columns[:, 0] @ attention)
    variance = features.shares @ (1 - means**2) / size
    return float((1 - parameters(beta)["epsilon"]) * np.sqrt(variance))


def spread(orbit: Orbit, beta: float) -> float:
    """Error of two unrelated states: √2 × the standard deviation of the overlaps."""
    overlaps = mean_field().overlaps(
        orbit.attention, parameters(beta), orbit.position + 1
    )
    return float(np.sqrt(2 * overlaps.var(axis=0).mean()))


def first_beyond(errors: Float[np.ndarray, "T"], level: float) -> float:
    """Tokens until the error exceeds a level; NaN if it never does."""
    beyond = errors > level
    return float(beyond.argmax()) + 1 if beyond.any() else np.nan


def leading_exponent() -> list[float]:
    """λ₁ of the mean field at the chaotic β, nats per step, and its standard error."""
    chaotic = parameters(CHAOTIC)
    spectrum = lyapunov_spectrum(
        mean_field().map,
        start(chaotic),
        chaotic,
        Measure(transient=10_000, steps=20_000, exponents=1),
    )
    return [float(spectrum.exponents[0]), float(spectrum.standard_error[0])]


# -- fits ------------------------------------------------------------------------------


def in_law(first: int = 0) -> Bool[np.ndarray, "N"]:
    """Sizes that a law is fitted to, from some size on."""
    return (first <= SIZES) & (SIZES <= LAST_OF_LAW)


def slope(values: xr.DataArray, first: int = 0) -> Float[np.ndarray, "S"]:
    """Slope of the logarithm against ln N, of every start, from some size on."""
    law = in_law(first)
    logarithms = np.log(values.transpose("seed", "spins").values[:, law])
    return np.polyfit(np.log(SIZES[law]), logarithms.T, 1)[0]


def excess_power(measured: xr.Dataset) -> xr.DataArray:
    """What noise adds to the mean of A² where attention only follows the clock."""
    return (measured.power - measured.limit).sel(beta=CLOCK)


def noise_ratio(measured: xr.Dataset) -> xr.DataArray:
    """Mean square of the first token's error over its expectation, mean over sizes.

    Of squares, because the root of a mean of a few squares is too small on average.
    """
    return ((measured.error.sel(tokens=1) / measured.expected) ** 2).mean("spins")


def horizon_slope(measured: xr.Dataset) -> Float[np.ndarray, "S"]:
    """Tokens that a network follows its mean field longer with ten times the spins."""
    large = SIZES >= FIRST_OF_HORIZON
    horizons = measured.horizon.fillna(STEPS).values[:, large]
    return np.polyfit(np.log10(SIZES[large]), horizons.T, 1)[0]


def law_holds(error: xr.DataArray) -> Bool[np.ndarray, "S"]:
    """Whether −1/2 lies in the interval of a line through a start's errors, at every β.

    Args:
        error: Of the first token, (seed, beta, spins).
    """
    law = in_law()
    x = np.log(SIZES[law]) - np.log(SIZES[law]).mean()
    y = np.log(error.transpose("seed", "beta", "spins").values[..., law])
    y = y - y.mean(axis=-1, keepdims=True)
    slopes = y @ x / (x @ x)
    residual = y - slopes[..., None] * x
    freedom = len(x) - 2
    errors = np.sqrt((residual**2).sum(axis=-1) / freedom / (x @ x))
    quantile = stdtrit(freedom, (1 + CONFIDENCE) / 2)
    return (np.abs(slopes + 0.5) <= quantile * errors).all(axis=-1)


# -- the ledger ------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """One statement is the paper's; all other numbers are set beside theory's."""
    holds = law_holds(measured.error.sel(tokens=1))
    ledger.using(source="abstract").claim(
        "the mean field becomes exact for large N: at every β the error of the first "
        "token falls as N to a power whose 95 % interval contains −1/2",
        int(holds.sum()),
        len(holds),
    )
    _compare_laws(measured, ledger)
    for beta in BETAS:
        quantity = "mean square error of the first token over that of N coins"
        samples = noise_ratio(measured).sel(beta=beta).values
        theory = Theory(1.0, "1, the variance of N coins")
        ledger.ours_alone(
            f"β = {beta}, {quantity}", samples, because=theory.beside(samples)
        )
    _compare_stationary(measured, ledger)
    _compare_horizon(measured, ledger)


class Theory(NamedTuple):
    """What theory says of a number that the paper does not give.

    Attributes:
        value: Its value.
        text: That value as it is to be read, with what it is of.
    """

    value: float
    text: str

    def beside(self, samples: np.ndarray, more: str = "") -> str:
        """The value beside our interval, as the reason of a row."""
        place = self.place(samples)
        return (
            f"The paper gives no number. Theory: {self.text}; {place}. {more}".rstrip()
        )

    def place(self, samples: np.ndarray) -> str:
        """Where the value lies."""
        interval = mean_interval(samples)
        if len(samples) == 1:
            return "one start has no interval to hold it"
        if interval.low <= self.value <= interval.high:
            return "our interval contains it"
        side = "above" if self.value > interval.high else "below"
        return f"our interval does not contain it, it lies {side}"

    def from_straight(self, samples: np.ndarray) -> str:
        """What the fit gives without the smallest sizes."""
        interval = mean_interval(samples)
        return (
            f"Without N < {STRAIGHT}, where terms of the next order in 1/N weigh, it "
            f"is {interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]: "
            f"{self.place(samples)}"
        )


def _compare_laws(measured: xr.Dataset, ledger: Ledger) -> None:
    for beta in BETAS:
        for tokens in TIMES:
            text = "−1/2" if tokens == 1 else "−1/2 where errors are small"
            if tokens > 1 and beta == CHAOTIC:
                text += (
                    ", and chaos amplifies them until they are as large as the "
                    "attractor"
                )
            theory, errors = (
                Theory(-0.5, text),
                measured.error.sel(beta=beta, tokens=tokens),
            )
            more = theory.from_straight(slope(errors, STRAIGHT)) if tokens > 1 else ""
            what = f"slope of ln error against ln N, {SIZES[0]} ≤ N ≤ {LAST_OF_LAW:,}"
            after = f"after {words(tokens)}"
            name = f"β = {beta}, {what}, {after}"
            ledger.using(table=what[:1].upper() + what[1:]).ours_alone(
                Cell(f"β = {beta}", after, name),
                slope(errors),
                because=theory.beside(slope(errors), more),
            )


def _compare_stationary(measured: xr.Dataset, ledger: Ledger) -> None:
    theory, excess = (
        Theory(-1.0, "−1, twice that of a small error"),
        excess_power(measured),
    )
    more = theory.from_straight(slope(excess, STRAIGHT))
    ledger.ours_alone(
        f"β = {CLOCK}, slope of ln (mean of A² − mean field's) against ln N, "
        f"{SIZES[0]} ≤ N ≤ {LAST_OF_LAW:,}",
        slope(excess),
        because=theory.beside(slope(excess), more),
    )
    for beta in list(BETAS)[1:]:
        for size in SIZES[[0, 4, 6, 8]]:
            what = "stationary mean of A²"
            name = f"β = {beta}, {what}, N = {size:,} over mean field"
            ledger.using(
                table="Stationary mean of A², over the mean field's"
            ).ours_alone(
                Cell(f"β = {beta}", f"N = {size:,}", name),
                power_ratio(measured).sel(beta=beta, spins=size),
                because="The paper gives no number; the mean field's is 1",
            )


def power_ratio(measured: xr.Dataset) -> xr.DataArray:
    """Stationary mean of A² over the mean field's."""
    return measured.power / measured.limit


def _compare_horizon(measured: xr.Dataset, ledger: Ledger) -> None:
    leading, error = measured.leading.values
    predicted = float(np.log(10) / (2 * leading))
    theory = Theory(
        predicted,
        f"ln 10 / (2 λ₁) = {predicted:.1f} ± {error / leading * predicted:.1f} with "
        "our "
        "λ₁ of the mean field; smaller networks leave its orbit at once",
    )
    samples = horizon_slope(measured)
    ledger.using(unit="tokens").ours_alone(
        f"β = {CHAOTIC}, tokens gained for ten times the spins, N ≥ {FIRST_OF_HORIZON}",
        samples,
        because=theory.beside(samples),
    )


def words(tokens: int) -> str:
    """A number of tokens in words."""
    return f"{tokens:,} token{'s' if tokens > 1 else ''}"


# -- what is shown ---------------------------------------------------------------------


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Errors and stationary attention by size; attention of single networks."""
    yield _draw_errors(measured)
    yield _draw_orbits(measured)


def _draw_errors(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(
        2, len(BETAS), width=12, height=6.4, sharex=True, sharey="row"
    )
    for (upper, lower), (beta, name) in zip(panels.T, BETAS.items(), strict=True):
        for axes in (upper, lower):
            axes.set(xscale="log", yscale="log")
        for tokens, colour in zip(TIMES, COLOURS, strict=False):
            errors = measured.error.sel(beta=beta, tokens=tokens).values
            middle = np.exp(np.log(errors).mean(axis=0))
            low, high = np.quantile(errors, (0.1, 0.9), axis=0)
            label = f"after {words(tokens)}"
            plot.ribbon(SIZES, low, high, upper, color=colour, alpha=0.2, linewidth=0)
            plot.line(
                SIZES, middle, upper, "o-", color=colour, markersize=4, label=label
            )
        plot.line(SIZES, SIZES**-0.5, upper, "--", color=MUTED, label="$N^{-1/2}$")
        unrelated = float(measured.spread.sel(beta=beta))
        upper.axhline(unrelated, color=MUTED, linewidth=0.8, linestyle=":")
        upper.set_title(f"β = {beta}, {name}")
        power = measured.power.sel(beta=beta).values
        plot.line(SIZES, power.T, lower, ".", color=COLOURS[6], alpha=0.4, markersize=4)
        plot.line(SIZES, power.mean(axis=0), lower, "-", color=COLOURS[6])
        limit = float(measured.limit.sel(beta=beta).mean())
        lower.axhline(limit, color=INK, linewidth=0.8)
        lower.set_xlabel("spins $N$")
    panels[0, 0].set_ylabel("error of the overlaps")
    panels[1, 0].set_ylabel("stationary mean of $A^2$")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return Figure(
        figure,
        "Networks of N spins, set beside the mean field at a window on its attractor. "
        "Above: root mean square difference of the overlaps at fixed times; bands hold "
        "80 % of the starts; the dotted line is the difference of two unrelated states "
        "on the attractor. Below: mean square of the attention from "
        f"{SETTLED} to {STEPS - 1:,} tokens; dots are starts, the purple line is their "
        "mean, the dark one the mean field. At β = 1.0, which is not of the paper, the "
        "attention only follows the clock of the positional bits.",
    )


def _draw_orbits(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(
        len(DRAWN_SIZES), len(BETAS), width=12, height=6.4, sharex=True, sharey="col"
    )
    for axes, (beta, name) in zip(panels.T, BETAS.items(), strict=True):
        curves = measured.example.sel(beta=beta)
        tokens = range(len(curves.sel(drawn_spins=0)))
        for axis, size, colour in zip(axes, DRAWN_SIZES, COLOURS, strict=False):
            network, limit = (curves.sel(drawn_spins=drawn) for drawn in (size, 0))
            plot.line(tokens, network, axis, color=colour, linewidth=1.1)
            plot.line(tokens, limit, axis, color=INK, linewidth=0.6)
        axes[0].set_title(f"β = {beta}, {name}")
        axes[-1].set_xlabel("tokens")
    for axis, size in zip(panels[:, 0], DRAWN_SIZES, strict=True):
        axis.set_ylabel(f"$A_1$, $N$ = {size:,}")
    return Figure(
        figure,
        "Attention A₁ of one network (colour) and of the mean field (thin dark line) "
        "from the same window on the mean field's attractor.",
        "orbits",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Names for the findings."""
    slopes = {
        (beta, tokens): slope(measured.error.sel(beta=beta, tokens=tokens)).mean()
        for beta in BETAS
        for tokens in TIMES
    }
    at_clock = measured.error.sel(beta=CLOCK)
    ratio = power_ratio(measured).median("seed")
    horizons = measured.horizon.mean("seed").values
    return {
        "clock": [slopes[CLOCK, tokens] for tokens in TIMES],
        "straight": [
            slope(at_clock.sel(tokens=tokens), STRAIGHT).mean() for tokens in TIMES
        ],
        "times": TIMES,
        "deviations": {
            (beta, words(tokens)): value
            for (beta, tokens), value in slopes.items()
            if abs(value + 0.5) > CLOSE
        },
        "first_close": {
            beta: first_close(ratio.sel(beta=beta).values) for beta in list(BETAS)[1:]
        },
        "smallest": int(SIZES[0]),
        "strength": ratio.sel(spins=SIZES[0]),
        "horizons": dict(zip(SIZES[2::2].tolist(), horizons[2::2], strict=True)),
        "gained": mean_interval(horizon_slope(measured)),
        "predicted": float(np.log(10) / (2 * measured.leading[0])),
        "last_of_law": LAST_OF_LAW,
        "first_straight": STRAIGHT,
    }


def first_close(ratio: Float[np.ndarray, "N"]) -> str:
    """From which N on a ratio is within a tenth of 1, in words."""
    far = np.flatnonzero(np.abs(ratio - 1) > 0.1)
    if not far.size:
        return f"all, from {SIZES[0]:,}"
    if far[-1] == len(SIZES) - 1:
        return f"none up to {SIZES[-1]:,}"
    return f"{SIZES[far[-1] + 1]:,}"
