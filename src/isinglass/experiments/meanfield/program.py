"""The authors' program: what it found, and how ours is run and compared with it.

It ran the six β for 1,000 + 2,000 steps from one start. Orbits are chaotic, so that a
run of ours as short as that is one draw: an ensemble of starts that differ in the
thirteenth digit says how much single runs scatter.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass._common.intervals import single_draw_half_width
from isinglass.dynamics import DelayState
from isinglass.experiments.meanfield.kinds import commonest
from isinglass.experiments.meanfield.setting import mean_field, start
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Cell, Context, Ledger
from isinglass.reproduce.verdicts import FEWEST

# Lyapunov exponents that the authors' program found, nats per step, descending.
PROGRAM = "authors' program, 1,000 + 2,000 steps"
PROGRAM_TRANSIENT, PROGRAM_STEPS = 1000, 2000
PROGRAM_EXPONENTS = {
    1.255: (
        0.00079476,
        -0.0091719,
        -0.3349561,
        -0.33599061,
        -0.4747835,
        -0.47540287,
        -0.50614727,
        -0.50859867,
        -0.56256597,
        -0.61772019,
        -0.65434947,
        -0.7126403,
    ),
    1.266: (
        0.03337413,
        -0.04859742,
        -0.31884916,
        -0.43418244,
        -0.53140608,
        -0.61798621,
        -0.79669794,
        -0.90148781,
        -0.98926893,
        -1.09316174,
        -1.22815385,
        -1.37700911,
    ),
    1.4: (
        0.07579026,
        -0.1304311,
        -0.17814752,
        -1.34544082,
        -1.78361399,
        -1.96204533,
        -5.09359919,
        -5.52015803,
        -5.78369031,
        -7.30536386,
        -7.82635108,
        -8.19957075,
    ),
}

# Steps in which our tangents turn before anything is measured: 64 blocks of 4, see
# `Measure`. The program's measured stretch began with the identity instead.
SETTLING = 256
# Until the identity has turned, its vectors grow by other factors than settled ones: a
# factor of 100 in all is allowed for in a single exponent. The sum of all depends on no
# first tangents.
TANGENTS = np.log(100.0)
# Members of the matched ensemble differ by so much, relatively: in the thirteenth
# digit.
PERTURBATION = 1e-13


class Lengths(NamedTuple):
    """Steps before and while an attractor is measured, and how many are kept."""

    transient: int
    steps: int
    points: int


def matched_lengths() -> Lengths:
    """The measured stretch begins where the program's did, to one block of steps.

    The published start has all but one step of a window behind it.
    """
    transient = PROGRAM_TRANSIENT - SETTLING - mean_field().length
    return Lengths(transient, PROGRAM_STEPS, 512)


def perturbed(context: Context) -> Callable[[Any], DelayState]:
    """The program's start, and copies of it that differ in the thirteenth digit."""
    factors = 1 + PERTURBATION * np.arange(len(context.seeds))

    def state(parameters: Any) -> DelayState:
        first = start(parameters)
        scale = jnp.asarray(factors, first.window.dtype)
        return DelayState(first.window * scale[:, None, None], first.phase)

    return state


def compare_with_program(
    ledger: Ledger, runs: xr.Dataset, published: tuple[float, ...]
) -> None:
    """The program's exponents beside runs as long as its own from its start."""
    # Where the members are of several kinds a mean over them would be of none.
    common = commonest(runs.kind)
    alike = runs.kind.values == common
    which = "matched short runs"
    if not alike.all():
        which += f" that are {KIND_STYLES[common].label}"
    exponents = runs.exponents.values[alike]
    at = f"β = {runs.beta.item()}"
    for index, digit in enumerate("₁₂₃"):
        quantity = Cell(at, f"λ{digit}", f"{at}, λ{digit}, {which}")
        ours = exponents[:, index]
        compare_exponent(ledger, quantity, ours, published[index], TANGENTS)
    name = f"{at}, sum of all exponents, {which}"
    quantity = Cell(at, "sum of all twelve", name)
    total = float(np.array(published).sum())
    compare_exponent(ledger, quantity, exponents.sum(axis=1), total, 0.0)


def compare_exponent(
    ledger: Ledger,
    quantity: str | Cell,
    ours: Float[np.ndarray, " members"],
    program: float,
    tangents: float,
) -> None:
    """Compare with one run of the program.

    Args:
        ledger: Where to write it.
        quantity: As for `Ledger.mean`.
        ours: Of the members of the matched ensemble.
        program: The program's value.
        tangents: What the first tangents may weigh, in nats.
    """
    unit = "nats/step"
    ledger = ledger.using(unit=unit)
    if len(ours) < FEWEST:
        ledger.one_run(quantity, ours, program)
        return
    scatter = single_draw_half_width(ours)
    tolerance = scatter + tangents / PROGRAM_STEPS
    if tolerance <= abs(program) / 2:
        more = tangents / PROGRAM_STEPS, f"these are {_coverage(tangents)}"
        ledger.one_run(quantity, ours, program, more=more)
        return
    is_wide = scatter > abs(program) / 2
    blurred = "scatter too widely" if is_wide else "depend too much on their tangents"
    because = (
        f"Runs this short {blurred} to tell: only ±{tolerance:.2g} {unit}, more than "
        f"half of the program's value, hold 95 % of {_coverage(tangents)}"
    )
    ledger.other_setting(quantity, ours, program, because=because)


def _coverage(tangents: float) -> str:
    """Which runs scatter, and by how much more the program's may differ."""
    runs = (
        "runs as short as the program's from its start perturbed in the thirteenth "
        "digit"
    )
    if not tangents:
        return runs
    return (
        f"{runs}, and ln 100 / {PROGRAM_STEPS:,} = {tangents / PROGRAM_STEPS:.2g} "
        "more because the program's tangents began as the identity, where ours had "
        f"{SETTLING} steps to turn"
    )
