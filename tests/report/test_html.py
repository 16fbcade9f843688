import re
import shlex
from dataclasses import replace
from email import message
from html.parser import HTMLParser
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

from helpers import fakes
from isinglass.report import html, links
from isinglass.reproduce import entries
from isinglass.reproduce.inputs import InputRecord
from isinglass.reproduce.runner import Finished, Request, run
from isinglass.reproduce.verdicts import Verdict

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("run")
    experiments = [fakes.entry("toy-one"), fakes.entry("toy-two")]
    outcomes = list(run(experiments, Request(tmp_path, seed=5)))
    results = [outcome.result for outcome in outcomes if isinstance(outcome, Finished)]
    html.write(results, tmp_path)
    return (tmp_path / "report.html").read_text("utf-8"), results, tmp_path


class Page(HTMLParser):
    """Collects tags, checks that they nest, and keeps what could load something."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.tags = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [
            value for name, value in attrs if name in ("src", "href", "srcset")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing(page):
    text, _, _ = page
    parsed = Page(text)
    assert parsed.open == []
    assert {"script", "link", "iframe"}.isdisjoint(parsed.tags)
    assert parsed.loads
    links = [value for value in parsed.loads if not value.startswith(("data:", "#"))]
    assert set(links) == {"https://arxiv.org/abs/1999.00001"}  # the paper
    assert not re.search(r"@import|url\(|src=\"http", text)


def test_the_page_says_what_was_asked_found_and_run(page):
    text, results, _ = page
    for result in results:
        assert f'id="{result.name}"' in text
        assert result.title in text
        assert "isinglass reproduce toy-one --seeds 3 --seed 5" in text
        for row in result.rows:
            assert row.rule.replace("'", "&#39;") in text
        assert all(version in text for version in result.run.versions.values())
        assert all(value in text for value in result.run.machine.values())
    assert "<p>First.</p>" in text
    assert "<p>Second, of 3 seeds.</p>" in text
    assert text.count("<figure>") == 2


def test_what_experiments_say_is_escaped(page):
    text, _, _ = page
    assert "Is &lt;1&gt; less than 2?" in text
    assert "&lt;b&gt;&amp;" in text
    assert "<1>" not in text


def laid_out(page, *rows):
    """The page of one result with these rows, each a change of the toy's."""
    _, results, out = page
    (row,) = results[0].rows
    changed = [replace(row, **fields) for fields in rows]
    return html.render([replace(results[0], rows=changed)], out)


def test_a_percent_sign_stays_with_its_number(page):
    _, results, out = page
    said = replace(results[0], findings="It is 84.5 %, or 7 [6, 8] %.")
    text = html.render([said], out)
    assert "84.5\N{NO-BREAK SPACE}%, or 7 [6, 8]\N{NO-BREAK SPACE}%." in text


def test_cells_of_a_table_stand_as_the_paper_prints_them(page):
    cells = [
        {"table": "Energies", "row": f"learner {i}", "column": f"digit {j}"}
        for i in range(2)
        for j in range(2)
    ]
    text = laid_out(page, *cells[:3])
    (table,) = re.findall(r'<table class="matrix".*?</table>', text, re.DOTALL)
    assert re.findall(r'scope="row"[^>]*>([^<]*)<', table) == ["learner 0", "learner 1"]
    heads = re.findall(r'scope="col"[^>]*>([^<]*)<', table)
    assert heads == ["digit 0", "digit 1"]
    assert "Energies (Table 1)" in table
    assert table.count("no number") == 1


def test_what_is_ours_alone_is_folded_behind_what_is_compared(page):
    alone = {"paper": None, "verdict": Verdict.UNPUBLISHED, "quantity": "ours"}
    text = laid_out(page, alone, {"quantity": "the paper's"}, alone)
    fold = text.index("Ours alone: 2 numbers without a published value")
    lists = [place.start() for place in re.finditer('<table class="list"', text)]
    assert lists[0] < text.index(">the paper&#39;s</th>") < fold < lists[1]
    assert ">Verdict<" not in re.sub(r"\s", "", text[lists[1] :])


def test_reasons_name_a_table_once_where_all_its_cells_share_one(page):
    cell = {"table": "Energies", "row": "learner 0", "rule": "No number."}
    cells = [{**cell, "column": f"digit {j}", "quantity": f"q{j}"} for j in range(3)]
    text = laid_out(page, *cells, {"quantity": "another", "rule": "No number."})
    assert text.count("<dt>Energies (Table 1)</dt>") == 1
    assert "<dt>another</dt>" in text
    assert "<dt>q1</dt>" not in text


