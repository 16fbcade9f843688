"""The site is built without a warning, and asks no other host for anything.

It needs the extra `docs`; `.ci/run` installs it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from helpers.chromium import launched
from helpers.pages import ROOT

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("material", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder],
        cwd=ROOT,
        env={"GALLERY": "false", **os.environ},
        check=True,
    )
    return folder


def test_nothing_is_fetched_from_another_host(site):
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\bsrc=\"?(?:https?:)?//[^>]*>"
        r"|<link[^>]*rel=\"?(?:stylesheet|preconnect|icon)[^>]*(?:https?:)?//[^>]*>"
    )
    for page in site.rglob("*.html"):
        assert fetched.findall(page.read_text("utf-8")) == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\"?(https?:)?//", style.read_text("utf-8"))


def test_formulas_are_drawn_by_the_browser(site):
    page = (site / "meanfield" / "index.html").read_text("utf-8")
    assert page.count("<math") > 10
    assert 'class="arithmatex"' not in page


def test_the_reference_shows_docstrings(site):
    page = (site / "reference" / "isinglass.dynamics" / "index.html").read_text("utf-8")
    assert 'id="isinglass.dynamics.lyapunov.lyapunov_spectrum"' in page
    assert "nats per step" in page


def test_the_explorer_is_within(site):
    page = site / "explorer" / "isinglass-explorer.html"
    assert "Drag β" in page.read_text("utf-8")
    assert "isinglass-explorer.html" in (site / "index.html").read_text("utf-8")


def test_no_page_scrolls_aside_on_a_phone(site):
    with launched() as browser, served(site) as address:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        wide = []
        for file in sorted(site.rglob("index.html")):
            page.goto(f"{address}/{file.parent.relative_to(site).as_posix()}/")
            if page.evaluate("document.documentElement.scrollWidth") > 390:
                wide.append(file.parent.name)
        assert wide == []


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An address on this machine at which a folder is served."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""
