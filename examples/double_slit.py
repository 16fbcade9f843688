"""Two rotating sources: are they in phase or out of phase?"""

import numpy as np

from isinglass.data.double_slit import make_waves
from isinglass.systems.interference import Geometry, WaveClassifier

rng = np.random.default_rng(0)
train, test = make_waves(5, rng), make_waves(100, rng)

stage = Geometry(sources=[[-1.0], [1.0]], targets=[[-2.0], [2.0]])
model = WaveClassifier(geometry=stage, host=(0.0, 1.0), random_state=0)

model.fit(train.X, train.y)
print(f"accuracy after five waves of each kind: {model.score(test.X, test.y):.1%}")
