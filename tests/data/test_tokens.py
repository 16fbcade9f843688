import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.data import tokens as module
from isinglass.data.tokens import (
    BytePairTokens,
    ByteTokens,
    TokenFileError,
    tokenise,
    tokens_of,
)

MERGES = [
    ("t", "h"),
    ("Ġ", "th"),
    ("Ġth", "e"),
    ("e", "r"),
    ("Ã", "©"),
    ("Ċ", "Ċ"),
    ("th", "er"),
]
WORDS = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+")


@pytest.fixture
def folder(tmp_path):
    letters = module._letters()
    order = sorted(letters, key=lambda letter: letters[letter])
    vocabulary = {letter: i for i, letter in enumerate(order)}
    vocabulary |= {a + b: 256 + i for i, (a, b) in enumerate(MERGES)}
    vocabulary["<|endoftext|>"] = len(vocabulary)
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in MERGES)]
    (tmp_path / "merges.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def by_hand(text):
    """Byte pairs, merged one at a time, the earliest merge first."""
    letters = {byte: letter for letter, byte in module._letters().items()}
    merged = []
    for word in WORDS.findall(text):
        pieces = [letters[byte] for byte in word.encode()]
        while True:
            pairs = [p for p in itertools.pairwise(pieces) if p in MERGES]
            if not pairs:
                break
            best = min(pairs, key=MERGES.index)
            at = list(itertools.pairwise(pieces)).index(best)
            pieces[at : at + 2] = ["".join(best)]
        merged += [
            256 + MERGES_JOINED.index(p) if len(p) > 1 else module._letters()[p]
            for p in pieces
        ]
    return merged


MERGES_JOINED = ["".join(pair) for pair in MERGES]


@settings(deadline=None)
@given(st.text())
def test_bytes_come_back(text):
    encoded = ByteTokens().encode(text)
    assert encoded.tolist() == list(text.encode())
    assert ByteTokens().decode(encoded) == text


def test_letters_are_a_permutation_of_the_bytes():
    assert sorted(module._letters().values()) == list(range(256))
    assert module._letters()["Ġ"] == 32
    assert module._letters()["Ċ"] == 10


@pytest.mark.parametrize(
    "text", ["the other there the", "then é 42 the\n\n the  x!", "'s they're"]
)
def test_byte_pairs_are_those_of_merging_by_hand(text, folder):
    tokens = BytePairTokens(folder)
    assert tokens.vocabulary == 256 + len(MERGES) + 1
    assert tokens.encode(text).tolist() == by_hand(text)
    assert tokens.encode(text).dtype == np.uint16
    assert tokens.decode(tokens.encode(text)) == text
    assert tokens.decode([tokens.vocabulary - 1]) == "<|endoftext|>"
    assert len(tokens.encode("<|endoftext|>")) > 1


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


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("vocab.json", "{", "vocab.json is not JSON"),
        ("vocab.json", "[1]", "must give each token a number of its own"),
        (
            "vocab.json",
            '{"a": 1}',
            r"must give each token a number of its own, from 0 on",
        ),
        ("vocab.json", '{"a": 0}', "lacks a token for the byte 0"),
        ("merges.txt", "a b c\n", r"merges.txt:1: must be two tokens, got 'a b c'"),
        (
            "merges.txt",
            "Ġ e\n",
            "merges.txt merges 'Ġ' and 'e', which vocab.json and the",
        ),
        (
            "merges.txt",
            "e r\nt h\n",
            "must number tokens in the order of merges.txt, and 'th' is",
        ),
    ],
)
def test_a_damaged_vocabulary_is_refused(file, content, message, folder):
    (folder / file).write_text(content)
    with pytest.raises(TokenFileError, match=message):
        BytePairTokens(folder)


def test_a_folder_says_what_its_tokens_are(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    assert isinstance(tokens_of(empty, 256), ByteTokens)
    with pytest.raises(FileNotFoundError, match=r"no file .*vocab.json"):
        tokens_of(empty, 50_257)
    with pytest.raises(
        TokenFileError, match=r"vocab.json has 264 tokens, and the model 256"
    ):
        tokens_of(folder, 256)
    assert isinstance(tokens_of(folder, 264), BytePairTokens)
    (folder / "merges.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*merges.txt"):
        tokens_of(folder, 264)


@pytest.mark.parametrize("token", [-1, 256])
def test_a_token_of_no_byte_is_refused(token):
    with pytest.raises(ValueError, match=rf"tokens must be in \[0, 255\], got {token}"):
        ByteTokens().decode([1, token])
