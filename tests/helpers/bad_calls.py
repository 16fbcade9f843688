"""Calls of public functions with a bad input each, run as users do: unchecked by hooks.

``python -m helpers.bad_calls`` prints what each raised, as JSON: the name of the
error's class, its message, and whether it is ours, which is one that a line of this
package raises.
"""

import json
import traceback
import warnings
from pathlib import Path

import isinglass
from helpers import (
    bad_arguments,
    bad_layers,
    bad_maps,
    bad_methods,
    bad_tensors,
    bad_words,
)

PARTS = (bad_maps, bad_arguments, bad_words, bad_tensors, bad_methods, bad_layers)
CALLS = {name: call for part in PARTS for name, call in part.CALLS.items()}
assert len(CALLS) == sum(len(part.CALLS) for part in PARTS), "two of one name"
if __name__ == "__main__":
    warnings.simplefilter("ignore")
    package = Path(isinglass.__file__).parent
    raised = {}
    for name, (_, function, arguments, options) in CALLS.items():
        try:
            function(*arguments, **options)
            raised[name] = ("", "nothing was raised", False)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            raised[name] = (
                type(error).__name__,
                str(error),
                Path(last.filename).is_relative_to(package),
            )
    print(json.dumps(raised))
