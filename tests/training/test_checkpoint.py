import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass.training import checkpoint
from isinglass.training.checkpoint import FILE, Position

PLAN = {
    "system": "memory",
    "config": {"width": 4},
    "recipe": [{"steps": 3}],
    "seeds": [0],
}
TREE = ({"a": np.arange(6.0).reshape(2, 3)}, np.arange(3, dtype=np.int32))


@pytest.fixture
def store(tmp_path):
    checkpoint.write(tmp_path, PLAN, Position(3, 1), TREE)
    return tmp_path


def test_what_is_written_is_read(store):
    stored = checkpoint.read(store)
    assert stored is not None
    assert (stored.plan, stored.position) == (PLAN, (3, 1))
    (first, second) = checkpoint.restore(
        stored, ({"a": np.zeros((2, 3))}, np.zeros(3, np.int32))
    )
    np.testing.assert_array_equal(first["a"], TREE[0]["a"])
    np.testing.assert_array_equal(second, TREE[1])
    assert second.dtype == np.int32


def test_an_empty_folder_holds_none(tmp_path):
    assert checkpoint.read(tmp_path) is None
    assert checkpoint.read(tmp_path / "new") is None


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(ValueError, match=r"store must be a folder, and .* is a file"):
        checkpoint.read(tmp_path / "a")


@given(data=st.data())
def test_a_file_that_is_cut_or_changed_anywhere_is_refused(data, tmp_path_factory):
    store = tmp_path_factory.mktemp("damaged")
    checkpoint.write(store, PLAN, Position(3, 1), TREE)
    whole = (store / FILE).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = (
        whole[:at]
        + bytes([whole[at] ^ data.draw(st.integers(1, 255))])
        + whole[at + 1 :]
    )
    for damaged in (whole[:at], flipped, whole + b"x"):
        (store / FILE).write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is damaged|has format"):
            checkpoint.read(store)


def test_another_version_is_named(store):
    first, _, rest = (store / FILE).read_bytes().partition(b"\n")
    header = json.loads(first) | {"version": 99}
    (store / FILE).write_bytes(json.dumps(header).encode() + b"\n" + rest)
    with pytest.raises(
        ValueError, match="version 99; expected 'isinglass-training' version 3"
    ):
        checkpoint.read(store)


def test_a_training_of_another_kind_is_refused(store):
    with pytest.raises(ValueError, match="system is memory there, looped asked for"):
        checkpoint.claim(store, PLAN | {"system": "looped"})


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"[1]\n", b"null\n", b"\x80\x04\x95pickle"]
)
def test_a_foreign_file_is_refused(content, tmp_path):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, or no checkpoint"):
        checkpoint.read(tmp_path)


@pytest.mark.parametrize(
    "like",
    [
        ({"a": np.zeros((2, 4))}, np.zeros(3, np.int32)),
        ({"a": np.zeros((2, 3))}, np.zeros(3)),
        ({"a": np.zeros((2, 3))},),
        ({"a": np.zeros((2, 3))}, np.zeros(3, np.int32), np.zeros(1)),
    ],
)
def test_arrays_of_another_form_are_refused(like, store):
    stored = checkpoint.read(store)
    assert stored is not None
    with pytest.raises(ValueError, match=r"the checkpoint holds .* expected"):
        checkpoint.restore(stored, like)


def test_the_first_difference_is_named(store):
    other = PLAN | {"recipe": [{"steps": 4}]}
    with pytest.raises(ValueError, match=r"recipe\[0\].steps is 3 there, 4 asked for"):
        checkpoint.claim(store, other)
    with pytest.raises(ValueError, match=r"config.width is 4 there, nothing asked for"):
        checkpoint.claim(store, PLAN | {"config": {}})
    assert checkpoint.claim(store, PLAN) == checkpoint.read(store)


def test_a_full_disk_leaves_the_one_before(store, monkeypatch):
    before = (store / FILE).read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"No space left on device: .*training\.checkpoint"
    ):
        checkpoint.write(store, PLAN, Position(4, 1), TREE)
    assert {path.name: path.read_bytes() for path in store.iterdir()} == {FILE: before}


def test_leftovers_of_a_kill_are_swept_up(store):
    (store / f".{FILE}.0a1b2c3d.tmp").write_text("half")
    (store / "notes.txt").write_text("mine")
    checkpoint.claim(store, PLAN)
    assert sorted(path.name for path in store.iterdir()) == ["notes.txt", FILE]


def test_nan_is_the_same_as_nan(store):
    plan = PLAN | {"schedule": [0.1, float("nan")], "rate": float("nan")}
    checkpoint.write(store, plan, Position(0, 0), TREE)
    again = PLAN | {"schedule": [0.1, np.nan - 1], "rate": np.nan - 1}
    assert checkpoint.claim(store, again) is not None
