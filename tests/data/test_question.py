import math
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from isinglass.data import question
from isinglass.data.question import (
    CLASSES,
    END,
    GENERALISATION,
    GRAMMAR,
    QUESTIONS,
    ROOT,
    SEPARATOR,
    TOKENS,
    TRAINING,
    WORDS,
    Example,
    QuestionFileError,
    QuestionSource,
    decode,
    encode,
    estimated_figures,
    example_of,
    line_of,
    question_of,
    sentence_entropy,
    shape_of,
    shapes,
)

seeds = st.integers(0, 2**32 - 1)
ANY = QuestionSource(0.5, "any")


def drawn(source, seed):
    return source.sample(1, seed)[0]


def sentence_of(example):
    return example.source.rpartition(" ")[0]


# -- the grammar, looked at again without shapes ---------------------------------------


def symbols_of(name):
    whole = sum(weight for weight, _ in GRAMMAR[name])
    return [(weight / whole, right) for weight, right in GRAMMAR[name]]


@cache
def derivation_entropy(name):
    """H(A) = Σ p (−log p + Σ H of what is on the right)."""
    if name not in GRAMMAR:
        return 0.0
    return sum(
        p * (sum(map(derivation_entropy, r)) - math.log(p)) for p, r in symbols_of(name)
    )


@cache
def mean_length(name):
    if name not in GRAMMAR:
        return 1.0
    return sum(p * sum(map(mean_length, right)) for p, right in symbols_of(name))


def derivations(sentence):
    """Number of derivations of a sentence, and the sum of their probabilities."""
    words = tuple(sentence.split())

    @cache
    def of_symbol(name, start, end):
        if name not in GRAMMAR:
            hit = end == start + 1 and words[start] == name
            return (1, 1.0) if hit else (0, 0.0)
        counts = [(p, of_symbols(right, start, end)) for p, right in symbols_of(name)]
        return sum(n for _, (n, _) in counts), sum(p * q for p, (_, q) in counts)

    @cache
    def of_symbols(names, start, end):
        if len(names) == 1:
            return of_symbol(names[0], start, end)
        number, chance = 0, 0.0
        for middle in range(start + 1, end):
            n, p = of_symbol(names[0], start, middle)
            if n:
                m, q = of_symbols(names[1:], middle, end)
                number, chance = number + n * m, chance + p * q
        return number, chance

    return of_symbol(ROOT, 0, len(words))


def drawn_by_rules(rng, name=ROOT):
    if name not in GRAMMAR:
        return [name]
    chances, rights = zip(*symbols_of(name), strict=True)
    right = rights[rng.choice(len(rights), p=chances)]
    return [word for symbol in right for word in drawn_by_rules(rng, symbol)]


def test_vocabulary():
    assert len(WORDS) == len(set(WORDS)) == 68
    assert set(WORDS) == {
        symbol for rules in GRAMMAR.values() for _, right in rules for symbol in right
    } - set(GRAMMAR) | {"?", "decl", "quest"}
    assert (*WORDS, SEPARATOR, END) == TOKENS


def test_a_sentence_has_one_derivation():
    """No word is in two classes, no two shapes are the same: a proof for all."""
    words = [right[0] for name in CLASSES for _, right in GRAMMAR[name]]
    assert len(words) == len(set(words))
    assert len(shapes()) == len({shape.classes for shape in shapes()}) == 272
    assert sum(shape.probability for shape in shapes()) == pytest.approx(1, abs=1e-13)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_the_chart_finds_the_one_derivation(seed):
    sentence = sentence_of(drawn(ANY, seed))
    shape = shape_of(sentence)
    number, chance = derivations(sentence)
    assert number == 1
    assert math.log(chance) == pytest.approx(
        math.log(shape.probability) - shape.log_sentences
    )


def test_entropy_and_length_by_recursion():
    assert sentence_entropy() == pytest.approx(derivation_entropy(ROOT), rel=1e-13)
    assert sentence_entropy() == pytest.approx(20.395, abs=5e-4)
    figures = QuestionSource(0.0).figures()
    assert figures.sentence_tokens == pytest.approx(mean_length(ROOT), rel=1e-13)
    assert figures.sentence_tokens == pytest.approx(29 / 3, rel=1e-13)


def test_entropy_of_the_filtered_source():
    """By the chain rule: a relative subject or not, the task then, the sentence."""
    plain, relative = (
        sum(s.probability for s in shapes() if s.relative == which)
        for which in (False, True)
    )
    assert relative == pytest.approx(1 / 3)
    entropies = []
    for which, whole in ((False, plain), (True, relative)):
        parts = [(s.probability / whole, s) for s in shapes() if s.relative == which]
        entropies.append(sum(p * (s.log_sentences - math.log(p)) for p, s in parts))
    figures = TRAINING.figures()
    # 1/3 + 1/3 plain, as declaratives and as questions, and 1/6 relative declaratives,
    # of 5/6.
    assert figures.question_share == pytest.approx(0.4)
    assert figures.relative_share == pytest.approx(0.2)
    of_the_kind = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    expected = of_the_kind + 0.8 * (math.log(2) + entropies[0]) + 0.2 * entropies[1]
    assert figures.entropy == pytest.approx(expected, rel=1e-13)
    assert ANY.figures().entropy == pytest.approx(sentence_entropy() + math.log(2))


