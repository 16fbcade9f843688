"""Isinglass: the physics of attention.

Systems that see a transformer as a physical one, each in its own subpackage and each
reproduced against its paper by ``isinglass reproduce``. Importing this package imports
none of them and changes no JAX setting.
"""

from importlib.metadata import version as _version

__version__ = _version("isinglass")
