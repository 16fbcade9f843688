"""A console that several threads write to."""

import threading
from typing import Any

from rich.console import Console


class SharedConsole(Console):
    """A console on which one thread at a time prints.

    Below a live display, rich moves the cursor up by the height that the display had
    when printing began. Where two threads print at once, one of them thus erases a line
    that the other has just written.

    Attributes:
        writing: Held while something is written.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.writing = threading.RLock()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, once no other thread does."""
        with self.writing:
            super().print(*objects, **options)
