"""Dynamical mean-field theory of self-attention (Poc-López & Aguilera 2024)."""

from isinglass.meanfield.attention import gamma_of
from isinglass.meanfield.features import Features, semantic_overlaps
from isinglass.meanfield.mean_field import MeanField
from isinglass.meanfield.network import NetworkTrajectory, SelfAttentionNetwork

__all__ = [
    "Features",
    "MeanField",
    "NetworkTrajectory",
    "SelfAttentionNetwork",
    "gamma_of",
    "semantic_overlaps",
]
