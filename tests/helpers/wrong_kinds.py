"""Every argument of every public call, by itself, of a kind that it cannot be, or near.

``python -m helpers.wrong_kinds`` prints as JSON which errors were not ours; FUZZ_CALLS
is a regular expression for the functions to call, all by default.
"""

import json

from helpers.fuzzing import CALLED, Fault, TooLong, fault_of, near, prepare
from helpers.public_case import Case

KINDS = (None, 3.5, "x", [], object())


def fault(case: Case, name: str, value: object) -> Fault | None:
    try:
        return fault_of(case, {name: value})
    except TooLong:
        return None  # it was taken, and something was computed


if __name__ == "__main__":
    prepare()
    calls = [
        (case, name, value)
        for case in CALLED
        for name, valid in case.arguments.items()
        if valid is not None
        for value in (*KINDS, *near(valid))
    ]
    faults = [" | ".join(wrong) for call in calls if (wrong := fault(*call))]
    print(json.dumps({"calls": len(calls), "faults": faults}))
