"""Make the pictures of README.md and docs/: `python docs/make_images.py [FOLDER…]`."""

import io
import itertools
import sys
from pathlib import Path

from PIL import Image

from isinglass.figures.style import house_style, render
from isinglass.reproduce.catalogue import experiments
from isinglass.reproduce.experiment import Context

HERE = Path(__file__).parent / "images"
WANTED = {
    "interference-few-shot": ("interference-few-shot",),
    "interference-worldlines": (
        "interference-worldlines-spacetime",
        "interference-worldlines-double-slit",
    ),
    "meanfield-trajectories": ("meanfield-trajectories",),
    "meanfield-bifurcation": ("meanfield-bifurcation-zoom",),
    "meanfield-phase": ("meanfield-phase-gamma",),
    "meanfield-finite-size": ("meanfield-finite-size",),
    "meanfield-many-patterns": ("meanfield-many-patterns",),
    "looped-length": ("looped-length",),
    "looped-induction": ("looped-induction",),
    "looped-ablation": ("looped-ablation",),
    "looped-mechanism": ("looped-mechanism", "looped-mechanism-iterations"),
    "looped-landscape": ("looped-landscape",),
    "looped-contraction": ("looped-contraction",),
    "memory-landscapes": ("memory-landscapes-2d",),
    "memory-retrieval": ("memory-retrieval-capacity", "memory-retrieval-error"),
    "memory-question-formation": (
        "memory-question-formation",
        "memory-question-formation-countings",
    ),
    "memory-data-size": ("memory-data-size",),
    "memory-radius": ("memory-radius",),
    "memory-width": ("memory-width",),
}


def main() -> None:
    """Keep figures, small enough for a repository: of finished runs, or of new ones.

    Arguments are folders that `isinglass reproduce … --out FOLDER` has filled; with
    none, all experiments are run, which takes hours.
    """
    if folders := sys.argv[1:]:
        for figure in itertools.chain(*WANTED.values()):
            for found in [
                Path(folder) / "figures" / f"{figure}.png" for folder in folders
            ]:
                if found.exists():
                    keep(figure, found.read_bytes())
        return
    for name, wanted in WANTED.items():
        experiment = experiments()[name]
        with house_style():
            outcome = experiment.run(Context(seeds=experiment.default_seeds))
        for figure in outcome.figures:
            if figure.name in wanted:
                keep(figure.name, render(figure.figure, "png"))


def keep(name: str, png: bytes) -> None:
    """Write a picture with few colours and no more than 1,000 pixels a side."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((1000, 1000))
    file = HERE / f"{name}.png"
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(file, optimize=True)
    print(file)


if __name__ == "__main__":
    main()
