"""What a user may say of compiling."""

import os
import warnings
from pathlib import Path

import jax

from isinglass._common import program_cache


def use_compilation_cache(folder: str | Path | None = None) -> Path | None:
    """Keep what JAX compiles on disk, so that the next process need not compile it.

    The command line does so by itself. In Python it is a setting of the whole process,
    your own programs included, and so yours to make: call it before the first
    computation. What you have set by JAX's own variables or ``jax.config`` stays.

    A folder for each kind of processor is made in the one named, for you alone to
    write, since what lies there is run. Once a day the oldest programs beyond 256 MiB
    are removed, and those older than 30 days. A program that cannot be read is compiled
    anew, in silence.

    Args:
        folder: By default what the environment's ``ISINGLASS_COMPILATION_CACHE`` names,
            which may also be ``off``; without it ``isinglass/programs`` in your cache
            folder (``$XDG_CACHE_HOME`` or ``~/.cache``; on macOS ``~/Library/Caches``,
            on Windows ``%LOCALAPPDATA%``).

    Returns:
        The folder in use. None where the environment says ``off``, and where the
        folder cannot be used (read-only, another user's, a full disk), which is warned
        of.
    """
    settings = jax.config.values
    if not settings["jax_enable_compilation_cache"]:
        return None
    if settings["jax_compilation_cache_dir"] is not None:
        return Path(settings["jax_compilation_cache_dir"])
    try:
        place = program_cache.prepared(folder)
    except OSError as error:
        warnings.warn(f"compiled programs are not kept: {error}", stacklevel=2)
        return None
    if place is None:
        return None
    jax.config.update("jax_compilation_cache_dir", str(place))
    if program_cache.SHORTEST not in os.environ:
        jax.config.update(
            program_cache.SHORTEST.lower(), program_cache.SHORTEST_COMPILATION
        )
    program_cache.ignore_unreadable()
    return place
