"""Random states and patterns for the tests of energies."""

import jax
import pytest


@pytest.fixture
def double():
    """Float64, for what is exact but for rounding."""
    with jax.enable_x64(True):
        yield
