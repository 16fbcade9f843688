"""The device on which JAX computes."""

import os

import jax


def check_platforms() -> None:
    """Start JAX where the environment's ``JAX_PLATFORMS`` says.

    Raises:
        ValueError: If there is no such device here, or JAX cannot use it.
    """
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter says nothing
        named = os.environ.get("JAX_PLATFORMS")
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"the environment's JAX_PLATFORMS is {named!r}, which JAX cannot use here; "
            f"unset it, or say cpu. {reason}".rstrip()
        ) from error
