"""Ctrl-C while a command is deep in compiled code, which Python cannot interrupt."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from helpers import terminal

# Two experiments, of which the second stays for ever in a call that lets other threads
# run and that no signal ends, as a compilation does: it waits for itself.
BLOCKED = """
import ctypes, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from helpers import fakes
from isinglass import cli
from isinglass.reproduce import catalogue
def blocked(context):
    print("blocked", file=sys.stderr, flush=True)
    system, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    system.pthread_mutex_init(mutex, None)
    system.pthread_mutex_lock(mutex)
    system.pthread_mutex_lock(mutex)
toys = [fakes.entry("toy-one"), fakes.entry("toy-two", blocked)]
catalogue.entries = lambda: {toy.name: toy for toy in toys}
sys.argv = ["isinglass", "reproduce", "all", "--out", sys.argv[1]]
cli.main()
"""
# An experiment that a signal meets where nothing can be raised, and that then goes on.
DEAF = BLOCKED.replace(
    BLOCKED[BLOCKED.index("def blocked") : BLOCKED.index("toys =")],
    """
import time
class Trap:
    def __del__(self):
        print("blocked", file=sys.stderr, flush=True)
        time.sleep(60)
def blocked(context):
    trap = Trap()
    del trap
    time.sleep(60)
""",
)
# Each worker takes minutes to trace it.
SLOW = """
import pathlib, threading, time
def step(x, parameters):
    return parameters["r"] * x * (1 - x)
def start(parameters):  # traced anew for each number of lanes, but a map only once
    if threading.current_thread() is not threading.main_thread():
        pathlib.Path("asleep").touch()
        time.sleep(300)
    return 0.3
"""


def line_with(process, text):
    """The next line of what it says that holds a text."""
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"ended without {text!r}")


@contextmanager
def blocked(out, script=BLOCKED):
    """A command that has come to its call that no signal ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line_with(process, "blocked")
        time.sleep(0.5)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("name", "times", "code"), [("SIGINT", 2, 130), ("SIGTERM", 1, 143)]
)
def test_is_acknowledged_at_once_and_the_next_ends_at_once(tmp_path, name, times, code):
    """Two together are one, as shells and tools may send it to a whole group, too."""
    number = getattr(signal, name)
    with blocked(tmp_path) as process:
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.02)  # or Linux itself makes one of them
        begun = time.monotonic()
        message = line_with(process, "stopping after what is being computed")
        assert ("Ctrl-C again stops at once" in message) == (name == "SIGINT")
        assert time.monotonic() - begun < 5  # on a machine however busy
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(number)
        assert process.wait(5) == code
        line_with(process, "what was finished is kept")
    assert (tmp_path / "results" / "toy-one.json").is_file()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_is_obeyed_though_it_was_lost_in_a_destructor(tmp_path, name, code):
    with blocked(tmp_path, DEAF) as process:
        process.send_signal(getattr(signal, name))
        assert process.wait(10) == code
        line_with(process, "isinglass: interrupted")


def test_leaves_at_once_where_modules_are_imported(tmp_path):
    """An exception there can bring down an extension that is half initialised."""
    text = "import pathlib, time\npathlib.Path('read').touch()\ntime.sleep(60)"
    (tmp_path / "slow.py").write_text(text)
    command = ["sweep", "slow.py:step", "--vary", "r=1:3:20"]
    with terminal.isinglass(*command, cwd=tmp_path, env=dict(os.environ)) as shown:
        shown.until(lambda _: (tmp_path / "read").exists(), 60)
        shown.interrupt()
        assert shown.wait(10) == 130
    assert any("isinglass: interrupted" in line for line in shown.screen)


def test_a_sweep_in_a_terminal_says_so_below_its_bar(tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    command = ["sweep", "slow.py:step", "--vary", "r=1:3:20", "--exponents", "0"]
    with terminal.isinglass(*command, cwd=tmp_path, env=dict(os.environ)) as shown:
        asleep = (tmp_path / "asleep").exists
        shown.until(lambda screen: "0/20" in "".join(screen) and asleep(), 60)
        shown.interrupt()
        shown.until(lambda screen: "stopping after" in "".join(screen), 30)
        assert any("slow.py:step over r" in line for line in shown.screen)
        time.sleep(0.5)
        shown.interrupt()
        assert shown.wait(10) == 130
    # Said by the thread that hears of signals, or by the main one if it is faster.
    screen = " ".join(shown.screen)
    assert "what was finished is kept" in screen or "finished tiles kept" in screen
