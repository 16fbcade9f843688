"""What of a model is trained, and what stays as it is."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax

from isinglass._common.checks import check_function, shown


def trained_parts(
    models: Any, frozen: Callable[[Any], Any] | None, *, name: str = "model"
) -> tuple[Any, Any]:
    """Split a tree into its arrays of numbers that are trained, and all else.

    Args:
        models: A tree, such as an Equinox module.
        frozen: ``frozen(models)`` gives those parts that stay as they are, as
            `eqx.tree_at` takes them; None for none.
        name: What the tree is called, if nothing of it is trained.

    Returns:
        Two trees, with None where the other has something, as `eqx.partition` gives.

    Raises:
        TypeError: If frozen is no function, or gives what is no part of the tree.
        ValueError: If nothing is trained.
    """
    which = jax.tree.map(eqx.is_inexact_array, models)
    if frozen is not None:
        check_function(frozen=frozen)
        parts = frozen(which)  # what it raises itself is its own
        try:
            which = eqx.tree_at(
                frozen, which, replace_fn=partial(jax.tree.map, lambda _: False)
            )
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"frozen must give parts of the {name}, such as lambda m: m.layer, got "
                f"{shown(parts)}"
            ) from error
    trained, rest = eqx.partition(models, which)
    if not jax.tree.leaves(trained):
        raise ValueError(f"{name} must hold arrays that are trained, got none")
    return trained, rest
