"""The shape of a loss surface: how much of a plane is one funnel, and how it rises.

All functions take the loss on a square grid of a plane, with the model in the middle,
as `isinglass.training.loss_landscape.loss_surface` gives it.
"""

import numpy as np
from jaxtyping import Bool, Float, Int


def basins(loss: Float[np.ndarray, "p p"]) -> Int[np.ndarray, "p p"]:
    """Follow steepest descent from every point of a grid to where it ends.

    A step goes to the lowest of the eight neighbours, and none is taken where all are
    higher.

    Returns:
        The index of that point, counted along the rows.
    """
    points = len(loss)
    padded = np.pad(loss, 1, constant_values=np.inf)
    flat = np.arange(points**2).reshape(points, points)
    # To stay comes first, so that it wins among equals.
    offsets = [(0, 0)] + [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    around = np.stack(
        [padded[1 + i : 1 + i + points, 1 + j : 1 + j + points] for i, j in offsets]
    )
    moves = np.array([i * points + j for i, j in offsets])
    down = (flat + moves[around.argmin(axis=0)]).ravel()
    # To go twice as far each time takes few rounds.
    while not np.array_equal(down[down], down):
        down = down[down]
    return down.reshape(points, points)


def funnel(loss: Float[np.ndarray, "p p"]) -> Bool[np.ndarray, "p p"]:
    """Say from where steepest descent ends where it does from the middle."""
    ends = basins(loss)
    middle = len(loss) // 2
    return ends == ends[middle, middle]


def minima(loss: Float[np.ndarray, "p p"]) -> int:
    """Count the ends of steepest descent."""
    return len(np.unique(basins(loss)))


def convex(loss: Float[np.ndarray, "p p"]) -> Bool[np.ndarray, "q q"]:
    """Say where second differences make a positive definite matrix.

    Returns:
        An answer for all points but those of the border.
    """
    inner = loss[1:-1, 1:-1]
    aa = loss[2:, 1:-1] - 2 * inner + loss[:-2, 1:-1]
    bb = loss[1:-1, 2:] - 2 * inner + loss[1:-1, :-2]
    ab = (loss[2:, 2:] - loss[2:, :-2] - loss[:-2, 2:] + loss[:-2, :-2]) / 4
    return (aa > 0) & (aa * bb > ab**2)


def rise(loss: Float[np.ndarray, "p p"], extent: float, distance: float) -> float:
    """Mean of the loss at about a distance, over that in the middle.

    Args:
        loss: The surface.
        extent: Half the side of the square.
        distance: From the middle, in the units of the extent.

    Returns:
        The mean over the points that are no farther from that circle than the grid's
        step, less the loss in the middle.
    """
    side = np.linspace(-extent, extent, len(loss))
    away = np.hypot(*np.meshgrid(side, side, indexing="ij"))
    ring = np.abs(away - distance) <= side[1] - side[0]
    middle = len(loss) // 2
    return float(loss[ring].mean() - loss[middle, middle])


def bend(loss: Float[np.ndarray, "p p"], extent: float) -> float:
    """Second difference in the middle over a step of the grid, mean of both directions.

    Args:
        loss: The surface.
        extent: Half the side of the square.
    """
    middle, apart = len(loss) // 2, 2 * extent / (len(loss) - 1)
    beside = [loss[middle - 1, middle], loss[middle + 1, middle]]
    beside += [loss[middle, middle - 1], loss[middle, middle + 1]]
    return float(2 * (np.mean(beside) - loss[middle, middle]) / apart**2)
