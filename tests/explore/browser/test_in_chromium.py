"""The explorer in a browser, by mouse, keyboard and finger.

`pytest -m browser` runs it; CONTRIBUTING says what it needs.
"""

import os
import re
import time
from pathlib import Path

import pytest

from helpers.chromium import complaints
from helpers.hand import drag, drag_by_finger, point, says

pytestmark = pytest.mark.browser

FRAGMENTS = ["#digit", "#beta", "#energy", "#energy?kind=hopfield", "#heat", "#loop"]
FRAGMENTS += ["#relays"]


def beta_of(page):
    return float(page.get_by_label("Inverse temperature β, as a number").input_value())


@pytest.mark.parametrize("fragment", FRAGMENTS)
@pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (390, "light"), (390, "dark")]
)
def test_axe_has_no_complaint_and_nothing_is_off_the_screen(
    opened, fragment, width, scheme
):
    page = opened(fragment, width, color_scheme=scheme, reduced_motion="reduce")
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_panels_are_links_that_take_the_focus_along(opened):
    page = opened("#beta")
    page.get_by_role("link", name="Energy landscape").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="Energy landscape")
    assert heading.evaluate("heading => heading === document.activeElement")
    assert page.evaluate("location.hash") == "#energy"
    assert page.title().startswith("Energy landscape")
    page.go_back()
    page.get_by_role("heading", name="Drag β").wait_for()


def test_beta_is_dragged_and_the_attractor_follows(opened):
    page = opened("#beta?beta=1.245&view=zoom")
    says(page, "a torus|a cycle|a long cycle")
    drag(page, point(page, "diagram", 0.2, 0.4), point(page, "diagram", 0.96, 0.4))
    assert beta_of(page) > 1.275
    says(page, "chaos")
    page.wait_for_function("location.hash.includes('beta=1.27')")


def test_a_panel_is_as_one_left_it(opened):
    page = opened("#beta")
    field = page.get_by_label("Inverse temperature β, as a number")
    field.fill("1.25")
    field.press("Enter")
    page.get_by_role("link", name="Loop").click()
    page.get_by_role("link", name="Drag β").click()
    page.get_by_role("heading", name="Drag β").wait_for()
    assert beta_of(page) == 1.25
    field.fill("")
    field.press("Enter")
    assert beta_of(page) == 1.25
    page.get_by_role("link", name="Loop").click()
    page.go_back()
    page.get_by_role("heading", name="Drag β").wait_for()
    assert beta_of(page) == 1.25
    page.get_by_role("link", name="Drag β").click()
    page.wait_for_function("location.hash === '#beta'")
    assert beta_of(page) == 1.27


def test_beta_is_moved_by_keys(opened):
    page = opened("#beta")
    before = beta_of(page)
    page.locator(".diagram canvas").focus()
    page.keyboard.press("ArrowRight")
    step = beta_of(page) - before
    page.keyboard.press("Shift+ArrowRight")
    assert step > 0
    assert beta_of(page) - before == pytest.approx(11 * step)


def test_beta_is_dragged_by_a_finger(opened):
    page = opened("#beta?view=whole", 390)
    drag_by_finger(
        page, point(page, "diagram", 0.3, 0.3), point(page, "diagram", 0.8, 0.3)
    )
    assert beta_of(page) > 2


def test_a_link_shows_two_attractors_side_by_side(opened):
    page = opened("#beta?beta=1.27&second=random&seed=1")
    says(page, "a cycle of 28 steps.*second start it is a cycle of 56 steps")


def test_a_link_that_makes_no_sense_shows_the_panel_as_usual(opened):
    page = opened("#beta?beta=1e9&gamma=x&view=constructor&second=3&seed=-1")
    assert beta_of(page) == 1.28
    opened("#nothing?x=1").get_by_role("heading", name="Draw a digit").wait_for()
    page = opened("#energy?patterns=;;&x=a&beta=-3&kind=toString&method=0")
    says(page, "recalls pattern 1")


def test_a_state_is_dragged_into_another_valley(opened):
    page = opened("#energy")
    says(page, "recalls pattern 3")
    time.sleep(0.1)
    # The state lies at (0.4, 0.5) of a plane of ±3.1; pattern 1 at (−2, −0.5).
    drag(
        page, point(page, "landscape", 0.575, 0.38), point(page, "landscape", 0.2, 0.6)
    )
    says(page, "recalls pattern 1")
    page.wait_for_function("location.hash.includes('x=')")


