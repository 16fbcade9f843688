"""What an experiment measured, on disk: an `xarray.Dataset` in one file.

The format is that of `isinglass._common.arrays`: numbers are arrays of it, and what is
text stands in its header, with the names of dimensions and all attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from isinglass._common import arrays
from isinglass._common.arrays import Format

FORMAT = Format("isinglass-measurement", 1, "measurement of an experiment")


def to_bytes(measured: xr.Dataset) -> bytes:
    """A dataset as the bytes of its file.

    Raises:
        TypeError: If an attribute is nothing that JSON has, or a variable holds neither
            numbers nor text.
    """
    header = {
        "attributes": _plain(measured.attrs),
        "variables": {
            str(name): {
                "dimensions": list(variable.dims),
                "attributes": _plain(variable.attrs),
                "is_coordinate": name in measured.coords,
                **({"text": variable.values.tolist()} if _is_text(variable) else {}),
            }
            for name, variable in measured.variables.items()
        },
    }
    return b"".join(
        bytes(part) for part in arrays.content(FORMAT, header, _numbers(measured))
    )


def load(path: Path) -> xr.Dataset:
    """Read a dataset.

    Raises:
        ValueError: If the file is damaged, or of another format or version.
        OSError: If it cannot be read.
    """
    file = arrays.open_file(path, FORMAT)
    numbers = file.read()
    variables = {
        name: (
            record["dimensions"],
            np.array(record["text"]) if "text" in record else numbers[name],
            record["attributes"],
        )
        for name, record in file.header["variables"].items()
    }
    coordinates = {
        name: variables.pop(name)
        for name, record in file.header["variables"].items()
        if record["is_coordinate"]
    }
    return xr.Dataset(variables, coordinates, file.header["attributes"])


def _is_text(variable: xr.Variable) -> bool:
    return variable.dtype.kind in "UOT"  # T is what Zarr reads text as


def _numbers(measured: xr.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    for name, variable in measured.variables.items():
        if variable.dtype.kind == "O" and not all(
            isinstance(value, str) for value in variable.values.flat
        ):
            raise TypeError(f"{name} must hold numbers or text, got other objects")
        if not _is_text(variable):
            yield str(name), variable.values


def _plain(attributes: Any) -> Any:
    """Attributes as JSON has them."""
    if isinstance(attributes, dict):
        return {str(name): _plain(value) for name, value in attributes.items()}
    if isinstance(attributes, list | tuple):
        return [_plain(value) for value in attributes]
    if isinstance(attributes, np.ndarray | np.generic):
        return attributes.tolist()
    return attributes
