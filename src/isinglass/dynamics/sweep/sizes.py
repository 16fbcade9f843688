"""How many cells of a sweep are computed side by side, where the caller does not say.

A lane goes over its state and its tangents again and again: D numbers and D · k, which
are read, computed and written, three times as much. All lanes of a tile do so in turn,
and so are as many as leave that in half of the second-level cache
(`isinglass._common.machine`): 300 lanes of a mean field with its 12 exponents where
that cache has 2 MiB, 75 where it has 512 KiB. An orbit alone carries little. There the
fixed cost of every operation decides, which is spread over all lanes; beyond `MOST`
nothing is left to gain, and tiles are to be many enough for all cores. So they are a
multiple of these in number, unless that leaves fewer lanes than `FEWEST`.

Nothing of this was measured on an accelerator. Results do not depend on it but for
their rounding, and a sweep on disk keeps the sizes that it began with.
"""

import math

from isinglass._common.machine import bytes_a_core, cores, rows_that_fit

FEWEST, MOST = 64, 512
MULTIPLE = 8  # numbers of float64 that the widest vector of a processor holds
COPIES = 3  # of what a lane carries: before, meanwhile, after
# What one tile may take in memory, with its results; there is one per core at a time.
TILE_BYTES = 2**27


def lanes_that_suit(cells: int, dimension: int, exponents: int) -> int:
    """Give how many lanes of a map suit the caches and cores of this machine.

    Args:
        cells: How many there are to compute.
        dimension: Numbers in a state, D.
        exponents: How many tangents are carried along, k.
    """
    carried = 8 * COPIES * dimension * (1 + exponents)
    lanes = rows_that_fit(carried, least=FEWEST, most=MOST, multiple=MULTIPLE)
    rounds = math.ceil(cells / (lanes * cores()))
    return max(math.ceil(cells / (rounds * cores())), min(FEWEST, lanes))


def lanes_in_memory(bytes_a_lane: int) -> int:
    """Give how many lanes one core of this machine has memory for, at least one."""
    return max(1, bytes_a_core(most=TILE_BYTES) // bytes_a_lane)
