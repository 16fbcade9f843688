"""Debian's Chromium by Playwright, and axe's rules for WCAG AA."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AXE = Path(os.environ.get("AXE", "node_modules/axe-core/axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def launched() -> Iterator[Any]:
    """A browser; the test that needs it is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def complaints(page: Any) -> list[tuple[str, str]]:
    """What axe has against a page: its rule, and the element."""
    if not AXE.is_file():
        pytest.skip(f"axe is not at {AXE}: AXE names it")
    page.add_script_tag(path=str(AXE))
    report = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        (violation["id"], node["html"][:200])
        for violation in report["violations"]
        for node in violation["nodes"]
    ]
