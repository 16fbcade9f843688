"""Where a result comes from: the versions, the commit and the machine."""

import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from isinglass import __version__
from isinglass._common.machine import cores

PACKAGE = Path(__file__).parents[1]
PACKAGES = (
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "scikit-learn",
    "optax",
    "mlxtend",
    "matplotlib",
    "xarray",
    "zarr",
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on, and `source`."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "isinglass": __version__,
        **installed,
        "isinglass source": source(),
    }


@functools.cache  # what is edited while a run goes on is not what runs
def source(package: Path = PACKAGE) -> str:
    """Short hash of the package's Python files: it tells edited code from released."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def commit() -> str | None:
    """The commit of this code, with "+modified" if it was changed since, or None.

    It is asked of the git checkout the code runs from, or read from the stamp that a
    wheel got when it was built in one, or from what pip noted when it installed from a
    repository.
    """
    return _commit_of_checkout() or _commit_of_wheel() or _commit_noted_by_pip()


def machine() -> dict[str, str]:
    """What the run ran on: system, processor, cores, memory and accelerator."""
    described = {
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": _processor(),
        "cores": str(cores()),
    }
    memory = _memory()
    if memory is not None:
        described["memory"] = f"{memory / 2**30:.0f} GiB"
    if (
        "jax" in sys.modules
    ):  # not loaded for this: only a run that used it is described by it
        devices = sys.modules["jax"].devices()
        described["JAX devices"] = f"{len(devices)} × {devices[0].device_kind}"
    return described


def _commit_of_checkout() -> str | None:
    here = Path(__file__)
    # A virtual environment may lie inside somebody else's checkout: ask if this file is
    # tracked.
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    head = _git(here.parent, "rev-parse", "HEAD")
    modified = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    return f"{head}+modified" if head and modified else head


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _commit_of_wheel() -> str | None:
    stamp = Path(__file__).parents[1] / "_commit.txt"
    return stamp.read_text().strip() if stamp.is_file() else None


def _commit_noted_by_pip() -> str | None:
    note = metadata.distribution("isinglass").read_text("direct_url.json")
    return json.loads(note).get("vcs_info", {}).get("commit_id") if note else None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or "unknown"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None  # Windows
