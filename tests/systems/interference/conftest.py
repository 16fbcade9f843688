"""Small problems that the tests of the interference system share."""

from collections.abc import Callable, Iterator

import jax
import numpy as np
import pytest

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Pictures of 3 × 3 patches, similar, neutral, opposite and blank ones; labels."""

    def draw(seed: int, n: int, *, patches: int = 2, n_classes: int = 3):
        rng = np.random.default_rng(seed)
        level = rng.choice([-2.0, -0.5, 0.0, 0.5, 2.0], size=(n, patches, patches))
        noise = rng.normal(size=(n, 3 * patches, 3 * patches))
        blank = rng.random((n, patches, patches)) < 0.1
        square = np.ones((3, 3))
        X = np.kron(level, square) + np.kron(~blank, square) * noise
        return X, rng.integers(n_classes, size=n)

    return draw


@pytest.fixture
def double() -> Iterator[None]:
    """JAX in float64, as the estimators use it."""
    with jax.enable_x64(True):
        yield
