"""What a command does before it computes."""

import os

from isinglass._common.lazy import lazy_module
from isinglass._common.program_cache import use_for_command_line

platforms = lazy_module("isinglass._common.platforms")  # imports JAX


def prepare() -> None:
    """Have compiled programs kept, and refuse a device that is not here.

    To be called before anything imports JAX.

    Raises:
        ValueError: If the environment names such a device.
    """
    use_for_command_line()
    if os.environ.get("JAX_PLATFORMS"):
        platforms.check_platforms()
