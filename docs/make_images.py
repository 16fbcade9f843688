"""Make the pictures of README.md and docs/: `python docs/make_images.py`."""

import io
from pathlib import Path

from PIL import Image

from isinglass.reproduce.figures import house_style, render
from isinglass.reproduce.registry import Context, experiments

HERE = Path(__file__).parent / "images"
WANTED = {
    "interference-few-shot": ("interference-few-shot",),
    "interference-worldlines": ("interference-spacetime", "interference-double-slit-worldlines"),
    "meanfield-trajectories": ("meanfield-trajectories",),
    "meanfield-bifurcation": ("meanfield-bifurcation-zoom",),
    "meanfield-phase": ("meanfield-phase-gamma",),
    "meanfield-finite-size": ("meanfield-finite-size",),
    "meanfield-many-patterns": ("meanfield-many-patterns",),
}


def main() -> None:
    """Run the experiments and keep their figures, small enough for a repository."""
    for name, wanted in WANTED.items():
        experiment = experiments()[name]
        with house_style():
            outcome = experiment.run(Context(seeds=experiment.default_seeds))
        for figure in outcome.figures:
            if figure.name in wanted:
                picture = Image.open(io.BytesIO(render(figure.figure, "png"))).convert("RGB")
                picture.thumbnail((1000, 1000))
                picture.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(
                    HERE / f"{figure.name}.png", optimize=True
                )
                print(HERE / f"{figure.name}.png")


if __name__ == "__main__":
    main()
