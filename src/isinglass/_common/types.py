"""Types that a static checker and the run-time checker of the tests see differently."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import ArrayLike as ArrayLike
else:
    # beartype takes numpy's ArrayLike at its letter, and refuses a list or tuple of
    # numbers.
    ArrayLike = Any