def test_floors():
    figures = TRAINING.figures()
    floors = figures.least_losses()
    assert floors["words"] == pytest.approx(1.0373, abs=5e-5)
    assert floors["words and tab"] == pytest.approx(0.9869, abs=5e-5)
    assert floors["words, tab and line end"] == pytest.approx(0.9412, abs=5e-5)
    assert floors["target"] == 0
    examples = TRAINING.sample(20_000, 0)
    lengths = {
        "source": [len(x.source.split()) for x in examples],
        "words": [len(x.source.split()) + len(x.target.split()) for x in examples],
        "words and tab": [len(encode(line_of(x)[:-1])) for x in examples],
        "words, tab and line end": [len(encode(line_of(x))) for x in examples],
    }
    for name, counts in lengths.items():
        half = 4 * float(np.std(counts)) / math.sqrt(len(counts))
        assert figures.entropy / floors[name] == pytest.approx(
            np.mean(counts), abs=half
        )


# -- sampling --------------------------------------------------------------------------


def law_by_example(source):
    law, place = source.law(), {shape.classes: i for i, shape in enumerate(shapes())}

    def log_probability(example):
        sentence, _, task = example.source.rpartition(" ")
        shape = shape_of(sentence)
        chance = law[int(task == "quest"), place[shape.classes]]
        return math.log(chance) - shape.log_sentences

    return log_probability


@pytest.mark.parametrize("source", [TRAINING, GENERALISATION, ANY])
def test_entropy_by_monte_carlo(source):
    """Within four standard errors."""
    log_probability = law_by_example(source)
    surprise = [-log_probability(example) for example in source.sample(20_000, 1)]
    error = float(np.std(surprise)) / math.sqrt(len(surprise))
    assert source.figures().entropy == pytest.approx(np.mean(surprise), abs=4 * error)
    assert error < 0.06


def fits(observed, expected):
    """Chi-square at one in a million; cells with fewer than 5 expected go together."""
    observed, expected = np.asarray(observed, float), np.asarray(expected, float)
    rare = expected < 5
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    here = expected > 0
    assert observed[~here].sum() == 0
    statistic = (np.square(observed - expected)[here] / expected[here]).sum()
    return statistic < chi2.isf(1e-6, here.sum() - 1)


def test_samples_follow_the_law():
    examples, place = (
        TRAINING.sample(40_000, 2),
        {s.classes: i for i, s in enumerate(shapes())},
    )
    counts = np.zeros((2, len(place)))
    for example in examples:
        task = int(example.source.endswith("quest"))
        counts[task, place[shape_of(sentence_of(example)).classes]] += 1
    assert counts[1, [s.relative for s in shapes()]].sum() == 0
    assert fits(counts.ravel(), len(examples) * TRAINING.law().ravel())
    assert not fits(counts.ravel(), len(examples) * ANY.law().ravel() + 1e-9)
    words = Counter(
        word for example in examples for word in sentence_of(example).split()
    )
    for name in CLASSES:
        counts = [words[right[0]] for _, right in GRAMMAR[name]]
        assert fits(counts, [sum(counts) / len(counts)] * len(counts))


def test_samples_are_those_of_drawing_by_rules():
    rng = np.random.default_rng(0)
    by_rules = [drawn_by_rules(rng) for _ in range(4_000)]
    ours = [sentence_of(example).split() for example in ANY.sample(4_000, 0)]
    lengths = [Counter(map(len, sentences)) for sentences in (by_rules, ours)]
    both = sorted(set(lengths[0]) | set(lengths[1]))
    table = np.array([[count[length] for length in both] for count in lengths], float)
    table = table[:, table.sum(axis=0) >= 10]
    expected = table.sum(axis=0) / 2
    assert (np.square(table - expected) / expected).sum() < chi2.isf(
        1e-6, table.shape[1] - 1
    )


@given(seeds, st.integers(0, 30), st.integers(0, 30))
def test_samples_repeat_and_do_not_depend_on_their_number(seed, n, more):
    assert TRAINING.sample(n + more, seed)[:n] == TRAINING.sample(n, seed)


@given(seeds, st.sampled_from(QUESTIONS), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_filter(seed, questions, share):
    for example in QuestionSource(share, questions).sample(30, seed):
        task = example.source.split()[-1]
        if share in (0, 1):
            assert task == ("decl", "quest")[int(share)]
        if task == "quest" and questions != "any":
            relative = shape_of(sentence_of(example)).relative
            assert relative == (questions == "relative subject only")


# -- questions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("the newt does read .", "does the newt read ?"),
        ("my yak by her zebras doesn't eat .", "doesn't my yak by her zebras eat ?"),
        (
            "some newts who don't swim do admire some yak .",
            "do some newts who don't swim admire some yak ?",
        ),
        (
            "our newt that your yaks do amuse does smile .",
            "does our newt that your yaks do amuse smile ?",
        ),
        (
            "her quails who do accept the walrus don't applaud my newt that does wait "
            ".",
            "don't her quails who do accept the walrus applaud my newt that does wait "
            "?",
        ),
    ],
)
def test_questions(sentence, expected):
    assert question_of(sentence) == expected
    assert example_of(sentence, "quest") == Example(f"{sentence} quest", expected)
    assert example_of(sentence, "decl") == Example(f"{sentence} decl", sentence)


