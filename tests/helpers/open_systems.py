"""Systems that several tests of path integrals use."""

from typing import Any

import numpy as np

from isinglass.systems.paths import Drude, Ohmic, OpenSystem

SPINS = (1.0, -1.0)
BIASED = np.array([[0.5, -1.0], [-1.0, -0.5]])
THREE = np.array([[0, 1, 0.2j], [1, 0.5, 0.3], [-0.2j, 0.3, -0.4]])
OHMIC = Ohmic(0.1, 7.5, 5.0)
SPIN_BOSON = OpenSystem(BIASED, SPINS, OHMIC)


def driven(time: float) -> np.ndarray:
    return BIASED + np.sin(3 * time) * np.diag([1.0, -1.0])


SYSTEMS: dict[str, Any] = {
    "biased": SPIN_BOSON,
    "sites": OpenSystem(BIASED, (0.0, 1.0), OHMIC, counterterm=False),
    "three levels": OpenSystem(THREE, (1.0, 0.0, -1.5), Drude(0.4, 2.0, 1.0)),
    "three of equal steps": OpenSystem(THREE, (1.0, 0.0, -1.0), OHMIC),
    "driven": OpenSystem(driven, SPINS, OHMIC),
}
