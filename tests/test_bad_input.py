"""Every bad input is refused by this package, by name, without the hooks of the tests.

Those would refuse many of them first; so the calls are made in a process of their own.
"""

import json
import subprocess
import sys

import pytest

from helpers.bad_calls import CALLS


@pytest.fixture(scope="module")
def raised():
    process = subprocess.run(
        [sys.executable, "-m", "helpers.bad_calls"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_input_is_refused_by_its_name(raised, name):
    kind, message, ours = raised[name]
    assert kind in ("ValueError", "TypeError"), message
    assert ours, f"{kind} of a library: {message}"
    for words in CALLS[name].words.split("|"):
        assert words in message
