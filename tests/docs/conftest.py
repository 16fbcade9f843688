"""The hooks of the site, which lie beside its pages, can be imported."""

import sys

from helpers.pages import ROOT

sys.path.append(str(ROOT / "docs" / "hooks"))
