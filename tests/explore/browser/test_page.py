"""The explorer's page as a file: whole, small, and without a word to any host."""

import json
import re
from importlib import resources

import pytest

from isinglass.explore.browser import page_file
from isinglass.explore.browser.bundle import BundleError, bundle, order
from isinglass.explore.browser.sections import PANELS

MOST = 400_000  # bytes
ROOT = resources.files("isinglass.explore.browser") / "page"


@pytest.fixture(scope="module")
def page() -> str:
    return page_file.page()


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    return page_file.modules(ROOT)


def test_it_is_small(page):
    assert len(page.encode()) < MOST


def test_it_asks_no_host_for_anything(page):
    # What a reader follows is a link; nothing else may name a place.
    links = re.compile(r'href: "https://arxiv\.org/abs/\d+\.\d+"')
    rest = links.sub("", page)
    assert not re.findall(r"(?:https?|wss?)://\S*", rest)
    for asking in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "@import"):
        assert asking not in rest
    sources = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', rest)
    assert set(sources) == {"data:,"}


def test_every_module_is_in_it(modules, page):
    used = order(modules, page_file.MAIN)
    assert set(used) == modules.keys() - {"core/types.js"}
    for path in used:
        name = re.sub(r"\W", "_", path.removesuffix(".js"))
        assert f"const module_{name} = (() => {{" in page


def test_its_data_are_json_by_panel(page):
    text = page.partition('id="data">')[2].partition("</script>")[0]
    data = json.loads(text)
    assert data["panels"].keys() == set(PANELS)
    assert data["panels"]["beta"]["period"] == 4


def test_panels_link_to_the_docs_where_they_are(monkeypatch):
    assert '"docs":"../"' in page_file.page("../")
    assert '"docs":"../"' in page_file.page("..")
    monkeypatch.setattr(page_file, "documentation", lambda: "https://docs.test")
    assert '"docs":"https://docs.test/"' in page_file.page()


def test_it_is_written_in_one_step(tmp_path):
    path = page_file.write_page(tmp_path / "explorer.html")
    assert path.read_text("utf-8") == page_file.page()
    assert [other.name for other in tmp_path.iterdir()] == ["explorer.html"]


def test_data_cannot_end_their_script():
    assert "<" not in page_file.as_json({"name": "</script><!--"})
    with pytest.raises(ValueError, match="Out of range float"):
        page_file.as_json([float("nan")])


def test_a_module_is_run_once_after_those_it_imports():
    modules = {
        "main.js": 'import { two as b } from "./core/b.js";\n'
        'import { one } from "./a.js";\nlog(one, b);\n',
        "core/b.js": 'import { one } from "../a.js";\nexport const two = 2 * one;\n',
        "a.js": "export const one = 1;\n",
        "unused.js": "export const three = 3;\n",
    }
    script = bundle(modules, "main.js")
    places = [
        script.index(part)
        for part in (
            "const module_a = (() => {\nconst one = 1;\nreturn { one };\n})();",
            "const { one } = module_a;\nconst two = 2 * one;",
            "const { two: b } = module_core_b;",
        )
    ]
    assert places == sorted(places)
    assert script.count("const one = 1") == 1
    assert "three" not in script


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("export default 3;", "main.js: not understood: export default 3;"),
        ('import * as a from "./a.js";', "not understood: import"),
        ('import { a } from "far";', "not understood: import"),
        ('const a = await import("./a.js");', "not understood: const a"),
        ('import { a } from "./missing.js";', "there is no module missing.js"),
        ('import { a } from "./main.js";', "main.js imports main.js"),
    ],
)
def test_a_module_that_cannot_be_bundled_is_refused(source, message):
    with pytest.raises(BundleError, match=re.escape(message)):
        bundle({"main.js": source}, "main.js")
