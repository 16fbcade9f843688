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
from helpers import bad_arguments, bad_maps, bad_words

CALLS = bad_maps.CALLS | bad_arguments.CALLS | bad_words.CALLS
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
