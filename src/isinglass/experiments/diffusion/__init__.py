"""Wu et al. 2023: what of DIFFormer is run again, with the controls it lacks."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Wu 2023",
    "DIFFormer: scalable (graph) transformers induced by energy constrained diffusion",
    "2301.09474",
)

EXPERIMENTS = (
    Experiment(
        "digits",
        title="Pictures with few labels, and no graph",
        source="beside the tables of pictures",
        question=(
            "Of a few labelled pictures among many, does diffusion between all pairs "
            "say more than the plain mean of all, or than no mixing at all? Beside "
            "label spreading, nearest neighbours, logistic regression and a graph of "
            "neighbours, on the same splits."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 1400, "quick": 25, "full": 8000},
        inputs=[inputs.digits],
    ),
    Experiment(
        "block-model",
        title="Graphs whose best accuracy is known",
        source="beyond the paper",
        question=(
            "In graphs of two groups, at and around the signal from which on groups "
            "can be told, how near to message passing, the best that is known, do "
            "DIFFormer and its controls come? Does flow between all pairs add to that "
            "along edges?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 540, "quick": 25, "full": 3600},
    ),
    Experiment(
        "citations",
        title="Nodes of a citation graph of yours",
        source="beside the table of citation graphs",
        question=(
            "On random splits of a citation graph of the user's, how do DIFFormer -s "
            "and -a compare with a GCN, label spreading, logistic regression and the "
            "mean of all nodes? Without one, on a generated graph."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 220, "quick": 25, "full": 9000},
        inputs=[inputs.citations],
    ),
    Experiment(
        "depth",
        title="Accuracy by depth, and what layers do",
        source="Figure 2(b), which its authors have withdrawn",
        question=(
            "Does accuracy stand more layers? How alike do instances become, and does "
            "the energy of the theorem fall from layer to layer in trained models?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 550, "quick": 20},
    ),
)
