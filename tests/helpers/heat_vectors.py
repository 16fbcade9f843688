"""Heat on a plate, for the explorer's JavaScript to conduct again."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from isinglass._common.precision import double_precision
from isinglass.systems.heat import conduct, decay_rates

SIZE = 24
CONDUCTIVITIES = (0.0, 0.1, 1.7, 20.0)


def heat_vectors() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    plate = rng.normal(size=(SIZE, SIZE, 1))
    with double_precision():
        after = {
            spectrum: [
                np.asarray(conduct(jnp.asarray(plate), k, spectrum)).ravel().tolist()
                for k in CONDUCTIVITIES
            ]
            for spectrum in ("continuous", "graph")
        }
    return {
        "size": SIZE,
        "conductivities": list(CONDUCTIVITIES),
        "plate": plate.ravel().tolist(),
        "after": after,
        "squares": {
            spectrum: decay_rates((SIZE, 1), spectrum).ravel().tolist()
            for spectrum in ("continuous", "graph")
        },
    }
