"""``isinglass explore``."""

import webbrowser

import pytest
from typer.testing import CliRunner

from isinglass import cli


@pytest.fixture
def addresses(monkeypatch):
    """What is opened in a browser."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def run(*arguments):
    return CliRunner().invoke(cli.app, ["explore", *arguments], prog_name="isinglass")


def test_it_writes_the_page_and_opens_it(tmp_path, monkeypatch, addresses):
    monkeypatch.chdir(tmp_path)
    result = run()
    assert result.exit_code == 0
    page = tmp_path / "isinglass-explorer.html"
    assert result.stdout == "Explorer: isinglass-explorer.html\n"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert addresses == [page.resolve().as_uri()]


def test_it_opens_nothing_where_it_must_not(tmp_path, addresses):
    path = tmp_path / "page.html"
    assert run("--out", str(path), "--no-open").exit_code == 0
    assert path.is_file()
    assert not addresses


def test_a_folder_that_is_missing_is_the_users_to_mend(tmp_path, addresses):
    result = run("--out", str(tmp_path / "missing" / "page.html"))
    assert result.exit_code == 2
    assert "missing" in result.stderr
    assert not addresses


def test_an_empty_name_is_refused(addresses):
    assert run("--out", "").exit_code == 2
    assert not addresses
