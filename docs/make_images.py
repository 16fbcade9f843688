"""Make the pictures of README.md and docs/: `python docs/make_images.py FOLDER…`.

The folders are those that `isinglass reproduce … --out FOLDER` has filled.
"""

import io
import sys
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
FIGURES = (
    "descent-anomaly",
    "descent-anomaly-graphs",
    "descent-completion",
    "descent-completion-depth",
    "descent-completion-pictures",
    "descent-energy",
    "descent-energy-rest",
    "descent-sudoku",
    "descent-sudoku-energy",
    "lookup-digits",
    "lookup-transformer",
    "interference-few-shot",
    "interference-hosts",
    "interference-neighbours",
    "interference-agreement",
    "interference-coupled",
    "interference-coupled-sets",
    "interference-coupled-laws-course",
    "interference-tower-towers",
    "interference-tower-accuracy",
    "interference-tower-thresholds",
    "interference-worldlines-spacetime",
    "interference-worldlines-double-slit",
    "interference-response",
    "interference-relay-raster",
    "interference-relay-pairs",
    "interference-avalanches",
    "interference-regulated",
    "interference-second-law",
    "meanfield-trajectories",
    "meanfield-bifurcation-zoom",
    "meanfield-phase-gamma",
    "meanfield-finite-size",
    "meanfield-many-patterns",
    "looped-length",
    "looped-induction",
    "looped-ablation",
    "looped-mechanism",
    "looped-mechanism-iterations",
    "looped-landscape",
    "looped-contraction",
    "memory-landscapes-2d",
    "memory-retrieval-capacity",
    "memory-retrieval-error",
    "memory-question-formation",
    "memory-question-formation-countings",
    "memory-data-size",
    "memory-radius",
    "memory-width",
    "convergence-synthetic",
    "convergence-synthetic-kernel",
    "convergence-digits",
    "diffusion-digits",
    "diffusion-block-model",
    "diffusion-depth",
    "heat-digits",
    "heat-recovery",
    "heat-resolution",
    "heat-cost",
    "polling-clutter",
    "polling-clutter-ratios",
    "quantum-digits",
    "quantum-digits-modes",
    "paths-quapi",
    "paths-bond",
    "paths-equilibrium",
    "paths-attention",
    "relative-positions",
    "relative-text",
)


def main(folders: list[str]) -> None:
    """Copy figures of finished runs, small enough for a repository."""
    for folder in folders:
        for figure in FIGURES:
            picture = Path(folder) / "figures" / f"{figure}.png"
            if picture.exists():
                shrink(picture.read_bytes(), IMAGES / f"{figure}.png")


def shrink(png: bytes, file: Path) -> None:
    """Write a picture with few colours and no more than 1,000 pixels a side."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((1000, 1000))
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
    print(file)


if __name__ == "__main__":
    main(sys.argv[1:])
