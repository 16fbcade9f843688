import json

import pytest

from helpers.tokenizers import (
    END,
    LEVEL,
    MERGES,
    added,
    by_hand,
    one_file,
    vocabulary,
    write_one_file,
    write_two_files,
)
from isinglass.data import (
    BytePairTokens,
    ByteTokens,
    TokenFileError,
    save_tokens,
    tokens_of,
)

TEXT = "the other é there\n\n  'll the"


def version_2(folder):
    write_two_files(
        folder, special_tokens_map={"eos_token": END}, tokenizer_config={"max_len": 8}
    )


def version_3(folder):
    merges = {"merges": [" ".join(pair) for pair in MERGES]}
    content = one_file(merges, pre_tokenizer=LEVEL)
    del content["model"]["type"]
    write_two_files(folder)
    write_one_file(folder, content)


def version_4(folder):
    write_two_files(folder)
    write_one_file(
        folder, tokenizer_config={"added_tokens_decoder": {"264": added(END, 264)}}
    )


def version_5(folder):
    write_one_file(folder, tokenizer_config={"tokenizer_class": "GPT2Tokenizer"})


def without_end_in_the_model(folder):
    content = one_file({"vocab": vocabulary(end=False)})
    steps = {"type": "Sequence", "pretokenizers": [content["pre_tokenizer"]]}
    normalizer = {"type": "Sequence", "normalizers": []}
    write_one_file(folder, content | {"pre_tokenizer": steps, "normalizer": normalizer})


@pytest.mark.parametrize(
    "write", [version_2, version_3, version_4, version_5, without_end_in_the_model]
)
def test_every_layout_gives_the_same_tokens(write, tmp_path):
    write(tmp_path)
    tokens = tokens_of(tmp_path, 265)
    assert isinstance(tokens, BytePairTokens)
    assert tokens.encode(TEXT).tolist() == by_hand(TEXT)
    assert tokens.special == {END: 264}
    save_tokens(tokens, tmp_path / "again")
    again = tokens_of(tmp_path / "again", 265)
    assert isinstance(again, BytePairTokens)
    assert again.files == tokens.files


def test_tokens_that_were_added_later_stand_in_a_file_of_their_own(tmp_path):
    write_two_files(
        tmp_path,
        added_tokens={"<pad>": 266, "covid": 265},
        special_tokens_map={"pad_token": {"content": "<pad>", "lstrip": False}},
    )
    tokens = BytePairTokens(tmp_path)
    assert tokens.special == {END: 264, "<pad>": 266}
    assert tokens.encode("the covid<pad>").tolist() == [
        *by_hand("the "),
        265,
        *by_hand("<pad>"),
    ]


def test_a_folder_of_bytes_says_so(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"no tokenizer in .*: neither tokenizer.json nor vocab.*save_tokens",
    ):
        tokens_of(tmp_path, 256)
    save_tokens(ByteTokens(), tmp_path)
    assert isinstance(tokens_of(tmp_path, 256), ByteTokens)
    assert BytePairTokens(tmp_path).encode(TEXT).tolist() == list(TEXT.encode())


def test_a_tokenizer_fits_a_model_of_as_many_tokens_or_more(tmp_path):
    version_5(tmp_path)
    assert tokens_of(tmp_path, 320).vocabulary == 265
    with pytest.raises(
        TokenFileError, match="has 265 tokens, and the model a vocabulary of 264"
    ):
        tokens_of(tmp_path, 264)


