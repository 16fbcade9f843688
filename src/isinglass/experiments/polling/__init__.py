"""Wang et al. 2021: what of PnP is run again, with the controls it lacks."""

from isinglass.reproduce import Experiment, Paper

PAPER = Paper(
    "Wang 2021",
    "PnP-DETR: towards efficient visual analysis with transformers",
    "2109.07036",
)

EXPERIMENTS = (
    Experiment(
        "clutter",
        title="Cluttered digits: who chooses the tokens",
        source="beside the tables of COCO",
        question=(
            "On a task that attention over all tokens solves, does a learned poll lose "
            "accuracy? Does it choose better than the norm of features, than chance, "
            "and than pooling everything? Does one model serve all α, and does the "
            "loss of scores matter?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 1080, "quick": 35},
    ),
)
