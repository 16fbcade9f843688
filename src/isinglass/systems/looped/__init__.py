"""Looped transformers with energy and entropy (Lam 2026).

A model is a `LoopedTransformer`; `train` trains many seeds of it at once on an
`InductionTask` with an `EnergyEntropyObjective`. The penalties, the latent Hamiltonian
system, the contraction bound and the loss landscape are functions that work on other
models too.
"""

from isinglass.attention.positions import lay_out, sinusoids
from isinglass.attention.streamed import RowStatistics, attend, attention_rows
from isinglass.data.induction import InductionTask
from isinglass.dynamics.cycles import FixedPoints, jacobian_norm
from isinglass.systems.looped.baseline import Adapted, BaselineConfig, LoopedBaseline
from isinglass.systems.looped.contraction import (
    Assumptions,
    assumptions,
    attention_jacobian_norm,
    block_step,
    contraction_bound,
    fixed_points,
    loop_jacobian_norm,
    loop_parameters,
    loop_step,
)
from isinglass.systems.looped.evaluation import (
    Evaluation,
    accuracy_by_length,
    terms_by_length,
)
from isinglass.systems.looped.hamiltonian import (
    LatentHamiltonian,
    Particle,
    hamiltonian_step,
)
from isinglass.systems.looped.loop import LoopEnergies, LoopTrajectory
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.penalties import (
    EnergyEntropyObjective,
    entropy_penalty,
    kinetic_energy,
    potential_energy,
    tsallis_entropy,
)
from isinglass.systems.looped.recipe import Recipe
from isinglass.systems.looped.training import (
    DivergedWarning,
    Run,
    TrainingDivergedError,
    train,
)
from isinglass.training.loss_landscape import (
    Curvature,
    curvature,
    filter_normalised_directions,
    loss_surface,
)

__all__ = [
    "Adapted",
    "Assumptions",
    "BaselineConfig",
    "Curvature",
    "DivergedWarning",
    "EnergyEntropyObjective",
    "Evaluation",
    "FixedPoints",
    "InductionTask",
    "LatentHamiltonian",
    "LoopEnergies",
    "LoopTrajectory",
    "LoopedBaseline",
    "LoopedConfig",
    "LoopedTransformer",
    "Particle",
    "Recipe",
    "RowStatistics",
    "Run",
    "TrainingDivergedError",
    "accuracy_by_length",
    "assumptions",
    "attend",
    "attention_jacobian_norm",
    "attention_rows",
    "block_step",
    "contraction_bound",
    "curvature",
    "entropy_penalty",
    "filter_normalised_directions",
    "fixed_points",
    "hamiltonian_step",
    "jacobian_norm",
    "kinetic_energy",
    "lay_out",
    "loop_jacobian_norm",
    "loop_parameters",
    "loop_step",
    "loss_surface",
    "potential_energy",
    "sinusoids",
    "terms_by_length",
    "train",
    "tsallis_entropy",
]
