"""The check of a map, its state and its parameters that every function makes."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from isinglass._common.checks import check_finite
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics.maps import Parameters, State, Step


def check_map(
    step: Step,
    state: State,
    parameters: Parameters,
    precision: str,
    name: str = "state",
) -> None:
    """Refuse what no map can be run with; the state is called by `name`.

    That is a state or parameters that are not finite, a state without real numbers or
    with complex ones, and a map that cannot be called or hashed, that fails on them,
    that asks for a parameter which is not there, or whose states change their form.

    Raises:
        ValueError: It names the argument.
    """
    for argument, tree in ((name, state), ("parameters", parameters)):
        check_keys(**{argument: tree})
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            check_finite(**{argument + jax.tree_util.keystr(path): leaf})
    kinds = [np.asarray(leaf).dtype.kind for leaf in jax.tree.leaves(state)]
    if "c" in kinds:
        raise ValueError(
            f"{name} must be real: give real and imaginary parts as two arrays"
        )
    if "f" not in kinds:
        raise ValueError(
            f"{name} must hold at least one array of floating-point numbers, got none"
        )
    if not all(np.size(leaf) for leaf in jax.tree.leaves(state)):
        raise ValueError(f"{name} must hold no array without numbers, got one")
    check_callable(step)
    check_hashable(step=step)
    with in_precision(precision):
        before, values = at_precision((state, parameters), precision)
        after = shapes_after(step, before, values)
    shapes = [
        jax.tree.map(lambda x: (x.shape, str(x.dtype)), tree)
        for tree in (before, after)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"step must return a state like the one it is given: {shapes[0]} became "
            f"{shapes[1]}"
        )


def check_keys(**trees: Any) -> None:
    """Refuse mappings whose keys JAX cannot put in an order.

    Raises:
        ValueError: It names the argument.
    """
    for name, tree in trees.items():
        try:
            jax.tree.leaves(tree)
        except ValueError as error:
            raise ValueError(
                f"{name} must have names of one type in each mapping: {error}"
            ) from None


def check_hashable(**functions: Any) -> None:
    """Refuse what no compiled program can be kept by.

    Raises:
        ValueError: It names the argument.
    """
    for name, function in functions.items():
        try:
            hash(function)
        except TypeError as error:
            raise ValueError(
                f"{name} must be hashable, for its compiled program is kept by it; "
                f"wrap it in a function: {error}"
            ) from None


def check_output(name: str, function: Any, state: State) -> None:
    """Refuse a function of a state that fails on it, or gives what is no array.

    Raises:
        ValueError: It names the function.
    """
    try:
        jax.eval_shape(function, state)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(
            f"{name} fails on the state: {type(error).__name__}: {error}"
        ) from error


def check_callable(step: Any) -> None:
    """Refuse a map that is no function.

    Raises:
        TypeError: It names the argument.
    """
    if not callable(step):
        raise TypeError(
            f"step must be a function (state, parameters) -> state, got {step!r}"
        )


def shapes_after(step: Step, state: State, parameters: Parameters) -> State:
    """Shapes of the state one step later; nothing is computed.

    Raises:
        ValueError: If the map fails, with what it was given and what it said.
    """
    try:
        return jax.eval_shape(step, state, parameters)
    except KeyError as error:
        name = error.args[0] if error.args else None
        if not isinstance(parameters, Mapping) or name in parameters:
            raise
        raise ValueError(
            f"parameters must hold {name!r}, which the map reads; got "
            f"{list(parameters)}"
        ) from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        shapes = jax.tree.map(lambda x: x.shape, state)
        raise ValueError(
            f"step fails on a state of shape {shapes}: {type(error).__name__}: {error}"
        ) from error
