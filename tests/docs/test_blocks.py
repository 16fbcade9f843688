"""Blocks of Python on pages run alone and print what the page shows; see CONTRIBUTING.

A page that says so is one program, whose blocks go on from each other. What a block
prints, if the page shows it, follows in a block of `text`. A comment `<!-- slow -->`
above a block, or "and slow" in that of such a page, keeps it from the default run.
"""

import re
import warnings
from collections.abc import Iterator

import pytest

from helpers.pages import ONE_PROGRAM, Block, Page, all_pages

NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# A numeral that is no part of a longer one or of a name.
WHOLE = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\w|[.,]\d)")
TOLERANCE = 0.05
SLOW_PROGRAM = f"{ONE_PROGRAM}, and slow -->"


def programs() -> Iterator:
    """The programs of all pages: blocks, each with the text it is said to print."""
    for page in all_pages():
        pairs = with_outputs(page)
        parts = [pairs] if page.is_one_program else [[pair] for pair in pairs]
        for number, part in enumerate(filter(None, parts), start=1):
            is_slow = SLOW_PROGRAM in page.text or part[0][0].is_slow
            marks = [pytest.mark.slow] if is_slow else []
            yield pytest.param(part, id=f"{page.name}:{number}", marks=marks)


def with_outputs(page: Page) -> list[tuple[Block, str | None]]:
    """Blocks of Python, each with the block of text that follows it or None."""
    followers = [*page.blocks[1:], None]
    return [
        (block, after.text if after and after.language == "text" else None)
        for block, after in zip(page.blocks, followers, strict=False)
        if block.language == "python"
    ]


@pytest.mark.parametrize("program", list(programs()))
def test_a_block_runs_and_prints_what_the_page_shows(
    program, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block, shown in program:
        with warnings.catch_warnings(action="error"):
            exec(compile(block.text, "block.py", "exec"), names)
        printed = capsys.readouterr().out
        if shown is not None:
            assert difference(printed, shown) is None, printed


@pytest.mark.parametrize(
    "page", [page for page in all_pages() if page.is_one_program], ids=lambda p: p.name
)
def test_numbers_in_the_prose_of_a_tutorial_are_printed_by_its_blocks(page) -> None:
    printed = "\n".join(block.text for block in page.of_language("text"))
    assert unprinted(page.prose, printed) == set()


def test_a_number_is_printed_only_as_a_whole() -> None:
    assert unprinted("0.4 of 12, 3 times", "0.44 of 12") == {"0.4"}
    assert unprinted("1,000 (Lam 2026) `0.7`", "11,000 or 1,000.5") == {"1,000"}


def unprinted(prose: str, printed: str) -> set[str]:
    """Numbers of two digits or more in prose, citations apart, that are not printed."""
    said = re.sub(r"\]\([^)]*\)|`[^`]*`|[A-Z]\w+ (?:19|20)\d\d\b", "", prose)
    numbers = {number for number in WHOLE.findall(said) if len(number) > 1}
    return numbers - set(WHOLE.findall(printed))


def difference(printed: str, shown: str) -> str | None:
    """What sets two outputs apart; numbers may differ a little, spaces at will."""
    words = [NUMBER.sub("#", text).split() for text in (printed, shown)]
    if words[0] != words[1]:
        return f"{words[0]} are not {words[1]}"
    pairs = zip(values(printed), values(shown), digits(shown), strict=True)
    apart = [
        (ours, theirs)
        for ours, theirs, last in pairs
        if abs(ours - theirs) > max(TOLERANCE * abs(theirs), 1.01 * last)
    ]
    return str(apart) if apart else None


def digits(text: str) -> list[float]:
    """What the last digit of each number in a text stands for."""
    numbers = NUMBER.findall(text)
    return [10.0 ** -len(number.partition(".")[2]) for number in numbers]


def values(text: str) -> list[float]:
    """The numbers in a text."""
    plain = [
        number.replace(",", "").replace("−", "-") for number in NUMBER.findall(text)
    ]
    return [float(number) for number in plain]
