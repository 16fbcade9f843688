"""Features of inputs, which must be whole numbers."""

from typing import Any

import numpy as np
from jaxtyping import Float

LARGEST = 1 << 26  # squares below 2⁵³ are exact in float64


def whole_features(encoder: Any, X: np.ndarray) -> Float[np.ndarray, "n D"]:
    """What an encoder makes of inputs, as whole numbers in float64.

    Raises:
        TypeError: If the encoder has no `transform`.
        ValueError: If the features are no table (n, D) of whole numbers, or too large.
    """
    if not callable(getattr(encoder, "transform", None)):
        raise TypeError(
            f"encoder must have a method transform(X), got {type(encoder).__name__}"
        )
    encoded = np.asarray(encoder.transform(X))
    if encoded.ndim != 2 or len(encoded) != len(X) or not encoded.shape[1]:
        raise ValueError(
            f"encoder must give features of shape (n, D), for n = {len(X)} inputs, got "
            f"{encoded.shape}"
        )
    if encoded.dtype.kind not in "biuf":
        raise ValueError(f"encoder must give whole numbers, got dtype {encoded.dtype}")
    features = encoded.astype(np.float64)
    broken = features != np.rint(features)
    if broken.any():
        raise ValueError(
            f"encoder must give whole numbers, got {features[broken][0]}; round them, "
            "for example by a FunctionTransformer"
        )
    if np.abs(features).max(initial=0) > LARGEST:
        raise ValueError(
            f"encoder must give features of at most {LARGEST:,}, whose squares are "
            f"exact, got {np.abs(features).max():,.0f}"
        )
    return features
