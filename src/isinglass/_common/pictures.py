"""What counts as pictures: for all estimators of them."""

from typing import Any

import numpy as np

from isinglass._common.checks import as_array


def read_pictures(model: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Return checked pictures (n, H, W) of real numbers, still in their own dtype.

    X is (n, H, W), or (n, H·W) with a square picture; a flat row whose length is no
    square number counts as a picture of one line.

    Args:
        model: The estimator; its `image_shape_` is set or compared.
        X: What the user handed in.
        reset: Whether these are the first pictures.

    Raises:
        ValueError: For what is no picture, or not of the size first learned.
    """
    X = as_array("X", X)
    image_shape = None
    if len(X.shape) == 3:
        image_shape = (int(X.shape[1]), int(X.shape[2]))
        X = np.asarray(X).reshape(X.shape[0], image_shape[0] * image_shape[1])
    elif len(X.shape) > 3:
        raise ValueError(
            "X must be pictures (n, H, W) or flat pictures (n, H·W), got shape "
            f"{X.shape}"
        )
    if not reset and image_shape is not None and image_shape != model.image_shape_:
        raise ValueError(
            f"X holds pictures of {image_shape}, but the model learned pictures of "
            f"{model.image_shape_}"
        )
    X = model._validated(X, reset=reset, dtype="numeric")
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}")
    # JAX takes neither long doubles nor a foreign byte order.
    dtype = np.float64 if X.dtype.itemsize > 8 else X.dtype.newbyteorder("=")
    X = X.astype(dtype, copy=False)
    if reset:
        model.image_shape_ = image_shape or _picture_of(X.shape[1])
    return X.reshape(-1, *model.image_shape_)


def _picture_of(n_pixels: int) -> tuple[int, int]:
    side = int(np.sqrt(n_pixels) + 0.5)
    return (side, side) if side * side == n_pixels else (1, n_pixels)
