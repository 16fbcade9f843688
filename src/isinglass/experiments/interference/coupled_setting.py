"""What the experiments of the coupled learner share: splits, features, tuned peers."""

import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from isinglass.data.mnist import Digits
from isinglass.reproduce import Context, inputs
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    StrokePrior,
    Whitening,
)

DIGITS = tuple(range(10))
TO_DRAW, TO_CHOOSE = 250, 100  # pictures of each digit to learn from, and to tune on
LARGEST = 1 << 14  # of features, in units of which peers get them
VIEWS = ("pixels", "dipoles", "whitened")
PEERS: dict[str, Callable[[float], Any]] = {
    "1-NN": lambda _: KNeighborsClassifier(1),
    "LR": lambda c: LogisticRegression(C=c, max_iter=1000),
    "SVM": lambda c: LinearSVC(C=c, random_state=0, max_iter=10000),
}
TUNED = ("LR", "SVM")


class Split(NamedTuple):
    """Pictures to draw training sets from, to tune on, and to test on, all apart."""

    pool: Digits
    validation: Digits
    test: Digits


class Features(NamedTuple):
    """Three views of pictures, and their labels.

    Attributes:
        pixels: Grey values from 0 to 1, (n, 784).
        dipoles: Features f in units of 2¹⁴, (n, 468).
        whitened: x = Σ₀^{−1/2}(f − m₀), (n, 468).
        labels: (n,).
    """

    pixels: np.ndarray
    dipoles: np.ndarray
    whitened: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray, labels: np.ndarray) -> "Features":
        """All views of pictures (n, H, W)."""
        flat = images.reshape(len(images), -1)
        whitening = _whitening(images.shape[1:])
        features = DipoleEncoder().transform(images)
        whitened = (features - whitening.mean_) @ whitening.root_
        return cls(flat / flat.max(), features / LARGEST, whitened, labels)

    def at(self, places: Int[np.ndarray, "m"]) -> "Features":
        """Those of some of the pictures."""
        return Features(*(values[places] for values in self))

    def whole(self) -> Int[np.ndarray, "n 468"]:
        """The features f."""
        return np.rint(LARGEST * self.dipoles).astype(np.int64)


@functools.cache
def _whitening(shape: tuple[int, ...]) -> Whitening:
    return Whitening().fit(np.zeros((1, *shape)))


def load_split(context: Context) -> Split:
    """MNIST: 250 of each digit to draw from, 100 to tune on, the others to test on.

    With the official test set, which no setting was chosen on, that is tested on.
    """
    data = context.read(inputs.digits)
    places = [np.flatnonzero(data.train.labels == digit) for digit in DIGITS]
    ends = 0, TO_DRAW, TO_DRAW + TO_CHOOSE, None
    parts = []
    for start, end in itertools.pairwise(ends):
        chosen = np.concatenate([place[start:end] for place in places])
        parts.append(Digits(data.train.images[chosen], data.train.labels[chosen]))
    if data.test is not None:
        parts[2] = data.test
    return Split(*parts)


def training_places(
    labels: np.ndarray, shots: int, rng: np.random.Generator
) -> Int[np.ndarray, "m"]:
    """K places of every class, drawn without replacement."""
    classes = np.unique(labels)
    draws = [
        rng.choice(np.flatnonzero(labels == label), shots, replace=False)
        for label in classes
    ]
    return np.concatenate(draws)


def coupled(prior: Any = None, **options: Any) -> CoupledClassifier:
    """The learner, on features that are whole numbers already.

    Encoding once what several learners are to learn changes nothing of what they learn;
    `prior` stands for the strokes' if it is None.
    """
    if prior is None:
        mean, covariance = StrokePrior().moments(DipoleEncoder(), (28, 28))
        prior = GaussianPrior(mean, covariance)
    return CoupledClassifier(encoder=FunctionTransformer(), prior=prior, **options)


def score(
    model: Any, train: Any, labels: np.ndarray, test: Any, truth: np.ndarray
) -> float:
    """Accuracy in % after learning."""
    return 100 * float((model.fit(train, labels).predict(test) == truth).mean())


def best_of(
    choices: Iterable[float],
    accuracy: Callable[[float], float],
) -> float:
    """The choice of the largest accuracy, the first if several are."""
    choices = list(choices)
    scores = [accuracy(choice) for choice in choices]
    return choices[int(np.argmax(scores))]


def tuned_strengths(
    context: Context,
    split: tuple[Features, Features],
    settings: dict[str, Any],
) -> dict[tuple[str, str, int], float]:
    """C of each peer and view for every K, chosen on validation pictures.

    Args:
        context: Of the experiment.
        split: Pool and validation.
        settings: "grid" of C by peer and view, "tuned" the K at which it is chosen,
            each with the number of draws, and "shots" all K; a K between takes the next
            below.
    """
    pool, validation = split
    chosen: dict[tuple[str, str, int], float] = {}
    cases = context.cases(settings["tuned"].items(), TUNED, VIEWS, what="tuning")
    for (shots, draws), peer, view in cases:
        sets = [
            pool.at(
                training_places(pool.labels, shots, context.rng("tuning", shots, i))
            )
            for i in range(draws)
        ]
        tests = getattr(validation, view)

        def accuracy(c: float, view=view, peer=peer, sets=sets, tests=tests) -> float:
            return sum(
                score(
                    PEERS[peer](c),
                    getattr(part, view),
                    part.labels,
                    tests,
                    validation.labels,
                )
                for part in sets
            )

        chosen[peer, view, shots] = best_of(settings["grid"][peer, view], accuracy)
    return {
        (peer, view, shots): chosen[
            peer, view, max(k for k in settings["tuned"] if k <= shots)
        ]
        for peer in TUNED
        for view in VIEWS
        for shots in settings["shots"]
    }
