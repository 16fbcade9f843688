"""Calls of public functions with a bad input each, run as users do: unchecked by hooks.

``python -m helpers.bad_calls`` prints what each raised, as JSON: the part of the calls
that it is of, its name, the words that its message must hold, the name of the error's
class, its message, and whether it is a refusal: a ValueError or TypeError that a line
of this package raises.
"""

import json
import traceback
import warnings
from pathlib import Path
from typing import Any

import isinglass
from helpers import (
    bad_arguments,
    bad_layers,
    bad_maps,
    bad_methods,
    bad_pictures,
    bad_tensors,
    bad_words,
)

PARTS = (
    *(bad_maps, bad_arguments, bad_words, bad_tensors),
    *(bad_methods, bad_layers, bad_pictures),
)
PACKAGE = Path(isinglass.__file__).parent


def error_of(function: Any, arguments: Any, options: Any) -> tuple[str, str, bool]:
    """Class and message of the error of a call, and whether it is a refusal of ours."""
    try:
        function(*arguments, **options)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        is_ours = Path(last.filename).is_relative_to(PACKAGE)
        is_refusal = is_ours and isinstance(error, ValueError | TypeError)
        return type(error).__name__, str(error), is_refusal
    return "", "nothing was raised", False


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    raised = [
        (part.__name__.split("bad_")[1], name, words.split("|"), *error_of(*made))
        for part in PARTS
        for name, (words, *made) in part.CALLS.items()
    ]
    print(json.dumps(raised))
