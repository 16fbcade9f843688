"""Small measurements on the bundled digits, made once and shared by all tests."""

import functools
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
import xarray as xr

from helpers.experiments import measure

SEEDS = 2


@pytest.fixture(scope="session", autouse=True)
def _no_folder() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ISINGLASS_MNIST", raising=False)
        yield


@pytest.fixture(scope="session")
def measured() -> Callable[[ModuleType], xr.Dataset]:
    """What an experiment measures with a few seeds."""
    return functools.cache(functools.partial(measure, seeds=SEEDS))
