"""Digits drawn by a hand: read, taught, forgotten and merged."""

import re

import pytest

from helpers.hand import drag_by_finger, fact, point, says

pytestmark = pytest.mark.browser

MARK = "Fingerprint of what it knows"
SECOND = "50 pictures of 5 to 9, met by another"


def draw(page, *stops):
    """A stroke through places, by shares of the pad."""
    places = [point(page, "pad", *stop) for stop in stops]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


@pytest.mark.parametrize("width", [1200, 390])
def test_a_one_is_drawn_and_read(opened, width):
    page = opened("#digit", width)
    says(page, "Routes read 2 .* couplings read 2 ")
    draw(page, (0.52, 0.15), (0.5, 0.5), (0.49, 0.85))
    says(page, "Routes read 1 .* couplings read 1 ")
    page.wait_for_function("location.hash.includes('strokes=')")
    page.reload()
    says(page, "Routes read 1 .* couplings read 1 ")
    page.get_by_role("button", name="Clear").click()
    says(page, "The pad is empty")


def test_a_seven_is_drawn_by_a_finger(opened):
    page = opened("#digit", 390)
    drag_by_finger(page, point(page, "pad", 0.25, 0.2), point(page, "pad", 0.75, 0.2))
    drag_by_finger(page, point(page, "pad", 0.75, 0.2), point(page, "pad", 0.45, 0.9))
    says(page, "couplings read 7 ")


def test_a_one_is_drawn_by_keys(opened):
    page = opened("#digit")
    page.locator(".pad canvas").focus()
    for key in ("Delete", " ", "Shift+ArrowDown", "ArrowDown", "Shift+ArrowDown", " "):
        page.keyboard.press(key)
    says(page, "Routes read 1 .* couplings read 1 ")
    page.keyboard.press("Backspace")
    says(page, "The pad is empty")
    for key in (" ", "Shift+ArrowUp", "Delete", "ArrowUp"):  # which lifts the pen
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    assert "strokes=" not in page.evaluate("location.hash")


def test_what_is_taught_is_learned_and_forgotten_bit_for_bit(opened):
    page = opened("#digit")
    draw(page, (0.3, 0.3), (0.7, 0.3), (0.5, 0.6), (0.3, 0.3))
    says(page, "couplings read")
    before, read = fact(page, MARK), fact(page, "Routes read")
    for _ in range(3):
        page.get_by_role("button", name="Teach that this is a 6").click()
    taught = fact(page, MARK)
    assert taught != before
    assert fact(page, "The same, learned afresh") == f"{taught} (equal)"
    says(page, "couplings read 6 ")
    page.wait_for_function("location.hash.includes('taught=6')")
    for _ in range(3):
        page.get_by_role("button", name="Forget this 6").first.click()
    page.get_by_text(re.compile(f"{before}, bit for bit")).wait_for()
    assert (fact(page, MARK), fact(page, "Routes read")) == (before, read)


def test_readers_are_merged_by_adding_what_they_know(opened):
    page = opened("#digit")
    both = fact(page, MARK)
    page.get_by_role("button", name="Show a 7").press("Enter")
    says(page, "Routes read 7 .* couplings read 7 ")
    page.get_by_label(SECOND).uncheck()
    says(page, "Routes read [0-4] .* couplings read [0-4] ")
    assert fact(page, MARK) != both
    page.get_by_label(SECOND).check()
    says(page, "Routes read 7 .* couplings read 7 ")
    assert fact(page, MARK) == both


def test_a_friend_is_merged_by_link(opened):
    friend = opened("#digit")
    friend.get_by_role("button", name="Show a 4").click()
    friend.get_by_role("button", name="Teach that this is a 9").click()
    friend.wait_for_function("location.hash.includes('taught=9')")
    page = opened("#digit")
    field = page.get_by_label(re.compile("Merge a friend"))
    field.fill("https://example.test/#digit")
    page.get_by_role("button", name="Merge").click()
    page.get_by_text("That is no link to this panel").wait_for()
    field.fill(friend.url)
    page.get_by_role("button", name="Merge").click()
    page.get_by_text("Merged: pictures that a friend taught, 1.").wait_for()
    assert fact(page, MARK) == fact(friend, MARK)


def test_signals_are_sent_and_the_floor_is_turned(opened):
    page = opened("#digit", reduced_motion="no-preference")
    time = page.get_by_label("Time, as a number").element_handle()
    send = page.get_by_role("button", name="Send the signals")
    # Looked at frame by frame: on a busy machine all may be over before Python asks.
    begun = send.evaluate(
        """(send, time) => new Promise((done) => {
            let frames = 0;
            const look = () =>
                time.value < 24 || ++frames > 300
                    ? done(time.value)
                    : requestAnimationFrame(look);
            send.click();
            look();
        })""",
        time,
    )
    assert float(begun) < 24
    page.locator(".spacetime canvas").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.includes('turn=-33')", timeout=15_000)


def test_a_link_that_makes_no_sense_shows_what_it_can(opened):
    page = opened("#digit?strokes=%21&sample=99&taught=x*7&other=..&time=1e9&turn=x")
    says(page, "The pad is empty")
    assert page.get_by_label("Time, as a number").input_value() == "24"
