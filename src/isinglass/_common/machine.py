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
    told = Path("/proc/self/maps")
    return len(told.read_bytes().splitlines()) if told.exists() else 0
