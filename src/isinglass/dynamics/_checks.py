"""The check of a map, its state and its parameters that every function makes."""

import jax
import numpy as np

from isinglass._common.checks import check_finite
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics.maps import Parameters, State, Step


def check_map(step: Step, state: State, parameters: Parameters, precision: str) -> None:
    """Refuse what no map can be run with.

    That is a state or parameters that are not finite, a state without real numbers or
    with complex ones, and a map that cannot be hashed or whose states change their
    form.

    Raises:
        ValueError: It names the argument.
    """
    for name, tree in (("state", state), ("parameters", parameters)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            check_finite(**{name + jax.tree_util.keystr(path): leaf})
    kinds = [np.asarray(leaf).dtype.kind for leaf in jax.tree.leaves(state)]
    if "c" in kinds:
        raise ValueError(
            "state must be real: give real and imaginary parts as two arrays"
        )
    if "f" not in kinds:
        raise ValueError(
            "state must hold at least one array of floating-point numbers, got none"
        )
    try:
        hash(step)
    except TypeError as error:
        raise ValueError(
            "step must be hashable, for its compiled program is kept by it; wrap it "
            f"in a function (state, parameters) -> state: {error}"
        ) from None
    with in_precision(precision):
        before, values = at_precision((state, parameters), precision)
        after = jax.eval_shape(step, before, values)
    shapes = [
        jax.tree.map(lambda x: (x.shape, str(x.dtype)), tree)
        for tree in (before, after)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"step must return a state like the one it is given: {shapes[0]} became "
            f"{shapes[1]}"
        )
