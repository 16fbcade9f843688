"""What a sum allows: learn in any order, unlearn exactly, merge models of elsewhere."""

from pathlib import Path

import numpy as np

from isinglass import plot
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

# How well each digit is read after each of these steps.
test = few_shot.task(mnist.load(), (*DIGITS, 9)).test
steps = {"merged": together, "half forgotten": merged, "with a late 9": late}
with plot.house_style():
    figure, axes = plot.subplots(height=3.2)
    for number, digit in enumerate((*DIGITS, 9)):
        of_digit = test.labels == digit
        accuracy = [
            model.score(test.images[of_digit], test.labels[of_digit])
            for model in steps.values()
        ]
        places = np.arange(len(steps)) + 0.15 * (number - 2)
        plot.bars(places, accuracy, axes, width=0.13, label=f"digit {digit}")
    axes.set_xticks(range(len(steps)), list(steps))
    axes.set(ylabel="accuracy", ylim=(0, 1))
    axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
Path("forget_and_merge.png").write_bytes(plot.render(figure, "png"))
