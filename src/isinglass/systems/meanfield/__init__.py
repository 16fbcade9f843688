"""Dynamical mean-field theory of self-attention (Poc-López & Aguilera 2024)."""

from isinglass.systems.meanfield.attention import gamma_of
from isinglass.systems.meanfield.features import Features, semantic_overlaps
from isinglass.systems.meanfield.mean_field import MeanField
from isinglass.systems.meanfield.network import (
    NetworkTrajectory,
    Prompt,
    SelfAttentionNetwork,
)

__all__ = [
    "Features",
    "MeanField",
    "NetworkTrajectory",
    "Prompt",
    "SelfAttentionNetwork",
    "gamma_of",
    "semantic_overlaps",
]
