"""What a hand does to a page of the explorer, and what it waits for."""

import re


def says(page, words, seconds=20):
    """Wait until the panel says something."""
    page.locator(".now", has_text=re.compile(words)).wait_for(timeout=1000 * seconds)


def fact(page, name):
    """What a list of facts says of one of them."""
    row = page.locator(".facts div", has=page.get_by_text(name, exact=True))
    return row.locator("dd").inner_text()


def point(page, name, across, down):
    """A place on a picture, by shares of its width and height."""
    canvas = page.locator(f".{name} canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def drag_by_finger(page, start, end):
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", start)
    for share in (0.25, 0.5, 0.75, 1):
        touch(
            "touchMove",
            [a + share * (b - a) for a, b in zip(start, end, strict=True)],
        )
    touch("touchEnd")
