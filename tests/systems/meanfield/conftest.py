"""What the published program computed, and the map written as plainly as it can be."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from isinglass.systems.meanfield import Features, MeanField

BETAS = ("1.255", "1.266", "1.4", "1.5")


class Oracle(NamedTuple):
    mean_field: MeanField
    parameters: dict[str, float]
    data: dict[str, np.ndarray]

    @property
    def rows_of_start(self) -> np.ndarray:
        """Attentions at positions 0 … L − 2, which the start has computed."""
        start = self.mean_field.start_from_pattern(self.parameters)
        return np.asarray(start.window)[-2::-1]


@cache  # one oracle, one compiled program
def load(beta: str) -> Oracle:
    with np.load(
        Path(__file__).parent / "data" / f"beta_{beta}.npz", allow_pickle=False
    ) as file:
        data = dict(file)
    features = Features.from_weights(data["W"], int(data["pe_bits"]))
    parameters = {name: float(data[name]) for name in ("beta", "gamma", "epsilon")}
    return Oracle(MeanField(features), parameters, data)


@pytest.fixture(params=BETAS)
def oracle(request: pytest.FixtureRequest) -> Oracle:
    return load(request.param)


@pytest.fixture(scope="session")
def oracle_at() -> Callable[[str], Oracle]:
    return load


@pytest.fixture(scope="session")
def plain_head() -> Callable[..., np.ndarray]:
    """The map as a sum over all spins, with no grouping; NumPy."""

    def head(weights, bits, window, parameters, position):
        w = weights.astype(float)
        n = w.shape[2] - bits
        beta, gamma, epsilon = (
            parameters[name] for name in ("beta", "gamma", "epsilon")
        )
        overlaps = []
        for age, attention in enumerate(window):
            means = np.tanh(beta * w[0, :, :n].T @ attention)
            m = (1 - epsilon) * w[:, :, :n] @ means / n
            if bits:
                digits = format((position - age) % 2**bits, f"0{bits}b")
                e = np.array([1.0 if digit == "1" else -1.0 for digit in digits])
                m = m + epsilon * w[:, :, n:] @ e / bits
            overlaps.append(m)
        scores = np.array([gamma * overlaps[0][2] @ m[3] for m in overlaps])
        shares = np.exp(scores - scores.max())
        return shares / shares.sum() @ np.array([m[1] for m in overlaps])

    return head
