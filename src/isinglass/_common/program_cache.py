"""Compiled programs that outlive the process: JAX's persistent compilation cache.

A folder of the user's is chosen, made, and held within bounds here; JAX reads and
writes what lies in it. The command line names it in the environment before JAX is
imported, for which `isinglass --help` must not wait; in Python one calls
`isinglass._common.compilation.use_compilation_cache`.
"""

import hashlib
import os
import platform
import shutil
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

SWITCH = "ISINGLASS_COMPILATION_CACHE"
OFF = frozenset({"", "0", "off", "no", "false"})
DAY = 86_400  # seconds; how often the folder is looked through
LARGEST = 256 * 2**20  # bytes of programs after that
OLDEST = 30 * DAY  # so a file that was cut short is gone in the end, too
TIDIED = "tidied"  # a file, as old as the last look
ROOM = 2 * LARGEST  # bytes free on the disk, or nothing is written to it
# Every program is kept: a small one takes 5 to 30 ms to compile and 1 ms to read.
SHORTEST_COMPILATION = 0  # seconds

# JAX's own variables: of whether and where, and of what.
DECIDED = ("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")
SHORTEST = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def use_for_command_line() -> None:
    """Name the folder in the environment, before JAX is imported, unless the user has.

    Without a warning where it cannot be used: nobody has asked for it.
    """
    if any(name in os.environ for name in DECIDED):
        return
    with suppress(OSError):
        if place := prepared(None):
            os.environ[DECIDED[0]] = str(place)
            os.environ.setdefault(SHORTEST, str(SHORTEST_COMPILATION))
            ignore_unreadable()


def ignore_unreadable() -> None:
    # JAX warns of each file that is damaged, or that another process has written half.
    message = "Error (reading|writing) persistent compilation cache entry"
    warnings.filterwarnings("ignore", message)


def prepared(folder: str | Path | None) -> Path | None:
    """The folder for this processor, made and tidied; None where there shall be none.

    Raises:
        OSError: If it cannot be used.
    """
    if folder is None:
        named = os.environ.get(SWITCH)
        if named is not None and named.strip().lower() in OFF:
            return None
        folder = named or _user_cache() / "isinglass" / "programs"
    place = Path(folder).expanduser().absolute() / _processor()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(f"{place} cannot be written to")
    _check_owner(place)
    if shutil.disk_usage(place).free < ROOM:
        raise OSError(f"the disk of {place} is full")
    _tidy(place)
    return place


def _check_owner(place: Path) -> None:
    """Programs of a folder that others can write to would be run with our rights."""
    if not hasattr(os, "getuid"):
        return
    status = place.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError(f"others can write to {place}")


def _user_cache() -> Path:
    """The folder for caches that the system has for this user.

    Raises:
        OSError: If the user has no home.
    """
    try:
        home = Path.home()
    except RuntimeError as error:
        raise FileNotFoundError(f"no folder for caches: {error}") from None
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))  # only an absolute path counts
    return named if named.is_absolute() else home / ".cache"


def _processor() -> str:
    """A name for this kind of processor: machine code of another might not run here.

    A home may be shared by the unlike machines of a cluster.
    """
    kind = [platform.machine(), platform.processor()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        fields = ("model name", "flags", "Features")
        kind += [
            next((x for x in lines if x.startswith(field)), "") for field in fields
        ]
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]


def _tidy(place: Path) -> None:
    """Once a day, remove what is empty, what is old, and the oldest of too much."""
    now, stamp = time.time(), place / TIDIED
    if stamp.exists() and now - stamp.stat().st_mtime < DAY:
        return
    stamp.touch()
    programs = []
    for path in place.glob("*-cache"):
        with suppress(OSError):  # another process may remove it now
            status = path.stat()
            programs.append((now - status.st_mtime, status.st_size, path))
    total = 0
    for age, size, path in sorted(programs):
        total += size
        is_empty = not size and age > 60  # a younger one is being written
        if is_empty or total > LARGEST or age > OLDEST:
            with suppress(OSError):
                path.unlink()
