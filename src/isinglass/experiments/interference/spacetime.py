"""Fig. 2 of Tang 2020: a picture on the floor, time upwards, signals to the corners."""

import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.setting import CLASSES
from isinglass.reproduce import Figure


def draw(measured: xr.Dataset, digit: int) -> Figure:
    """Draw the routes from the inked patches of a picture.

    Args:
        measured: ``picture``, and ``probability``, ``source_place`` and
            ``target_place`` of the routes as `worldlines.measure` gives them.
        digit: What the picture shows.
    """
    figure = plot.spacetime_figure(
        measured.picture.values[:27, :27] / 255,
        measured.probability,
        measured.source_place,
        measured.target_place,
        names=[f"target {name}" for name in CLASSES],
        label=f"floor: a digit {digit} at time 0\nupwards: time",
    )
    return Figure(
        figure,
        f"A digit {digit} in space and time, after training with five pictures per "
        "class. Time runs upwards. Every inked patch sends signals to the four targets "
        "at the corners; a line is a route, its strength the learned probability of "
        "its travel duration. Sources that were similar to a class's field send to its "
        "target.",
        part="spacetime",
    )
