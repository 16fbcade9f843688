"""Two slits whose rotating signals are in phase or out of phase (Tang 2020, §4.2)."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.plain_checks import (
    check_choice,
    check_kind,
    check_positive,
    check_whole,
)

Noise = Literal["wave", "step", "program"]
NOISES: tuple[Noise, ...] = get_args(Noise)


class Waves(NamedTuple):
    """Labelled waves.

    Attributes:
        X: Signals, shape (n, 2 sources, time, 2 components), unit vectors.
        y: 0 where the sources are in phase, 1 where they are out of phase, shape (n,).
    """

    X: Float[np.ndarray, "n 2 time 2"]
    y: Int[np.ndarray, "n"]


def make_waves(
    n_per_class: int,
    rng: np.random.Generator,
    *,
    noise: Noise = "wave",
    period: float = 8.0,
    n_steps: int = 40,
) -> Waves:
    """Draw waves x_i(t) = (sin, cos)(ωt + θ_i + ε_i) from two sources, ω = 2π/period.

    θ = (0, 0) in phase and (0, π) out of phase.

    Args:
        n_per_class: Waves of each class, at least 1.
        rng: Where the noise is drawn from.
        noise: "wave": ε uniform in ±π/12, once per source and wave. "step": the same,
            anew at every time step. "program": as the published program draws it, anew
            at every step, and with misplaced parentheses that give the second source ±1
            rad plus π/12. The paper's text says "a small random noise" and no more.
        period: Time steps of one turn.
        n_steps: Time steps L during which the sources emit.

    Raises:
        ValueError: If a number is too small or ``noise`` is unknown.
    """
    check_whole(n_per_class=n_per_class, n_steps=n_steps)
    check_positive(period=period)
    check_choice(NOISES, noise=noise)
    check_kind(np.random.Generator, rng=rng)
    y = np.repeat([0, 1], n_per_class)
    epsilon = rng.uniform(-1, 1, (len(y), 2, 1 if noise == "wave" else n_steps))
    epsilon[:, 0] *= np.pi / 12
    if noise == "program":
        epsilon[:, 1] += np.pi / 12
    else:
        epsilon[:, 1] *= np.pi / 12
    theta = np.zeros((len(y), 2, 1))
    theta[y == 1, 1] = np.pi
    phase = 2 * np.pi / period * np.arange(n_steps) + theta + epsilon
    return Waves(np.stack([np.sin(phase), np.cos(phase)], axis=-1), y)
