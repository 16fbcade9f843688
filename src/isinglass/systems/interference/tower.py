"""Attention towers: windows meet their neighbours and are squashed to a scalar.

Tang 2020, §5.1 and Fig. 4: windows of a picture are tensors that attend to each other
(Eq. 2) and answer to the host by their mean field (Eq. 6), whose map is the picture
that the next level sees. The paper gives no sizes; those here are fixed in advance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from isinglass._common.batches import map_batches
from isinglass._common.checks import (
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
    is_whole,
)
from isinglass._common.pictures import read_pictures
from isinglass._common.precision import usual_promotion
from isinglass.systems.interference.encoding import blank
from isinglass.systems.interference.learning import is_similar
from isinglass.systems.interference.tensors.response import mean_field_solutions


@dataclass(frozen=True)
class Level:
    """One level of a tower: aggregate, attend, squash.

    Args:
        window: Side of the windows in grid points; a grid that is narrower has windows
            as wide as itself.
        stride: Grid points from one window to the next. Windows overlap where it is
            smaller than `window`.
        radius: Neighbours are the windows at most as many places away, in rows and in
            columns; 0 for none.
        threshold: Cosine θ in (0, 1] from which a neighbour is a friend.
        neighbour_coupling: J₀ ≥ 0 of a tensor to each of its friends: n̄ = J₀ × friends.
        inverse_temperature: β > 0 of the mean field.
        squash: Whether the level gives mean fields, or the attended tensors themselves,
            which the next level aggregates: their elements multiply from level to
            level.

    Raises:
        ValueError: If one of them is out of range, naming it.
    """

    window: int = 3
    stride: int = 2
    radius: int = 1
    threshold: float = 0.7
    neighbour_coupling: float = 0.25
    inverse_temperature: float = 2.0
    squash: bool = True

    def __post_init__(self) -> None:
        for name, least in (("window", 1), ("stride", 1), ("radius", 0)):
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                raise ValueError(
                    f"{name} must be a whole number from {least}, got {value!r}"
                )
        check_positive(inverse_temperature=self.inverse_temperature)
        check_in("(-inf, inf)", neighbour_coupling=self.neighbour_coupling)
        if self.neighbour_coupling < 0:
            raise ValueError(
                "neighbour_coupling must not be negative (friends would oppose each "
                f"other), got {self.neighbour_coupling!r}"
            )
        check_positive(threshold=self.threshold)
        if self.threshold > 1:
            raise ValueError(f"threshold must lie in (0, 1], got {self.threshold!r}")
        check_kind(bool, np.bool_, squash=self.squash)

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns of this level's map, of one of so many rows and columns."""
        check_whole(rows=rows, columns=columns)
        down, right = min(self.window, rows), min(self.window, columns)
        return (rows - down) // self.stride + 1, (columns - right) // self.stride + 1

    def __call__(self, maps: Float[Array, "n R C D"]) -> Float[Array, "n r c d"]:
        """Give the level's map, of tensors on a grid.

        Args:
            maps: Tensors of D elements, one element where the level below squashes.

        Returns:
            Mean fields, d = 1, or attended tensors, d = D × window².
        """
        attended, friends = attend(
            aggregate(maps, self.window, self.stride), self.threshold, self.radius
        )
        if not self.squash:
            return attended
        host = attended.mean(axis=-1)  # overlap with the host (1, …, 1)
        return self.respond(host, friends)[..., None]

    @usual_promotion()
    def respond(
        self, host: Float[Array, "*n"], friends: Float[Array, "*n"]
    ) -> Float[Array, "*n"]:
        """Mean field of a tensor that has so many friends: Eq. 6 on the host's side.

        Args:
            host: Field B_i that a tensor feels, its overlap with the host.
            friends: How many friends it has.

        Returns:
            μ = tanh(β(n̄μ + B)) with the sign of B; 0 where B is.
        """
        check_real(host=host, friends=friends)
        check_finite(host=host, friends=friends)
        if host.shape != friends.shape or _has_negative(friends):
            raise ValueError(
                "friends must be a number from 0 for each host, got shape "
                f"{friends.shape} for {host.shape}"
            )
        beta = self.inverse_temperature
        coupling = beta * self.neighbour_coupling * friends
        lower, _, upper = mean_field_solutions(coupling, beta * host)
        return jnp.where(host > 0, upper, jnp.where(host < 0, lower, 0.0))


