"""Work shared by threads, one a core: for what XLA and NumPy do on one core alone."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import jax

from isinglass._common.machine import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Yield `function` of each item, in order, as computed by threads.

    An item is taken when a thread is about to be free, so that it may depend on what
    was made of earlier results, and few results wait. What the caller has set for JAX
    in its own thread holds in the others, too.
    """
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]

    def run(item: Item) -> Result:
        with jax.default_device(device), jax.default_matmul_precision(precision):
            return function(item)

    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for item in items:
            waiting.append(pool.submit(run, item))
            if len(waiting) > 2 * cores():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
