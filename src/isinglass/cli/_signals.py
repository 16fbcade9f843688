"""Ctrl-C is acknowledged at once, and obeyed at once when it comes again.

Python acts on a signal when its main thread is next at work, which a compilation can
put off for many seconds. A thread of its own hears of signals at once, by the file
descriptor that Python writes their numbers to.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from isinglass._common.compiling import WATCH
from isinglass.cli._errors import say

# Seconds in which a command that ends by itself needs no word, and a second signal is
# still the first one's: launchers pass on what the terminal has sent already.
GRACE = 0.25
STOPPED = "isinglass: stopped at once; what was finished is kept\n"
SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def acknowledged_signals() -> Iterator[None]:
    """Say so where a signal is acted on late; leave the process at the second one."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(
        target=_listen, args=(reading,), name="isinglass-signals", daemon=True
    ).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)


def _listen(descriptor: int) -> None:
    """Hear of signals until the writing end is closed."""
    is_acknowledged = False
    while data := os.read(descriptor, 1):
        if data[0] not in (signal.SIGINT, signal.SIGTERM):
            continue
        if is_acknowledged:
            _leave(data[0])
        elif _outlasts_grace(descriptor):
            _acknowledge(data[0])
            is_acknowledged = True
    os.close(descriptor)


def _outlasts_grace(descriptor: int) -> bool:
    """Whether the command is still at work then; signals meanwhile are the first's."""
    end = time.monotonic() + GRACE
    while (left := end - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0] and not os.read(descriptor, 1):
            return False
    return True


def _acknowledge(number: int) -> None:
    work = "compiled" if WATCH.is_compiling() else "computed"
    again = "; Ctrl-C again stops at once" if number == signal.SIGINT else ""
    say(f"isinglass: stopping after what is being {work}{again}")


def _leave(number: int) -> None:
    """End the process now: all that it writes is whole or not there, at any moment."""
    with suppress(OSError):
        text = f"{SHOW_CURSOR}\n{STOPPED}" if os.isatty(2) else STOPPED
        os.write(2, text.encode())
    os._exit(128 + number)
