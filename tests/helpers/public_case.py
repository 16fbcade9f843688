"""What public calls are made of: a function with its arguments, and small arrays."""

import inspect
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np


class Case(NamedTuple):
    """A function, and all its arguments by name."""

    name: str
    function: Any
    arguments: dict[str, Any]


def case(function: Any, *arguments: Any, **options: Any) -> Case:
    """A valid call; arguments that are not said have their defaults."""
    bound = inspect.signature(function).bind(*arguments, **options)
    bound.apply_defaults()
    name = f"{function.__module__}.{function.__qualname__}"
    rest = {"options", "numbers"}  # that are handed on, such as to Matplotlib
    return Case(
        name, function, {k: v for k, v in bound.arguments.items() if k not in rest}
    )


def estimator(learn: Any, kind: Any, *samples: Any, **parameters: Any) -> Case:
    """Of an estimator, which checks nothing before it is fitted."""
    given_to_fit = case(learn, *samples).arguments
    given_to_fit.pop("parameters", None)
    return Case(
        f"{kind.__module__}.{kind.__qualname__}",
        learn,
        given_to_fit | kind(**parameters).get_params(deep=False),
    )


FOLDER = Path(tempfile.mkdtemp(prefix="isinglass-fuzz-"))
KEY, RNG = jax.random.PRNGKey(0), np.random.default_rng(0)
PICTURES, LABELS = RNG.random((6, 64)), np.arange(6) % 3
