"""A terminal that programs run in, and that tests read: what a person would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyte

Screen = tuple[str, ...]  # the lines that hold something


class Terminal:
    """A program in a pseudo-terminal, with the screen it draws on.

    Attributes:
        screens: Each screen that was seen, in order, without repetition.
    """

    def __init__(self, process: subprocess.Popen, descriptor: int, columns: int):
        self.process, self._descriptor = process, descriptor
        self._screen = pyte.Screen(columns, 200)
        self._stream = pyte.ByteStream(self._screen)
        self.screens: list[Screen] = []

    @property
    def screen(self) -> Screen:
        """What stands on the screen now."""
        return tuple(line.rstrip() for line in self._screen.display if line.strip())

    def read(self, seconds: float = 0.05) -> bool:
        """Draw what comes; False once the program has closed the terminal."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:  # what Linux says at the end
            return False
        self._stream.feed(data)
        if not self.screens or self.screens[-1] != self.screen:
            self.screens.append(self.screen)
        return bool(data)

    def until(self, condition: Callable[[Screen], object], seconds: float) -> None:
        """Read until the screen is as wanted."""
        end = time.monotonic() + seconds
        while not condition(self.screen):
            assert time.monotonic() < end, "\n".join(self.screen)
            assert self.read() or condition(self.screen), "\n".join(self.screen)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait(self, seconds: float) -> int:
        """Read until the program ends; its exit code."""
        end = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < end, "\n".join(self.screen)
        return self.process.wait(max(end - time.monotonic(), 1.0))


@contextmanager
def _heard_interrupts() -> Iterator[None]:
    """Let programs hear of Ctrl-C, as in a terminal, if this one does not.

    Whoever starts tests by ``nohup … &`` has them ignore it, and with them all that
    they start.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def isinglass(*arguments: object, columns: int = 80, **options) -> Iterator[Terminal]:
    """The command at work in a terminal; it is killed if it outlives the block."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **options.pop("env", {})}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "isinglass", *map(str, arguments)]
    streams = {"stdin": side, "stdout": side, "stderr": side}
    with _heard_interrupts():
        process = subprocess.Popen(command, env=environment, **streams, **options)
    os.close(side)
    try:
        yield Terminal(process, main, columns)
    finally:
        process.kill()
        process.wait()
        os.close(main)
