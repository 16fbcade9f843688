"""Learn four digits from five pictures of each, with no gradients."""

import numpy as np

from isinglass.data import few_shot, mnist
from isinglass.systems.interference import InterferenceClassifier

DIGITS = (0, 1, 2, 4)

task = few_shot.task(mnist.load(), DIGITS)
shots = few_shot.draw(task.pool, DIGITS, 5, np.random.default_rng(0))

model = InterferenceClassifier(random_state=0).fit(shots.images, shots.labels)
print(
    f"{len(shots.labels)} pictures, accuracy "
    f"{model.score(task.test.images, task.test.labels):.1%}"
)

# What every target receives while the first test picture is shown: shape (picture,
# target, time).
energy = model.energy_over_time(task.test.images[:1])[0]
for digit, curve in zip(model.classes_, energy, strict=True):
    print(
        f"target {digit}: energy peaks at {curve.max():6.0f} at time {curve.argmax()}"
    )
