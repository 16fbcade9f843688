"""Agreement: does the main auxiliary of a sentence agree with its subject?

Sentences of the question grammar ("the newt near our yaks does swim ."), half of them
with the number of the main auxiliary flipped ("the newt near our yaks do swim ."). No
word alone tells them apart: in either half an auxiliary is singular as often as plural.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from isinglass.data.question import QUESTIONS, Questions, QuestionSource, shape_of

_FLIPPED = {"do": "does", "does": "do", "don't": "doesn't", "doesn't": "don't"}


class Agreement(NamedTuple):
    """Sentences, and whether they are right.

    Attributes:
        sentences: Words of each sentence, a full stop at the end.
        agrees: Whether the auxiliary has the subject's number, (n,).
    """

    sentences: list[list[str]]
    agrees: Bool[np.ndarray, "n"]


def agreement(n: int, seed: int, subjects: Questions = QUESTIONS[0]) -> Agreement:
    """Draw different sentences, of which every second is flipped.

    Args:
        n: How many sentences.
        seed: Of the draw; the first sentences do not depend on n.
        subjects: "no relative subject" for subjects without a relative clause, whose
            auxiliary is the first of the sentence; "relative subject only", or "any".

    Raises:
        ValueError: If n is negative, or `subjects` is unknown.
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n}")
    source = QuestionSource(question_share=1.0, questions=subjects)
    drawn: dict[str, None] = {}
    size = n
    while len(drawn) < n:
        # Of more examples the first are the same, so that nothing is drawn twice.
        size *= 2
        examples = source.sample(size, seed)
        drawn = dict.fromkeys(example.source.rsplit(" ", 1)[0] for example in examples)
    agrees = np.arange(n) % 2 == 0
    sentences = []
    for sentence, right in zip(drawn, agrees, strict=False):
        words, main = sentence.split(), shape_of(sentence).main
        if not right:
            words[main] = _FLIPPED[words[main]]
        sentences.append(words)
    return Agreement(sentences, agrees)