@given(seeds)
def test_a_question_has_the_words_of_its_sentence(seed):
    sentence = sentence_of(drawn(ANY, seed))
    words, query = sentence.split(), question_of(sentence).split()
    main = shape_of(sentence).main
    assert query[0] == words[main]
    assert query[0] in ("do", "don't", "does", "doesn't")
    assert [
        *query[1 : main + 1],
        query[0],
        *query[main + 1 : -1],
        ".",
    ] == words
    # The subject alone is no sentence, and what follows its auxiliary has no subject:
    # so the rest with any other subject is one.
    assert shape_of(" ".join(["the", words[1], *words[main:]]))


@given(seeds)
def test_the_first_auxiliary_is_the_main_one_but_for_relative_subjects(seed):
    sentence = sentence_of(drawn(ANY, seed))
    shape = shape_of(sentence)
    first = next(i for i, name in enumerate(shape.classes) if name.startswith("Aux"))
    assert (first == shape.main) == (not shape.relative)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("the newt do read .", "must be one that the grammar gives"),
        ("the newt does read", "must be one that the grammar gives"),
        ("", "must be one that the grammar gives"),
        ("does the newt read ?", "lacks: '\\?'"),
        ("the cat does read .", "lacks: 'cat'"),
    ],
)
def test_what_is_no_sentence(sentence, message):
    with pytest.raises(QuestionFileError, match=message):
        question_of(sentence)


# -- numbers and files -----------------------------------------------------------------


@given(seeds, st.integers(0, 5))
def test_tokens_there_and_back(seed, n):
    text = "".join(map(line_of, TRAINING.sample(n, seed)))
    assert decode(encode(text)) == text
    assert all(0 <= token < 70 for token in encode(text))


@given(st.lists(st.integers(0, 67), max_size=30))
def test_words_there_and_back(tokens):
    assert encode(decode(tokens)) == tokens


def test_unknown_words_and_tokens():
    with pytest.raises(QuestionFileError, match="'cat'"):
        encode("the cat")
    with pytest.raises(ValueError, match=r"tokens must be in \[0, 69\], got 70"):
        decode([0, 70])


def test_files_there_and_back(tmp_path):
    examples = TRAINING.sample(200, 0) + GENERALISATION.sample(50, 0)
    question.write(tmp_path / "question.train", examples)
    assert question.read(tmp_path / "question.train") == examples


LINE = "the newt does read . quest\tdoes the newt read ?\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty or cut off"),
        (LINE + LINE[:-9], "cut off"),
        (LINE + "\n", "line 2: must be a source, a tab and a target"),
        (
            LINE + LINE.replace("\t", " "),
            "line 2: must be a source, a tab and a target",
        ),
        (LINE.replace("quest", "ask"), "line 1: source must end in one of"),
        (
            LINE.replace("newt", "cat"),
            "line 1: sentence has a word that the grammar lacks: 'cat'",
        ),
        (
            LINE.replace("does read", "do read"),
            "line 1: sentence must be one that the grammar",
        ),
        (
            LINE.replace("newt read ?", "newt read ."),
            "line 1: target must be 'does the newt read",
        ),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "question.test"
    path.write_text(text)
    with pytest.raises(QuestionFileError, match=message) as error:
        question.read(path)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(QuestionFileError, match="cannot be read"):
        question.read(tmp_path / "none")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\n")
    with pytest.raises(QuestionFileError, match="cannot be read"):
        question.read(tmp_path / "bytes")


def test_figures_from_a_file():
    examples = TRAINING.sample(40_000, 5)
    estimate, exact = estimated_figures(examples), TRAINING.figures()
    assert estimate.entropy == pytest.approx(exact.entropy, abs=0.15)
    assert estimate.sentence_tokens == pytest.approx(exact.sentence_tokens, abs=0.07)
    assert estimate.question_share == pytest.approx(0.4, abs=0.01)
    # Where every shape is one and the same, its words alone are left.
    assert estimated_figures(
        [Example("the newt does read . decl", "")] * 3
    ).entropy == (pytest.approx(math.log(6 * 13 * 2 * 9)))
    with pytest.raises(ValueError, match="one at least"):
        estimated_figures([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1.5,), "question_share must be in"), ((0.5, "all"), "questions must be one of")],
)
def test_bad_sources(arguments, message):
    with pytest.raises(ValueError, match=message):
        QuestionSource(*arguments)


def test_bad_numbers():
    with pytest.raises(ValueError, match="n must be at least 0"):
        TRAINING.sample(-1, 0)
    with pytest.raises(ValueError, match="task must be one of"):
        example_of("the newt does read .", "ask")
