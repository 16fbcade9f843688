"""Whose sweeps a folder holds: kept for a resumed run of the same code and settings only."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import fakes
from isinglass.reproduce import Experiment, Outcome, compare, runner
from isinglass.reproduce import workspace as sweeps
from isinglass.reproduce.results import Settings
from isinglass.reproduce.runner import Finished, Request

SETTINGS = Settings(1, 0, False, None, None)
VERSIONS = {"isinglass": "1"}


def left_behind(tmp_path):
    folder = sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=False)
    (folder / "zoom").mkdir()
    return folder


def test_a_resumed_run_finds_its_sweeps(tmp_path):
    folder = left_behind(tmp_path)
    assert sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=True) == folder
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
    folder = sweeps.folder(tmp_path, "toy", settings, versions, keep=keep)
    assert not (folder / "zoom").exists()


def test_where_files_lie_does_not_count(tmp_path):
    folder = left_behind(tmp_path)
    moved = replace(
        SETTINGS, text="elsewhere/text", model="elsewhere/model", mnist="elsewhere"
    )
    assert sweeps.folder(tmp_path, "toy", moved, VERSIONS, keep=True) == folder
    assert (folder / "zoom").is_dir()


@pytest.mark.parametrize("killed", [(shutil, "rmtree"), (Path, "replace")])
def test_killed_while_it_begins_anew_the_next_run_begins_anew(
    tmp_path, monkeypatch, killed
):
    folder = left_behind(tmp_path)

    def kill(*given, **options):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(*killed, kill)
        patch.setattr(Path, "unlink", kill)  # who is killed cleans nothing up
        with pytest.raises(SystemExit):
            sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=False)
    assert sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=True) == folder
    assert (folder / sweeps.MARK).exists()
    assert not (folder / "zoom").exists()
    assert [path.name for path in (tmp_path / "sweeps").iterdir()] == ["toy"]


def test_what_no_run_has_put_there_is_left(tmp_path):
    mine = tmp_path / "sweeps" / "toy" / "mine"
    mine.mkdir(parents=True)
    with pytest.raises(FileExistsError, match="holds what no run has put there"):
        sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=False)
    assert mine.is_dir()


def test_a_damaged_mark_begins_anew(tmp_path):
    folder = left_behind(tmp_path)
    (folder / sweeps.MARK).write_bytes(b"\xff")
    assert not (
        sweeps.folder(tmp_path, "toy", SETTINGS, VERSIONS, keep=True) / "zoom"
    ).exists()


class TestFull:
    """`--full` reaches experiments that have a full run, and no others."""

    def run(self, tmp_path, experiment: Experiment, **request):
        seen = []

        def measure(context):
            seen.append(context)
            return Outcome([compare(experiment.name, "T", "q", [1.0], paper=1.0)])

        chosen = replace(experiment, run=measure, needs_digits=False)
        (done,) = runner.run([chosen], Request(tmp_path, **request))
        assert isinstance(done, Finished)
        return seen[0], done.result

    def test_with_a_full_run(self, tmp_path):
        toy = replace(fakes.experiment(), full_duration=100.0)
        context, result = self.run(tmp_path, toy, full=True)
        assert context.full
        assert context.sweeps == tmp_path / "sweeps" / "toy-one"
        assert result.settings.full

    def test_without_one(self, tmp_path):
        context, result = self.run(tmp_path, fakes.experiment(), full=True)
        assert not context.full
        assert context.sweeps is None
        assert not result.settings.full

    def test_not_asked_for(self, tmp_path):
        context, _ = self.run(
            tmp_path, replace(fakes.experiment(), full_duration=100.0)
        )
        assert not context.full

    def test_quick_and_full_exclude_each_other(self, tmp_path):
        with pytest.raises(ValueError, match="quick and full"):
            Request(tmp_path, quick=True, full=True)
