"""Every bad input is refused by this package, by name, without the hooks of the tests.

Those would refuse many of them first; so the calls are made in a process of their own,
which is also the only one that makes what they are made with.
"""

import json
import subprocess
import sys

import pytest

PARTS = ("arguments", "layers", "maps", "methods", "pictures", "tensors", "words")


@pytest.fixture(scope="module")
def raised():
    process = subprocess.run(
        [sys.executable, "-m", "helpers.bad_calls"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_no_part_is_left_out(raised):
    assert {part for part, *_ in raised} == set(PARTS)
    names = [name for _, name, *_ in raised]
    assert len(set(names)) == len(names) > 500


@pytest.mark.parametrize("part", PARTS)
def test_a_bad_input_is_refused_by_its_name(raised, part):
    faults = []
    for of, name, words, kind, message, is_refusal in raised:
        if of == part and not (is_refusal and all(w in message for w in words)):
            faults.append(f"{name}: {kind} instead of {words}: {message}")
    assert not faults, "\n".join(faults)
