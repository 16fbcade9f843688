"""Niu et al. 2024: what of it is run again."""

from isinglass.reproduce import Experiment, Paper, inputs

PAPER = Paper(
    "Niu 2024",
    "Beyond scaling laws: understanding transformer performance with associative "
    "memory",
    "2405.08707",
)

EXPERIMENTS = (
    Experiment(
        "landscapes",
        title="Energy landscapes of three patterns",
        source="Figure 1",
        question=(
            "What do the paper's energy, the squared distance that it smooths and the "
            "modern Hopfield energy look like over the same patterns? Has each pattern "
            "a minimum of its own?"
        ),
        seeds={"default": 100, "quick": 10},
        seconds={"default": 12, "quick": 10},
    ),
    Experiment(
        "bounds",
        title="The bounds on the energies, over random patterns",
        source="Propositions 1–3, Eq. 8",
        question=(
            "Do the propositions on the paper's energy hold for patterns of any kind, "
            "in 2 to 1,024 dimensions? How much of the room that they leave is used?"
        ),
        seeds={"default": 20, "quick": 4},
        seconds={"default": 45, "quick": 8},
    ),
    Experiment(
        "retrieval",
        title="How many patterns each energy holds",
        source="beyond the paper",
        question=(
            "From how noisy a state, and among how many patterns how far apart, does "
            "each energy retrieve? Does the number at which half of the retrievals "
            "fail grow as theory says?"
        ),
        seeds={"default": 16, "quick": 4},
        seconds={"default": 180, "quick": 50},
    ),
    Experiment(
        "layers",
        title="Majorisation and minimisation through layers",
        source="Eqs. 6–8",
        question=(
            "If each layer minimises the energy of its own patterns within a ball, "
            "does its energy fall, and the global one? Does it matter how patterns are "
            "spread over layers, and in which order they come?"
        ),
        seeds={"default": 12, "quick": 3},
        seconds={"default": 40, "quick": 10},
    ),
    Experiment(
        "partition",
        title="The partition function, and what Z = 1 asks for",
        source="Propositions 4 and 5, Appendix F.1",
        question=(
            "Is the printed closed form of the partition function right? Where is log "
            "Z + 1/Z least, what radius and how much data does that ask for, and does "
            "N = c D² follow?"
        ),
        seeds={"default": 1, "quick": 1},
        seconds={"default": 4, "quick": 3},
    ),
    Experiment(
        "question-formation",
        title="Question formation: the bound, or the data's own entropy",
        source="training on Question-Formation",
        question=(
            "Does the loss of a 6- and a 10-layer model settle at the claimed bound of "
            "1, or at the entropy of the data, which is known exactly?"
        ),
        seeds={"default": 3, "quick": 1},
        seconds={"default": 1500, "quick": 120, "full": 2.3e06},
    ),
    Experiment(
        "data-size",
        title="GPT-2 on 100 %, 1 % and 0.1 % of a text",
        source="version 1, GPT-2 on OpenWebText",
        question=(
            "With the same number of steps on less and less text: what becomes of the "
            "losses of training and validation, and when does the model know its text "
            "by heart?"
        ),
        seeds={"default": 3, "quick": 1},
        seconds={"default": 680, "quick": 75, "full": 2.2e06},
        inputs=[inputs.text_file],
    ),
    Experiment(
        "radius",
        title="The radius of memories, layer by layer",
        source="appendix F.1",
        question=(
            "Is the distance of an activation to its nearest other one what the theory "
            "gives, √(n/2πe) or twice that, or a matter of the scale that a model "
            "happens to have?"
        ),
        seeds={"default": 3, "quick": 1},
        seconds={"default": 310, "quick": 50, "full": 1.2e06},
        inputs=[inputs.text_file, inputs.model],
    ),
    Experiment(
        "width",
        title="Parameters against the data that can be known by heart",
        source="Proposition 5, version 2",
        question=(
            "How does the data D* that a transformer can know by heart grow with its "
            "parameters N: is N/D*² constant, as the paper has it?"
        ),
        seeds={"default": 3, "quick": 3},
        seconds={"default": 650, "quick": 70, "full": 75000},
    ),
)