@pytest.mark.parametrize("name", ["vocab.txt", "spiece.model", "encoder.json"])
def test_other_tokenizers_are_refused_by_their_file(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=f"has {name}, which is no tokenizer"):
        tokens_of(tmp_path, 256)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("vocab.json", "{", "vocab.json is not JSON"),
        ("vocab.json", "[1]", "must give each token a number of its own"),
        ("vocab.json", '{"a": "1"}', "must give each token a number of its own"),
        ("vocab.json", '{"a": 1}', "0 is the number of none, and 'a' has 1"),
        (
            "vocab.json",
            '{"a": 0, "b": 0}',
            "'a' and 'b' must have numbers of their",
        ),
        ("vocab.json", '{"a": 0}', "lacks a token for the byte 0"),
        ("merges.txt", "a b c\n", r"merges.txt:1: must be two tokens, got 'a b c'"),
        ("merges.txt", "Ġ e\n", "'Ġ' and 'e' are to be merged, and 'Ġe' is none"),
        ("merges.txt", b"\xff", "merges.txt is not UTF-8"),
        (
            "added_tokens.json",
            '{"xyz": 266}',
            "265 is the number of none",
        ),
        ("added_tokens.json", '{"th": 266}', "added token 'th' must have a number of"),
    ],
)
def test_damaged_files_are_refused(file, content, message, tmp_path):
    write_two_files(tmp_path)
    (tmp_path / file).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    with pytest.raises(TokenFileError, match=message):
        BytePairTokens(tmp_path)


@pytest.mark.parametrize("lacking", ["vocab.json", "merges.txt"])
def test_one_of_two_files_is_refused(lacking, tmp_path):
    write_two_files(tmp_path)
    (tmp_path / lacking).unlink()
    with pytest.raises(FileNotFoundError, match=rf"no file .*{lacking}"):
        tokens_of(tmp_path, 265)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (one_file({"type": "WordPiece"}), "model WordPiece is not supported; accepted"),
        (one_file({"type": "Unigram"}), "model Unigram is not supported"),
        (one_file({"dropout": 0.1}), "dropout = 0.1 of the model is not supported"),
        (one_file({"end_of_word_suffix": "</w>"}), 'end_of_word_suffix = "</w>" of'),
        (one_file({"continuing_subword_prefix": "##"}), "continuing_subword_prefix ="),
        (one_file({"merges": None}), "merges must be a list"),
        (one_file({"merges": [["a"]]}), r"a merge must be two tokens, got \['a'\]"),
        (one_file({"vocab": None}), "must give each token a number of its own"),
        (one_file(model=None) | {"model": None}, "model is missing"),
        (one_file(normalizer={"type": "NFC"}), "normalizer NFC is not supported"),
        (one_file(normalizer={"type": 3}), "a part must be an object with a type"),
        (
            one_file(
                normalizer={"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}
            ),
            "normalizer Lowercase is not supported",
        ),
        (one_file(pre_tokenizer=None), "pre_tokenizer is missing; accepted is Byte"),
        (
            one_file(pre_tokenizer={"type": "Metaspace"}),
            "pre_tokenizer Metaspace is not supported; accepted is ByteLevel",
        ),
        (
            one_file(
                pre_tokenizer={
                    "type": "Sequence",
                    "pretokenizers": [{"type": "Digits"}, LEVEL],
                }
            ),
            "pre_tokenizer Digits and ByteLevel is not supported",
        ),
        (
            one_file(pre_tokenizer=LEVEL | {"use_regex": False}),
            "ByteLevel with use_regex = false is not supported",
        ),
        (
            one_file(added_tokens=[added("x", 265, special=False, lstrip=True)]),
            "added token 'x' with lstrip = true is not supported",
        ),
        (
            one_file(added_tokens=[added("xyz", 300)]),
            "265 is the number of none",
        ),
        (one_file(added_tokens=[added("th", 265)]), "added token 'th' must have a num"),
        (one_file(added_tokens=["x"]), "an added token must be an object with a con"),
    ],
)
def test_what_gives_other_tokens_is_refused_by_its_name(content, message, tmp_path):
    write_one_file(tmp_path, content)
    with pytest.raises(TokenFileError, match=message):
        BytePairTokens(tmp_path)


def test_two_tokenizers_in_a_folder_are_refused(tmp_path):
    write_two_files(tmp_path)
    write_one_file(tmp_path)
    swapped = vocabulary() | {"th": 257, "Ġth": 256}
    (tmp_path / "vocab.json").write_text(json.dumps(swapped))
    with pytest.raises(TokenFileError, match="same tokenizer, and differ in 'th'"):
        BytePairTokens(tmp_path)
    write_two_files(tmp_path)
    (tmp_path / "merges.txt").write_text("t h\n")
    with pytest.raises(TokenFileError, match="and differ in 'the merges'"):
        BytePairTokens(tmp_path)
