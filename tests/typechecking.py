"""The type checker that the tests put on every function of the package.

It is that of `jaxtyping.install_import_hook`, for a quarter of the time: what has no
shapes in its annotations is checked without keeping account of them, and what has is
looked at once in a call, not twice.
"""

import dataclasses
import functools
import inspect
import operator
import types
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

# PEP 484 lets an int stand for a float, as Pyright does; beartype alone would refuse
# it. What is of another type is a `TypeError`, as it would often be without a check.
_typed = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
_with_shapes = functools.partial(jaxtyping.jaxtyped, typechecker=None)


def install() -> None:
    """Have all that is imported of the package from now on checked."""
    jaxtyping.install_import_hook("isinglass", "typechecking.check")
    jaxtyping.jaxtyped = _decorator  # which the hook puts on every definition


def _decorator(*, typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorated(definition: Any) -> Any:
        if not inspect.isclass(definition):
            return typechecker(definition)
        if dataclasses.is_dataclass(definition) and "__init__" in vars(definition):
            definition.__init__ = typechecker(definition.__init__)
        return definition

    return decorated


def check(function: Any) -> Any:
    """Check the types of what a function is given and of what it returns.

    Of a `Literal` only that it is a string: what else there is to choose from is for
    editors to say beforehand, and for the function to refuse, which tests look at.
    """
    written = function.__annotations__
    hints = {
        name: _any_of_its_type(_resolved(annotation, function))
        for name, annotation in written.items()
    }
    if all(hint is Any for hint in hints.values()):
        return function
    function.__annotations__ = hints
    typed = _typed(function)
    # Options of commands, too, are read from annotations, by Typer.
    function.__annotations__ = typed.__annotations__ = written
    return _with_shapes(typed) if any(map(_has_shape, hints.values())) else typed


def _resolved(annotation: Any, function: Any) -> Any:
    """What an annotation stands for; anything, where its names are not to be had."""
    if annotation is Any or inspect.isclass(annotation):
        return annotation

    def of(value: Any) -> None:
        del value

    of.__annotations__ = {"value": annotation}
    try:
        return typing.get_type_hints(of, function.__globals__)["value"]
    except (NameError, TypeError):
        return Any


def _has_shape(annotation: Any) -> bool:
    """Whether it is an annotation of arrays, as Float[Array, "n"] is, or holds one."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(_has_shape, typing.get_args(annotation)))


def _any_of_its_type(annotation: Any) -> Any:
    """An annotation with the type of a `Literal` in its place, in a union too."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return functools.reduce(operator.or_, {type(part) for part in parts})
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, map(_any_of_its_type, parts))
    return annotation
