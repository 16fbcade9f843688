"""What a user can import: from the top, lazily, and from each part."""

import subprocess
import sys
from collections.abc import Iterable
from importlib import import_module

import pytest

import isinglass

PARTS = [
    "isinglass",
    "isinglass.attention",
    "isinglass.data",
    "isinglass.dynamics",
    "isinglass.dynamics.sweep",
    "isinglass.energy",
    "isinglass.explore.browser",
    "isinglass.plot",
    "isinglass.reproduce",
    "isinglass.systems.convergence",
    "isinglass.systems.descent",
    "isinglass.systems.diffusion",
    "isinglass.systems.heat",
    "isinglass.systems.interference",
    "isinglass.systems.lookup",
    "isinglass.systems.looped",
    "isinglass.systems.meanfield",
    "isinglass.systems.memory",
    "isinglass.systems.paths",
    "isinglass.systems.polling",
    "isinglass.systems.quantum",
    "isinglass.systems.relative",
    "isinglass.training",
]
HEAVY = ("jax", "equinox", "xarray", "matplotlib", "sklearn", "scipy")


def imported_of(modules: Iterable[str], code: str) -> list[str]:
    """Return which of the modules some code imports, in a process of its own."""
    names = list(modules)
    script = f"{code}\nimport sys\nprint(*[m for m in {names} if m in sys.modules])"
    command = [sys.executable, "-c", script]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return output.split()


@pytest.mark.parametrize("part", PARTS)
def test_all_public_names_are_there(part):
    module = import_module(part)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def test_names_of_the_top_are_those_of_the_parts():
    from isinglass import InterferenceClassifier, lyapunov_spectrum
    from isinglass.dynamics import lyapunov_spectrum as same_spectrum
    from isinglass.systems.interference import InterferenceClassifier as same_classifier

    assert InterferenceClassifier is same_classifier
    assert lyapunov_spectrum is same_spectrum


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="Perceptron"):
        getattr(isinglass, "Perceptron")  # noqa: B009


@pytest.mark.parametrize(
    "code",
    [
        "import isinglass; dir(isinglass)",
        "import isinglass.systems.memory, isinglass.systems.looped",
        "from isinglass.reproduce import entries; entries()",
        "import isinglass.cli",
        "from isinglass.explore.browser import page_file; page_file.page()",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code):
    assert imported_of(HEAVY, code) == []


def test_plots_import_nothing_heavy_but_matplotlib():
    code = "from isinglass import plot; [getattr(plot, name) for name in plot.__all__]"
    others = [name for name in HEAVY if name != "matplotlib"]
    assert imported_of([*others, "matplotlib.pyplot"], code) == []


def test_exponents_import_nothing_heavy_but_jax():
    code = "from isinglass.dynamics import lyapunov_spectrum, textbook"
    others = [name for name in HEAVY if name != "jax"]
    assert imported_of(others, code) == []
