"""The rules of `.ci/style.py`, which is a program and no module of a package."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_file = Path(__file__).parents[2] / ".ci" / "style.py"
_spec = spec_from_file_location("style", _file)
assert _spec is not None
assert _spec.loader is not None
_style = module_from_spec(_spec)
_spec.loader.exec_module(_style)
breaches = _style.breaches
