"""Whether JAX is compiling, which is what one often waits for.

JAX tells listeners of each part of a compilation, tracing, lowering and XLA, when it
ends. XLA follows lowering, so that from the end of lowering one knows what is under
way; tracing tells of itself by the inner functions that are traced.
"""

import sys
import threading
import time
from importlib import import_module
from typing import Any

PREFIX = "/jax/core/compile/"
LOWERED, COMPILED = "jaxpr_to_mlir_module_duration", "backend_compile_duration"
# Seconds: of silence after which tracing is taken to have ended, and of compiling
# before it is worth saying.
PAUSE, NOTICEABLE = 0.5, 0.4


class Watch:
    """Listens to JAX, and knows whether it is compiling."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listens = False
        self._in_xla = 0  # programs, of several threads
        self._begun = self._heard = -float("inf")

    def listen(self) -> None:
        """Begin to listen, once, where JAX is there to be heard."""
        with self._lock:
            if self._listens or "jax" not in sys.modules:
                return
            self._listens = True
        monitoring = import_module("jax.monitoring")  # with JAX already there
        monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, duration: float, **_: Any) -> None:
        if not event.startswith(PREFIX):
            return
        now = time.monotonic()
        with self._lock:
            if not self._in_xla and now - duration > self._heard + PAUSE:
                self._begun = now - duration
            self._heard = now
            if event.endswith(LOWERED):
                self._in_xla += 1
            elif event.endswith(COMPILED):
                self._in_xla = max(self._in_xla - 1, 0)

    def is_compiling(self) -> bool:
        """Whether JAX compiles, and has for long enough to be noticed."""
        now = time.monotonic()
        with self._lock:
            at_work = self._in_xla > 0 or now - self._heard < PAUSE
            return at_work and now - self._begun > NOTICEABLE


WATCH = Watch()
