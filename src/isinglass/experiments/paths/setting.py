"""What the experiments share: the published system, and lags out of order."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from isinglass.systems.paths import Coefficients, Drude, Ohmic, OpenSystem

SPINS = (1.0, -1.0)
FLIP = np.array([[0.0, -1.0], [-1.0, 0.0]])
STRENGTH, CUTOFF, BETA, STEP = 0.1, 7.5, 5.0, 0.1  # ξ, ω_c, β, δ of the program's test
_HERE = Path(__file__).parent


class Reference(NamedTuple):
    """Density matrices of another program, and what it was run with.

    Attributes:
        system: The system and its bath.
        times: At which they are.
        states: Complex (times, 2, 2).
    """

    system: OpenSystem
    times: np.ndarray
    states: np.ndarray


def published() -> Reference:
    """What the test of QuantumDynamics.jl (b732852) prints, MIT licence, 7 lags."""
    with np.load(_HERE / "quapi.npz") as x:
        bath = Ohmic(float(x["xi"]), float(x["cutoff"]), float(x["beta"]))
        times = float(x["dt"]) * np.arange(len(x["rho"]))
        return Reference(OpenSystem(x["H"], x["s"], bath), times, x["rho"])


def hierarchical() -> Reference:
    """Hierarchical equations of motion by QuTiP 5.3.1, 7 Padé terms, depth 8."""
    with np.load(_HERE / "heom.npz") as x:
        bath = Drude(*(float(x[k]) for k in ("reorganization", "rate", "beta")))
        return Reference(OpenSystem(x["H"], x["s"], bath), x["t"], x["rho"])


def spin_boson(beta: float, strength: float = STRENGTH) -> OpenSystem:
    """The published spin, at other temperatures and strengths."""
    return OpenSystem(FLIP, SPINS, Ohmic(strength, CUTOFF, beta))


def shuffled(weights: Coefficients, rng: np.random.Generator) -> Coefficients:
    """The same weights at other lags: the first k in a random order."""
    order = rng.permutation(len(weights.inner))
    return weights._replace(
        inner=weights.inner[order],
        end_inner=weights.end_inner[order],
        ends=weights.ends[order],
    )
