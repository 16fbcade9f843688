"""Learn four digits from five pictures of each, with no gradients."""

from pathlib import Path

import numpy as np

from isinglass import plot
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

with plot.house_style():
    figure, (left, right) = plot.subplots(
        1, 2, width=7.5, height=2.8, gridspec_kw={"width_ratios": (1, 2.4)}
    )
    plot.picture(task.test.images[0], left, cmap="gray_r")
    left.set(title="the picture", xticks=[], yticks=[])
    left.grid(visible=False)
    plot.energy_over_time(energy, right, labels=model.classes_)
    right.set(title="energy at the targets", ylabel="")
    right.legend(title="target")
Path("few_shot.png").write_bytes(plot.render(figure, "png"))
