"""What a sum allows: learn in any order, unlearn exactly, merge models of elsewhere."""

import numpy as np

from isinglass.data import few_shot, mnist
from isinglass.systems.interference import InterferenceClassifier

DIGITS = (0, 1, 2, 4)

task = few_shot.task(mnist.load(), DIGITS)
X, y = few_shot.draw(task.pool, DIGITS, 10, np.random.default_rng(0))
here, there = slice(0, None, 2), slice(1, None, 2)


def new() -> InterferenceClassifier:
    """An untrained model; all of them start from the same prior."""
    return InterferenceClassifier(random_state=0)


together = new().fit(X, y)

# Two devices, each with half of the pictures, exchange no picture.
merged = new().fit(X[here], y[here]).merge(new().fit(X[there], y[there]))
print(
    "merged model is the joint model: ", np.array_equal(merged.tally_, together.tally_)
)

# One half withdraws its consent.
merged.forget(X[there], y[there])
print(
    "forgotten as if never seen:      ",
    np.array_equal(merged.tally_, new().fit(X[here], y[here]).tally_),
)

# A digit that nobody had thought of arrives later.
nines = few_shot.draw(mnist.load().train, (9,), 10, np.random.default_rng(1))
late = new().fit(X, y).partial_fit(*nines)
joint = new().fit(np.concatenate([X, nines.images]), np.concatenate([y, nines.labels]))
print("a late class makes no difference:", np.array_equal(late.tally_, joint.tally_))
