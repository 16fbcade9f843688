"""Kills a process at its operations on a sweep's folder in turn, and then goes on.

    python sweep_crashes.py DIRECTORY STRIDE

Tries every STRIDE-th operation, and prints how many it tried. It is a program of its
own because it forks, which must not be done where JAX has started its threads.
"""

import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from isinglass.dynamics.sweep.plan import Plan
from isinglass.dynamics.sweep.store import Folder
from isinglass.dynamics.sweep.tiles import chain

EVENTS = {
    "open",
    "os.rename",
    "os.link",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
}
A = np.linspace(0.0, 1.0, 4)
PLAN = Plan(
    kind="continuation",
    vary={"a": A.tolist()},
    parameters={},
    measure={},
    map_name="none",
    probe=[0.5],
    tile=(1, 2),
    variables={
        "x": {"dims": ["component"], "shape": [2], "dtype": "float64", "attrs": {}}
    },
    directions=("up",),
)
TILES = chain([1, 4], [1, 2], ["up"])


def sweep(directory: Path) -> None:
    """Store each tile as the final state of the one before, and one more."""
    folder = Folder(directory, PLAN, {"a": (A, {})}, {"title": "x"})
    for tile in TILES:
        if tile.index not in folder.done:
            before = 0.0 if tile.after is None else folder.state(tile.after)[0]
            folder.write(
                tile, {"x": np.full((1, 2, 2), before + 1)}, [np.asarray(before + 1)]
            )
    folder.close()


def kill_at(moment: int, directory: Path) -> None:
    """Kill this process just before its ``moment``-th operation on the folder."""
    moments = itertools.count()

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in EVENTS and str(arguments[0]).startswith(str(directory)):
            reads = event == "open" and arguments[1] in ("r", "rb")
            if not reads and next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def apart(work: Callable[[], None]) -> int:
    """Do it in a process of its own; return how that ended."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def content(directory: Path) -> dict[str, bytes]:
    """Content of every file under a folder, by path."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def main(root: Path, stride: int) -> None:
    """Kill at every ``stride``-th moment."""
    reference = root / "reference"
    assert apart(lambda: sweep(reference)) == 0
    for moment in itertools.count(0, stride):
        directory = root / f"killed-{moment}"

        def killed(moment: int = moment, directory: Path = directory) -> None:
            kill_at(moment, directory)
            sweep(directory)

        status = apart(killed)
        if status == 0:
            print(moment // stride)
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, (
            f"moment {moment} ended with {status}"
        )
        assert apart(lambda directory=directory: sweep(directory)) == 0, (
            f"moment {moment}"
        )
        stored = content(directory)
        assert stored == content(reference), f"moment {moment}: {sorted(stored)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
