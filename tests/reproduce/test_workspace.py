"""Whose workspace it is: kept for a resumed run of the same code and settings only."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from helpers import fakes
from isinglass.reproduce import runner, workspace
from isinglass.reproduce.inputs import InputRecord
from isinglass.reproduce.results import Settings
from isinglass.reproduce.runner import Finished, Request
from isinglass.reproduce.workspace import Mark

SETTINGS = Settings(1, 0, "default", {"text": InputRecord("text", "a text", "0123")})
VERSIONS = {"isinglass": "1"}
MINE = Mark(SETTINGS, VERSIONS)


def left_behind(tmp_path):
    folder = workspace.folder(tmp_path, "toy", MINE, keep=False)
    (folder / "zoom").mkdir()
    return folder


def test_a_resumed_run_finds_its_sweeps(tmp_path):
    folder = left_behind(tmp_path)
    assert workspace.folder(tmp_path, "toy", MINE, keep=True) == folder
    assert (folder / "zoom").is_dir()


@pytest.mark.parametrize(
    ("settings", "versions", "keep"),
    [
        (SETTINGS, VERSIONS, False),
        (replace(SETTINGS, seed=1), VERSIONS, True),
        (SETTINGS, {"isinglass": "2"}, True),
    ],
)
def test_other_runs_begin_anew(tmp_path, settings, versions, keep):
    left_behind(tmp_path)
    folder = workspace.folder(tmp_path, "toy", Mark(settings, versions), keep=keep)
    assert not (folder / "zoom").exists()


def test_where_files_lie_does_not_count(tmp_path):
    folder = left_behind(tmp_path)
    elsewhere = InputRecord("elsewhere/text", "a text", "0123")
    moved = Mark(replace(SETTINGS, inputs={"text": elsewhere}), VERSIONS)
    assert workspace.folder(tmp_path, "toy", moved, keep=True) == folder
    assert (folder / "zoom").is_dir()


@pytest.mark.parametrize("killed", [(shutil, "rmtree"), (Path, "replace")])
def test_killed_while_it_begins_anew_the_next_run_begins_anew(
    tmp_path, monkeypatch, killed
):
    folder = left_behind(tmp_path)

    def kill(*args, **options):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(*killed, kill)
        patch.setattr(Path, "unlink", kill)  # who is killed cleans nothing up
        with pytest.raises(SystemExit):
            workspace.folder(tmp_path, "toy", MINE, keep=False)
    assert workspace.folder(tmp_path, "toy", MINE, keep=True) == folder
    assert (folder / workspace.MARK).exists()
    assert not (folder / "zoom").exists()
    assert [path.name for path in (tmp_path / "sweeps").iterdir()] == ["toy"]


def test_what_no_run_has_put_there_is_left(tmp_path):
    mine = tmp_path / "sweeps" / "toy" / "mine"
    mine.mkdir(parents=True)
    with pytest.raises(FileExistsError, match="holds what no run has put there"):
        workspace.folder(tmp_path, "toy", MINE, keep=False)
    assert mine.is_dir()


def test_a_damaged_mark_begins_anew(tmp_path):
    folder = left_behind(tmp_path)
    (folder / workspace.MARK).write_bytes(b"\xff")
    assert not (workspace.folder(tmp_path, "toy", MINE, keep=True) / "zoom").exists()


class TestFull:
    """`--full` reaches experiments that have a full run, and no others."""

    LONG = MappingProxyType({"default": 1.0, "quick": 0.1, "full": 100.0})

    def run(self, tmp_path, seconds=None, **request):
        changes = {} if seconds is None else {"seconds": seconds}
        toy, contexts = fakes.counting(inputs=(), **changes)
        (done,) = runner.run([toy], Request(tmp_path, **request))
        assert isinstance(done, Finished)
        return contexts[0], done.result.run.settings.resolution

    def test_with_a_full_run(self, tmp_path):
        context, resolution = self.run(tmp_path, self.LONG, full=True)
        assert context.resolution == resolution == "full"
        assert context.workspace == tmp_path / "sweeps" / "toy-one"
        assert context.store("zoom") == tmp_path / "sweeps" / "toy-one" / "zoom"

    def test_without_one(self, tmp_path):
        context, resolution = self.run(tmp_path, full=True)
        assert context.resolution == resolution == "default"
        assert context.workspace is None
        assert context.store("zoom") is None

    def test_not_asked_for(self, tmp_path):
        assert self.run(tmp_path, self.LONG)[1] == "default"

    def test_quick_and_full_exclude_each_other(self, tmp_path):
        with pytest.raises(ValueError, match="quick and full"):
            Request(tmp_path, quick=True, full=True)
