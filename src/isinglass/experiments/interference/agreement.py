"""Words at chance, pairs that meet not: agreement of verb and subject (§4.2, §5.1)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from isinglass import plot
from isinglass.data.agreement import agreement
from isinglass.data.question import Questions
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.experiment import Resolution
from isinglass.systems.interference import TextInterference

BUCKETS = 2**16
EXAMPLES = (500, 2400)
TEST = 1200
SUBJECTS: dict[str, Questions] = {"plain": "no relative subject", "any": "any"}
# Chosen on 840 sentences that are neither learned nor tested on.
PENALTY = 10.0
LEARNERS = ("dipole", "ratio", "logistic regression", "dipole, shuffled labels")


def words(sentence: Sequence[str]) -> list[str]:
    """Every word for itself."""
    return list(sentence)


def pairs(sentence: Sequence[str]) -> list[str]:
    """Words that stand beside each other."""
    return [" ".join(pair) for pair in pairwise(sentence)]


def with_head(sentence: Sequence[str]) -> list[str]:
    """The head noun, which is the second word, with every word and its place."""
    return [f"{sentence[1]} {word} {place}" for place, word in enumerate(sentence)]


def with_ending(sentence: Sequence[str]) -> list[str]:
    """Whether the head noun ends in s, with every word and its place."""
    ends = sentence[1].endswith("s")
    return [f"{ends} {word} {place}" for place, word in enumerate(sentence)]


VIEWS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "words": words,
    "neighbouring pairs": pairs,
    "head, word, place": with_head,
    "head's ending, word, place": with_ending,
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of what is counted, by learner and number of sentences."""
    quick = context.resolution == Resolution.QUICK
    languages = ["plain"] if quick else list(SUBJECTS)
    accuracy = context.table(
        unit="%",
        valid_range=(0, 100),
        subjects=languages,
        view=VIEWS,
        examples=EXAMPLES,
        learner=LEARNERS,
        seed=context.seeds,
    )
    for seed, subjects in context.cases(context.seeds, languages, what="languages"):
        number = context.seed_of("sentences", seed)
        data = agreement(TEST + max(EXAMPLES), number, SUBJECTS[subjects])
        control = context.rng("shuffled labels", seed).permutation(len(data.agrees))
        for view, features in VIEWS.items():
            documents = [features(sentence) for sentence in data.sentences]
            for n in EXAMPLES:
                hits = scores(documents, data.agrees, control, n)
                accuracy.loc[subjects, view, n, :, seed] = hits
    return xr.Dataset({"accuracy": accuracy})


def scores(
    documents: list[list[str]], agrees: np.ndarray, control: np.ndarray, n: int
) -> list[float]:
    """Accuracy of every learner in %, after the n sentences behind those tested on."""
    learn, test = slice(TEST, TEST + n), slice(TEST)
    hits = []
    for rule in ("dipole", "ratio"):
        model = TextInterference(BUCKETS, rule=rule)
        model.fit(documents[learn], agrees[learn])
        hits.append(model.score(documents[test], agrees[test]))
    hasher = FeatureHasher(BUCKETS, input_type="string", alternate_sign=False)
    table: Any = normalize(hasher.transform(documents))
    table = table[:, np.unique(table.indices)]  # empty buckets cost time alone
    peer = LogisticRegression(C=PENALTY, solver="liblinear")
    peer.fit(table[learn], agrees[learn])
    hits.append(peer.score(table[test], agrees[test]))
    model = TextInterference(BUCKETS).fit(documents[learn], agrees[control][learn])
    hits.append(model.score(documents[test], agrees[test]))
    return [100 * float(share) for share in hits]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """A table for each kind of subject and number of sentences."""
    ledger = ledger.using(
        unit="%", because="The paper reports that text failed, and gives no number."
    )
    for subjects in measured.subjects.values:
        for n in EXAMPLES:
            table = ledger.using(table=f"{n:,} sentences, {subjects} subjects")
            for view in VIEWS:
                for learner in LEARNERS:
                    name = f"{subjects} subjects, {view}, {learner}, {n}"
                    table.ours_alone(
                        Cell(view, learner, name),
                        measured.accuracy.sel(
                            subjects=subjects, view=view, learner=learner, examples=n
                        ),
                    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by what is counted, for each number of sentences."""
    figure, panels = subplots(1, 2, width=11, height=3.6, sharex=True, sharey=True)
    for panel, n in zip(panels, EXAMPLES, strict=True):
        plot.rows(
            measured.accuracy.sel(subjects="plain", examples=n),
            panel,
            by="view",
            hue="learner",
            colours=(COLOURS[0], COLOURS[5], COLOURS[1], MUTED),
        )
        panel.axvline(50, color=INK, linestyle=":", linewidth=1)
        panel.set(title=f"{n:,} sentences", xlabel="accuracy in %")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    yield Figure(
        figure,
        "Does the main auxiliary agree with its subject? Accuracy by what of a "
        "sentence is counted; subjects without a relative clause. Every dot is a draw "
        "of sentences, bars are 95 % confidence intervals of the mean, the dotted line "
        "is chance. Grey: labels shuffled before learning.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Accuracies on the sentences of the figure."""
    return {"plain": measured.accuracy.sel(subjects="plain")}
