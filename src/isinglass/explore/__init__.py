"""Sweeps told in words: what `isinglass sweep` and `isinglass resume` are made of.

`texts` reads what is written on a command line, `recipes` notes which map is swept and
from where, in words that a file can hold, `maps` builds that map, and `run` sweeps it.
"""