def aggregate(
    maps: Float[Array, "n R C D"], window: int, stride: int
) -> Float[Array, "n r c d"]:
    """Gather the elements of every window as one tensor (AGG of §5.1).

    Args:
        maps: Tensors on a grid.
        window: Side of the windows, cut off at the grid's.
        stride: Grid points from one window to the next.
    """
    check_real(maps=maps)
    check_shapes(maps=(maps, "n R C D"))
    check_whole(window=window, stride=stride)
    rows, columns = maps.shape[1:3]
    down, right = min(window, rows), min(window, columns)
    last = rows - down + 1, columns - right + 1
    parts = [
        maps[:, i : i + last[0] : stride, j : j + last[1] : stride]
        for i in range(down)
        for j in range(right)
    ]
    return jnp.concatenate(parts, axis=-1)


@usual_promotion()
def attend(
    tensors: Float[Array, "n R C D"], threshold: float, radius: int
) -> tuple[Float[Array, "n R C D"], Float[Array, "n R C"]]:
    """Take for every tensor the mean of itself and its friends (Eq. 2, among guests).

    Friends are the neighbours on the grid whose cosine to it is at least θ. A tensor of
    zeros has no direction, and no friends.

    Args:
        tensors: Tensors on a grid, of D elements.
        threshold: Cosine θ from which a neighbour is a friend.
        radius: Neighbours are at most as many places away, in rows and in columns.

    Returns:
        The attended tensors, and how many friends each has.
    """
    check_real(tensors=tensors)
    check_shapes(tensors=(tensors, "n R C D"))
    check_in("(0, 1]", threshold=threshold)
    check_whole(0, radius=radius)
    length = jnp.sqrt((tensors**2).sum(axis=-1, keepdims=True))
    unit = tensors / jnp.where(length > 0, length, 1)
    rows, columns = tensors.shape[1:3]
    edge = [(0, 0), (radius, radius), (radius, radius), (0, 0)]
    around, around_unit = jnp.pad(tensors, edge), jnp.pad(unit, edge)
    total, friends = tensors, jnp.zeros_like(tensors[..., 0])
    for i in range(2 * radius + 1):
        for j in range(2 * radius + 1):
            if i == j == radius:
                continue
            place = (slice(None), slice(i, i + rows), slice(j, j + columns))
            friend = is_similar((unit * around_unit[place]).sum(axis=-1), threshold)
            friend = friend.astype(tensors.dtype)
            total += friend[..., None] * around[place]
            friends += friend
    return total / (1 + friends[..., None]), friends


