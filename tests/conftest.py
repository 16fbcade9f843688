"""Every test runs with the package's annotations, array shapes included, checked at run time."""

import os
from pathlib import Path

import jax
import pytest
from jaxtyping import install_import_hook

# Programs that tests start find `helpers`, too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
)

install_import_hook("isinglass", "typechecking.check")


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs():
    """Each program that XLA compiles holds maps of memory, of which Linux allows 65,530."""
    yield
    jax.clear_caches()
