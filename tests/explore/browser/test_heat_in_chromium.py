"""Heat that is dropped on a plate by mouse, finger and keys."""

import pytest

from helpers.hand import drag, drag_by_finger, fact, point, says

pytestmark = pytest.mark.browser


def set_k(page, value):
    field = page.get_by_label("Conductivity k in squared cells, as a number")
    field.fill(value)
    field.press("Enter")


def test_heat_is_dropped_and_conserved(opened):
    page = opened("#heat?drops=&k=0.1")
    says(page, "The plate is empty")
    drag(page, point(page, "plate", 0.4, 0.5), point(page, "plate", 0.6, 0.5))
    says(page, "is still there.*less than nothing")
    dropped = fact(page, "Heat dropped")
    assert float(dropped) >= 2
    assert fact(page, "Heat now") == dropped
    assert fact(page, "Coldest cell").startswith("−")
    set_k(page, "5")
    assert fact(page, "Heat now") == dropped
    assert fact(page, "Width √(2k)") == "3.16 cells"


def test_the_graph_is_never_colder_than_nothing(opened):
    page = opened("#heat?k=0.1")
    says(page, "less than nothing")
    page.get_by_label("Of the graph").check()
    says(page, "no less than nothing")
    page.wait_for_function("location.hash.includes('spectrum=graph')")


def test_keys_and_a_finger_drop_too(opened):
    page = opened("#heat?drops=&k=1", 390)
    drag_by_finger(page, point(page, "plate", 0.5, 0.5), point(page, "plate", 0.5, 0.5))
    assert fact(page, "Heat dropped") == "1.000000"
    page.locator(".plate canvas").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert fact(page, "Heat now") == "2.000000"
    page.get_by_role("button", name="Take the last drop back").click()
    assert fact(page, "Heat dropped") == "1.000000"
    page.get_by_role("button", name="Clear the plate").click()
    says(page, "The plate is empty")


def test_a_fragment_of_nonsense_is_a_plate(opened):
    page = opened("#heat?k=x&spectrum=none&drops=99,1;a")
    says(page, "The plate is empty")
    assert fact(page, "Width √(2k)") == "1.00 cells"
