"""What a row of attention does not see."""

from typing import Any

from isinglass._common.checks import check_mask

# A score that no exp survives; −∞ would make NaN of 0 · ∞ in gradients.
HIDDEN = -1e30


def check_present(present: Any, shape: tuple[int, ...]) -> None:
    """Refuse what does not say of each token of a shape whether it is there.

    Raises:
        TypeError: If it is neither None nor an array of truth values.
        ValueError: If it is of another shape.
    """
    if present is None:
        return
    check_mask(present=present)
    if present.shape != tuple(shape):
        raise ValueError(
            f"present must be of shape {tuple(shape)}, got {present.shape}"
        )
