"""What each panel of the explorer needs from the package, as JSON."""

from collections.abc import Callable
from typing import Any

from isinglass.explore.browser.digit_data import digit_data
from isinglass.explore.browser.loop_data import loop_data
from isinglass.explore.browser.meanfield_data import meanfield_data

SECTIONS: dict[str, Callable[[], Any]] = {
    "beta": meanfield_data,
    "digit": digit_data,
    "loop": loop_data,
}
"""By the id of the panel."""
