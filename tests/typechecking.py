"""The type checker that the tests put on every function of the package."""

from beartype import BeartypeConf, beartype

# PEP 484 lets an int stand for a float, as Pyright does; beartype alone would refuse
# it.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
