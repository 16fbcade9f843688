"""The explorer in a browser: opened at a panel, and nothing may go wrong in it."""

import pytest

from isinglass.explore.browser import write_page

COUNT_FRAMES = """
window.frames_asked = 0;
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (f) => { window.frames_asked += 1; return ask(f); };
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page") / "explorer.html").as_uri()


@pytest.fixture
def opened(browser, address):
    """Opens a panel; whatever goes wrong in the page fails the test."""
    contexts, wrong = [], []

    def opened(fragment="", width=1200, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, has_touch=width < 500, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith("file:") else wrong.append(request.url)
            ),
        )
        page.add_init_script(COUNT_FRAMES)
        page.goto(address + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [entry for entry in wrong if not entry.startswith("data:,")] == []
