"""A tensor and a network of them, driven by a hand."""

import re

import pytest

from helpers.hand import drag, drag_by_finger, fact, point, says

pytestmark = pytest.mark.browser


def test_a_tensor_jumps_and_remembers(opened):
    page = opened("#relays")
    assert fact(page, "Mean field μ") == "−0.859"
    middle = point(page, "tensor", 0.5, 0.5)
    drag(page, middle, point(page, "tensor", 0.8, 0.5))
    says(page, "The tensor jumped to 0.9")
    page.wait_for_function("location.hash.includes('up=1')")
    field = page.get_by_label("Field h, as a number")
    field.fill("0")
    field.press("Enter")
    assert fact(page, "Mean field μ") == "0.859"
    coupling = page.get_by_label("Coupling x, as a number")
    coupling.fill("0.9")
    coupling.press("Enter")
    assert fact(page, "Mean field μ") == "0.000"
    assert fact(page, "Branches end at ±h") == "one branch alone"


def test_a_tensor_is_moved_by_finger_and_keys(opened):
    page = opened("#relays", 390)
    start = point(page, "tensor", 0.5, 0.5)
    drag_by_finger(page, start, point(page, "tensor", 0.9, 0.5))
    says(page, "The tensor jumped to 0.9")
    page.locator(".tensor canvas").focus()
    for _ in range(14):
        page.keyboard.press("Shift+ArrowLeft")
    says(page, "The tensor jumped to −0.9")


@pytest.mark.parametrize("width", [1200, 390])
def test_a_network_is_driven_and_jumps(opened, width):
    page = opened("#relays?drive=-100", width)
    assert fact(page, "Avalanches counted").endswith("in 2 passes")
    field = page.get_by_label("Field H, in % of its range, as a number")
    field.fill("70")
    field.press("Enter")
    says(page, "[1-9][0-9]* of 4096 tensors switched together")
    field.fill("100")
    field.press("Enter")
    assert fact(page, "Avalanches counted").endswith("in 3 passes")


def test_sizes_fill_the_law(opened):
    page = opened("#relays?ratio=0.8")
    page.get_by_role("button", name="20 passes").click()
    counted = page.locator(".facts dd", has_text=re.compile("in 2[2-9] passes"))
    counted.wait_for()
    value, error = map(float, fact(page, "n = 1 − 1/⟨s⟩").split(" ± "))
    assert error < 0.01
    assert abs(value - 0.8) < 4 * error


def test_passes_end_with_their_network(opened):
    page = opened("#relays?drive=60")
    page.evaluate(
        """() => {
            const buttons = [...document.querySelectorAll("button")];
            for (const text of ["20 passes", "Other tensors"]) {
                buttons.find((button) => button.textContent === text).click();
            }
        }"""  # at once: by the mouse all passes might be over
    )
    page.wait_for_timeout(1_500)
    field = page.get_by_label("Field H, in % of its range, as a number")
    assert field.input_value() == "60"  # passes that ended would leave it at an end


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_it_is_played(opened, motion):
    page = opened("#relays?drive=-100", reduced_motion=motion)
    page.get_by_role("button", name="Play").click()
    counted = page.locator(".facts dd", has_text=re.compile("in [3-9] passes"))
    counted.wait_for(timeout=30_000)
    if motion == "no-preference":
        page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Play").wait_for()


def test_other_networks_have_other_laws(opened):
    page = opened("#relays")
    page.get_by_role("radio", name="all, Gaussian").check()
    assert page.get_by_label("Branching ratio n", exact=True).is_hidden()
    width = page.get_by_label("Width R of the thresholds, as a number")
    width.fill("0.5")
    width.press("Enter")
    page.get_by_text("Below the critical width").wait_for()
    page.get_by_role("radio", name="neighbours").check()
    page.get_by_text("Borel's law is not theirs").wait_for()


def test_a_link_that_makes_no_sense_shows_the_panel_as_usual(opened):
    page = opened("#relays?kind=none&coupling=x&field=99&ratio=5&drive=1e9&seed=0.4")
    assert page.get_by_label("Branching ratio n, as a number").input_value() == "0.99"
    assert fact(page, "Mean field μ").startswith("0.9")
