"""Features of inputs, which must be whole numbers."""

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

LARGEST = 1 << 26  # squares below 2⁵³ are exact in float64
_ROWS = 1024  # inputs that are checked at a time, so that they stay in a cache


def whole_features(encoder: Any, X: np.ndarray) -> Float[np.ndarray, "n D"]:
    """What an encoder makes of inputs, as whole numbers in float64.

    Raises:
        TypeError: If the encoder has no `transform`.
        ValueError: If the features are no table (n, D) of whole numbers, or too large.
    """
    return encoded_features(encoder, X).astype(np.float64)


def encoded_features(encoder: Any, X: np.ndarray) -> Shaped[np.ndarray, "n D"]:
    """What an encoder makes of inputs: whole numbers, in the type that it gives.

    Raises:
        TypeError: If the encoder has no `transform`.
        ValueError: If the features are no table (n, D) of whole numbers, or too large.
    """
    is_made = not isinstance(encoder, type)
    if not is_made or not callable(getattr(encoder, "transform", None)):
        raise TypeError(f"encoder must have a method transform(X), got {encoder!r}")
    encoded = np.asarray(encoder.transform(X))
    if encoded.ndim != 2 or len(encoded) != len(X) or not encoded.shape[1]:
        raise ValueError(
            f"encoder must give features of shape (n, D), for n = {len(X)} inputs, got "
            f"{encoded.shape}"
        )
    if encoded.dtype.kind not in "biuf":
        raise ValueError(f"encoder must give whole numbers, got dtype {encoded.dtype}")
    for start in range(0, len(encoded), _ROWS):
        _check_whole(encoded[start : start + _ROWS])
    return encoded


def _check_whole(encoded: np.ndarray) -> None:
    if encoded.dtype.kind == "f":
        broken = encoded != np.rint(encoded)
        if broken.any():
            raise ValueError(
                f"encoder must give whole numbers, got {encoded[broken][0]}; round "
                "them, for example by a FunctionTransformer"
            )
    largest = max(abs(int(encoded.min())), abs(int(encoded.max())))
    if largest > LARGEST:
        raise ValueError(
            f"encoder must give features of at most {LARGEST:,}, whose squares "
            f"are exact, got {largest:,}"
        )
