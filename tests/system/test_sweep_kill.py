"""Sweeps that are killed with no chance to tidy up, and then go on."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import sweep_cases
from helpers.sweep_cases import files

HERE = Path(sweep_cases.__file__).parent


def start(kind: str, values: int, directory: Path) -> subprocess.Popen[bytes]:
    script = HERE / "sweep_cases.py"
    command = [sys.executable, str(script), kind, str(directory), str(values)]
    return subprocess.Popen(command)


def done(directory: Path) -> int:
    return len(list((directory / "done").glob("*.json")))


def killed_midway(kind: str, values: int, directory: Path, delay: float) -> bool:
    """Go on with a sweep, killed ``delay`` after it began; whether it was cut short."""
    before = done(directory)
    process = start(kind, values, directory)
    while process.poll() is None and done(directory) == before:
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    return process.wait() != 0


@pytest.mark.parametrize(
    ("kind", "values", "kills"),
    [
        ("bifurcation", 100, 1),
        pytest.param("bifurcation", 600, 20, marks=pytest.mark.slow),
        pytest.param("continuation", 300, 20, marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments_it_comes_out_the_same(kind, values, kills, tmp_path):
    killed, interrupted = tmp_path / "killed", tmp_path / "whole"
    draw = random.Random(kills)
    # So short that the sweep is never through by then, however fast the machine.
    midway = [
        killed_midway(kind, values, killed, draw.uniform(0, 0.06)) for _ in range(kills)
    ]
    assert all(midway)
    assert done(killed) > 0
    sweep_cases.run(kind, killed, values)
    sweep_cases.run(kind, interrupted, values)
    assert files(killed / "results.zarr") == files(interrupted / "results.zarr")
    assert files(killed).keys() == files(interrupted).keys()


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_before_an_operation_on_the_disk(stride, tmp_path):
    done = subprocess.run(
        [sys.executable, str(HERE / "sweep_crashes.py"), str(tmp_path), str(stride)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) * stride > 40
