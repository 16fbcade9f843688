"""What learns from the same amplitudes without any quantum circuit.

Logistic regression is linear in x. A support vector machine with the kernel (x·x')²
draws its boundary where a quadratic form xᵀAx is 0: the circuit's own class of
functions up to an offset, without its bound on A's spectrum.
"""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from isinglass.experiments.quantum.pictures import Pair, Split

LOGISTIC, QUADRATIC = PEERS = ("logistic regression", "quadratic SVM")
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)  # C to choose from


def peer_accuracy(name: str, problem: Pair, own: Split) -> float:
    """Accuracy on the test pictures in %, with C chosen on the draw's own pictures."""
    chosen = max(STRENGTHS, key=lambda strength: _score(name, strength, problem, own))
    model = _fitted(name, chosen, problem, own)
    tested = problem.states[problem.test], problem.signs[problem.test]
    return 100 * model.score(*tested)


def _score(name: str, strength: float, problem: Pair, own: Split) -> float:
    model = _fitted(name, strength, problem, own)
    return model.score(problem.states[own.choose], problem.signs[own.choose])


def _fitted(name: str, strength: float, problem: Pair, own: Split) -> Any:
    if name == LOGISTIC:
        model: Any = LogisticRegression(C=strength, max_iter=2000)
    else:
        scale: Any = 1.0  # of which scikit-learn annotates the words alone
        model = SVC(C=strength, kernel="poly", degree=2, gamma=scale, coef0=0.0)
    return model.fit(problem.states[own.learn], np.asarray(problem.signs[own.learn]))
