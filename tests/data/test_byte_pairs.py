import itertools
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tokenizers import (
    END,
    MERGES,
    added,
    by_hand,
    one_file,
    write_one_file,
    write_two_files,
)
from isinglass.data import BytePairTokens, TokenFileError
from isinglass.data.byte_pairs import _word_pattern, merged


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_two_files(tmp_path_factory.mktemp("pairs"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the other there the",
        "then é 42 the\n\n the  x!",
        "'s they're 'LL",
        " \x1c the\x1d\x85 ",
    ],
)
def test_byte_pairs_are_those_of_merging_by_hand(text, folder):
    tokens = BytePairTokens(folder)
    assert tokens.vocabulary == 256 + len(MERGES) + 1
    assert tokens.encode(text).tolist() == by_hand(text)
    assert tokens.encode(text).dtype == np.uint16
    assert tokens.decode(tokens.encode(text)) == text


@settings(deadline=None, max_examples=200)
@given(
    tokens=st.lists(st.integers(0, 3), max_size=30),
    ranks=st.permutations(range(8)),
    pairs=st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=8, unique=True
    ),
)
def test_merging_takes_the_most_urgent_and_then_the_leftmost(tokens, ranks, pairs):
    merges = {
        pair: (rank, 4 + i % 4)
        for i, (pair, rank) in enumerate(zip(pairs, ranks, strict=False))
    }
    expected = list(tokens)
    while places := [
        (merges[pair][0], at)
        for at, pair in enumerate(itertools.pairwise(expected))
        if pair in merges
    ]:
        at = min(places)[1]
        expected[at : at + 2] = [merges[expected[at], expected[at + 1]][1]]
    assert merged(list(tokens), merges.get) == expected


def test_texts_are_cut_by_the_classes_of_unicode():
    # "a" and "1" are a letter and a number: what joins them is one too.
    def kind(character):
        words = [
            len(m[0]) for m in _word_pattern().finditer(f"a{character}1{character}?")
        ]
        return {(2, 1, 1, 1): "L", (1, 3, 1): "N", (1, 1, 1, 2): "other"}.get(
            tuple(words), "blank"
        )

    for code in itertools.chain(range(0xD800), range(0xE000, 0x20000)):
        category = unicodedata.category(chr(code))
        is_blank = chr(code).isspace() and code not in range(0x1C, 0x20)
        expected = category[0] if category[0] in "LN" else "other"
        if chr(code) != "'":
            assert kind(chr(code)) == ("blank" if is_blank else expected), hex(code)


@pytest.mark.parametrize("run", [" ", "a", "the", "\n", "é"])
def test_a_run_of_any_length_is_one_word_like_another(run, folder):
    # A regular expression that goes back, or a merge that looks at all pairs each time,
    # would not end.
    tokens, count = BytePairTokens(folder), 20_000
    start = time.process_time()
    encoded = tokens.encode(run * count + "!")
    assert time.process_time() - start < 20
    assert tokens.decode(encoded) == run * count + "!"
    few = tokens.encode(run * 100 + "!")
    assert np.bincount(encoded).max() >= (count / 100 - 1) * np.bincount(few).max()


def test_special_tokens_are_text_unless_they_are_asked_for(folder):
    plain, special = BytePairTokens(folder), BytePairTokens(folder, special=True)
    number = plain.vocabulary - 1
    assert plain.special == {END: number}
    assert plain.decode([number]) == END
    assert plain.decode(plain.encode(f"a{END}b")) == f"a{END}b"
    assert number not in plain.encode(f"a{END}b")
    assert special.encode(f"the{END} the").tolist() == [
        *by_hand("the"),
        number,
        *by_hand(" the"),
    ]


def test_added_words_are_looked_for_first_the_longest_before_others(tmp_path):
    words = ["thex", "thexy", "é!"]
    entries = [added(word, 265 + i, special=False) for i, word in enumerate(words)]
    write_one_file(tmp_path, one_file(added_tokens=[added(END, 264), *entries]))
    tokens = BytePairTokens(tmp_path)
    assert tokens.vocabulary == 268
    text = "the thexthexyyé! the"
    expected = [*by_hand("the "), 265, 266, *by_hand("y"), 267, *by_hand(" the")]
    assert tokens.encode(text).tolist() == expected
    assert tokens.decode(expected) == text
    entries[0]["content"] = "the x"
    write_one_file(tmp_path, one_file(added_tokens=[added(END, 264), *entries]))
    with pytest.raises(TokenFileError, match="'the x' holds a blank after a letter"):
        BytePairTokens(tmp_path)


def test_a_leading_blank_comes_before_what_has_none(tmp_path):
    write_two_files(tmp_path, tokenizer_config={"add_prefix_space": True})
    tokens = BytePairTokens(tmp_path)
    for text in ("the the", " the the"):
        assert tokens.encode(text).tolist() == by_hand(" the the")
    assert tokens.encode("").tolist() == []


def test_a_word_that_is_a_token_need_not_be_merged(tmp_path):
    # "the" is none of the merges: they give "th" and "e".
    model = {"vocab": one_file()["model"]["vocab"] | {"the": 265}}
    write_one_file(tmp_path, one_file(model))
    assert BytePairTokens(tmp_path).encode("the").tolist() == by_hand("the")
    write_one_file(tmp_path, one_file(model | {"ignore_merges": True}))
    assert BytePairTokens(tmp_path).encode("the thex").tolist() == [
        265,
        *by_hand(" thex"),
    ]


def test_what_is_no_text_or_no_token_is_refused(folder):
    tokens = BytePairTokens(folder)
    with pytest.raises(ValueError, match=r"half surrogate pairs, got U\+DC00 at 1"):
        tokens.encode("a\udc00")
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 264\], got 265"):
        tokens.decode([265])
