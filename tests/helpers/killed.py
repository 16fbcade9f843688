"""Trainings in processes of their own, killed with no chance to tidy up."""

import random
import subprocess
import sys
import time

from isinglass.training.checkpoint import FILE


def start(script, store, steps, *hosts):
    """The training that a script of this folder does, in another process."""
    command = [
        sys.executable,
        script.__file__,
        str(store),
        str(steps),
        *map(str, hosts),
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def finish(*processes):
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()[-2000:]


def assert_same_after_kills(script, steps, kills, folder):
    """Killed at random moments, a training ends with the same checkpoint to the bit."""
    killed, uninterrupted = folder / "killed", folder / "whole"
    draw = random.Random(kills)
    for _ in range(kills):
        assert _killed_midway(script, killed, steps, draw.uniform(0, 0.1))
    for store in (killed, uninterrupted):
        script.run_stored(store, steps)
    assert [path.name for path in killed.iterdir()] == [FILE]
    assert (killed / FILE).read_bytes() == (uninterrupted / FILE).read_bytes()


def _killed_midway(script, store, steps, delay):
    """Go on with a training, but kill it ``delay`` after its next checkpoint."""
    before = _written(store)
    process = start(script, store, steps)
    while process.poll() is None and _written(store) == before:
        time.sleep(0.002)
    time.sleep(delay)
    process.kill()
    _, errors = process.communicate()
    assert process.returncode != 1, errors.decode()[-2000:]
    return process.returncode != 0


def _written(store):
    path = store / FILE
    return path.stat().st_mtime_ns if path.exists() else None
