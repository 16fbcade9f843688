"""What a person sees of the commands, in terminals of several widths."""

import re

import pytest

from helpers import terminal
from helpers.memory_training import random_model
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
def test_a_sweep(columns, tmp_path):
    command = ["sweep", "henon", "--vary", "a=1:1.4:300", "--exponents", "all"]
    command += ["--transient", 50_000, "--lanes", 20, "--out", tmp_path / "out"]
    # Pictures are drawn whatever backend a notebook has set.
    notebook = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    with terminal.isinglass(*command, columns=columns, env=notebook) as shown:
        assert shown.wait(120) == 0
    assert (tmp_path / "out" / "diagram.png").is_file()
    lines = check_readable(shown.screens, columns)
    assert any("henon over a" in line and "starting" in line for line in lines)
    assert any("henon over a" in line and LEFT.search(line) for line in lines)


@pytest.mark.parametrize("columns", WIDTHS)
def test_an_experiment(columns, tmp_path):
    command = ["reproduce", "interference-arrival", "interference-worldlines"]
    command += ["--quick", "--out", tmp_path / "out"]
    with terminal.isinglass(*command, columns=columns) as shown:
        assert shown.wait(120) == 0
    lines = check_readable(shown.screens, columns)
    assert any("interference-arr" in line and LEFT.search(line) for line in lines)
    assert any("experiments" in line and " 1/2 " in line for line in lines)
    assert "[1/2] interference-arrival: done" in "\n".join(shown.screen)


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
