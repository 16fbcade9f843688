"""The type checker that the tests put on every function of the package."""

import functools
import inspect
import operator
import types
import typing
from typing import Any

from beartype import BeartypeConf, beartype

# PEP 484 lets an int stand for a float, as Pyright does; beartype alone would refuse
# it.
_typed = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Any) -> Any:
    """Check the types of what a function is given and of what it returns.

    Of a `Literal` only that it is a string: what else there is to choose from is for
    editors to say beforehand, and for the function to refuse, which tests look at.
    """
    if inspect.isfunction(function):
        function.__annotations__ = {
            name: _any_of_its_type(_resolved(annotation, function))
            for name, annotation in function.__annotations__.items()
        }
    return _typed(function)


def _resolved(annotation: Any, function: Any) -> Any:
    """What a name stands for that is the whole of an annotation given as text."""
    if not isinstance(annotation, str):
        return annotation
    value = function.__globals__.get(annotation, annotation)
    return value if typing.get_origin(value) is typing.Literal else annotation


def _any_of_its_type(annotation: Any) -> Any:
    """An annotation with the type of a `Literal` in its place, in a union too."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return functools.reduce(operator.or_, {type(part) for part in parts})
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, map(_any_of_its_type, parts))
    return annotation
