"""Question formation: turn a declarative sentence into its question, or copy it.

A probabilistic context-free grammar gives sentences such as "her newts who don't swim
do see some yak .". An example is one sentence with a task word, and what to make of it:

    the newt does read . quest <tab> does the newt read ?

The main auxiliary is brought to the front. Where the subject has a relative clause,
this is not the first auxiliary; a training set has no question of that kind, so that
two rules fit it, and a test of generalisation has no other.

The grammar has no recursion. It gives 272 shapes, sequences of word classes, all
different, and no word is in two classes: so a sentence has one derivation, and the
entropy of the sentences is the entropy of the shapes plus the logarithms of the class
sizes. That is exact, and so are the numbers of tokens; what follows is the least loss
in nats per token that any model can have on new examples.

Source: McCoy, Frank & Linzen 2020, whose task it is; Niu et al. 2024, who train on it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float, Int

from isinglass._common import files
from isinglass._common.plain_checks import (
    as_list,
    as_path,
    check_choice,
    check_in,
    check_kind,
    check_seed,
    check_whole,
)

Rules = tuple[tuple[float, tuple[str, ...]], ...]


def _rules(*rules: str) -> Rules:
    """Right sides, each after its weight among those of the same symbol."""
    split = (rule.split() for rule in rules)
    return tuple((float(weight), tuple(symbols)) for weight, *symbols in split)


def _words(words: str) -> Rules:
    return tuple((1.0, (word,)) for word in words.split())


ROOT = "ROOT"
GRAMMAR: dict[str, Rules] = {
    ROOT: _rules("1 S ."),
    "S": _rules("1 NP_M_S VP_M_S", "1 NP_M_P VP_M_P"),
    "NP_M_S": _rules("1 Det N_S", "1 Det N_S Prep Det N", "1 Det N_S RC_S"),
    "NP_M_P": _rules("1 Det N_P", "1 Det N_P Prep Det N", "1 Det N_P RC_P"),
    "NP_O": _rules(
        "1 Det N_S",
        "1 Det N_P",
        "1 Det N_S Prep Det N",
        "1 Det N_P Prep Det N",
        "1 Det N_S RC_S",
        "1 Det N_P RC_P",
    ),
    "VP_M_S": _rules("1 Aux_S V_intrans", "1 Aux_S V_trans NP_O"),
    "VP_M_P": _rules("1 Aux_P V_intrans", "1 Aux_P V_trans NP_O"),
    "RC_S": _rules(
        "2 Rel Aux_S V_intrans",
        "1 Rel Det N_S Aux_S V_trans",
        "1 Rel Det N_P Aux_P V_trans",
        "2 Rel Aux_S V_trans Det N",
    ),
    "RC_P": _rules(
        "2 Rel Aux_P V_intrans",
        "1 Rel Det N_S Aux_S V_trans",
        "1 Rel Det N_P Aux_P V_trans",
        "2 Rel Aux_P V_trans Det N",
    ),
    "N": _rules("1 N_S", "1 N_P"),
    "Det": _words("the some my your our her"),
    "N_S": _words(
        "newt orangutan peacock quail raven salamander tyrannosaurus unicorn vulture "
        "walrus xylophone yak zebra"
    ),
    "N_P": _words(
        "newts orangutans peacocks quails ravens salamanders tyrannosauruses unicorns "
        "vultures walruses xylophones yaks zebras"
    ),
    "V_intrans": _words("giggle smile sleep swim wait move change read eat"),
    "V_trans": _words(
        "entertain amuse high_five applaud confuse admire accept remember comfort"
    ),
    "Aux_S": _words("does doesn't"),
    "Aux_P": _words("do don't"),
    "Prep": _words("around near with upon by behind above below"),
    "Rel": _words("who that"),
}
CLASSES = ("Det", "N_S", "N_P", "V_intrans", "V_trans", "Aux_S", "Aux_P", "Prep", "Rel")
TASKS = ("decl", "quest")
WORDS = (*(rule[1][0] for name in CLASSES for rule in GRAMMAR[name]), ".", "?", *TASKS)
SEPARATOR, END = "\t", "\n"  # between source and target, and after the target
TOKENS = (*WORDS, SEPARATOR, END)
Questions = Literal["no relative subject", "relative subject only", "any"]
QUESTIONS: tuple[Questions, ...] = get_args(Questions)
# Which tokens of an example count in a loss, as `SourceFigures.least_losses` says.
Counted = Literal[
    "source", "words", "words and tab", "words, tab and line end", "target"
]
COUNTED: tuple[Counted, ...] = get_args(Counted)

_TOKEN_OF = {word: token for token, word in enumerate(TOKENS)}
_CLASS_OF = {rule[1][0]: name for name in CLASSES for rule in GRAMMAR[name]} | {
    ".": "."
}
_FULL_STOP = _TOKEN_OF["."]


class QuestionFileError(ValueError):
    """A file of examples, or a sentence, is not what it should be."""


class Example(NamedTuple):
    """A line of a file.

    Attributes:
        source: A declarative sentence and a task word.
        target: The same sentence, or its question.
    """

    source: str
    target: str


class Shape(NamedTuple):
    """A sequence of word classes that the grammar gives.

    Attributes:
        classes: Names of classes, and "." at the end.
        probability: Of this shape among all sentences.
        main: Place of the main auxiliary, which is the length of the subject.
        relative: Whether the subject has a relative clause.
        log_sentences: Logarithm of the number of its sentences, which are equally
            probable.
    """

    classes: tuple[str, ...]
    probability: float
    main: int
    relative: bool
    log_sentences: float


# -- the grammar -----------------------------------------------------------------------


@cache
def shapes() -> tuple[Shape, ...]:
    """All shapes of sentences, no two the same; their probabilities add up to 1."""
    sentences = []
    for chance, (subject, predicate) in _shares("S"):
        for (subjects, p), (predicates, q) in itertools.product(
            _yields(subject), _yields(predicate)
        ):
            classes = (*subjects, *predicates, ".")
            sizes = [len(GRAMMAR[name]) for name in classes[:-1]]
            log_sentences = sum(math.log(size) for size in sizes)
            probability = chance * p * q
            relative = "Rel" in subjects
            sentences.append(
                Shape(classes, probability, len(subjects), relative, log_sentences)
            )
    return tuple(sentences)


def _shares(symbol: str) -> Rules:
    """Right sides with their probabilities."""
    whole = sum(weight for weight, _ in GRAMMAR[symbol])
    return tuple((weight / whole, symbols) for weight, symbols in GRAMMAR[symbol])


def _yields(symbol: str) -> list[tuple[tuple[str, ...], float]]:
    """What a symbol becomes, down to word classes, and how probably."""
    if symbol in CLASSES:
        return [((symbol,), 1.0)]
    results = []
    for chance, symbols in _shares(symbol):
        for parts in itertools.product(*map(_yields, symbols)):
            classes = tuple(itertools.chain.from_iterable(part for part, _ in parts))
            results.append((classes, chance * math.prod(p for _, p in parts)))
    return results


@cache
def _by_classes() -> dict[tuple[str, ...], Shape]:
    return {shape.classes: shape for shape in shapes()}


def shape_of(sentence: str) -> Shape:
    """The shape of a declarative sentence.

    Args:
        sentence: Words with blanks between them, the last of which is ".".

    Raises:
        QuestionFileError: If the grammar does not give this sentence.
    """
    check_kind(str, sentence=sentence)
    words = sentence.split()
    classes = tuple(_CLASS_OF.get(word, "") for word in words)
    if "" in classes:
        unknown = words[classes.index("")]
        raise QuestionFileError(
            f"sentence has a word that the grammar lacks: {unknown!r}"
        )
    if classes not in _by_classes():
        raise QuestionFileError(
            f"sentence must be one that the grammar gives, got {sentence!r}"
        )
    return _by_classes()[classes]


def question_of(sentence: str) -> str:
    """The question of a declarative sentence: the main auxiliary comes first, "?" last.

    Raises:
        QuestionFileError: If the grammar does not give this sentence.
    """
    main = shape_of(sentence).main
    return " ".join(_as_question(sentence.split(), main))


def _as_question(words: Sequence[str], main: int) -> list[str]:
    return [words[main], *words[:main], *words[main + 1 : -1], "?"]


def example_of(sentence: str, task: str) -> Example:
    """The example of a declarative sentence and a task word.

    Raises:
        QuestionFileError: If the grammar does not give this sentence.
        ValueError: If the task is unknown.
    """
    check_choice(TASKS, task=task)
    shape_of(sentence)
    target = question_of(sentence) if task == "quest" else sentence
    return Example(f"{sentence} {task}", target)


# -- words and numbers -----------------------------------------------------------------


def encode(text: str) -> list[int]:
    """Token of each word: 0 to 67 for words, 68 for a tab, 69 for a line end.

    Raises:
        QuestionFileError: If a word is unknown.
    """
    spaced = text.replace(SEPARATOR, f" {SEPARATOR} ").replace(END, f" {END} ")
    words = [word for word in spaced.split(" ") if word]
    try:
        return [_TOKEN_OF[word] for word in words]
    except KeyError as error:
        raise QuestionFileError(
            f"text has a word that the vocabulary lacks: {error}"
        ) from None


def decode(tokens: Iterable[int]) -> str:
    """Words with blanks between them; what `encode` took.

    Raises:
        ValueError: If a token is none of the vocabulary.
    """
    tokens = list(tokens)
    for token in tokens:
        if not 0 <= token < len(TOKENS):
            raise ValueError(f"tokens must be in [0, {len(TOKENS) - 1}], got {token}")
    text = " ".join(TOKENS[token] for token in tokens)
    for mark in (SEPARATOR, END):
        text = text.replace(f" {mark}", mark).replace(f"{mark} ", mark)
    return text


def as_examples(examples: Any) -> list[Example]:
    """Examples as a list, one at least.

    Raises:
        TypeError: If they are no sequence of `Example`.
        ValueError: If there is none.
    """
    listed = as_list("examples", examples)
    for number, example in enumerate(listed):
        check_kind(Example, **{f"examples[{number}]": example})
    return listed


def line_of(example: Example) -> str:
    """The example as a file has it, with its line end."""
    return f"{example.source}{SEPARATOR}{example.target}{END}"


def write(path: str | Path, examples: Iterable[Example]) -> None:
    """Write examples, one a line; the old file stays until the new one is whole.

    Raises:
        OSError: If the file cannot be written.
    """
    files.write_text(as_path("path", path), "".join(map(line_of, examples)))


def read(path: str | Path) -> list[Example]:
    """Read a file of examples, each of which must be right.

    Raises:
        QuestionFileError: If the file is missing, is empty or cut off, or if a line is
            no source, tab and target, has a sentence that the grammar lacks, or a
            target that is not what the task word asks for. The message names the file
            and the line.
    """
    try:
        text = as_path("path", path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionFileError(f"{path} cannot be read: {error}") from error
    if not text.endswith(END):
        raise QuestionFileError(f"{path} is empty or cut off: its last line has no end")
    examples = []
    for number, line in enumerate(text[:-1].split(END), 1):
        try:
            examples.append(_parsed(line))
        except QuestionFileError as error:
            raise QuestionFileError(f"{path}, line {number}: {error}") from None
    return examples


def _parsed(line: str) -> Example:
    parts = line.split(SEPARATOR)
    if len(parts) != 2:
        raise QuestionFileError(f"must be a source, a tab and a target, got {line!r}")
    sentence, _, task = parts[0].rpartition(" ")
    if task not in TASKS:
        raise QuestionFileError(f"source must end in one of {TASKS}, got {parts[0]!r}")
    example = example_of(sentence, task)
    if parts[1] != example.target:
        raise QuestionFileError(f"target must be {example.target!r}, got {parts[1]!r}")
    return Example(*parts)


# -- the source ------------------------------------------------------------------------


@dataclass(frozen=True)
class QuestionSource:
    """What examples are drawn from: a sentence and a task word, anew if refused.

    Attributes:
        question_share: Probability of "quest" before the filter. The training filter
            refuses one question in three, so that 0.5 becomes 0.4.
        questions: Which questions pass: "no relative subject" in training, "relative
            subject only" as the test of generalisation, or "any".

    Raises:
        ValueError: If the share is not in [0, 1], or the filter is unknown.
    """

    question_share: float = 0.5
    questions: Questions = QUESTIONS[0]

    def __post_init__(self) -> None:
        check_in("[0, 1]", question_share=self.question_share)
        check_choice(QUESTIONS, questions=self.questions)

    def law(self) -> Float[np.ndarray, "2 shapes"]:
        """Probability of each task with each of `shapes()`, after the filter."""
        sentence = np.array([shape.probability for shape in shapes()])
        relative = np.array([shape.relative for shape in shapes()])
        passes = {
            "no relative subject": ~relative,
            "relative subject only": relative,
            "any": np.ones_like(relative),
        }[self.questions]
        before = np.stack(
            [
                (1 - self.question_share) * sentence,
                self.question_share * sentence * passes,
            ]
        )
        return before / before.sum()

    def figures(self) -> SourceFigures:
        """Entropy and numbers of tokens, exact."""
        return _figures_of(self)

    def sample(self, n: int, seed: int) -> list[Example]:
        """Draw n examples, the first of which do not depend on n.

        Raises:
            ValueError: If n is negative.
        """
        check_whole(0, n=n)
        check_seed(seed=seed)
        first, size, lengths = _class_tables()
        drawn = np.random.default_rng(seed).random((n, first.shape[1] + 1))
        ends = self.law().ravel().cumsum()
        cell = np.searchsorted(ends / ends[-1], drawn[:, 0], side="right")
        tasks, which = np.divmod(cell, len(first))
        words = (first[which] + drawn[:, 1:] * size[which]).astype(int)
        examples = []
        for row, shape, task in zip(words, which, tasks, strict=True):
            sentence = [TOKENS[token] for token in row[: lengths[shape]]]
            source = f"{' '.join(sentence)} {TASKS[task]}"
            if TASKS[task] == "quest":
                sentence = _as_question(sentence, shapes()[shape].main)
            examples.append(Example(source, " ".join(sentence)))
        return examples


@cache
def _class_tables() -> tuple[
    Int[np.ndarray, "shapes l"], Int[np.ndarray, "shapes l"], Int[np.ndarray, "shapes"]
]:
    """First token and number of the words at each place of each shape, and lengths."""
    starts = {name: _TOKEN_OF[GRAMMAR[name][0][1][0]] for name in CLASSES} | {
        ".": _FULL_STOP
    }
    lengths = np.array([len(shape.classes) for shape in shapes()])
    first = np.zeros((len(lengths), lengths.max()), int)
    size = np.zeros_like(first)
    for row, shape in enumerate(shapes()):
        for place, name in enumerate(shape.classes):
            first[row, place] = starts[name]
            size[row, place] = len(GRAMMAR.get(name, "."))
    return first, size, lengths


TRAINING = QuestionSource()
GENERALISATION = QuestionSource(1.0, QUESTIONS[1])


# -- what the source leaves open -------------------------------------------------------


class SourceFigures(NamedTuple):
    """What a source of examples gives on average.

    The sentence and the task word are drawn; the target follows from them, and so do
    tabs and line ends, for the task word and the full stop or question mark say where
    they come. So an example has the entropy of its source, over however many tokens are
    counted.

    Attributes:
        entropy: Nats per example.
        sentence_tokens: Mean words of a sentence, with "." or "?".
        question_share: Share of questions.
        relative_share: Share of examples whose subject has a relative clause.
    """

    entropy: float
    sentence_tokens: float
    question_share: float
    relative_share: float

    def least_losses(self) -> dict[str, float]:
        """The least loss in nats per token, a mean over tokens, by which of them count.

        No model can have less on new examples: its loss is at least the entropy.

        - "source": words of the source: sentence and task word;
        - "words": words of source and target;
        - "words and tab": and the tab between them;
        - "words, tab and line end": and the line end;
        - "target": words of the target alone, the source being given. They are certain.
        """
        source = self.sentence_tokens + 1
        both = source + self.sentence_tokens
        tokens = (source, both, both + 1, both + 2)
        losses = (*(self.entropy / count for count in tokens), 0.0)
        return dict(zip(COUNTED, losses, strict=True))


def sentence_entropy() -> float:
    """Nats per sentence of the grammar, without task word and filter: 20.395."""
    return QuestionSource(0.0).figures().entropy


def estimated_figures(examples: Sequence[Example]) -> SourceFigures:
    """What a file of examples gives on average, where it has not the grammar's own law.

    Shapes and tasks are counted; the words of a shape are taken as uniform, as in the
    grammar. The entropy of the counts is too small by about (cells − 1)/2n nats, which
    is added (Miller 1955).

    Args:
        examples: At least one.

    Raises:
        ValueError: If there is no example.
        QuestionFileError: If a sentence is none of the grammar.
    """
    examples = as_examples(examples)
    place = {shape.classes: i for i, shape in enumerate(shapes())}
    parts = (example.source.rpartition(" ") for example in examples)
    counts = Counter((task, shape_of(sentence).classes) for sentence, _, task in parts)
    law = np.zeros((2, len(place)))
    for (task, classes), count in counts.items():
        law[TASKS.index(task), place[classes]] = count / len(examples)
    plain = _figures(law)
    return plain._replace(
        entropy=plain.entropy + (len(counts) - 1) / (2 * len(examples))
    )


@cache
def _figures_of(source: QuestionSource) -> SourceFigures:
    return _figures(source.law())


def _figures(law: Float[np.ndarray, "2 shapes"]) -> SourceFigures:
    by_shape = law.sum(axis=0)
    positive = law[law > 0]
    lengths = np.array([len(shape.classes) for shape in shapes()])
    relative = np.array([shape.relative for shape in shapes()])
    words = np.array([shape.log_sentences for shape in shapes()])
    return SourceFigures(
        entropy=float(-(positive * np.log(positive)).sum() + by_shape @ words),
        sentence_tokens=float(by_shape @ lengths),
        question_share=float(law[1].sum()),
        relative_share=float(by_shape @ relative),
    )


def grammar_losses(examples: Sequence[Example]) -> Float[np.ndarray, "5"]:
    """Losses on examples of the law of `TRAINING` itself, in the order of `COUNTED`.

    Its expectation over new examples is `SourceFigures.least_losses`. On the same
    examples a model is compared with it more sharply, since both see the same luck.

    Args:
        examples: Any that the law gives, (n,).

    Returns:
        Nats per token that counts, in the order of `COUNTED`.

    Raises:
        QuestionFileError: If a sentence is none of the grammar.
    """
    examples = as_examples(examples)
    place = {shape.classes: number for number, shape in enumerate(shapes())}
    law = TRAINING.law()
    nats = source = 0.0
    for example in examples:
        sentence, _, task = example.source.rpartition(" ")
        shape = shape_of(sentence)
        probability = law[TASKS.index(task), place[shape.classes]]
        nats += shape.log_sentences - math.log(probability)
        source += len(shape.classes) + 1
    n = len(examples)
    both = 2 * source - n
    tokens = (source, both, both + n, both + 2 * n)
    return np.array([*(nats / count for count in tokens), 0.0])


def longest_example() -> int:
    """Tokens of the longest example: two sentences, a task word, tab and line end."""
    return 2 * max(len(shape.classes) for shape in shapes()) + 3
