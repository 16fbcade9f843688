"""A prior from random pen strokes: what deformations do to features of one class.

The strokes assume light ink on dark, lines as thick as a pen's, and a drawing that
fills about 20 of 28 parts of the frame. `StrokePrior.from_pictures` assumes only that
small deformations leave a picture in its class.
"""

from typing import Any

import numpy as np
from jaxtyping import Num
from sklearn.base import BaseEstimator

from isinglass._common.checks import (
    as_list,
    as_real_array,
    check_in,
    check_positive,
    check_seed,
    check_whole,
    or_default,
)
from isinglass._common.samples import read_inputs
from isinglass.systems.interference._features import whole_features
from isinglass.systems.interference._signature import signature
from isinglass.systems.interference.coupled import pen
from isinglass.systems.interference.coupled.dipoles import (
    GRID,
    DipoleEncoder,
    picture_shape,
)
from isinglass.systems.interference.coupled.gaussian_prior import (
    GaussianPrior,
    within_groups,
)

_REMEMBERED = 8  # moments that a process keeps
_moments: dict[Any, tuple[np.ndarray, np.ndarray]] = {}


class StrokePrior(BaseEstimator):
    """A prior from random pen strokes and their deformed copies; no digit is used.

    n stroke pictures of one to three Bézier curves are drawn, each `copies` times:
    rotated, sheared, stretched, warped, shifted, and with a thinner or thicker pen
    (`pen`). How features differ between copies of a stroke stands for how they differ
    within a class: Σ₀ = (W + ridge · v · I) / scale², with W their covariance within
    strokes and v its mean variance; m₀ is the mean of all.

    **What it assumes.** That pictures are drawings: light lines on dark, in a frame of
    which they fill about 20 of 28 parts. Where they are not, take `from_pictures`, or a
    `GaussianPrior`: a prior never makes a law wrong, it only makes the first few
    samples less useful.

    Args:
        n: Number of stroke pictures.
        copies: Deformed copies of each, at least 2.
        ridge: Share of the mean variance that is added in all directions.
        scale: By how much classes are expected to be narrower than strokes.
        random_state: Seed of the strokes.
    """

    def __init__(
        self,
        *,
        n: int = 600,
        copies: int = 6,
        ridge: float = 0.1,
        scale: float = 2.0,
        random_state: int = 0,
    ) -> None:
        self.n = n
        self.copies = copies
        self.ridge = ridge
        self.scale = scale
        self.random_state = random_state

    def moments(
        self, encoder: Any, input_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean m₀, (D,), and covariance Σ₀, (D, D), of features of one class.

        Drawn once for an encoder and a shape, and remembered while the process lives.

        Args:
            encoder: What turns pictures into features.
            input_shape: Shape of an input, such as (28, 28). Larger pictures than 28 ×
                28 are drawn with 28 pixels a side, as far as the encoder is a
                `DipoleEncoder`, which sees no more.

        Raises:
            ValueError: For a parameter that cannot be used, naming it.
        """
        self._check()
        for size in as_list("input_shape", input_shape):
            check_whole(input_shape=size)
        input_shape = tuple(input_shape)
        key = (signature(self), signature(encoder), input_shape)
        if key not in _moments:
            while len(_moments) >= _REMEMBERED:
                _moments.pop(next(iter(_moments)))
            _moments[key] = self._drawn(encoder, input_shape)
        return _moments[key]

    @staticmethod
    def from_pictures(
        pictures: Num[np.ndarray, "n *shape"],
        prior: "StrokePrior | None" = None,
        *,
        encoder: Any = None,
    ) -> GaussianPrior:
        """A prior from unlabelled pictures in place of strokes.

        Each picture is deformed as the strokes are, but for the pen, and the copies
        take their place. For pictures that are no drawings: it assumes that a small
        deformation leaves a picture in its class, and nothing of lines.

        Args:
            pictures: Unlabelled, as the encoder takes them, at least two. If there are
                more than `prior.n`, as many are drawn from them.
            prior: Its n, copies, ridge, scale and seed; `StrokePrior()` if None.
            encoder: What turns pictures into features; `DipoleEncoder()` if None.

        Raises:
            ValueError: For a parameter or pictures that cannot be used, naming it.
        """
        prior = or_default(StrokePrior, prior=prior)
        prior._check()
        encoder = DipoleEncoder() if encoder is None else encoder
        numbers = as_real_array("pictures", pictures)
        if numbers.ndim not in (2, 3, 4) or not numbers.size:
            raise ValueError(
                f"pictures must be (n, H, W), (n, H, W, C) or (n, H·W), got shape "
                f"{numbers.shape}"
            )
        pictures = read_inputs(DipoleEncoder(), pictures, reset=True)
        if len(pictures) < 2:
            raise ValueError("pictures must be at least two, got one")
        rng = np.random.default_rng(prior.random_state)
        chosen = rng.permutation(len(pictures))[: prior.n]
        whole = pictures[chosen].reshape(-1, *picture_shape(pictures.shape[1:]))
        copies = pen.deformed(whole, prior.copies, prior.random_state)
        moments = prior._within(copies, encoder, pictures.shape[1:])
        return GaussianPrior(*moments)

    def _check(self) -> None:
        check_whole(n=self.n)
        check_whole(2, copies=self.copies)
        check_seed(random_state=self.random_state)
        check_positive(ridge=self.ridge)
        check_in("[1e-100, 1e100]", scale=self.scale)  # whose square is divided by

    def _drawn(
        self, encoder: Any, input_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        shape = picture_shape(input_shape)
        if isinstance(encoder, DipoleEncoder) and len(input_shape) > 1:
            shape = (min(shape[0], GRID), min(shape[1], GRID), shape[2])
            input_shape = shape[: len(input_shape)]
        strokes = pen.draw_strokes(self.n, self.copies, shape, self.random_state)
        return self._within(strokes, encoder, input_shape)

    def _within(
        self, copies: np.ndarray, encoder: Any, input_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        features = whole_features(encoder, copies.reshape(-1, *input_shape))
        features = features.reshape(*copies.shape[:2], -1)
        mean, covariance = within_groups(features.astype(np.int64), self.ridge)
        return mean, covariance / self.scale**2
