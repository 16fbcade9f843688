"""Two rotating sources: are they in phase or out of phase?"""

from pathlib import Path

import numpy as np

from isinglass import plot
from isinglass.data.double_slit import make_waves
from isinglass.systems.interference import Geometry, WaveClassifier

rng = np.random.default_rng(0)
train, test = make_waves(5, rng), make_waves(100, rng)

stage = Geometry(sources=[[-1.0], [1.0]], targets=[[-2.0], [2.0]])
model = WaveClassifier(geometry=stage, host=(0.0, 1.0), random_state=0)

model.fit(train.X, train.y)
print(f"accuracy after five waves of each kind: {model.score(test.X, test.y):.1%}")

with plot.house_style():
    figure, panels = plot.subplots(1, 2, width=7.5, height=2.8, sharey=True)
    names = ("in phase", "out of phase")
    for label, name, axes in zip(model.classes_, names, panels, strict=True):
        (energy,) = model.energy_over_time(test.X[test.y == label][:1])
        targets = [f"target of waves {target}" for target in names]
        plot.energy_over_time(energy, axes, labels=targets)
        axes.set(title=f"sources {name}", ylabel="")
    panels[0].set_ylabel("energy received")
    panels[1].legend()
Path("double_slit.png").write_bytes(plot.render(figure, "png"))
