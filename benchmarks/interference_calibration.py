"""How often the interference classifier is right when it says so, beside two peers.

    python benchmarks/interference_calibration.py

On held-out digits (`interference_choices.py` says which): accuracy, expected
calibration error (15 bins of confidence, in percentage points) and log loss, with the
95 % interval over draws; then the reliability table of our own probabilities.
"""

import warnings
from itertools import islice

import numpy as np
from scipy import stats
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from interference_choices import DIGITS, Split, digits_8x8, splits
from isinglass.data import few_shot, mnist
from isinglass.systems.interference import InterferenceClassifier

SHOTS = (1, 5, 20, 100)
DRAWS = 10
BINS = 15


def peers(shots: int, seed: int) -> dict[str, ClassifierMixin]:
    """Classifiers by name, untrained."""
    return {
        "interference": InterferenceClassifier(random_state=seed),
        "logistic regression": LogisticRegression(max_iter=1000),
        "nearest neighbours": KNeighborsClassifier(min(5, shots)),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of accuracy from confidence over bins, by share of pictures."""
    where = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(where, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def measured(
    task: Split, shots: int
) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Accuracy, error and log loss of all draws by peer; our confidences and hits."""
    rows: dict[str, list[tuple[float, float, float]]] = {}
    confidences, hits = [], []
    for seed, (rng, split) in enumerate(islice(splits(task, "test"), DRAWS)):
        X, y = few_shot.draw(split.pool, DIGITS, shots, rng)
        scale = float(X.max())
        tests = split.held_out.images.reshape(len(split.held_out.labels), -1) / scale
        for name, peer in peers(shots, seed).items():
            p = peer.fit(X.reshape(len(X), -1) / scale, y).predict_proba(tests)
            confidence, right = p.max(axis=1), p.argmax(axis=1) == split.held_out.labels
            error = 100 * calibration_error(confidence, right)
            loss = log_loss(split.held_out.labels, np.clip(p, 1e-6, 1), labels=DIGITS)
            rows.setdefault(name, []).append((100 * right.mean(), error, loss))
            if name == "interference":
                confidences.append(confidence)
                hits.append(right)
    table = {name: np.array(values) for name, values in rows.items()}
    return table, (np.concatenate(confidences), np.concatenate(hits))


def with_interval(values: np.ndarray, digits: int = 1) -> str:
    """Mean and the half width of its 95 % interval."""
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return f"{values.mean():.{digits}f} ± {half:.{digits}f}"


def main() -> None:
    """Print both tables."""
    warnings.simplefilter("ignore", RuntimeWarning)  # clipped rows no longer sum to 1
    warnings.simplefilter("ignore", UserWarning)
    tasks = {
        "MNIST": Split(*few_shot.task(mnist.load(), DIGITS)),
        "8 × 8": digits_8x8(),
    }
    reliability = {}
    print("| digits | pictures a class | classifier | accuracy | error | log loss |")
    print("|---|---|---|---|---|---|")
    for digits, task in tasks.items():
        for shots in SHOTS:
            table, reliability[digits, shots] = measured(task, shots)
            for name, values in table.items():
                accuracy, error = (with_interval(values[:, i]) for i in (0, 1))
                loss = with_interval(values[:, 2], 2)
                cells = (digits, shots, name, accuracy, error, loss)
                print("|", " | ".join(map(str, cells)), "|", flush=True)
    print("\n| digits | pictures a class | confidence | share | mean | accuracy |")
    print("|---|---|---|---|---|---|")
    for (digits, shots), (confidence, right) in reliability.items():
        for low in (0.0, 0.3, 0.5, 0.7, 0.9):
            high = {0.0: 0.3, 0.9: 1.001}.get(low, low + 0.2)
            where = (confidence >= low) & (confidence < high)
            if shots == 20 and where.any():
                print(
                    f"| {digits} | {shots} | {low:.0%} to {min(high, 1):.0%} | "
                    f"{where.mean():.0%} | {confidence[where].mean():.1%} | "
                    f"{right[where].mean():.1%} |"
                )


if __name__ == "__main__":
    main()
