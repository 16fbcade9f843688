"""Every system has its page, and is named wherever someone looks for it."""

import pytest

from helpers.pages import ROOT

SYSTEMS = sorted(
    path.parent.name for path in (ROOT / "src/isinglass/systems").glob("*/__init__.py")
)


def test_there_are_systems():
    assert {"interference", "polling"} <= set(SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("CITATION.cff", 'notes: "System: {}"'),
        ("README.md", "](docs/{}.md)"),
        ("mkdocs.yml", "{}.md"),
        ("CHANGELOG.md", "isinglass reproduce {}"),
        ("docs/results.md", "({}.md"),
    ],
)
def test_each_is_named_where_someone_looks(system, file, words):
    assert words.format(system) in (ROOT / file).read_text()


def test_each_paper_is_a_reference_of_its_own():
    """Where a line that begins one is missing, YAML takes the last of two titles."""
    text = (ROOT / "CITATION.cff").read_text()
    assert text.count("  - type: article\n    title:") == text.count("\n    title:")
