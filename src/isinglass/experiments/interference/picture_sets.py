"""Pictures that are no MNIST, from what is installed: nothing is downloaded."""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font
from sklearn.datasets import load_digits, load_sample_images

SIDE = 28
LETTERS = "ABCDEFGHIJ"
_TALL = 18.0  # height of a letter in pixels
_FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmr10",
    "cmb10",
    "cmss10",
    "cmtt10",
    "cmti10",
    "cmmi10",
)


class Pictures(NamedTuple):
    """Labelled pictures to draw training sets from, and to test on.

    Attributes:
        name: What they are.
        pool: Pictures (n, H, W).
        pool_labels: (n,).
        test: Pictures (m, H, W).
        test_labels: (m,).
    """

    name: str
    pool: np.ndarray
    pool_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def small_digits() -> Pictures:
    """scikit-learn's digits of 8 × 8 pixels, in a frame as wide as that of MNIST.

    Two pixels are added on all sides, since these digits fill their frame. The first
    half is drawn from.
    """
    digits: Any = load_digits()
    images = np.pad(digits.images, ((0, 0), (2, 2), (2, 2)))
    middle = len(images) // 2
    return Pictures(
        "scikit-learn's digits",
        images[:middle],
        digits.target[:middle],
        images[middle:],
        digits.target[middle:],
    )


def letters(rng: np.random.Generator) -> Pictures:
    """Letters A to J in 22 typefaces that Matplotlib ships, eleven to draw from.

    Which typefaces those are is drawn.
    """
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    drawn = np.array(
        [
            [_letter(folder / f"{face}.ttf", letter) for letter in LETTERS]
            for face in _FACES
        ]
    )
    order = rng.permutation(len(_FACES))
    half = len(_FACES) // 2
    labels = np.tile(np.array(list(LETTERS)), half)
    parts = [
        drawn[some].reshape(-1, SIDE, SIDE) for some in (order[:half], order[half:])
    ]
    return Pictures("letters in typefaces", parts[0], labels, parts[1], labels)


def photographs(rng: np.random.Generator) -> Pictures:
    """Pieces of the two photographs that scikit-learn ships: which one is it from?

    A temple and a flower, grey; pieces of 28 × 28 pixels, 300 of the left half of each
    to draw from and 300 of the right half. They are no drawings.
    """
    names = np.array(["temple", "flower"])
    parts: list[list[np.ndarray]] = [[], []]
    for photograph in load_sample_images().images:
        grey = photograph.astype(np.float64).mean(axis=-1)
        middle = grey.shape[1] // 2
        for part, half in zip(parts, (grey[:, :middle], grey[:, middle:]), strict=True):
            rows, columns = (rng.integers(0, size - SIDE, 300) for size in half.shape)
            part += [
                half[row : row + SIDE, column : column + SIDE]
                for row, column in zip(rows, columns, strict=True)
            ]
    labels = names.repeat(300)
    return Pictures(
        "pieces of photographs", np.array(parts[0]), labels, np.array(parts[1]), labels
    )


def _letter(path: Path, letter: str) -> np.ndarray:
    """A letter, light on dark, 18 pixels high or wide and in the middle."""
    font = FT2Font(str(path))
    font.set_size(64, 72)
    font.set_text(letter, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image(), dtype=np.float64)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = max(ink.shape) / _TALL
    height, width = (max(1, round(size / scale)) for size in ink.shape)
    small = _averaged(_averaged(ink, height).T, width).T
    picture = np.zeros((SIDE, SIDE))
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    picture[top : top + height, left : left + width] = small
    return picture


def _averaged(picture: np.ndarray, rows: int) -> np.ndarray:
    """Fewer rows, each the mean of those that it covers."""
    edges = np.linspace(0, len(picture), rows + 1)
    total = np.vstack([np.zeros(picture.shape[1]), np.cumsum(picture, axis=0)])
    places = np.arange(len(picture) + 1)
    at = np.array([np.interp(edges, places, column) for column in total.T]).T
    return np.diff(at, axis=0) / np.diff(edges)[:, None]
