"""What a person sees of the commands, in terminals of several widths."""

import os
import re
import sys

import pytest

from helpers import terminal
from helpers.memory_training import random_model
from isinglass._common.program_cache import DECIDED, SWITCH
from isinglass.data import ByteTokens, save_tokens
from isinglass.systems.memory import TransformerConfig, save_gpt2

# One is enough here: tests/common/test_bars.py draws every line in all three.
WIDTHS = (60, *(pytest.param(width, marks=pytest.mark.slow) for width in (80, 120)))
LEFT = re.compile(r" \d+:\d\d left$")


@pytest.fixture(scope="module")
def radius(tmp_path_factory):
    """Arguments of `isinglass radius` for a tiny model and text."""
    folder = tmp_path_factory.mktemp("gpt2")
    config = TransformerConfig(vocabulary=256, context=16, width=8, heads=2, layers=2)
    save_gpt2(random_model(config), folder / "model")
    save_tokens(ByteTokens(), folder / "model")
    text = folder / "text"
    text.write_bytes(bytes(range(32, 127)) * 300)
    return ["radius", "--model", folder / "model", "--text", text, "--samples", 1500]


def check_readable(screens, columns):
    """Each line of progress is whole but for its description."""
    lines = {line for screen in screens for line in screen if line[0] in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"}
    assert lines
    assert max(map(len, lines)) <= columns
    assert not any("?" in line for line in lines)
    for line in lines:
        assert len(re.split(r"  +|… ", line)[0]) > 4  # the description
        if re.search(r" \d+/\d+ ", line):
            assert re.search(r"(left|estimating|compiling|overdue)$", line), line
            assert re.search(r"/\d+ +\d+:\d\d ", line), line
    return lines


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_sweep(columns, tmp_path, monkeypatch):
    for name in (*DECIDED, SWITCH):  # as for somebody who has set nothing
        monkeypatch.delenv(name, raising=False)
    command = ["sweep", "henon", "--vary", "a=1:1.4:300", "--exponents", "all"]
    command += ["--transient", 50_000, "--lanes", 20, "--out", tmp_path / "out"]
    # Pictures are drawn whatever backend a notebook has set, and what is compiled is
    # kept.
    user = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    with terminal.isinglass(*command, columns=columns, env=user) as shown:
        assert shown.wait(120) == 0
    assert (tmp_path / "out" / "diagram.png").is_file()
    if sys.platform == "linux":  # elsewhere the cache is not in XDG's folder
        assert list(tmp_path.glob("isinglass/programs/*/*-cache"))
    lines = check_readable(shown.screens, columns)
    assert any("henon over a" in line and "starting" in line for line in lines)
    assert any("henon over a" in line and LEFT.search(line) for line in lines)


THROWS = """
import time
import xarray as xr


def measure(context):
    throws = context.table(seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="throws"):
        time.sleep(0.1)
        throws.loc[seed] = context.rng("dice", seed).integers(1, 7)
    return xr.Dataset({"throws": throws})


def compare(measured, ledger):
    ledger.mean("mean of a die", measured.throws, 3.5)


def draw(measured):
    yield from ()
"""


@pytest.fixture
def dice(tmp_path):
    """An environment with two experiments of another package, which take no time."""
    declared = """Experiment(
        "{}-throws-of-a-die", title="Throws", source="Table 9", question="Fair?",
        seeds={{"default": 20, "quick": 20}}, seconds={{"default": 2, "quick": 2}},
    )"""
    names = ("many", "more")
    experiments = ", ".join(map(declared.format, names))
    package, about = tmp_path / "dice", tmp_path / "dice-1.0.dist-info"
    package.mkdir()
    about.mkdir()
    files = {
        package / "__init__.py": "from isinglass.reproduce import Experiment, Paper\n"
        f"PAPER = Paper('Nobody 2000', 'A paper')\nEXPERIMENTS = ({experiments})\n",
        about / "METADATA": "Metadata-Version: 2.1\nName: dice\n",
        about / "entry_points.txt": "[isinglass.experiments]\ndice = dice\n",
    }
    for name in names:
        files[package / f"{name}_throws_of_a_die.py"] = THROWS
        files[package / f"{name}_throws_of_a_die.md"] = "Thrown."
    for file, text in files.items():
        file.write_text(text)
    return {"PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ["PYTHONPATH"]))}


@pytest.mark.parametrize("columns", WIDTHS)
def test_an_experiment(columns, dice, tmp_path):
    command = ["reproduce", "dice-many-throws-of-a-die", "dice-more-throws-of-a-die"]
    command += ["--quick", "--out", tmp_path / "out"]
    with terminal.isinglass(*command, columns=columns, env=dice) as shown:
        assert shown.wait(120) == 0
    lines = check_readable(shown.screens, columns)
    assert any("dice-many-thr" in line and LEFT.search(line) for line in lines)
    assert any("experiments" in line and " 1/2 " in line for line in lines)
    assert "[1/2] dice-many-throws-of-a-die: done" in "\n".join(shown.screen)


@pytest.mark.slow  # its bars are drawn in tests/common, its report in tests/cli
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_radius(columns, radius, tmp_path):
    command = [*radius, "--out", tmp_path / "out"]
    with terminal.isinglass(*command, columns=columns) as shown:
        assert shown.wait(120) == 0
    lines = check_readable(shown.screens, columns)
    assert any("reading the model" in line for line in lines)
    assert any("activations" in line and "/1500 " in line for line in lines)
    assert any("memory radius" in line and LEFT.search(line) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_training(columns, tmp_path):
    command = ["reproduce", "looped-mechanism", "--quick", "--out", tmp_path / "out"]
    with terminal.isinglass(*command, columns=columns) as shown:
        assert shown.wait(300) == 0
    lines = check_readable(shown.screens, columns)
    assert any("looped-mechan" in line and LEFT.search(line) for line in lines)
    assert any("models" in line and LEFT.search(line) for line in lines)
