"""Every valid call that a fuzz sets out from, where JAX refuses to mix types or ranks.

``python -m helpers.strict_calls`` prints as JSON what was raised; FUZZ_CALLS is a
regular expression for the functions to call, all by default.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
import warnings

import jax

from helpers.fuzzing import CALLED
from helpers.method_calls import write_inputs
from helpers.public_case import Case


def failure(case: Case) -> str | None:
    """What a call raises, if anything."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            value = case.function(**case.arguments)
            if hasattr(value, "__next__"):
                next(value)
    except Exception as error:
        return f"{case.name}: {type(error).__name__}: {str(error)[:200]}"
    return None


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write_inputs()
    os.chdir(tempfile.mkdtemp(prefix="isinglass-strict-"))
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    failures, said = [], time.monotonic()
    for number, case in enumerate(CALLED):
        line = failure(case)
        if line is not None:
            failures.append(line)
            print(line, file=sys.stderr, flush=True)
        if time.monotonic() > said + 60:
            said = time.monotonic()
            about = f"{number} of {len(CALLED)}: {case.name}"
            print(about, file=sys.stderr, flush=True)
    print(json.dumps({"calls": len(CALLED), "failures": failures}))
