"""Transformers as associative memory (Niu, Bai, Deng & Han 2024).

The partition function over balls and the radii that follow from it, and the measured
radius: distances between activations and their nearest neighbours. A GPT-2 to measure
it on: read from a folder, or trained by `train` on a text or on examples.
"""

from isinglass.data.sources import (
    Batch,
    ExampleSource,
    Source,
    TextSource,
    question_source,
    split_text,
)
from isinglass.data.tokens import (
    BytePairTokens,
    ByteTokens,
    TokenFileError,
    Tokens,
    tokenise,
    tokens_of,
)
from isinglass.systems.memory.continuation import continue_greedily, matching_length
from isinglass.systems.memory.gpt2 import ModelFolderError, load_gpt2, save_gpt2
from isinglass.systems.memory.layer_activations import Activations, activations
from isinglass.systems.memory.layer_radius import layer_radius, sequences_of
from isinglass.systems.memory.neighbours import Neighbours, nearest_neighbours
from isinglass.systems.memory.partition import (
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
from isinglass.systems.memory.radius import nearest_neighbour_radius
from isinglass.systems.memory.recipe import Recipe
from isinglass.systems.memory.training import (
    Progress,
    Run,
    TrainingDivergedError,
    evaluate,
    train,
)
from isinglass.systems.memory.transformer import (
    Execution,
    Pass,
    Transformer,
    TransformerConfig,
)

__all__ = [
    "Activations",
    "Batch",
    "BytePairTokens",
    "ByteTokens",
    "ExampleSource",
    "Execution",
    "ModelFolderError",
    "Neighbours",
    "Pass",
    "Progress",
    "Recipe",
    "Run",
    "Source",
    "TextSource",
    "TokenFileError",
    "Tokens",
    "TrainingDivergedError",
    "Transformer",
    "TransformerConfig",
    "activations",
    "ball_partition_bounds",
    "claimed_cross_entropy",
    "continue_greedily",
    "critical_radius",
    "evaluate",
    "layer_radius",
    "load_gpt2",
    "log_ball_partition",
    "log_ball_volume",
    "log_partition",
    "log_partition_misprinted",
    "matching_length",
    "nearest_neighbour_radius",
    "nearest_neighbours",
    "parameters_against_data",
    "question_source",
    "save_gpt2",
    "sequences_of",
    "split_text",
    "tokenise",
    "tokens_of",
    "train",
    "unit_volume_radius",
    "unit_volume_radius_asymptote",
]
