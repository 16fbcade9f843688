"""Networks of N spins beside their mean field: how the difference falls, and where it does not."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from isinglass._common.intervals import CONFIDENCE, mean_interval
from isinglass.experiments.meanfield.setting import PAPER, mean_field, parameters, start
from isinglass.reproduce import (
    Context,
    Experiment,
    Figure,
    Outcome,
    Row,
    claim,
    compare,
)

if TYPE_CHECKING:
    from isinglass.systems.meanfield import SelfAttentionNetwork

NAME = "meanfield-finite-size"
SOURCE = "N → ∞"
# The first is not of the paper: there the attention only follows the clock of the
# positional bits, and no noise can carry it anywhere else. The others are a torus, a
# cycle and chaos of the paper.
BETAS = (1.0, 1.255, 1.27, 1.4)
NAMES = ("clock only", "quasi-periodic", "periodic", "chaotic")
CHAOTIC = 1.4
# Multiples of the paper's 99, so that every network has the same features.
SIZES = 99 * np.array([1, 3, 10, 30, 100, 300, 1000, 10_000, 100_000])
# The law is asked for from 10² to 10⁵; the sizes above show what only larger networks
# do.
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
APART = 100_000  # steps to the attractor, then 997 more to each further start
STRIDE = 997
NO_NUMBER = "The paper gives no number"
CLOSE = 0.05  # slopes nearer to −1/2 than this are not listed among those that differ from it


class Found(NamedTuple):
    """Errors of the overlaps of networks, over starts on the attractor, β, sizes and time.

    Attributes:
        errors: Root mean square over replicas, the four kinds and the patterns, (S, B,
            N, T).
        expected: What binomial noise makes of it at the first token, exactly, (S, B,
            N).
        power: Mean of A² once stationary, network, (S, B, N).
        limit: Mean of A² over the mean field's orbit from each start, (S, B).
        spread: Error of two unrelated states: √2 times the standard deviation of the
            mean field's overlaps, (B,).
        leading: λ₁ of the mean field at the chaotic β, nats per step, and its standard
            error.
        examples: A₁ of one network for some sizes and of the mean field, by β.
    """

    errors: Float[np.ndarray, "S B N T"]
    expected: Float[np.ndarray, "S B N"]
    power: Float[np.ndarray, "S B N"]
    limit: Float[np.ndarray, "S B"]
    spread: Float[np.ndarray, "B"]
    leading: tuple[float, float]
    examples: dict[float, dict[int, Float[np.ndarray, "T"]]]


class Orbit(NamedTuple):
    """The mean field on its attractor: attentions, and the position of the first of them."""

    attention: Float[np.ndarray, "T M"]
    position: int


def run(context: Context) -> Outcome:
    """Set networks of growing size beside the mean field, from the same windows on it."""
    found = _measure(context)
    rows = [
        _claim_row(found),
        *_law_rows(found),
        *_noise_rows(found),
        *_stationary_rows(found),
    ]
    return Outcome([*rows, _horizon_row(found)], _figures(found), _findings(found))


def _measure(context: Context) -> Found:
    import jax

    from isinglass.dynamics import lyapunov_spectrum

    replicas = 8 if context.quick else 16
    networks = [_network(int(size)) for size in SIZES]
    orbits = [_orbit(beta, context.seeds) for beta in BETAS]
    shape = (context.seeds, len(BETAS), len(SIZES))
    errors, expected, power = (
        np.empty((*shape, STEPS)),
        np.empty(shape),
        np.empty(shape),
    )
    limit = np.empty(shape[:2])
    examples: dict[float, dict[int, np.ndarray]] = {beta: {} for beta in BETAS}
    key = jax.random.key(context.seed)
    runs = list(np.ndindex(shape))
    for s, b, n in context.progress.track(runs, "networks"):
        window, position, orbit, overlaps = _beside(orbits[b], BETAS[b], s)
        sample = networks[n].sample(
            jax.random.fold_in(key, np.ravel_multi_index((s, b, n), shape)),
            parameters(BETAS[b]),
            STEPS,
            replicas=replicas,
            window=window,
            position=position,
        )
        errors[s, b, n] = _rms(sample.overlaps - overlaps)
        expected[s, b, n] = _binomial(BETAS[b], window[0], int(SIZES[n]))
        power[s, b, n] = (sample.attention[:, SETTLED:] ** 2).mean()
        limit[s, b] = (orbits[b].attention ** 2).mean()
        if s == 0:
            examples[BETAS[b]] |= {
                int(SIZES[n]): sample.attention[0, :, 0],
                0: orbit[:, 0],
            }
    chaotic = parameters(CHAOTIC)
    spectrum = lyapunov_spectrum(
        mean_field().map, start(chaotic), chaotic, 20_000, transient=10_000, k=1
    )
    leading = (float(spectrum.exponents[0]), float(spectrum.standard_error[0]))
    spread = np.array(
        [_spread(orbit, beta) for orbit, beta in zip(orbits, BETAS, strict=True)]
    )
    return Found(errors, expected, power, limit, spread, leading, examples)


def _network(size: int) -> SelfAttentionNetwork:
    """The paper's network with so many spins, a multiple of 99."""
    from isinglass.systems.meanfield import SelfAttentionNetwork

    smallest = SelfAttentionNetwork.from_features(mean_field().features, int(SIZES[0]))
    return _repeated(smallest, size // int(SIZES[0]))


def _repeated(network: SelfAttentionNetwork, times: int) -> SelfAttentionNetwork:
    """A network with every spin of another so many times over, and so with the same features.

    Columns and their numbers are all that a network keeps of its weights; laying out
    those of ten million spins, to have them counted again, would take a minute.
    """
    larger = copy.copy(network)
    larger.counts = network.counts * times
    return larger


def _orbit(beta: float, starts: int) -> Orbit:
    """The mean field on its attractor, long enough for so many starts."""
    from isinglass.dynamics import trajectory

    first = start(parameters(beta))
    # One length for any number of starts up to 32, so that it is compiled once.
    steps = STEPS + STRIDE * max(starts, 32)
    attention = trajectory(
        mean_field().map, first, parameters(beta), steps, transient=APART - 1
    )
    return Orbit(attention, int(first.phase) + APART - 1)


def _beside(
    orbit: Orbit, beta: float, index: int
) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Window at the index-th start, its position, and attentions and overlaps from there on."""
    length = mean_field().length
    begin = index * STRIDE
    window = orbit.attention[begin : begin + length][::-1]
    position = (orbit.position + begin + length) % mean_field().period
    following = orbit.attention[begin + length : begin + length + STEPS]
    generating = orbit.attention[begin + length - 1 : begin + length - 1 + STEPS]
    overlaps = mean_field().overlaps(generating, parameters(beta), position)
    return window, position, following, overlaps


def _rms(difference: Float[np.ndarray, "R T 4 M"]) -> Float[np.ndarray, "T"]:
    return np.sqrt((difference**2).mean(axis=(0, 2, 3)))


def _binomial(beta: float, attention: Float[np.ndarray, "M"], size: int) -> float:
    """Standard deviation of an overlap of one drawn token: weights are ±1, so all are alike."""
    features = mean_field().features
    assert features.columns is not None
    assert features.shares is not None
    means = np.tanh(beta * features.columns[:, 0] @ attention)
    variance = features.shares @ (1 - means**2) / size
    return float((1 - parameters(beta)["epsilon"]) * np.sqrt(variance))


def _spread(orbit: Orbit, beta: float) -> float:
    overlaps = mean_field().overlaps(
        orbit.attention, parameters(beta), orbit.position + 1
    )
    return float(np.sqrt(2 * overlaps.var(axis=0).mean()))


# -- the ledger ------------------------------------------------------------------------


def _in_law(first: int = 0) -> Bool[np.ndarray, "N"]:
    return (first <= SIZES) & (SIZES <= LAST_OF_LAW)


def _slopes(found: Found, b: int, time: int, first: int = 0) -> Float[np.ndarray, "S"]:
    """Slope of ln error against ln N at a time, of every start, from some size on."""
    law = _in_law(first)
    errors = np.log(found.errors[:, b, law, time - 1])
    return np.polyfit(np.log(SIZES[law]), errors.T, 1)[0]


def _theory_row(
    quantity: str,
    samples: np.ndarray,
    theory: float,
    text: str,
    unit: str = "",
    more: str = "",
) -> Row:
    """A number of ours that the paper does not give, and whether theory's lies in its interval.

    Args:
        quantity: As in `compare`.
        samples: As in `compare`.
        theory: Its value, in ``unit``.
        text: That value as it is to be read, with what it is of.
        unit: As in `compare`.
        more: What else there is to say, as a sentence.
    """
    place = _place(samples, theory)
    because = f"{NO_NUMBER}. Theory: {text}; {place}. {more}".rstrip()
    return compare(
        NAME, SOURCE, quantity, samples, paper=None, unit=unit, because=because
    )


def _place(samples: np.ndarray, theory: float) -> str:
    interval = mean_interval(samples)
    if len(samples) == 1:
        return "one start has no interval to hold it"
    if interval.low <= theory <= interval.high:
        return "our interval contains it"
    side = "above" if theory > interval.high else "below"
    return f"our interval does not contain it, it lies {side}"


def _from_straight(samples: np.ndarray, theory: float) -> str:
    """What the fit gives without the smallest sizes."""
    interval = mean_interval(samples)
    return (
        f"Without N < {STRAIGHT}, where terms of the next order in 1/N weigh, it is "
        f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]: "
        f"{_place(samples, theory)}"
    )


def _claim_row(found: Found) -> Row:
    """The one statement of the paper about N: its mean field is exact where N is large."""
    statement = (
        "the mean field becomes exact for large N: at every β the error of the first "
        "token falls as N to a power whose 95 % interval contains −1/2"
    )
    held = _law_holds(found)
    return claim(NAME, "abstract", statement, int(held.sum()), len(held))


def _law_holds(found: Found) -> Bool[np.ndarray, "S"]:
    """Whether −1/2 lies in the interval of a line through the errors of a start, at every β."""
    from scipy.special import stdtrit

    law = _in_law()
    x = np.log(SIZES[law]) - np.log(SIZES[law]).mean()
    y = np.log(found.errors[..., law, 0])
    y = y - y.mean(axis=-1, keepdims=True)
    slope = y @ x / (x @ x)
    residual = y - slope[..., None] * x
    freedom = len(x) - 2
    error = np.sqrt((residual**2).sum(axis=-1) / freedom / (x @ x))
    return (np.abs(slope + 0.5) <= stdtrit(freedom, (1 + CONFIDENCE) / 2) * error).all(
        axis=-1
    )


def _law_rows(found: Found) -> list[Row]:
    rows = []
    for b, beta in enumerate(BETAS):
        for time in TIMES:
            quantity = (
                f"β = {beta}, slope of ln error against ln N, {SIZES[0]} ≤ N ≤ "
                f"{LAST_OF_LAW:,}, after {_tokens(time)}"
            )
            text = "−1/2"
            if time > 1:
                text += " where errors are small"
            if time > 1 and beta == CHAOTIC:
                text += ", and chaos amplifies them until they are as large as the attractor"
            more = (
                _from_straight(_slopes(found, b, time, STRAIGHT), -0.5)
                if time > 1
                else ""
            )
            rows.append(
                _theory_row(quantity, _slopes(found, b, time), -0.5, text, more=more)
            )
    return rows


def _tokens(count: int) -> str:
    return f"{count:,} token{'s' if count > 1 else ''}"


def _noise_ratios(found: Found) -> Float[np.ndarray, "S B"]:
    """Mean square of the first token's error over its expectation, mean over sizes.

    Of squares, because the root of a mean of a few squares is too small on average.
    """
    return ((found.errors[..., 0] / found.expected) ** 2).mean(axis=-1)


def _noise_rows(found: Found) -> list[Row]:
    """At the first token nothing is left to chance but spins with known means."""
    text = "1, the variance of N coins"
    return [
        _theory_row(
            f"β = {beta}, mean square error of the first token over that of N coins",
            _noise_ratios(found)[:, b],
            1.0,
            text,
        )
        for b, beta in enumerate(BETAS)
    ]


def _stationary_rows(found: Found) -> list[Row]:
    noise = _theory_row(
        f"β = {BETAS[0]}, slope of ln (mean of A² − mean field's) against ln N, "
        f"{SIZES[0]} ≤ N ≤ {LAST_OF_LAW:,}",
        _noise_slopes(found),
        -1.0,
        "−1, twice that of a small error",
        more=_from_straight(_noise_slopes(found, STRAIGHT), -1.0),
    )
    ratios = [
        compare(
            NAME,
            SOURCE,
            f"β = {beta}, stationary mean of A², N = {SIZES[n]:,} over mean field",
            found.power[:, b, n] / found.limit[:, b],
            paper=None,
            because=f"{NO_NUMBER}; the mean field's is 1",
        )
        for b, beta in enumerate(BETAS)
        for n in (0, 4, 6, 8)
        if b
    ]
    return [noise, *ratios]


def _noise_slopes(found: Found, first: int = 0) -> Float[np.ndarray, "S"]:
    law = _in_law(first)
    excess = found.power[:, 0, law] - found.limit[:, :1]
    return np.polyfit(np.log(SIZES[law]), np.log(excess).T, 1)[0]


def _horizons(found: Found) -> Float[np.ndarray, "S N"]:
    """Tokens until the error at the chaotic β is half of what it ends at; NaN if never."""
    errors = found.errors[:, BETAS.index(CHAOTIC)]
    beyond = errors > found.spread[BETAS.index(CHAOTIC)] / 2
    return np.where(beyond.any(axis=-1), beyond.argmax(axis=-1) + 1.0, np.nan)


def _horizon_slopes(found: Found) -> Float[np.ndarray, "S"]:
    """Tokens that a network follows its mean field longer if N is ten times as large."""
    large = SIZES >= FIRST_OF_HORIZON
    horizons = np.where(np.isnan(_horizons(found)), STEPS, _horizons(found))
    return np.polyfit(np.log10(SIZES[large]), horizons[:, large].T, 1)[0]


def _horizon_row(found: Found) -> Row:
    leading, error = found.leading
    predicted = float(np.log(10) / (2 * leading))
    return _theory_row(
        f"β = {CHAOTIC}, tokens gained for ten times the spins, N ≥ {FIRST_OF_HORIZON}",
        _horizon_slopes(found),
        predicted,
        f"ln 10 / (2 λ₁) = {predicted:.1f} ± {error / leading * predicted:.1f} with "
        "our λ₁ of the "
        "mean field; smaller networks leave its orbit at once",
        unit="tokens",
    )


# -- what is shown ---------------------------------------------------------------------


def _figures(found: Found) -> list[Figure]:
    return [_error_figure(found), _orbit_figure(found)]


def _error_figure(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, panels = subplots(
        2, len(BETAS), width=12, height=6.4, sharex=True, sharey="row"
    )
    for b, (axes, beta, name) in enumerate(zip(panels.T, BETAS, NAMES, strict=True)):
        for time, colour in zip(TIMES, COLOURS, strict=False):
            errors = found.errors[:, b, :, time - 1]
            middle = np.exp(np.log(errors).mean(axis=0))
            low, high = np.quantile(errors, (0.1, 0.9), axis=0)
            label = f"after {_tokens(time)}"
            axes[0].fill_between(SIZES, low, high, color=colour, alpha=0.2, linewidth=0)
            axes[0].loglog(SIZES, middle, "o-", color=colour, markersize=4, label=label)
        axes[0].loglog(SIZES, SIZES**-0.5, "--", color=MUTED, label="$N^{-1/2}$")
        axes[0].axhline(found.spread[b], color=MUTED, linewidth=0.8, linestyle=":")
        axes[0].set_title(f"β = {beta}, {name}")
        for of_start in found.power[:, b]:
            axes[1].loglog(
                SIZES, of_start, ".", color=COLOURS[6], alpha=0.4, markersize=4
            )
        axes[1].loglog(SIZES, found.power[:, b].mean(axis=0), "-", color=COLOURS[6])
        axes[1].axhline(found.limit[:, b].mean(), color=INK, linewidth=0.8)
        axes[1].set_xlabel("spins $N$")
    panels[0, 0].set_ylabel("error of the overlaps")
    panels[1, 0].set_ylabel("stationary mean of $A^2$")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    caption = (
        "Networks of N spins, set beside the mean field at a window on its attractor. "
        "Above: root mean square difference of the overlaps at fixed times; bands hold "
        "80 % of the starts; the dotted line is the difference of two unrelated states "
        "on the attractor. Below: mean "
        f"square of the attention from {SETTLED} to {STEPS - 1:,} tokens; dots are "
        "starts, the "
        "purple line is their mean, the dark one the mean field. At β = 1.0, which is "
        "not of the paper, the attention only follows the clock of the positional bits."
    )
    return Figure(NAME, figure, caption)


def _orbit_figure(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, INK, subplots

    shown, sizes = 150, (990, 9900, 99_000, 9_900_000)
    figure, panels = subplots(
        len(sizes), len(BETAS), width=12, height=6.4, sharex=True, sharey="col"
    )
    for axes, beta, name in zip(panels.T, BETAS, NAMES, strict=True):
        for axis, size, colour in zip(axes, sizes, COLOURS, strict=False):
            axis.plot(found.examples[beta][size][:shown], color=colour, linewidth=1.1)
            axis.plot(found.examples[beta][0][:shown], color=INK, linewidth=0.6)
        axes[0].set_title(f"β = {beta}, {name}")
        axes[-1].set_xlabel("tokens")
    for axis, size in zip(panels[:, 0], sizes, strict=True):
        axis.set_ylabel(f"$A_1$, $N$ = {size:,}")
    caption = (
        "Attention A₁ of one network (colour) and of the mean field (thin dark line) "
        "from the same window on the mean field's attractor."
    )
    return Figure(f"{NAME}-orbits", figure, caption)


def _findings(found: Found) -> str:
    clock, straight = (
        ", ".join(
            f"{mean_interval(_slopes(found, 0, time, first)).mean:.3f}"
            for time in TIMES
        )
        for first in (0, STRAIGHT)
    )
    off = [
        f"{slope:+.2f} at β = {beta} after {_tokens(time)}"
        for b, beta in enumerate(BETAS)
        for time in TIMES
        if abs((slope := mean_interval(_slopes(found, b, time)).mean) + 0.5) > CLOSE
    ]
    elsewhere = (
        f"Elsewhere it is not reached everywhere between N = {SIZES[0]} and "
        f"{LAST_OF_LAW:,}: the slope is {', '.join(off)}. There noise is amplified, by "
        "chaos, by "
        "drifting along a torus or by leaving the attractor, until the error is as "
        "large as the attractor."
        if off
        else "So it does at every β and time that we looked at."
    )
    ratio = np.median(found.power / found.limit[..., None], axis=0)
    needed = "; ".join(
        f"β = {beta}: {_first_close(ratio[b])}" for b, beta in enumerate(BETAS) if b
    )
    horizons = np.nanmean(_horizons(found), axis=0)
    at = ", ".join(
        f"{horizon:.0f} (N = {size:,})"
        for horizon, size in zip(horizons[2::2], SIZES[2::2], strict=True)
    )
    gained = mean_interval(_horizon_slopes(found))
    return (
        f"Where the attention only follows the clock, β = {BETAS[0]}, the error of the "
        f"overlaps falls as N to the power {clock} after "
        f"{', '.join(f'{time:,}' for time in TIMES)} tokens between N = {SIZES[0]} and "
        f"{LAST_OF_LAW:,}, and {straight} from {STRAIGHT} on. {elsewhere}\n\n"
        "From which N on the stationary mean of A² is within a tenth of the mean "
        "field's, median "
        f"over starts: {needed}. With fewer a network that "
        "was set on the mean field's torus or cycle does not stay there: its noise "
        "carries it to "
        f"motion of another size, {ratio[1, 0]:.0f} and {ratio[2, 0]:.0f} times as "
        f"strong at the paper's N = {SIZES[0]} and β = {BETAS[1]} and {BETAS[2]}.\n\n"
        f"At β = {CHAOTIC} a network follows its mean field's orbit for {at} tokens, "
        f"and {gained.mean:.1f} [{gained.low:.1f}, {gained.high:.1f}] longer for ten "
        f"times the spins; ln 10 / (2 λ₁) is {np.log(10) / (2 * found.leading[0]):.1f}."
    )


def _first_close(ratio: Float[np.ndarray, "N"]) -> str:
    far = np.flatnonzero(np.abs(ratio - 1) > 0.1)
    if not far.size:
        return f"all, from {SIZES[0]:,}"
    if far[-1] == len(SIZES) - 1:
        return f"none up to {SIZES[-1]:,}"
    return f"{SIZES[far[-1] + 1]:,}"


EXPERIMENT = Experiment(
    name=NAME,
    title="Networks of N spins beside their mean field",
    paper=PAPER,
    source=SOURCE,
    question=(
        "How does a network of N spins come near its mean field as N grows: does the "
        "error of its overlaps fall as N to the −1/2, for how many tokens, and how "
        "many spins does it take to see the mean field's attractors?"
    ),
    duration=25,
    quick_duration=20,
    default_seeds=16,
    quick_seeds=4,
    run=run,
    needs_digits=False,
)
