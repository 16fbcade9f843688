"""Softmax attention of any system: streamed rows, causal blocks, positions."""
