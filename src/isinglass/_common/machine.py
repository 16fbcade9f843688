"""What the machine offers this process."""

import os
from pathlib import Path


def cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_maps() -> int:
    """Pieces of memory that this process has mapped; 0 where the machine does not tell.

    Linux gives a process 65,530 unless told otherwise, and kills what asks for more.
    """
    maps = Path("/proc/self/maps")
    return len(maps.read_bytes().splitlines()) if maps.exists() else 0