class Tower(TransformerMixin, BaseEstimator):
    """Levels above each other as a scikit-learn transformer of pictures.

    A picture is centred on its own mean and divided by its largest magnitude; then each
    level makes a smaller map of the one below. Nothing is learned: a tower is a fixed
    function of each picture, and so whatever adds up sums over pictures behind it
    (`TowerClassifier`) keeps its laws.

    X is (n, H, W), or (n, H·W) with a square picture; a flat row whose length is no
    square number counts as a picture of one line.

    Args:
        levels: From the lowest to the highest, at least one.

    Attributes:
        image_shape_: Height and width of a picture.
        n_features_in_: Pixels of a picture.

    Example:
        >>> Tower([Level(), Level()]).fit_transform(images).shape
        (n, 36)

    Source: Tang 2020, §5.1 and Fig. 4.
    """

    n_features_in_: int
    image_shape_: tuple[int, int]

    def __init__(self, levels: Sequence[Level] = (Level(),)) -> None:
        self.levels = levels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X, y=None) -> "Tower":
        """Look at the size of the pictures; nothing else is needed.

        Args:
            X: Pictures (see the class).
            y: Ignored.

        Raises:
            ValueError: For pictures or levels that cannot be used.
        """
        check_levels(self.levels)
        read_pictures(self, X, reset=True)
        return self

    def transform(self, X) -> Float[np.ndarray, "n d"]:
        """Give the highest level's map of every picture, row by row.

        Args:
            X: Pictures of the size that `fit` saw.

        Raises:
            ValueError: For other pictures.
        """
        highest = self._climb(X, len(check_levels(self.levels)))
        return highest.reshape(len(highest), -1)

    def maps(self, X) -> list[Float[np.ndarray, "n r c d"]]:
        """Give the map of every level, from the picture as the tower sees it on.

        Args:
            X: Pictures of the size that `fit` saw.

        Returns:
            The centred picture, d = 1, then the map of each level; d = 1 where it is
            squashed.

        Raises:
            ValueError: For other pictures.
        """
        n_levels = len(check_levels(self.levels))
        return [self._climb(X, height) for height in range(n_levels + 1)]

    def _climb(self, X, height: int) -> np.ndarray:
        check_is_fitted(self)
        levels = check_levels(self.levels)[:height]
        pictures = read_pictures(self, X, reset=False)
        return map_batches(lambda part: climb(part, levels), pictures)

    def grids(self) -> list[tuple[int, int]]:
        """Rows and columns of the picture and of every level's map."""
        check_is_fitted(self)
        return grids(self.levels, self.image_shape_)

    def _validated(self, X: Any, **how: Any) -> Any:
        return validate_data(self, X, **how)


def check_levels(levels: Any) -> tuple[Level, ...]:
    """The levels as a tuple.

    Raises:
        ValueError: If there are none.
        TypeError: If one is something else.
    """
    if not isinstance(levels, Sequence) or isinstance(levels, str) or not levels:
        raise ValueError(f"levels must be a sequence of Level, got {levels!r}")
    for level in levels:
        check_kind(Level, levels=level)
    return tuple(levels)


def grids(
    levels: Sequence[Level], image_shape: tuple[int, int]
) -> list[tuple[int, int]]:
    """Rows and columns of a picture and of every level's map.

    Args:
        levels: From the lowest to the highest.
        image_shape: Height and width of a picture.
    """
    sizes = [image_shape]
    for level in levels:
        sizes.append(level.grid(*sizes[-1]))
    return sizes


@partial(jax.jit, static_argnums=1)
def climb(
    pictures: Array,
    levels: tuple[Level, ...],
    gains: tuple[Array, ...] | None = None,
) -> Float[Array, "n r c d"]:
    """Give the map of the highest level, of pictures centred and scaled.

    Args:
        pictures: Of any brightness scale.
        levels: From the lowest to the highest; none for the picture as it goes in.
        gains: How much each level hears of the places (R, C, D) below it; all if None.
    """
    pixels = pictures.astype(float)
    # Numbers near the largest of all would overflow in the mean.
    pixels = pixels / _largest(pixels)
    pixels = pixels - pixels.mean(axis=(1, 2), keepdims=True)
    pixels = jnp.where(_largest(pixels) > blank(pixels.dtype), pixels, 0)
    maps = (pixels / _largest(pixels))[..., None]
    for number, level in enumerate(levels):
        maps = level(maps if gains is None else gains[number] * maps)
    return maps


def _has_negative(numbers: Any) -> bool:
    """Whether one is below 0; of what JAX traces nothing is known."""
    return not isinstance(numbers, Tracer) and bool((numbers < 0).any())


def _largest(pixels: Float[Array, "n H W"]) -> Float[Array, "n 1 1"]:
    """Largest magnitude of each picture, 1 for one that is blank."""
    largest = jnp.abs(pixels).max(axis=(1, 2), keepdims=True)
    return jnp.where(largest > 0, largest, 1)
