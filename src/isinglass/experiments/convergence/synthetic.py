"""Random inputs: loss, tangent kernel and attention by start, scale and width."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass._common.intervals import mean_interval
from isinglass.experiments.convergence.synthetic_figures import courses, kernels
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.convergence import (
    DescentRecipe,
    ShallowConfig,
    ShallowEncoder,
    TangentKernel,
    distance_from_uniform,
    extreme_eigenvalues,
    gradient_descent,
    linear_bound,
    smallest_singular_value,
    tangent_kernel,
)

STARTS = ("lecun", "he", "ntk")
HALF, INVERSE, UNIFORM = "τ₀ = d_m^(−1/2)", "τ₀ = 1/d_m", "S = 1/d_s"
SCALES = {HALF: (0.5, "softmax"), INVERSE: (1.0, "softmax"), UNIFORM: (0.5, "uniform")}
ALL, FIXED, FROZEN, READOUT = TRAININGS = (
    "all",
    "all, one γ for all widths",
    "W_Q, W_K frozen",
    "w_O alone",
)
WHOLE = (ALL, FIXED)
PARTS = ("layer.query", "layer.key", "layer.value", "readout")
ATTENTION = PARTS[:2]
NEAR = 0.05  # of total variation, of 0.9 at most: what is called uniform here
SLACK = 1e-5  # of a loss in float32
MOST = 12  # decades that a loss is followed down: float32 tells no more


@dataclass(frozen=True)
class Setting:
    """What is drawn and trained.

    Attributes:
        widths: d_m.
        starts: Which.
        trainings: Which.
        inputs, tokens, features: N, d_s, d.
        steps: Of each training.
        every: Steps between two losses that are stored.
        reading: Step at which speeds are compared.
        pilots: Draws, none of them reported, that the one γ is taken from.
        scales: Of the softmax, and uniform attention.
    """

    widths: tuple[int, ...] = (16, 64, 256)
    starts: tuple[str, ...] = STARTS
    trainings: tuple[str, ...] = TRAININGS
    inputs: int = 100
    tokens: int = 10
    features: int = 100
    steps: int = 200
    every: int = 2
    reading: int = 100
    pilots: int = 2
    scales: tuple[str, ...] = tuple(SCALES)


SETTINGS = {
    "quick": Setting(
        (16, 64),
        ("lecun",),
        (ALL, FIXED, READOUT),
        inputs=50,
        features=50,
        steps=100,
        pilots=1,
        scales=(HALF, INVERSE),
    ),
    "default": Setting(),
    "full": Setting((16, 64, 256, 1024, 4096), steps=400, every=4),
}


class Draw(NamedTuple):
    """Inputs (N, d_s, d), targets (N,), and the seed of the weights."""

    inputs: Float[np.ndarray, "n s d"]
    targets: Float[np.ndarray, "n"]
    seed: int


def measure(context: Context) -> xr.Dataset:
    """Losses, kernels and attention of all trainings; NaN where there is none.

    `course` is ℓ_t/ℓ_0; `held` whether all losses lie below the bound of the theorem,
    where α > 0; `drift` |K − K₀|/|K₀| and `motion` |W − W₀|/|W₀| at the end of "all";
    `distance` the total variation of attention from 1/d_s at the start and the end.
    """
    options = SETTINGS[context.resolution]
    axes = {"start": options.starts, "scale": list(SCALES)}
    ends = {"width": options.widths, "seed": context.seeds}
    whole = {**axes, "training": list(TRAININGS), **ends}
    steps = range(0, options.steps + 1, options.every)
    tables = {
        "course": context.table(**whole, step=steps),
        "held": context.table(**whole),
        "distance": context.table(**whole, time=("start", "end")),
        "motion": context.table(**axes, **ends, part=PARTS),
    }
    numbers = ("alpha", "smallest", "largest", "share", "drift")
    tables |= {name: context.table(**axes, **ends) for name in numbers}
    common = {start: _common_step(context, options, start) for start in options.starts}
    draws = {seed: _draw(context, options, seed) for seed in context.seeds}
    cases = context.cases(
        options.starts, options.scales, options.widths, what="encoders"
    )
    for start, scale, width in cases:
        for seed, draw in draws.items():
            config = _config(options, start, scale, width)
            outcome = _measured(options, config, draw, common[start])
            place = {"start": start, "scale": scale, "width": width, "seed": seed}
            for name, values in outcome.items():
                if name in ("course", "held", "distance"):
                    for training, value in values.items():
                        tables[name].loc[{**place, "training": training}] = value
                else:
                    tables[name].loc[place] = values
    rates = xr.DataArray(list(common.values()), {"start": list(common)}, ["start"])
    return xr.Dataset({**tables, "step_size": rates})


def _draw(context: Context, options: Setting, seed: int, purpose: str = "data") -> Draw:
    rng = context.rng(purpose, seed)
    shape = options.inputs, options.tokens, options.features
    inputs = rng.normal(size=shape).astype(np.float32)
    return Draw(inputs, rng.normal(size=len(inputs)), context.seed_of("weights", seed))


def _config(options: Setting, start: str, scale: str, width: int) -> ShallowConfig:
    exponent, mixing = SCALES[scale]
    return ShallowConfig(options.features, width, start, exponent, mixing)


def _common_step(context: Context, options: Setting, start: str) -> float:
    """1/λ_max of the stiffest encoder of a start, over widths, scales and pilots."""
    stiffest = 0.0
    for pilot in range(options.pilots):
        draw = _draw(context, options, pilot, "pilot")
        for scale in options.scales:
            for width in options.widths:
                config = _config(options, start, scale, width)
                model = ShallowEncoder(config, key=jax.random.key(draw.seed))
                kernel = tangent_kernel(model, draw.inputs)
                stiffest = max(stiffest, kernel.extremes.largest)
    return 1 / stiffest


def _measured(
    options: Setting, config: ShallowConfig, draw: Draw, common_step: float
) -> dict[str, Any]:
    """What is stored of one encoder, by training where it has several."""
    model = ShallowEncoder(config, key=jax.random.key(draw.seed))
    kernel = tangent_kernel(model, draw.inputs)
    alpha, ends = smallest_singular_value(model, draw.inputs), kernel.extremes
    outcome: dict[str, Any] = {
        "alpha": alpha,
        "smallest": ends.smallest,
        "largest": ends.largest,
        "share": 0.0 if model.layer.query is None else kernel.share(ATTENTION),
        "course": {READOUT: _readout_course(options, model, kernel, draw)},
        "held": {},
        "distance": {},
    }
    for training, step in _steps(model, kernel, common_step).items():
        if training not in options.trainings:
            continue
        after, losses = _descended(options, model, draw, training, step)
        outcome["course"][training] = losses[:: options.every] / losses[0]
        if training in WHOLE:
            pair = [_distance(end, draw.inputs) for end in (model, after)]
            outcome["distance"][training] = pair
            outcome["held"][training] = _is_below(losses, alpha, step)
        if training == ALL:
            outcome["drift"] = tangent_kernel(after, draw.inputs).drift(kernel)
            outcome["motion"] = _motion(model, after)
    return outcome


def _steps(
    model: ShallowEncoder, kernel: TangentKernel, common_step: float
) -> dict[str, float]:
    """γ of each training by gradient descent."""
    steps = {ALL: 1 / kernel.extremes.largest, FIXED: common_step}
    if model.layer.query is not None:
        rest = kernel.parts["layer.value"] + kernel.parts["readout"]
        steps[FROZEN] = 1 / extreme_eigenvalues(rest).largest
    return steps


def _descended(
    options: Setting, model: ShallowEncoder, draw: Draw, training: str, step: float
) -> tuple[ShallowEncoder, np.ndarray]:
    """The trained encoder and all losses, NaN from where it diverged."""
    recipe = DescentRecipe(step, options.steps, precision="single")
    frozen = _queries_and_keys if training == FROZEN else None
    descent = gradient_descent(model, draw.inputs, draw.targets, recipe, frozen=frozen)
    losses = np.full(options.steps + 1, np.nan)
    losses[: len(descent.losses)] = descent.losses
    losses[~np.isfinite(losses)] = np.nan
    return descent.model, losses


def _queries_and_keys(model: ShallowEncoder) -> Any:
    return model.layer.query, model.layer.key


def _readout_course(
    options: Setting, model: ShallowEncoder, kernel: TangentKernel, draw: Draw
) -> np.ndarray:
    """ℓ_t/ℓ_0 of w_O alone at γ = 1/λ_max(F Fᵀ): a linear problem, mode by mode."""
    rates, modes = np.linalg.eigh(kernel.parts["readout"])
    outputs = np.asarray(model(jnp.asarray(draw.inputs)), float)
    residuals = modes.T @ (outputs - draw.targets)
    steps = np.arange(0, options.steps + 1, options.every)
    decay = np.clip(1 - rates / rates[-1], 0, 1) ** steps[:, None]
    return ((decay * residuals) ** 2).sum(-1) / (residuals**2).sum()


def _is_below(losses: np.ndarray, alpha: float, step: float) -> float:
    """Whether no loss is above the bound; NaN where α = 0 and it says nothing."""
    if alpha == 0:
        return np.nan
    if step > 2 / alpha**2:
        return 0.0
    bound = linear_bound(float(losses[0]), alpha, step, len(losses) - 1)
    return float((losses <= bound + SLACK * losses[0]).all())


@eqx.filter_jit
def _distance(model: ShallowEncoder, inputs: Any) -> Any:
    return distance_from_uniform(model.layer.attention(jnp.asarray(inputs))).mean()


def _motion(model: ShallowEncoder, after: ShallowEncoder) -> list[float]:
    """|W − W₀|/|W₀| by part; NaN where there is none."""

    def relative(first: Any, last: Any) -> float:
        if first is None:
            return np.nan
        first, last = np.asarray(first), np.asarray(last)
        return float(np.linalg.norm(last - first) / np.linalg.norm(first))

    pairs = [
        *((getattr(model.layer, n), getattr(after.layer, n)) for n in _WEIGHTS),
        (model.readout, after.readout),
    ]
    return [relative(*pair) for pair in pairs]


_WEIGHTS = ("query", "key", "value")


# -- views -----------------------------------------------------------------------------


def decades(measured: xr.Dataset) -> xr.DataArray:
    """Powers of ten that the loss falls by until the step of reading, `MOST` at most.

    `MOST` stands for at least as many.
    """
    step = SETTINGS[measured.resolution].reading
    # A training that diverged lost nothing; arms that are not measured stay NaN.
    losses = measured.course.sel(step=step, drop=True)
    losses = losses.fillna(measured.course.sel(step=0, drop=True))
    values = -np.log10(losses.clip(10.0**-MOST))
    values.attrs = {"units": "decades"}
    return values


def claims(measured: xr.Dataset) -> dict[str, tuple[int, int]]:
    """In how many runs a statement of the paper holds, and how many there are."""
    widest = int(measured.width.values[-1])
    speed, counted = decades(measured), {}

    def count(statement: str, holds: xr.DataArray, applies: Any = None) -> None:
        applies = xr.ones_like(holds, bool) if applies is None else applies
        counted[statement] = int((holds & applies).sum()), int(applies.sum())

    attended = measured.sel(scale=[HALF, INVERSE])
    for training in WHOLE:
        held = attended.held.sel(training=training)
        count(
            f"{training}: ℓ_t ≤ (1 − γα²/2)^t ℓ_0 at all steps",
            held == 1,
            held.notnull(),
        )
        part = speed.sel(training=training)
        last = part.sel(width=widest, drop=True)
        for start in measured.start.values:
            pair = last.sel(start=start)
            name = f"{training}, {start}, d_m = {widest}"
            faster = pair.sel(scale=HALF) > pair.sel(scale=INVERSE)
            count(f"{name}: d_m^(−1/2) is faster than 1/d_m", faster)
        slowest = "ntk"
        if slowest in measured.start.values:
            pair = last.sel(scale=HALF)
            for start in [s for s in measured.start.values if s != slowest]:
                faster = pair.sel(start=start) > pair.sel(start=slowest)
                name = f"{training}, d_m = {widest}"
                count(f"{name}: {start} is faster than {slowest}", faster)
        wider = (part.sel(scale=[HALF, INVERSE]).diff("width") > 0).all("width")
        for start in measured.start.values:
            for scale in (HALF, INVERSE):
                holds = wider.sel(start=start, scale=scale)
                count(f"{training}, {start}, {scale}: wider is faster", holds)
    ends = measured.distance.sel(training=ALL, scale=INVERSE, time="end", width=widest)
    for start in measured.start.values:
        holds = ends.sel(start=start) < NEAR
        name = f"{start}, d_m = {widest}, 1/d_m"
        count(f"{name}: attention stays uniform (distance below {NEAR:g})", holds)
    return counted


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Verdicts on the claims, then speeds, kernels and attention."""
    for statement, (held, runs) in claims(measured).items():
        if runs:
            ledger.claim(statement, held, runs)
    ledger = ledger.using(because="The paper's figures give no numbers")
    speed = decades(measured)
    reading = SETTINGS[measured.resolution].reading
    quantities = {
        f"Decades of loss by step {reading}, {training}": speed.sel(training=training)
        for training in measured.training.values
    }
    if (speed >= MOST).any():  # and so the tables say what 12 is
        quantities = {
            f"{title} ({MOST} is at least {MOST})": values
            for title, values in quantities.items()
        }
    distance = measured.distance.sel(training=ALL)
    quantities |= {
        "λ_max(K) at the start": measured.largest,
        "λ_min/λ_max of K at the start": measured.smallest / measured.largest,
        "Share of W_Q and W_K in the trace of K": measured.share,
        "|K − K₀|/|K₀| at the end": measured.drift,
        "Attention's distance from uniform at the start": distance.sel(time="start"),
        "Attention's distance from uniform at the end": distance.sel(time="end"),
    }
    for title, values in quantities.items():
        table = ledger.using(table=title)
        for start in measured.start.values:
            for scale in measured.scale.values:
                for width in measured.width.values:
                    runs = values.sel(start=start, scale=scale, width=width)
                    runs = runs.dropna("seed")
                    row, column = f"{start}, {scale}", f"d_m = {width}"
                    if runs.size:
                        cell = Cell(row, column, f"{title}: {row}, {column}")
                        table.ours_alone(cell, runs)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Losses by step, then what becomes of kernel and attention with width."""
    yield Figure(
        courses(measured, WHOLE, (HALF, INVERSE)),
        "Loss over its start: medians, with bands from the least to the most of all "
        "draws. Top: each encoder at γ = 1/λ_max of its own kernel. Bottom: at the one "
        "γ of its start that the stiffest encoder can take.",
    )
    yield Figure(
        kernels(measured, ALL, (HALF, INVERSE)),
        "By width, means over draws with 95 % confidence intervals: the share of W_Q "
        "and W_K in the trace of the tangent kernel, how far the kernel moves, and how "
        "far attention is from uniform at the end (0.9 would be one token of ten).",
        part="kernel",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What was counted, differences on the same draws, and the controls."""
    speed, starts = decades(measured), [str(start) for start in measured.start.values]
    widest = int(measured.width.values[-1])
    last = speed.sel(width=widest)
    attended = measured.sel(scale=[HALF, INVERSE], training=list(WHOLE))
    own = speed.sel(training=ALL, start="lecun", scale=HALF)
    common = speed.sel(training=FIXED, start="lecun", scale=HALF)
    lecun = measured.sel(start="lecun", scale=HALF)
    promised = (lecun.alpha**2 / lecun.largest / 2).sel(width=widest)
    reading = SETTINGS[measured.resolution].reading
    lost = 1 - 10 ** (-speed.sel(training=ALL, start="lecun", scale=HALF) / reading)
    return {
        "options": SETTINGS[measured.resolution],
        "widths": [int(width) for width in measured.width.values],
        "widest": widest,
        "starts": starts,
        "seeds": measured.sizes["seed"],
        "half": HALF,
        "inverse": INVERSE,
        "bound": {
            "held": int((attended.held == 1).sum()),
            "runs": int(attended.held.notnull().sum()),
            "empty": int(attended.held.isnull().sum()),
        },
        "promised": promised,
        "lost": lost.sel(width=widest),
        "diverged": int(attended.course.isnull().any("step").sum()),
        "scales": {
            (training, start): _less(last.sel(training=training, start=start), "scale")
            for training in WHOLE
            for start in starts
        },
        "starts_beside": {
            (training, start): part.sel(start=start) - part.sel(start="ntk")
            for training in WHOLE
            for part in [last.sel(training=training, scale=HALF)]
            for start in starts[:-1]
            if "ntk" in starts
        },
        "ahead": _ahead,
        "most": MOST,
        "is_bounded": bool((speed >= MOST).any()),
        "own": own,
        "common": common,
        "widenings": {"own": _widening(own), "common": _widening(common)},
        "stiffness": lecun.largest.mean("seed"),
        "one_step": (lecun.largest * measured.step_size.sel(start="lecun")).mean(
            "seed"
        ),
        "distant": measured.distance.sel(training=ALL, time="end").mean("seed"),
        "controls": _controls(last, starts),
    }


