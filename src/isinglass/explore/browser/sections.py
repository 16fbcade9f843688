"""What the panels of the explorer need of the package, as it is shipped.

Python that computes it stands beside this file, and imports JAX: `digit_data`,
`meanfield_data` and `loop_training`, each of which is run as a program to write its
file anew. Tests compare.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any

PANELS = ("beta", "digit", "loop")
"""Those that need something, by their id."""


def shipped(panel: str) -> Any:
    """Return what is shipped for a panel."""
    place = resources.files("isinglass.explore.browser") / _file(panel)
    return json.loads(place.read_text("utf-8"))


def write(panel: str, content: Any) -> None:
    """Write what is to be shipped for a panel into the package."""
    text = json.dumps(content, separators=(",", ":"))
    path = Path(str(resources.files("isinglass.explore.browser"))) / _file(panel)
    path.write_text(text + "\n", encoding="utf-8")


def _file(panel: str) -> str:
    return f"page/data/{panel}.json"
