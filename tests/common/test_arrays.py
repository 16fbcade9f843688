"""One file of arrays: what is written is read, and what is not whole is refused."""

import json
import re

import jax.numpy as jnp
import numpy as np
import pytest

from isinglass._common import arrays

FORM = arrays.Format("isinglass-test", 3, "file of this test")
CONTENT = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "signs": np.array([1, -1], np.int8),
    "number": np.array(2.5, np.float32),
    "none": np.zeros((0, 4)),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    arrays.write(path, FORM, {"about": {"seed": 1}}, CONTENT.items())
    return path


def refused(path, match=None):
    with pytest.raises(ValueError, match=match or re.escape(str(path))):
        arrays.open_file(path, FORM)


def test_what_is_written_is_read(path):
    file = arrays.open_file(path, FORM)
    assert file.header == {"about": {"seed": 1}}
    contents = file.read()
    assert list(contents) == list(CONTENT)
    for name, array in CONTENT.items():
        np.testing.assert_array_equal(contents[name], array)
        assert contents[name].dtype == array.dtype


def test_arrays_of_jax_and_of_any_order_in_memory_are_taken(tmp_path):
    matrix = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    pairs = [("jax", jnp.asarray(matrix)), ("turned", matrix.T)]
    arrays.write(tmp_path / "file", FORM, {}, pairs)
    contents = arrays.open_file(tmp_path / "file", FORM).read()
    np.testing.assert_array_equal(contents["jax"], matrix)
    np.testing.assert_array_equal(contents["turned"], matrix.T)


def test_every_damaged_byte_is_noticed(path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        refused(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path, "is damaged")


def test_a_longer_file_is_refused(path):
    path.write_bytes(path.read_bytes() + b"\0")
    refused(path, "is damaged: its checksum does not fit")


def test_arrays_read_as_another_type_are_noticed(path):
    path.write_bytes(path.read_bytes().replace(b'"<f8"', b'"<i8"'))
    refused(path, "its checksum does not fit")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"[1]\n", b"null\n", b"\x80\x04\x95pickle", b'{"a": 1}\n']
)
def test_a_foreign_file_is_refused(path, content):
    path.write_bytes(content)
    refused(path, "is damaged, or no file of this test")


def test_random_bytes_are_refused(path):
    for seed in range(50):
        path.write_bytes(np.random.default_rng(seed).bytes(200 * seed))
        refused(path, "is damaged, or no file of this test")


@pytest.mark.parametrize(("name", "value"), [("format", "other"), ("version", 4)])
def test_another_format_or_version_is_named(path, name, value):
    first, _, rest = path.read_bytes().partition(b"\n")
    header = json.loads(first) | {name: value}
    path.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    refused(path, f"{value}.*; expected 'isinglass-test' version 3")
