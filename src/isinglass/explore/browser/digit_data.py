"""Digits to learn from, and a small prior of strokes, for the panel *draw a digit*.

What is shipped is made by `python -m isinglass.explore.browser.digit_data`, which
writes `page/data/digit.json` anew, and says how well the page's two learners read
digits that it does not hold; a test makes it again and compares.
"""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import UInt8

from isinglass.data import mnist
from isinglass.explore.browser.sections import write
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    InterferenceClassifier,
    StrokePrior,
)
from isinglass.systems.interference.automatic import log_gains

COMMAND = "python -m isinglass.explore.browser.digit_data"
LESSONS, SAMPLES = 10, 2  # pictures of each digit to learn from, and to show
HOSTS, PLACES = 8, 4  # of an encoder of 144 features, whose prior is small
PATCH, THRESHOLD = 9, 0.7
STAGE = (81, 10, 25)  # sources, targets and durations
READ = 200  # pictures of each digit by which the learners are judged
_LARGEST = (1 << 15) - 1


def make() -> dict[str, Any]:
    """Choose pictures, draw the strokes of the prior, and return what the panel needs.

    Returns:
        "pictures" in text (`packed`), of which the first are those to learn from, with
        "labels", and the others those to show, with "samples"; "hosts" and "places" of
        the `DipoleEncoder`; "mean" and "covariance" of the prior in text, the lower
        triangle in whole numbers of 16 bits times "unit"; and "gains", the evidence of
        a source that is always similar, neutral or opposite.
    """
    digits = mnist.load(source="subset").train
    first = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
    lessons = np.concatenate([places[:LESSONS] for places in first])
    samples = np.concatenate([places[LESSONS:][:SAMPLES] for places in first])
    mean, covariance = StrokePrior().moments(encoder(), (28, 28))
    unit = float(np.abs(covariance).max() / _LARGEST)
    triangle = covariance[np.tril_indices(len(covariance))] / unit
    return {
        "command": COMMAND,
        "source": f"the first pictures of each digit of {mnist.SUBSET}",
        "labels": digits.labels[lessons].tolist(),
        "samples": digits.labels[samples].tolist(),
        "pictures": packed(digits.images[np.concatenate([lessons, samples])]),
        "hosts": HOSTS,
        "places": PLACES,
        "mean": np.rint(mean).astype(int).tolist(),
        "unit": unit,
        "covariance": _text(np.rint(triangle).astype("<i2").tobytes()),
        "gains": gains(),
    }


def gains() -> list[float]:
    """Return the evidence of a source that is always similar, neutral or opposite."""
    return log_gains(PATCH, THRESHOLD).tolist()


def encoder() -> DipoleEncoder:
    """Return the encoder that the page has in JavaScript."""
    return DipoleEncoder(hosts=HOSTS, places=PLACES)


def prior(data: dict[str, Any]) -> GaussianPrior:
    """Read the page's prior, for a `CoupledClassifier` with `encoder`, from `make`."""
    triangle = np.frombuffer(base64.b64decode(data["covariance"]), "<i2") * data["unit"]
    size = len(data["mean"])
    covariance = np.zeros((size, size))
    covariance[np.tril_indices(size)] = triangle
    return GaussianPrior(
        np.array(data["mean"], float), covariance + np.tril(covariance, -1).T
    )


def learners(data: dict[str, Any]) -> dict[str, Any]:
    """Return the two learners of the page, before they have learned."""
    return {
        "routes": InterferenceClassifier(route_prior=np.ones(STAGE), random_state=0),
        "couplings": CoupledClassifier(encoder=encoder(), prior=prior(data)),
    }


def accuracies(data: dict[str, Any]) -> dict[str, float]:
    """Measure which share of the next 200 pictures of each digit is read right."""
    digits = mnist.load(source="subset").train
    lessons = unpacked(data["pictures"])[: len(data["labels"])]
    places = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
    rest = np.concatenate([part[LESSONS + SAMPLES :][:READ] for part in places])
    return {
        name: learner.fit(lessons, data["labels"]).score(
            digits.images[rest], digits.labels[rest]
        )
        for name, learner in learners(data).items()
    }


def packed(pictures: UInt8[np.ndarray, "n H W"]) -> str:
    """Write pictures as text: after a 0 stands how many there are, up to 255."""
    return _text(bytes(_without_blanks(pictures.ravel().tolist())))


def unpacked(text: str) -> UInt8[np.ndarray, "n 28 28"]:
    """Read the pictures that `packed` has put into text."""
    pixels: list[int] = []
    rest = iter(base64.b64decode(text))
    for value in rest:
        pixels += [0] * next(rest) if value == 0 else [value]
    return np.array(pixels, np.uint8).reshape(-1, 28, 28)


def _without_blanks(pixels: Iterable[int]) -> Iterable[int]:
    zeros = 0
    for value in pixels:
        if value or zeros == 255:
            if zeros:
                yield from (0, zeros)
            zeros = 0
        if value:
            yield value
        else:
            zeros += 1
    if zeros:
        yield from (0, zeros)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


if __name__ == "__main__":
    made = make()
    write("digit", made)
    for learner, accuracy in accuracies(made).items():
        print(f"{learner}: {100 * accuracy:.1f} %")
