import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tokenizers import WORDS, write_two_files
from isinglass.data import BytePairTokens, ByteTokens, TokenFileError, tokenise
from isinglass.data import text_files as module


@pytest.fixture
def folder(tmp_path):
    return write_two_files(tmp_path)


TEXT = st.text(st.sampled_from("ther \n\t\x1c\u2003é!9"), max_size=60)


@settings(deadline=None)
@given(text=TEXT, part=st.integers(1, 9))
def test_a_file_read_in_parts_has_the_same_tokens(text, part, tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PART", part)
        parts = list(module._text_parts(path))
    assert "".join(parts) == text
    # A cut stands where no token can reach over it: before a blank that follows no
    # whitespace.
    for before, after in itertools.pairwise(parts):
        assert after[0] in " \n"
        assert not before[-1].isspace()
    assert [w for p in parts for w in WORDS.findall(p)] == WORDS.findall(text)


def test_a_file_of_byte_pairs_is_an_array_on_disk(folder, monkeypatch):
    tokens = BytePairTokens(folder)
    text = "the other é there\n\n the " * 50
    (folder / "a.txt").write_text(text)
    monkeypatch.setattr(module, "_PART", 100)
    array = tokenise(folder / "a.txt", tokens)
    assert isinstance(array, np.memmap)
    assert array.tolist() == tokens.encode(text).tolist()
    assert sorted(path.name for path in folder.iterdir()) == [
        "a.txt",
        "a.txt.npy",
        "merges.txt",
        "vocab.json",
    ]
    (folder / "b.txt").write_bytes(b"the \xff")
    with pytest.raises(TokenFileError, match=r"b.txt is not UTF-8"):
        tokenise(folder / "b.txt", tokens)
    assert not list(folder.glob("*b.txt.*"))


def test_a_file_of_bytes_is_read_where_it_is(tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\x00abc")
    array = tokenise(tmp_path / "a", ByteTokens())
    assert isinstance(array, np.memmap)
    assert array.tolist() == [255, 0, 97, 98, 99]
    assert not array.flags.writeable


def test_files_that_are_missing_or_empty_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of text at"):
        tokenise(tmp_path / "a", ByteTokens())
    (tmp_path / "a").touch()
    with pytest.raises(TokenFileError, match="is empty"):
        tokenise(tmp_path / "a", ByteTokens())


def test_a_leading_blank_is_that_of_the_file_not_of_its_parts(tmp_path, monkeypatch):
    write_two_files(tmp_path, tokenizer_config={"add_prefix_space": True})
    tokens = BytePairTokens(tmp_path)
    (tmp_path / "a.txt").write_text("the\nther\nthe\n" * 20)
    monkeypatch.setattr(module, "_PART", 10)
    array = tokenise(tmp_path / "a.txt", tokens)
    assert tokens.decode(array) == " " + (tmp_path / "a.txt").read_text()
