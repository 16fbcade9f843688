"""Parts of a measurement: joined into one dataset, and taken out of it again."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import xarray as xr


def grid(parts: Mapping[Any, xr.Dataset], *dimensions: str) -> xr.Dataset:
    """Join datasets into one, with a dimension for every element of their keys.

    Args:
        parts: Datasets by key, a tuple such as ("last-token", "PKS"); all combinations.
        *dimensions: What the elements of a key are, such as "form" and "arm".

    Returns:
        Coordinates in the order of the keys. NaN where a part has not a coordinate that
        another one has.
    """
    name, *rest = dimensions
    values = list(dict.fromkeys(key[0] for key in parts))
    joined: list[xr.Dataset] = []
    for value in values:
        below = {key[1:]: part for key, part in parts.items() if key[0] == value}
        joined.append(grid(below, *rest) if rest else below[()])
    return concat(joined, xr.IndexVariable(name, values))


def concat(
    parts: Iterable[xr.Dataset], dimension: str | xr.IndexVariable
) -> xr.Dataset:
    """Join datasets along one more dimension, with NaN where coordinates differ."""
    joined = xr.concat(list(parts), dim=dimension, join="outer")
    assert isinstance(joined, xr.Dataset)  # for the type checker: xarray has trees, too
    return joined


def by_setting(measured: xr.Dataset, *padded: str) -> Iterator[tuple[str, xr.Dataset]]:
    """Go through the settings of a measurement.

    Args:
        measured: It has a dimension "setting".
        *padded: Dimensions along which settings differ: what was measured of none of a
            setting's own is left out.

    Yields:
        Name and part of each.
    """
    for name in measured.setting.values:
        part = measured.sel(setting=name)
        for dimension in padded:
            part = part.dropna(dimension, how="all")
        yield str(name), part
