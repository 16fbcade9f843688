import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from isinglass._common import files


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "file"
    files.write_text(path, "old")
    files.write_text(path, "β")
    assert path.read_bytes() == "β".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_failure_before_the_move_leaves_the_old_file_alone(
    tmp_path, monkeypatch, error
):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_before_the_move_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    killed = (
        "import os, pathlib, signal\n"
        "from isinglass._common import files\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"files.write_text({str(path)!r}, 'new')\n"
    )
    assert subprocess.run([sys.executable, "-c", killed]).returncode == -9
    assert path.read_text() == "old"


def test_a_folder_that_is_missing_is_the_callers_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_bytes(tmp_path / "none" / "file", b"")


def test_others_may_read_the_file_as_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        files.write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_an_error_of_another_file_is_left_as_it_is(tmp_path):
    with (
        pytest.raises(FileNotFoundError) as error,
        files.replacing(tmp_path / "file"),
    ):
        (tmp_path / "text").read_text()
    assert error.value.filename == str(tmp_path / "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_errors_name_the_file_that_cannot_be_replaced(call, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "full")

    folder = tmp_path / "none" if call == "open" else tmp_path
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    if call == "replace":
        monkeypatch.setattr(Path, "replace", full)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if call == "write":
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with (
            pytest.raises(OSError, match=r"file'$") as error,
            files.replacing(folder / "file") as file,
        ):
            file.write(bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.filename == str(folder / "file")
    assert list(tmp_path.iterdir()) == []
