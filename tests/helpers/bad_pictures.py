"""Arguments that no picture is drawn of or on: of a wrong kind, each by its name."""

import json

import numpy as np
import xarray as xr

from helpers.bad_maps import call
from isinglass import plot
from isinglass.dynamics import PowerSpectrum

R = np.arange(3.0)
SWEEP = xr.Dataset(
    {
        "kind": ("r", [0, 1, 0]),
        "points": (("r", "point", "component"), np.ones((3, 2, 1))),
        "exponents": (("r", "exponent"), np.ones((3, 1))),
    },
    {"r": R},
    {"parameters": json.dumps({})},
)
ENERGY = xr.DataArray(np.eye(3), {"x": R, "y": R})
LOSS = xr.DataArray(np.eye(3), {"seed": [0, 1, 2], "step": R}, name="loss")
ROUTES = xr.Dataset(
    {
        "probability": (("source", "target", "duration"), np.ones((2, 2, 3))),
        "distance": (("source", "target"), np.ones((2, 2))),
    }
)
# The first argument of each, and one that is right.
PICTURES = {
    plot.attention_rows: ("rows", np.eye(3)),
    plot.avalanches: ("sizes", [1, 2]),
    plot.diagram: ("sweep", SWEEP),
    plot.energy_over_time: ("energy", np.eye(2)),
    plot.exponents: ("sweep", SWEEP),
    plot.landscape: ("energy", ENERGY),
    plot.learning_curve: ("metric", LOSS),
    plot.phase_plane: ("orbit", np.eye(3)),
    plot.spectrum: ("signal", PowerSpectrum(R, R)),
    plot.worldlines: ("routes", ROUTES),
}
WRONG = {"None": None, "x": "x", "3.5": 3.5, "[]": [], "ragged": [[1], [2, 3]]}
CALLS = {
    **{
        f"{picture.__name__} of {kind}": call(f"{name} must", picture, wrong)
        for picture, (name, _) in PICTURES.items()
        for kind, wrong in WRONG.items()
    },
    **{
        f"{picture.__name__} on {kind}": call("ax must", picture, right, ax=wrong)
        for picture, (_, right) in PICTURES.items()
        for kind, wrong in WRONG.items()
        if wrong is not None
    },
    "sweep_figure": call("sweep must", plot.sweep_figure, 3.5),
    "title": call("name must", plot.sweep_figure, SWEEP, None),
    "labels": call("labels must", plot.sweep_figure, SWEEP, labels=3.5),
    "section": call("section must", plot.sweep_figure, SWEEP, section="x"),
    "hysteresis_loop": call("field must", plot.hysteresis_loop, "x", R),
    "hysteresis ragged": call("response must", plot.hysteresis_loop, R, [[1], [2, 3]]),
    "basins": call("result must", plot.basins, 3.5, R),
    "plane": call("components must", plot.phase_plane, np.eye(3), components=1),
    "planes": call(
        "components must", plot.phase_plane, np.eye(3), components=(0, 1, 2)
    ),
    "colour": call("colour must", plot.worldlines, ROUTES, colour=3.5),
    "bounds": call("bounds must", plot.landscape, ENERGY, bounds=1),
    "bounds 3": call("bounds must", plot.landscape, ENERGY, bounds=(1, 2, 3)),
    "along": call("along must", plot.learning_curve, LOSS, along=None),
    "hue": call("hue must", plot.learning_curve, LOSS, hue=[]),
}
