"""What the machine offers this process, and how much work at a time suits it.

The model is plain. A loop over rows is fast while what it goes over again and again
stays in a cache that its core need not share, and slow where it has to be fetched from
farther away. So a piece of work holds as many rows as take a share of the second-level
cache: a share, since the processor keeps other data there as well. Below that the fixed
cost of starting a piece decides, which is what `least` is for. Memory is the same at
another scale: whoever runs one piece on every core asks for a part of what is there.

The sizes of caches come from the system (Linux: ``/sys``, or else ``sysconf``; macOS:
``sysctl``), the memory from the system and from the limit of the container, whichever
is lower. Where nothing tells them, `FALLBACK_CACHE` and `FALLBACK_MEMORY` stand for
them: as little as any machine of the last ten years has. No size here is to change a
result by more than rounding, and a caller's own number overrides it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

FALLBACK_CACHE = {1: 2**15, 2: 2**18}  # bytes a core
FALLBACK_MEMORY = 2**31  # bytes
CACHES = Path("/sys/devices/system/cpu")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


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


def rows_that_fit(
    bytes_per_row: float,
    *,
    level: int = 2,
    share: float = 0.5,
    least: int = 1,
    most: int | None = None,
    multiple: int = 1,
) -> int:
    """Give how many rows of work stay in the cache of one core.

    Args:
        bytes_per_row: What the work on one row goes over again and again.
        level: Of the cache, 1 or 2.
        share: Of the cache that the rows may take.
        least: Fewest rows, below which starting a piece takes longer than the cache
            saves.
        most: Most rows; None for no bound. It wins over ``least``.
        multiple: The rows are a multiple of this, rounded down, where there is room for
            that many: the lanes of a vector, say.
    """
    rows = int(share * cache_bytes(level) / bytes_per_row)
    rows = max(rows, least, 1)
    rows -= rows % multiple if rows >= multiple else 0
    return rows if most is None else min(rows, most)


def bytes_a_core(share: float = 0.25, most: int | None = None) -> int:
    """Give how much memory one of the pieces that run on all cores may take.

    Args:
        share: Of the memory that all pieces may take together.
        most: Most bytes; None for no bound.
    """
    room = int(share * memory_bytes() / cores())
    return room if most is None else min(room, most)


@cache
def cache_bytes(level: int) -> int:
    """Bytes of the data cache of a level, 1 or 2, that each core in use has."""
    for size in (_cache_of_linux(level), _cache_of_libc(level), _cache_of_mac(level)):
        if size:
            return size
    return FALLBACK_CACHE[level]


@cache
def memory_bytes() -> int:
    """Bytes of memory that this process may use: the machine's, or the container's."""
    sizes = [*_limits_of_container()]
    with suppress(AttributeError, OSError, ValueError):  # Windows tells none
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((size for size in sizes if size > 0), default=FALLBACK_MEMORY)


def _cache_of_linux(level: int) -> int:
    """What ``/sys`` tells of the first core in use, its neighbours' share taken off."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    usable = os.sched_getaffinity(0)
    with suppress(OSError, ValueError, KeyError):
        for entry in (CACHES / f"cpu{min(usable)}" / "cache").glob("index*"):
            kind = (entry / "type").read_text().strip()
            if kind == "Instruction" or int((entry / "level").read_text()) != level:
                continue
            size = re.fullmatch(r"(\d+)([KMG]?)\s*", (entry / "size").read_text())
            if size is None:
                continue
            sharing = _numbers((entry / "shared_cpu_list").read_text())
            whole = int(size[1]) * _UNITS[size[2]]
            return whole // max(1, len(usable & sharing))
    return 0


def _numbers(ranges: str) -> set[int]:
    """Numbers of a list such as "0-3,8"."""
    numbers: set[int] = set()
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def _cache_of_libc(level: int) -> int:
    name = {1: "SC_LEVEL1_DCACHE_SIZE", 2: "SC_LEVEL2_CACHE_SIZE"}[level]
    with suppress(AttributeError, OSError, ValueError):
        return max(0, os.sysconf(name))
    return 0


def _cache_of_mac(level: int) -> int:
    if sys.platform != "darwin":
        return 0
    name = {1: "hw.l1dcachesize", 2: "hw.l2cachesize"}[level]
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        output = subprocess.check_output(["/usr/sbin/sysctl", "-n", name], timeout=5)
        return int(output)
    return 0


def _limits_of_container() -> Iterator[int]:
    """Limits of the control groups that this process is in, of both versions."""
    lines: list[str] = []
    with suppress(OSError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            base = CONTROL_GROUPS / controllers
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            place = base / path.strip("/")
            for folder in (place, *place.parents):
                with suppress(OSError, ValueError):  # "max" is no limit
                    yield int((folder / name).read_text())
                if folder == base:
                    break
