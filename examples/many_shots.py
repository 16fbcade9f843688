"""More pictures: why the paper's rates stop helping, and rates that go on.

Evidence adds up over pictures until every source is decided, and the classifier says so
in a warning. By `rates="auto"`, the default, pictures weigh the same together however
many they are.
"""

import warnings
from pathlib import Path

import numpy as np

from isinglass import plot
from isinglass.data import few_shot, mnist
from isinglass.systems.interference import (
    FitnessWarning,
    InterferenceClassifier,
    paper_settings,
)

DIGITS = (0, 1, 2, 4)

warnings.simplefilter("ignore", FitnessWarning)
task = few_shot.task(mnist.load(), DIGITS)
print("pictures per class   paper's rates   automatic   (mean accuracy of 10 draws)")
means = {}
for k in (5, 10, 50, 100, 200):
    scores = []
    for seed in range(10):
        X, y = few_shot.draw(task.pool, DIGITS, k, np.random.default_rng([seed, k]))
        models = [
            InterferenceClassifier(**choice, random_state=seed).fit(X, y)
            for choice in (paper_settings(), {})
        ]
        scores.append(
            [model.score(task.test.images, task.test.labels) for model in models]
        )
    paper, automatic = means[k] = np.mean(scores, axis=0)
    print(f"{k:18d} {paper:15.1%} {automatic:11.1%}")

with plot.house_style():
    figure, axes = plot.subplots(height=3.2)
    for curve, name in zip(
        np.transpose(list(means.values())), ("paper's rates", "automatic"), strict=True
    ):
        plot.line(list(means), curve, axes, "o-", label=name)
    plot.log_ticks(axes, list(means))
    axes.set(xlabel="pictures per class", ylabel="accuracy")
    axes.legend()
Path("many_shots.png").write_bytes(plot.render(figure, "png"))
