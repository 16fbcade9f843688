"""Transformers as associative memory (Niu, Bai, Deng & Han 2024).

The partition function over balls and the radii that follow from it, and the measured radius:
distances between activations and their nearest neighbours.
"""

from isinglass.memory.neighbours import Neighbours, nearest_neighbours
from isinglass.memory.partition import (
    ball_partition_bounds,
    claimed_cross_entropy,
    critical_radius,
    log_ball_partition,
    log_ball_volume,
    log_partition,
    log_partition_misprinted,
    parameters_against_data,
    unit_volume_radius,
    unit_volume_radius_asymptote,
)
from isinglass.memory.radius import nearest_neighbour_radius

__all__ = [
    "Neighbours",
    "ball_partition_bounds",
    "claimed_cross_entropy",
    "critical_radius",
    "log_ball_partition",
    "log_ball_volume",
    "log_partition",
    "log_partition_misprinted",
    "nearest_neighbour_radius",
    "nearest_neighbours",
    "parameters_against_data",
    "unit_volume_radius",
    "unit_volume_radius_asymptote",
]
