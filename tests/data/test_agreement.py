"""Sentences of which every second has the wrong number."""

from collections import Counter

import pytest

from isinglass.data.agreement import agreement
from isinglass.data.question import GRAMMAR, shape_of

PLURAL = {"do", "don't"}
PLURAL_NOUNS = {rule[1][0] for rule in GRAMMAR["N_P"]}


@pytest.mark.parametrize("subjects", ["no relative subject", "any"])
def test_every_second_sentence_is_flipped(subjects):
    sentences, agrees = agreement(200, 0, subjects)
    for words, right in zip(sentences, agrees, strict=True):
        try:
            shape_of(" ".join(words))
            grammatical = True
        except ValueError:
            grammatical = False
        assert grammatical == right

    assert agrees.sum() == 100
    assert len({" ".join(words) for words in sentences}) == 200


def test_subjects_without_a_clause_put_the_main_auxiliary_first():
    sentences, agrees = agreement(400, 1)
    right = Counter()
    for words, grammatical in zip(sentences, agrees, strict=True):
        first = next(word for word in words if word in PLURAL | {"does", "doesn't"})
        plural = words[1] in PLURAL_NOUNS
        assert ((first in PLURAL) == plural) == grammatical
        right[first in PLURAL, bool(grammatical)] += 1

    # An auxiliary is plural as often in either half: no word tells them apart.
    assert abs(right[True, True] - right[True, False]) < 50


def test_the_first_sentences_do_not_depend_on_how_many():
    assert agreement(300, 2).sentences[:20] == agreement(20, 2).sentences
    assert agreement(0, 0).sentences == []
    with pytest.raises(ValueError, match="n must be at least 0, got -1"):
        agreement(-1, 0)