def test_units_stand_in_the_header_where_rows_share_them(page):
    shared = laid_out(page, {"unit": "%"}, {"unit": "%"})
    mixed = laid_out(page, {"unit": "%"}, {"unit": "s"})
    assert 'Paper <span class="unit">%</span>' in shared
    assert 'class="unit" data-label="Unit">s<' in mixed


def test_headings_come_in_order_and_every_heading_cell_has_a_scope(page):
    text, _, _ = page
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", text))


def test_it_links_the_paper_and_shows_the_code_that_measured(page):
    text, results, _ = page
    assert '<a href="https://arxiv.org/abs/1999.00001">Nobody 1999</a>' in text
    assert f"<code>{results[0].module}</code>" in text
    assert "measure = measuring(" in text


def test_the_docs_are_linked_where_the_package_names_them(page, monkeypatch):
    _, results, out = page
    assert links.documentation(results[0]) == ""  # the toys are of no package
    named = message.Message()
    named["Project-URL"] = "Documentation, https://example.org/docs/"
    monkeypatch.setattr(metadata, "metadata", lambda package: named)
    assert 'href="https://example.org/docs/toy/"' in html.render(results, out)


def test_without_an_address_the_page_of_the_docs_is_named(page):
    _, results, out = page
    assert links.page(results[0]) == ""
    result = results[0]
    for entry in entries().values():
        result = replace(results[0], name=entry.name, module=entry.module)
        assert (ROOT / links.page(result)).is_file()
    assert f"<code>{links.page(result)}</code>" in html.render([result], out)


def test_verdicts_are_counted(page):
    text, results, out = page
    changed = [
        replace(results[0], rows=[replace(results[0].rows[0], verdict=verdict)])
        for verdict in (Verdict.DIFFERS, Verdict.DIFFERS, Verdict.UNPUBLISHED)
    ]
    text = html.render(changed, out)
    assert "<strong>2</strong> differ<" in text
    assert "<strong>1</strong> without a published value<" in text
    assert "<strong>0</strong> in our interval<" in text


def with_settings(result, **changes):
    """The result of a run with other settings."""
    settings = replace(result.run.settings, **changes)
    return replace(result, run=replace(result.run, settings=settings))


def record(path, fingerprint="0123456789ab"):
    return InputRecord(path, path, fingerprint)


def test_the_command_runs_the_same_again(page):
    _, results, _ = page
    inputs = {"mnist": record("my digits")}
    changed = with_settings(results[0], inputs=inputs, resolution="quick", seeds=9)
    options = ["--seeds", "9", "--seed", "5", "--mnist", "my digits", "--quick"]
    words = shlex.split(html.command(changed))
    assert words == ["isinglass", "reproduce", "toy-one", *options]


def test_the_command_names_text_model_and_full(page):
    _, results, _ = page
    inputs = {"text": record("my text"), "model": record("my model")}
    changed = with_settings(results[0], inputs=inputs, resolution="full")
    words = shlex.split(html.command(changed))
    assert words[-5:] == ["--text", "my text", "--model", "my model", "--full"]


def test_inputs_are_described_with_their_hash(page):
    _, results, out = page
    changed = with_settings(results[0], inputs={"text": record("my text")})
    text = html.render([changed], out)
    assert "<dt>Text</dt><dd>my text, SHA-256 0123456789ab…</dd>" in text
    assert "<dt>Model</dt>" not in text


def test_the_command_names_no_digits_where_none_were_used(page):
    _, results, _ = page
    assert "--mnist" not in html.command(with_settings(results[0], inputs={}))


def test_on_a_phone_the_dots_of_the_index_lie_side_by_side(page):
    text, _, _ = page
    phone = text[text.index("@media screen and (max-width: 40rem)") :]
    assert phone.index(".dots { text-align: left;") < phone.index("@media print")


@pytest.mark.parametrize(
    ("commit", "text"), [(None, "unknown"), ("abc+modified", "abc+modified")]
)
def test_a_missing_commit_is_admitted(page, commit, text):
    _, results, out = page
    changed = replace(results[0], run=replace(results[0].run, commit=commit))
    assert text in html.render([changed], out)
