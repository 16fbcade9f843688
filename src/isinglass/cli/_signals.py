"""Ctrl-C is acknowledged at once, never lost, and obeyed at once when it comes again.

Python acts on a signal when its main thread is next at work, which a compilation can
put off for many seconds. A thread of its own hears of signals at once, by the file
descriptor that Python writes their numbers to.

Python acts by an exception, wherever the main thread is. Where that is a callback of
the garbage collector or of a weak reference, the exception ends there and the command
would go on: JAX has such callbacks, and one in eight signals during tracing met one.
`sys.unraisablehook` hears of it, and the signal is sent again. Where modules are being
imported, an exception can bring extensions down that are half initialised; there the
process is left instead, which is safe at any moment.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from isinglass._common.compiling import WATCH
from isinglass.cli._errors import Terminated, say

# Seconds in which a command that ends by itself needs no word, and a second signal is
# still the first one's: launchers pass on what the terminal has sent already.
GRACE = 0.25
AGAIN = 0.01  # seconds until a signal that was lost is sent again
LOST = 0xFF  # what is written beside the numbers of signals: the last one was lost
INTERRUPTED = "isinglass: interrupted\n"
STOPPED = "isinglass: stopped at once; what was finished is kept\n"
SHOW_CURSOR = "\x1b[?25h"
MAIN = threading.main_thread().ident or 0
IMPORTS = "<frozen importlib._bootstrap>"


@contextmanager
def acknowledged_signals() -> Iterator[None]:
    """Say so where a signal is acted on late; leave the process at the second one."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fate = sys.unraisablehook
    sys.unraisablehook = lambda event: _mend(event, writing, fate)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, _interrupt)
    # Where it is ignored, as behind ``nohup … &`` in a script, it stays so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    threading.Thread(
        target=_Listener(reading).listen, name="isinglass-signals", daemon=True
    ).start()
    try:
        yield
    finally:
        sys.unraisablehook = fate
        signal.set_wakeup_fd(before)
        os.close(writing)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what the main thread does."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORTS:
            _leave(number, INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _mend(event: Any, descriptor: int, otherwise: Any) -> None:
    """Have a signal sent again whose exception ended where none can be raised."""
    if issubclass(event.exc_type, KeyboardInterrupt):
        # Not from here: this, too, is where nothing can be raised.
        with suppress(OSError):
            os.write(descriptor, bytes([LOST]))
    else:
        otherwise(event)


class _Listener:
    """Hears of signals until the writing end is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._number: int = signal.SIGINT
        self._heard_at: float | None = None
        self._is_acknowledged = False
        self._sent_again = 0

    def listen(self) -> None:
        while True:
            left = None
            if self._heard_at is not None and not self._is_acknowledged:
                left = max(0.0, self._heard_at + GRACE - time.monotonic())
            if not select.select([self._descriptor], [], [], left)[0]:
                _acknowledge(self._number)
                self._is_acknowledged = True
            elif data := os.read(self._descriptor, 1):
                self._hear(data[0])
            else:
                break
        os.close(self._descriptor)

    def _hear(self, number: int) -> None:
        if number == LOST:
            time.sleep(AGAIN)
            self._sent_again += 1  # and comes by the descriptor, as any signal does
            # A signal of the system, which ends a call that the main thread waits in.
            signal.pthread_kill(MAIN, self._number)
        elif number not in (signal.SIGINT, signal.SIGTERM):
            return
        elif self._sent_again:
            self._sent_again -= 1
        elif self._is_acknowledged:
            _leave(number, STOPPED)
        elif self._heard_at is None:
            self._number, self._heard_at = number, time.monotonic()


def _acknowledge(number: int) -> None:
    work = "compiled" if WATCH.is_compiling() else "computed"
    again = "; Ctrl-C again stops at once" if number == signal.SIGINT else ""
    say(f"isinglass: stopping after what is being {work}{again}")


def _leave(number: int, text: str) -> None:
    """End the process now: all that it writes is whole or not there, at any moment."""
    with suppress(OSError):
        if os.isatty(2):
            text = f"{SHOW_CURSOR}\n{text}"
        os.write(2, text.encode())
    os._exit(128 + number)
