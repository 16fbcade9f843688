import subprocess

import pytest

import isinglass
from isinglass.reproduce import provenance


def test_versions_name_python_and_what_is_installed():
    versions = provenance.versions()
    assert versions["isinglass"] == isinglass.__version__
    assert versions["python"].count(".") == 2
    assert "numpy" in versions


def test_the_machine_is_described_without_its_name():
    machine = provenance.machine()
    assert int(machine["cores"]) >= 1
    assert machine["system"]
    assert machine["processor"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one tracked file, from which the code seems to run."""
    file = tmp_path / "src" / "isinglass" / "reproduce" / "provenance.py"
    file.parent.mkdir(parents=True)
    file.write_text("one")
    for command in (
        ["init", "-q"],
        ["add", "."],
        [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-q",
            "-m",
            "m",
            "--no-gpg-sign",
        ],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    monkeypatch.setattr(provenance, "__file__", str(file))
    return file


def test_the_commit_of_a_checkout(checkout):
    commit = provenance.commit()
    assert commit is not None
    assert len(commit) == 40
    checkout.write_text("two")
    assert provenance.commit() == f"{commit}+modified"


def test_code_that_the_checkout_around_it_does_not_track(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "_commit_noted_by_pip", lambda: None)
    installed = checkout.with_name("installed.py")
    installed.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.commit() is None


def test_the_stamp_of_a_wheel(tmp_path, monkeypatch):
    file = tmp_path / "isinglass" / "reproduce" / "provenance.py"
    file.parent.mkdir(parents=True)
    (tmp_path / "isinglass" / "_commit.txt").write_text("abc123\n")
    monkeypatch.setattr(provenance, "__file__", str(file))
    assert provenance.commit() == "abc123"


def test_no_git_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "a" / "b.py"))
    monkeypatch.setattr(provenance, "_commit_noted_by_pip", lambda: None)
    assert provenance.commit() is None
