"""What a newcomer waits for: help, lists, digits, a resumed run, the first output.

Run as ``python benchmarks/first_minute.py``: processor seconds, medians of fresh
processes that take turns, and the processor seconds until a terminal shows what is
being run.
"""

import os
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROUNDS = 7
ISINGLASS = (sys.executable, "-m", "isinglass")
DIGITS = (sys.executable, "-c", "from isinglass.data import mnist; mnist.load()")
RUN = ("reproduce", "interference-double-slit", "interference-few-shot", "--quick")
RESUME = (*ISINGLASS, *RUN, "--seeds", "1", "--resume", "--out")


def seconds_of(command: Sequence[str]) -> float:
    """Processor seconds of a command from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_to_first_output(command: Sequence[str]) -> float:
    """Processor seconds of a command in a terminal until it shows something."""
    main, side = pty.openpty()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side)
    os.close(side)
    while RUN[1][:12].encode() not in os.read(main, 1 << 12):
        pass
    process.kill()
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.close(main)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure all in turns, and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        finished, new = (str(Path(folder) / name) for name in ("finished", "new"))
        seconds_of((*RESUME, finished))
        cases = {
            "isinglass --help": (seconds_of, (*ISINGLASS, "--help")),
            "isinglass list": (seconds_of, (*ISINGLASS, "list")),
            "digits read": (seconds_of, DIGITS),
            "--resume, nothing to do": (seconds_of, (*RESUME, finished)),
            "reproduce, first output": (
                seconds_to_first_output,
                (*ISINGLASS, *RUN, "--out", new),
            ),
        }
        times = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, (measure, command) in cases.items():
                times[name].append(measure(command))
    for name, seconds in times.items():
        print(f"{name:26} {statistics.median(seconds):5.2f} s")


if __name__ == "__main__":
    main()
