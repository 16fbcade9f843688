"""The hooks of the site, which lie beside its pages, can be imported.

An sdist has no pages: there nothing of this folder is collected.
"""

import sys

from helpers.pages import ROOT

if (ROOT / "docs").is_dir():
    sys.path.append(str(ROOT / "docs" / "hooks"))
else:
    collect_ignore_glob = ["test_*.py"]
