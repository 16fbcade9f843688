"""Diagrams of a map over its parameters: bifurcation, continuation, phase diagram."""
