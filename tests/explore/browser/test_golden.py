"""The explorer's JavaScript computes what the package does: node compares them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.digit_vectors import digit_vectors
from helpers.energy_vectors import energy_vectors
from helpers.heat_vectors import heat_vectors
from helpers.loop_vectors import loop_vectors
from helpers.meanfield_vectors import meanfield_vectors
from helpers.relay_vectors import relay_vectors

HERE = Path(__file__).parent
VECTORS: dict[str, Callable[[], Any]] = {
    "digit": digit_vectors,
    "energy": energy_vectors,
    "heat": heat_vectors,
    "loop": loop_vectors,
    "meanfield": meanfield_vectors,
    "relays": relay_vectors,
    "state": dict,  # what needs nothing of Python's
}


def run_node(name: str, vectors: Any, folder: Path) -> None:
    """Run a file of node's tests on golden vectors.

    Raises:
        AssertionError: With node's own words, if a test fails.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node: the explorer's JavaScript is not tested")
    path = folder / f"{name}.json"
    path.write_text(json.dumps(vectors, allow_nan=False), "utf-8")
    run = subprocess.run(
        [node, "--test", str(HERE / f"{name}.test.js")],
        env={**os.environ, "GOLDEN": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", VECTORS)
def test_javascript_computes_what_the_package_does(name, tmp_path):
    run_node(name, VECTORS[name](), tmp_path)
