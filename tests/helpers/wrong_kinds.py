"""Every argument of every public call, by itself, of a kind that it cannot be, or near.

So is every field of a record that is an argument. ``python -m helpers.wrong_kinds``
prints as JSON which errors were not ours; FUZZ_CALLS is a regular expression for the
functions to call, all by default.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from helpers.fuzzing import (
    CALLED,
    Altered,
    Fault,
    TooLong,
    fault_of,
    fields_of,
    near,
    prepare,
)
from helpers.public_case import Case

PLAIN = (None, 3.5, math.nan, math.inf, 1j, "x", [], object(), lambda *_: "x")
LARGE = (2**31, 10**30, 10**400)
SHAPES = ([[1.0, 2.0], [3.0]], np.ones(3), np.arange(3), np.zeros((2, 0)))
KINDS = (*PLAIN, *LARGE, *SHAPES)


def fault(case: Case, name: str, value: object) -> Fault | None:
    try:
        return fault_of(case, {name: value})
    except TooLong:
        return None  # it was taken, and something was computed


def changed() -> Iterator[tuple[Case, str, Any]]:
    for case in CALLED:
        for name, valid in case.arguments.items():
            for value in near_misses(valid):
                yield case, name, value
            for field, part in fields_of(valid).items():
                for value in near_misses(part):
                    yield case, name, Altered(valid, field, value)


def near_misses(valid: Any) -> tuple[Any, ...]:
    return KINDS[1:] if valid is None else (*KINDS, *near(valid))


if __name__ == "__main__":
    prepare()
    calls = list(changed())
    faults = [" | ".join(wrong) for call in calls if (wrong := fault(*call))]
    print(json.dumps({"calls": len(calls), "faults": faults}))