def test_a_state_is_dragged_by_a_finger_and_else_the_page_scrolls(opened):
    page = opened("#energy", 390)
    says(page, "recalls pattern 3")
    start = point(page, "landscape", 0.575, 0.38)
    drag_by_finger(page, start, point(page, "landscape", 0.28, 0.6))
    says(page, "recalls pattern 1")
    before = page.evaluate("scrollY")
    x, y = point(page, "landscape", 0.85, 0.85)
    drag_by_finger(page, (x, y), (x, y - 150))
    page.wait_for_function("before => scrollY !== before", arg=before)


def test_patterns_are_added_moved_and_removed_by_keys(opened):
    page = opened("#energy")
    options = page.get_by_label("Arrow keys move", exact=True).locator("option")
    page.get_by_role("button", name="Add a pattern").press("Enter")
    assert options.count() == 6
    page.get_by_label("Arrow keys move", exact=True).select_option("pattern 3")
    page.locator(".landscape canvas").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("location.hash.includes('%3B3%2C1.2')")
    page.get_by_role("button", name="Remove it").press("Enter")
    assert options.count() == 5


def test_patterns_melt_into_one_where_it_is_warm(opened):
    page = opened("#energy")
    page.get_by_label("Inverse temperature β, as a number").fill("0.1")
    page.keyboard.press("Enter")
    says(page, "amid the patterns 1, 2, 3 and 4")
    page.get_by_role("radio", name="Modern Hopfield").check()
    says(page, "amid the patterns")


def test_letters_are_recalled_and_signs_are_turned(opened):
    page = opened("#energy?kind=hopfield")
    says(page, "recalls the letter A")
    page.get_by_role("button", name="Noisy L").click()
    says(page, "recalls the letter L")
    before = page.evaluate("location.hash")
    page.locator(".pixels canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.wait_for_function("before => location.hash !== before", arg=before)
    drag(page, point(page, "landscape", 0.5, 0.5), point(page, "landscape", 0.2, 0.45))
    says(page, "the negative of the letter A")
    page.get_by_label("Z", exact=True).uncheck()
    page.get_by_label("L", exact=True).click()  # one alone would be no choice
    assert page.get_by_role("button", name=re.compile("Noisy")).count() == 2


def test_a_typed_sequence_is_answered_and_bars_matter(opened):
    page = opened("#loop")
    page.get_by_label("Sequence of a to d").fill("abcdabcdabcda")
    says(page, "followed “a” the last time.*answers “b”.*right")
    right = page.locator(".facts dd")
    assert [right.nth(i).text_content() for i in range(3)] == ["9", "9", "9"]
    page.get_by_role("radio", name="the match").check()
    assert int(right.nth(1).text_content()) < 9
    assert right.nth(2).text_content() == "9"
    page.locator(".course canvas").focus()
    for _ in range(12):
        page.keyboard.press("ArrowLeft")
    says(page, "“a” at place 1 is new")
    page.wait_for_function("location.hash.includes('bar=match')")


@pytest.mark.parametrize(
    ("name", "fragment", "words"),
    [
        ("explorer-beta", "#beta?second=random", "second start it is a cycle of 56"),
        ("explorer-digit", "#digit", "Routes read 2"),
        ("explorer-energy", "#energy", "recalls pattern 3"),
        ("explorer-heat", "#heat?k=0.3", "less than nothing"),
        ("explorer-relays", "#relays?kind=neighbours&width=0.6&drive=15", "switched"),
    ],
)
def test_pictures_of_the_docs_are_taken(opened, tmp_path, name, fragment, words):
    """`PICTURES=docs/images pytest -m browser -n 0 -k pictures` takes them anew."""
    page = opened(fragment, color_scheme="light")
    says(page, words)
    page.wait_for_timeout(2_000)  # until the diagram and the descent are whole
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    picture = folder / f"{name}.jpg"
    stage = page.locator(".stage", has=page.locator(".now"))
    stage.last.screenshot(path=picture, type="jpeg", quality=85)
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_who_asks_for_little_motion(opened, motion):
    page = opened("#energy", reduced_motion=motion)
    time.sleep(0.3)
    before = page.evaluate("window.frames_asked")
    time.sleep(0.4)
    moved = page.evaluate("window.frames_asked") - before
    assert (moved == 0) == (motion == "reduce")
