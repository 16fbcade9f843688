"""The page in a browser: axe's rules for WCAG AA, a phone, and print.

`pytest -m browser` runs it; CONTRIBUTING says what it needs.
"""

from dataclasses import replace

import pytest

from helpers import fakes
from helpers.chromium import complaints
from isinglass.report import html
from isinglass.reproduce.runner import Finished, Request, run
from isinglass.reproduce.verdicts import Verdict

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with every verdict, in a list and in a table, and what is ours alone."""
    out = tmp_path_factory.mktemp("page")
    entries = [fakes.entry("toy-one"), fakes.entry("toy-two")]
    outcomes = [o for o in run(entries, Request(out)) if isinstance(o, Finished)]
    (row,) = outcomes[0].result.rows
    listed = [
        replace(row, verdict=verdict, quantity=f"a quantity that is {verdict}")
        for verdict in Verdict
    ]
    cells = [
        replace(other, table="Times", row=f"learner {i}", column=f"digit {j}")
        for i in range(2)
        for j, other in enumerate(listed)
    ]
    alone = {"paper": None, "verdict": Verdict.UNPUBLISHED}
    ours = [replace(row, quantity=f"ours {i}", **alone) for i in range(3)]
    results = [
        replace(outcomes[0].result, rows=[*listed, *cells, *ours]),
        outcomes[1].result,
    ]
    return html.write(results, out).as_uri()


@pytest.fixture
def opened(browser, address):
    pages = []

    def opened(width=1200, **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        page.goto(address)
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_complaint(opened, width, scheme):
    page = opened(width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert complaints(page) == []


def test_a_phone_shows_every_verdict_without_scrolling_aside(opened):
    page = opened(390)
    across = "document.documentElement.scrollWidth"
    assert page.evaluate(across) <= 390
    words = page.locator("td .verdict, td .word")
    for word in words.all():
        if word.evaluate("word => !word.closest('details')"):
            box = word.bounding_box()
            assert box["width"] > 40
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 390


def test_names_of_quantities_keep_their_room(opened):
    page = opened(700)
    widths = page.locator("table.list tbody th").evaluate_all(
        "heads => heads.filter(h => !h.closest('details')).map(h => h.offsetWidth)"
    )
    assert min(widths) >= 200


def test_print_opens_what_is_folded_and_keeps_its_colours(opened):
    page = opened()
    page.emulate_media(media="print")
    size = "text => parseFloat(getComputedStyle(text).fontSize)"
    texts, table = page.locator("section > p"), page.locator("td").first
    assert texts.last.evaluate(size) >= table.evaluate(size)
    assert page.get_by_text("ours 2", exact=True).first.bounding_box()["height"] > 0
    dot = page.locator(".dots span").first
    assert dot.evaluate("dot => getComputedStyle(dot).printColorAdjust") == "exact"


def test_what_has_the_focus_is_marked(opened):
    page = opened()
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
