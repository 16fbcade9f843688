"""Compiled programs on disk: where, for whom, how much, and that nothing can fail."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isinglass._common import program_cache
from isinglass._common.program_cache import use_for_command_line

DIRECTORY, SHORTEST = (
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
)


@pytest.fixture
def user(monkeypatch, tmp_path):
    """Somebody with an empty cache folder who has set nothing."""
    for name in (DIRECTORY, SHORTEST, "ISINGLASS_COMPILATION_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "cache" / "isinglass" / "programs"


def run(*command, **environment):
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


COMMAND = """
from isinglass._common.program_cache import use_for_command_line
use_for_command_line()
import jax
for function in (jax.numpy.sin, jax.numpy.cumsum):
    print(jax.jit(function)(jax.numpy.arange(3.0)))
"""


# That the command line does so, too, is in tests/system/test_terminal.py.
def test_a_second_process_reads_what_the_first_compiled_unless_damaged(
    user, monkeypatch
):
    monkeypatch.setenv(SHORTEST, "0")
    command = ("-W", "error", "-c", COMMAND)
    first = run(*command)
    programs = list(user.glob("*/*-cache"))
    assert programs
    for number, program in enumerate(programs):
        data = program.read_bytes()
        program.write_bytes(data[: len(data) // 2] if number % 2 else data[::-1])
    second = run(*command)
    assert second.stdout == first.stdout
    assert "rror" not in second.stderr
    assert set(user.glob("*/*-cache")) == set(programs)


def test_the_command_line_tells_jax_where_in_the_users_cache(user):
    use_for_command_line()
    (place,) = user.iterdir()
    assert os.environ[DIRECTORY] == str(place)
    assert float(os.environ[SHORTEST]) == program_cache.SHORTEST_COMPILATION
    assert place.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("off", ["off", "OFF", "0", ""])
def test_it_can_be_switched_off(off, user, monkeypatch):
    monkeypatch.setenv("ISINGLASS_COMPILATION_CACHE", off)
    use_for_command_line()
    assert DIRECTORY not in os.environ
    assert not user.exists()


@pytest.mark.parametrize("name", [DIRECTORY, "JAX_ENABLE_COMPILATION_CACHE"])
def test_what_the_user_has_decided_stays(name, user, monkeypatch):
    monkeypatch.setenv(name, "0")
    use_for_command_line()
    assert os.environ[name] == "0"
    assert not user.exists()


def a_file_in_the_way(user, monkeypatch):
    user.parent.mkdir(parents=True)
    user.write_text("")


def a_folder_that_cannot_be_written(user, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)


def a_folder_of_everybody(user, monkeypatch):
    use_for_command_line()
    monkeypatch.delenv(DIRECTORY)
    (place,) = user.iterdir()
    place.chmod(0o777)


def a_full_disk(user, monkeypatch):
    usage = type(shutil.disk_usage("/"))(10, 10, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def no_home(user, monkeypatch):
    def unknown():
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", unknown)


@pytest.mark.parametrize(
    "obstacle",
    [
        a_file_in_the_way,
        a_folder_that_cannot_be_written,
        a_folder_of_everybody,
        a_full_disk,
        no_home,
    ],
)
def test_without_a_folder_to_use_there_is_none(obstacle, user, monkeypatch):
    obstacle(user, monkeypatch)
    use_for_command_line()
    assert DIRECTORY not in os.environ


def test_once_a_day_old_and_empty_programs_go_and_the_oldest_of_too_many(
    user, monkeypatch
):
    def tidy(days):
        written = time.time() - days * program_cache.DAY
        os.utime(place / program_cache.TIDIED, (written, written))
        monkeypatch.delenv(DIRECTORY)
        use_for_command_line()
        return {path.name.removesuffix("-cache") for path in place.glob("*-cache")}

    use_for_command_line()
    (place,) = user.iterdir()
    ages = {"new": 0, "day": 1, "week": 7, "month": 31}
    for name, days in ages.items():
        program = place / f"{name}-cache"
        program.write_bytes(b"x" * 100)
        written = time.time() - days * program_cache.DAY
        os.utime(program, (written, written))
    (place / "empty-cache").touch()
    os.utime(place / "empty-cache", (0, time.time() - 100))
    assert tidy(0.5) == {*ages, "empty"}
    assert tidy(1.5) == {"new", "day", "week"}
    monkeypatch.setattr(program_cache, "LARGEST", 250)
    assert tidy(1.5) == {"new", "day"}


LIBRARY = """
import sys, warnings
import jax
import isinglass
place = isinglass.use_compilation_cache()
assert isinglass.use_compilation_cache("elsewhere") == place  # what is set stays
assert str(place) == jax.config.jax_compilation_cache_dir, place
jax.config.update("jax_compilation_cache_dir", None)
warnings.simplefilter("error")
try:
    isinglass.use_compilation_cache("/dev/null")
except UserWarning as warning:
    assert "are not kept" in str(warning), warning
print(place)
"""


def test_in_python_it_is_a_call(user):
    assert Path(run("-c", LIBRARY).stdout.strip()).parent == user