def _less(values: xr.DataArray, axis: str) -> xr.DataArray:
    """What d_m^(−1/2) has more than 1/d_m."""
    return values.sel({axis: HALF}) - values.sel({axis: INVERSE})


def _widening(speed: xr.DataArray) -> dict[str, int]:
    """How many steps of width make training faster or slower, by 95 % intervals."""
    gained = speed.diff("width").transpose("width", "seed")
    ends = [mean_interval(step)[1:] for step in gained.values]
    faster, slower = sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends)
    return {"faster": faster, "slower": slower, "all": len(ends)}


def _controls(last: xr.DataArray, starts: list[str]) -> dict[Any, xr.DataArray]:
    """What training all has more than each control, on the same draws."""
    cases = {}
    for start in starts:
        part = last.sel(start=start)
        whole = part.sel(training=ALL)
        for scale in (HALF, INVERSE):
            for control in (FROZEN, READOUT):
                other = part.sel(training=control, scale=scale)
                cases[start, f"{scale}; {control}"] = whole.sel(scale=scale) - other
            other = whole.sel(scale=UNIFORM)
            cases[start, f"{scale}; {UNIFORM}"] = whole.sel(scale=scale) - other
    return {name: values for name, values in cases.items() if values.notnull().all()}


def _ahead(cases: dict[Any, xr.DataArray], what: str) -> str:
    """A sentence on how many paired differences lie above and below 0."""
    ends = [mean_interval(np.asarray(values))[1:] for values in cases.values()]
    above, below = sum(low > 0 for low, _ in ends), sum(high < 0 for _, high in ends)
    return (
        f"By 95 % intervals the former {what} in {above} of {len(cases)} cases, and "
        f"slower in {below}."
    )
