"""What `"auto"` stands for: patches and rates as functions of what a model meets.

They are rules, not a search: a patch follows from the picture's size, the weight of a
sample from how many samples of its class were learned. docs/interference.md, §9, says
how they were chosen and what they do to the accuracy.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import betainc

from isinglass.systems.interference.learning import LearningRule

_NEUTRAL, _OPPOSITE = -1.0, -6.0


def paper_settings() -> dict[str, Any]:
    """Return the arguments of `InterferenceClassifier` with which Tang 2020 works.

    `InterferenceClassifier(**paper_settings())` is the published classifier: rates (1,
    −0.5, −0.8) for every sample, and patches of 3 × 3 pixels.
    """
    return {"rates": LearningRule().rates, "patch_size": 3}


def fitting_patch(
    image_shape: tuple[int, int], n_durations: int, n_sources: int | None = None
) -> tuple[int, int]:
    """Return the smallest patch of which all signals arrive in time.

    The longest flight of `corners` takes rows + columns steps, which must be at most T
    − 1. With the paper's T = 25 that gives its 3 × 3 pixels for pictures of 28 × 28,
    and single pixels for those of 8 × 8. A picture that is lower or narrower than the
    patch gets one as high or wide as itself.

    Args:
        image_shape: Height and width of a picture.
        n_durations: Travel durations T.
        n_sources: How many patches there must be, if a geometry or a route prior says
            so; the smallest square patch that makes as many, if one does.
    """
    patches = [
        (min(side, image_shape[0]), min(side, image_shape[1]))
        for side in range(1, max(*image_shape, 1) + 1)
    ]
    for h, w in patches:
        rows, columns = image_shape[0] // h, image_shape[1] // w
        if n_sources is None:
            fits = rows + columns <= n_durations - 1
        else:
            fits = rows * columns == n_sources
        if fits:
            return h, w
    return patches[-1] if n_sources is None else fitting_patch(image_shape, n_durations)


def log_gains(n_pixels: int, threshold: float) -> Float[np.ndarray, "3"]:
    """Evidence of a source that is similar, neutral or opposite in all samples.

    Similar: how surprising that is, −log P(x · g ≥ θ) of a dipole of random direction
    in D dimensions, 0.69 for a single pixel and 4.4 for 3 × 3 at θ = 0.7 (five samples
    at the paper's rates give 3.5), but at most 6. Neutral: −1 (the paper's −3.5).
    Opposite: −6 (the paper's −8), a factor of 1/400.

    Args:
        n_pixels: Pixels of a patch D.
        threshold: Similarity θ.
    """
    # Two caps of the unit sphere are similar or opposite; in one dimension, all of it.
    caps = 1.0 if n_pixels == 1 else betainc((n_pixels - 1) / 2, 0.5, 1 - threshold**2)
    surprise = -np.log(max(caps / 2, np.exp(_OPPOSITE)))
    return np.array([surprise, _NEUTRAL, _OPPOSITE])


def mean_evidence(
    tally: Float[np.ndarray, "S C 3"],
    class_count: Float[np.ndarray, "C"],
    gains: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "S C 1"]:
    """Return the evidence of an average sample, 0 for a class without any.

    However many samples there are, they weigh as much as the rule was made for, where a
    sum decides every source sooner or later. A function of sums alone: all that is
    exact of the tally is exact of it.

    Args:
        tally: How often a source was similar, neutral and opposite.
        class_count: Weight of the samples of each class.
        gains: Evidence of a source that is so in all of them (`log_gains`).
    """
    samples = np.where(class_count > 0, class_count, 1.0)
    return (tally @ gains / samples)[..., None]
