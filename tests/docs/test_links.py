"""Links of pages lead somewhere, on disk and so on GitHub; the site has them turned."""

import re
from collections import Counter
from urllib.parse import parse_qs

import pytest

from helpers.pages import ROOT, Page, all_pages

PANELS = ROOT / "src/isinglass/explore/browser/page/panels"


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Page) -> None:
    targets = re.findall(r"\]\(([^)\s:]+)\)", page.prose)

    missing = []
    for target in targets:
        file, _, anchor = target.partition("#")
        place = page.path.parent / file if file else page.path
        if place.name == "explorer.md" and anchor:
            missing += unknown_states(anchor)
            continue
        if not place.exists() or (anchor and anchor not in anchors(Page(place))):
            missing.append(target)
    assert missing == []


def test_links_of_the_explorers_panels_lead_to_pages() -> None:
    sources = "".join(panel.read_text("utf-8") for panel in PANELS.glob("*.js"))
    links = re.findall(r'\bdoc: "([^"]*)"', sources)

    assert links
    for link in links:
        page, _, anchor = link.partition("#")
        place = Page(ROOT / "docs" / f"{page.rstrip('/')}.md")
        assert place.path.is_file()
        assert not anchor or anchor in anchors(place)


def unknown_states(fragment: str) -> list[str]:
    """What a fragment asks of the explorer that its panel does not have."""
    name, _, query = fragment.partition("?")
    sources = [path.read_text("utf-8") for path in PANELS.glob("*.js")]
    panels = [source for source in sources if f'id: "{name}"' in source]
    if not panels:
        return [name]
    (defaults,) = re.findall(r"^  defaults: \{(.*?)\}", panels[0], re.M | re.S)
    return [key for key in parse_qs(query) if not re.search(rf"\b{key}:", defaults)]


def anchors(page: Page) -> set[str]:
    """What the headings of a page are called in links, as GitHub does."""
    names: Counter[str] = Counter()
    links = set()
    for line in re.findall(r"^#+ (.*)$", page.prose, flags=re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
        links.add(f"{name}-{names[name]}" if names[name] else name)
        names[name] += 1
    return links
