"""Energies of a state among patterns: the Hopfield family, Ising, and attention's.

Each energy is a pure function ``(state (…, n), patterns (m, n), …) -> (…)`` of JAX,
safe for large numbers, with its force beside it. Patterns are read block by block
(`isinglass.energy.streaming`): from an array, from several devices (`shard_patterns`),
or from a file by `numpy.memmap`.

`EnergyBlock` is what a layer is made of that descends an energy of its tokens.
`descend` and `retrieve` go downhill and report on it; `storage` and `capacity` say what
is held. To add an energy, write the function and its force in a file of its own, which
ten lines are enough for where `streaming` does the sum, and one line in
`tests/energy/test_contract.py`, which checks all that is asked of energies.
"""

from isinglass.energy.attention import attention_energy, attention_force
from isinglass.energy.block import BlockDescent, EnergyBlock, block_map
from isinglass.energy.bounds import (
    Slack,
    global_energy_slack,
    modern_hopfield_slack,
    modern_nearest_slack,
    nearest_distance_slack,
)
from isinglass.energy.capacity import (
    HalfPoint,
    RetrievalTask,
    capacity,
    crossing,
    half_point,
)
from isinglass.energy.capacity_theory import fixed_point_capacity, separation_capacity
from isinglass.energy.descent import (
    Descent,
    LayeredDescent,
    descend,
    descend_layers,
    retrieve,
)
from isinglass.energy.exponential import (
    demircigil_energy,
    demircigil_force,
    modern_hopfield_energy,
    modern_hopfield_force,
    modern_hopfield_update,
)
from isinglass.energy.hopfield import (
    hebbian_weights,
    hopfield_energy,
    hopfield_energy_of_weights,
    hopfield_force,
)
from isinglass.energy.ising import ising_energy, ising_force
from isinglass.energy.landscape import (
    ContinuousLandscape,
    Demircigil,
    Hopfield,
    KrotovHopfield,
    Landscape,
    ModernHopfield,
    NearestNeighbour,
    SignLandscape,
)
from isinglass.energy.layered import (
    combined_energy,
    global_energy,
    global_force,
    layer_energies,
    split_layers,
)
from isinglass.energy.methods import Flow, Method, Sweep, Update, published_method
from isinglass.energy.minima import (
    Minima,
    critical_inverse_temperature,
    find_minima,
    turning_points,
)
from isinglass.energy.nearest import (
    Nearest,
    nearest_neighbour_energy,
    nearest_neighbour_energy_and_force,
    nearest_neighbour_force,
    nearest_neighbour_update,
    nearest_pattern,
    squared_nearest_distance,
)
from isinglass.energy.polynomial import krotov_hopfield_energy, krotov_hopfield_force
from isinglass.energy.storage import (
    Certificate,
    StorageProbe,
    ball_radii,
    storage,
    storage_certificate,
)
from isinglass.energy.streaming import shard_patterns

__all__ = [
    "BlockDescent",
    "Certificate",
    "ContinuousLandscape",
    "Demircigil",
    "Descent",
    "EnergyBlock",
    "Flow",
    "HalfPoint",
    "Hopfield",
    "KrotovHopfield",
    "Landscape",
    "LayeredDescent",
    "Method",
    "Minima",
    "ModernHopfield",
    "Nearest",
    "NearestNeighbour",
    "RetrievalTask",
    "SignLandscape",
    "Slack",
    "StorageProbe",
    "Sweep",
    "Update",
    "attention_energy",
    "attention_force",
    "ball_radii",
    "block_map",
    "capacity",
    "combined_energy",
    "critical_inverse_temperature",
    "crossing",
    "demircigil_energy",
    "demircigil_force",
    "descend",
    "descend_layers",
    "find_minima",
    "fixed_point_capacity",
    "global_energy",
    "global_energy_slack",
    "global_force",
    "half_point",
    "hebbian_weights",
    "hopfield_energy",
    "hopfield_energy_of_weights",
    "hopfield_force",
    "ising_energy",
    "ising_force",
    "krotov_hopfield_energy",
    "krotov_hopfield_force",
    "layer_energies",
    "modern_hopfield_energy",
    "modern_hopfield_force",
    "modern_hopfield_slack",
    "modern_hopfield_update",
    "modern_nearest_slack",
    "nearest_distance_slack",
    "nearest_neighbour_energy",
    "nearest_neighbour_energy_and_force",
    "nearest_neighbour_force",
    "nearest_neighbour_update",
    "nearest_pattern",
    "published_method",
    "retrieve",
    "separation_capacity",
    "shard_patterns",
    "split_layers",
    "squared_nearest_distance",
    "storage",
    "storage_certificate",
    "turning_points",
]
