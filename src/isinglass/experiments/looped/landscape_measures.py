"""What landscapes of a loss are, and what they are compared by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from isinglass._common.intervals import mean_interval
from isinglass.experiments.looped import setting
from isinglass.experiments.looped.models import PERCENT
from isinglass.training.surface_shape import bend, convex, funnel, minima, rise

EXTENT = 1.0  # half the side of the square: a filter has moved by its own norm
AROUND = 0.5  # distance at which the rise of the loss is measured
# Arm that the model was trained with, and arm whose objective is looked at.
LANDSCAPES = {
    "cross-entropy": (setting.PLAIN, setting.PLAIN),
    "all penalties": (setting.ALL, setting.ALL),
    "its cross-entropy alone": (setting.ALL, setting.PLAIN),
}
PLAIN, PENALISED, STRIPPED = LANDSCAPES


@dataclass(frozen=True)
class Measure:
    """A number that says what a landscape is like.

    Attributes:
        words: What it is.
        unit: Its unit.
        smoother: Whether a smoother, wider funnel would have more of it (1), or less
            (−1); 0 where landscapes are not compared by it.
    """

    words: str
    unit: str
    smoother: int = 0

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of a variable of such numbers."""
        return PERCENT if self.unit == "%" else {"units": self.unit}


MEASURES = {
    "funnel": Measure(
        "share of the plane that descends to the model's minimum", "%", 1
    ),
    "convex": Measure("share of the plane that is convex", "%", 1),
    "minima": Measure("minima in the plane", "", -1),
    "rise": Measure(f"rise at distance {AROUND:g}", "nats", -1),
    "bend": Measure("curvature of the plane over one step of the grid", "nats", -1),
    "point": Measure("curvature of the plane at the model itself", "nats"),
    "largest": Measure("largest eigenvalue of the Hessian", "nats", -1),
    "smallest": Measure("smallest eigenvalue of the Hessian", "nats", 1),
    "trace": Measure("trace of the Hessian", "nats"),
}
COMPARED = {name: measure for name, measure in MEASURES.items() if measure.smoother}


def shape(loss: np.ndarray) -> dict[str, float]:
    """Those of `MEASURES` that are of the surface."""
    return {
        "funnel": 100 * float(funnel(loss).mean()),
        "convex": 100 * float(convex(loss).mean()),
        "minima": float(minima(loss)),
        "rise": rise(loss, EXTENT, AROUND),
        "bend": bend(loss, EXTENT),
    }


def difference(values: xr.DataArray, landscape: str) -> xr.DataArray:
    """By how much a landscape differs from that of cross-entropy, by seed."""
    differences = values.sel(landscape=landscape) - values.sel(landscape=PLAIN)
    return differences.drop_attrs()


def verdict(part: xr.Dataset, key: str, landscape: str) -> int:
    """1 if a landscape is smoother than that of cross-entropy, −1 if less smooth.

    0 where the interval of the difference has 0 in it, or there is one seed only.
    """
    differences = difference(part[key], landscape)
    _, low, high = mean_interval(differences.values)
    if differences.size == 1 or low <= 0 <= high:
        return 0
    return MEASURES[key].smoother * int(np.sign(low))
