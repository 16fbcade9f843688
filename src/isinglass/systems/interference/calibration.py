"""From energies to probabilities: a temperature that follows from what was learned."""

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

# Chosen on pictures to learn from (docs/interference.md, §9), for all data alike.
_SHARE, _EXTRA = 0.025, 3.0
# What a loser stays behind the winner: no rounding makes them equal.
_BEHIND = 1e-15


def temperature(
    in_time: Float[np.ndarray, "S C"], class_count: Float[np.ndarray, "C"]
) -> float:
    """Return the temperature of energies per signal, a function of the learned state.

    0.025 √(1 + 3⟨1/K⟩) σ. Here σ² = Σ_s Var_y R(s, y) is how much the shares R of
    signals sent in time differ between classes, summed over sources: the scale of
    differences of energy. And ⟨1/K⟩ is the mean over classes that have learned
    anything: what K samples say of a class is uncertain by that much more. The two
    numbers are the same for all data.

    Args:
        in_time: Share R of its signals that each source sends to each target in time.
        class_count: Weight of the samples learned per class, K.
    """
    spread = float(np.sqrt(in_time.var(axis=1).sum()))
    learned = class_count[class_count > 0]
    uncertainty = float((1 / learned).mean()) if learned.size else 1.0
    return _SHARE * spread * float(np.sqrt(1 + _EXTRA * uncertainty))


def log_probabilities(
    energies: Float[np.ndarray, "n C"], temperature: float
) -> Float[np.ndarray, "n C"]:
    """Return log softmax(J / τ), in which the class of largest energy is the largest.

    Of equal energies the first wins, as by `predict`.

    Args:
        energies: Energies J of every class.
        temperature: τ in the same unit; 0 leaves the winner alone.
    """
    winner = energies.argmax(axis=1)[:, None]
    behind = energies - np.take_along_axis(energies, winner, axis=1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        logits = np.minimum(behind / temperature, -_BEHIND)
    logits = np.where(np.isnan(logits), -np.inf, logits)
    np.put_along_axis(logits, winner, 0.0, axis=1)
    return logits - logsumexp(logits, axis=1, keepdims=True)
