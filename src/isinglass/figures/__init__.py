"""Figures drawn with Matplotlib and nothing else."""
