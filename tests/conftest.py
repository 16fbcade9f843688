"""Every test runs with annotations, array shapes included, checked at run time."""

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from helpers.chromium import launched

# A busy machine may take any time; `CI` in the environment makes the base of it.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")

# Tests run most programs once, so they compile them for little time rather than for
# speed, and so do the programs that tests start. Whoever sets XLA_FLAGS, if to nothing,
# has them compiled as users do: `XLA_FLAGS= pytest`.
COMPILE_QUICKLY = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
# What stands for every picture where a test is of what is around it.
SKETCHES = {
    "png": b"\x89PNG\r\n\x1a\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
}
LARGE = ("jax", "matplotlib.pyplot", "scipy.stats", "sklearn.svm", "typer", "xarray")
MOST_MAPS = 45_000
# Folders whose files share no compiled programs, and those that share many.
SCATTERED = ("cli", "system", "tests")
ALIKE = {"training": "looped", "memory": "looped"}


def _is_accepted(flags: str) -> bool:
    """Whether this XLA has the flags: a process ends at one that it does not know."""
    start = "import jaxlib.xla_client; jaxlib.xla_client.make_cpu_client()"
    process = subprocess.run(
        [sys.executable, "-c", start],
        env={**os.environ, "XLA_FLAGS": flags},
        stderr=subprocess.DEVNULL,
    )
    return process.returncode == 0


if "XLA_FLAGS" not in os.environ:  # read at JAX's first computation; workers inherit it
    flags = " ".join(COMPILE_QUICKLY)
    os.environ["XLA_FLAGS"] = flags if _is_accepted(flags) else ""

# One folder for what is compiled, for the whole run: both processes of tests and the
# programs that they start take from it what another of them has compiled.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    programs = tempfile.mkdtemp(prefix="isinglass-tests-")
    atexit.register(shutil.rmtree, programs, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = programs
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

# Programs that tests start find `helpers`, too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
)


def pytest_configure(config):
    """Import what is large, where tests run and not where others are set to run them.

    What is imported while the hook imports a file of the package is compiled anew,
    whatever bytecode there is: so the large libraries come first.
    """
    if not getattr(config.option, "numprocesses", None):
        gc.disable()  # until all is imported, nothing of which is garbage
        for library in LARGE:
            import_module(library)
        import_module("typechecking").install()


class _BySystem(LoadFileScheduling):
    """Tests of a system run in one process, which compiles what they share once."""

    def _split_scope(self, nodeid):
        file = Path(nodeid.split("::")[0])
        folder = file.parent.name
        return str(file) if folder in SCATTERED else ALIKE.get(folder, folder)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Group tests by the names of their folders: "looped" is in several of `tests`."""
    return _BySystem(config, log)


def pytest_collection_finish():
    """Look for garbage less often, and never among what has been imported."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs():
    """Drop programs before the maps of memory that they hold reach Linux's 65,530.

    A program holds about four; all tests together compile some thousands. Experiments
    that do jobs side by side would do so sooner, after each job, for they compile more.
    """
    if "isinglass.reproduce.jobs" in sys.modules:
        vars(sys.modules["isinglass.reproduce.jobs"])["MANY_MAPS"] = MOST_MAPS
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        import_module("jax").clear_caches()


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that need it are skipped where there is none."""
    with launched() as browser:
        yield browser


@pytest.fixture
def double_precision():
    """JAX computes in float64, as numbers to compare with to 1e-10 need."""
    with import_module("jax").enable_x64(True):
        yield


@pytest.fixture
def sketches(monkeypatch):
    """Files of pictures hold none: to lay out and draw one takes half a second."""
    monkeypatch.setattr(
        "matplotlib.figure.Figure.savefig",
        lambda _, file, *, format, **__: file.write(SKETCHES[format]),
    )
