"""No call of the public API ends in an error that is not ours, whatever it is given."""

import json
import os
import subprocess
import sys
from importlib import import_module

import pytest

SYSTEMS = ("descent", "diffusion", "interference", "looped", "meanfield", "memory")
SYSTEMS += ("convergence", "heat", "lookup", "paths", "polling", "quantum", "relative")
PARTS = ["attention", "data", "dynamics", "energy", "training"]
PARTS += [f"systems.{name}" for name in SYSTEMS]


def report_of(*arguments):
    """What a module of helpers prints last, as JSON."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.fuzz
def test_every_error_is_ours():
    """For FUZZ_MINUTES, 5 by default, from FUZZ_SEED or a random one."""
    seed = [os.environ["FUZZ_SEED"]] if "FUZZ_SEED" in os.environ else []
    minutes = os.environ.get("FUZZ_MINUTES", "5")
    report = report_of("helpers.fuzzing", minutes, *seed)
    print(f"{report['calls']:,} calls from seed {report['seed']}")
    assert report["gibibytes"] < 2
    shown = (" | ".join(fault.values()) for fault in report["faults"])
    assert not report["faults"], "\n".join([f"seed {report['seed']}", *shown])


@pytest.mark.fuzz
def test_an_argument_that_is_wrong_in_one_thing_is_refused_or_taken():
    report = report_of("helpers.wrong_kinds")
    assert report["calls"] > 0
    assert report["faults"] == []


@pytest.mark.fuzz
def test_a_valid_call_is_one_under_strict_promotion():
    report = report_of("helpers.strict_calls")
    assert report["calls"] > 0
    assert report["failures"] == []


@pytest.mark.fuzz
@pytest.mark.parametrize("part", PARTS)
def test_every_public_function_has_a_call(part):
    module = import_module(f"isinglass.{part}")
    # Not above: what the calls are made with takes seconds, in every run of tests.
    cases = import_module("helpers.method_calls").CASES
    called = {case.name.rsplit(".", 1)[-1] for case in cases}
    called |= {case.name.split(".")[-2] for case in cases}
    functions = {
        name
        for name in module.__all__
        if callable(value := getattr(module, name)) and not isinstance(value, type)
    }
    assert functions <= called
