"""A trained looped transformer of eight dimensions, for the panel *loop*."""

import json
from importlib import resources
from typing import Any

FILE = "page/data/loop.json"


def loop_data() -> dict[str, Any]:
    """Return the weights by name, the configuration, and where they come from.

    `isinglass.explore.browser.loop_training` made them.
    """
    return json.loads(
        (resources.files("isinglass.explore.browser") / FILE).read_text("utf-8")
    )
