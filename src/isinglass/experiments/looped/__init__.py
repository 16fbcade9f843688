"""Lam 2026: what of it is run again."""

from isinglass.reproduce import Experiment, Paper

PAPER = Paper(
    "Lam 2026",
    "Energy-entropy regularization: the true power of minimal looped transformers",
    "2601.09588",
)

EXPERIMENTS = (
    Experiment(
        "induction",
        title="Training at the paper's setting",
        source="Table 2",
        question=(
            "Does a looped transformer of width 8, trained as the paper says with all "
            "three penalties, come to solve induction at length 1000, with a jump "
            "around step 500? And what does it take to learn the task at all?"
        ),
        seeds={"default": 4, "quick": 2},
        seconds={"default": 360, "quick": 75, "full": 4500},
    ),
    Experiment(
        "ablation",
        title="With and without each penalty",
        source="beyond the paper: ablation",
        question=(
            "Are the energy and entropy penalties what makes a looped transformer "
            "learn induction and carry it to longer sequences? Cross-entropy alone, "
            "each penalty, each pair and all three, with the same seeds and budget, "
            "and a learning rate searched for each."
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 6000, "quick": 160, "full": 110000},
    ),
    Experiment(
        "baseline",
        title="A looped GPT-2 block as baseline",
        source="Table 1",
        question=(
            "How do a looped GPT-2 block of width 64 with 4 heads, which may loop as "
            "often as makes it most confident, and a minimal looped transformer of "
            "width 8 compare in parameters and in accuracy by length?"
        ),
        seeds={"default": 3, "quick": 2},
        seconds={"default": 200, "quick": 45, "full": 450000},
    ),
    Experiment(
        "length",
        title="Trained on 64 symbols, tested on 1,000",
        source="beyond the paper",
        question=(
            "Is there a recipe with which one head and eight dimensions, trained on at "
            "most 64 symbols, are right at 1,000 from nearly every seed? Does the "
            "potential penalty help?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 800, "quick": 50},
    ),
    Experiment(
        "landscape",
        title="The loss around a trained model",
        source="Fig. 1",
        question=(
            "The paper shows the loss on a plane with and without penalties, and says "
            "that they make a funnel of it. By numbers, over seeds: is the landscape "
            "with penalties smoother and wider, and is it so because of the weights "
            "that were found or only because another function is looked at?"
        ),
        seeds={"default": 8, "quick": 2},
        seconds={"default": 170, "quick": 75, "full": 7200},
    ),
    Experiment(
        "mechanism",
        title="What each iteration attends to",
        source="beyond the paper, attention by iteration",
        question=(
            "Which iteration of a trained loop looks at the previous token, and which "
            "finds the match? Do the answers need that attention, and what becomes of "
            "them when the loop goes on beyond the trained number of iterations, up to "
            "200?"
        ),
        seeds={"default": 10, "quick": 3},
        seconds={"default": 140, "quick": 45, "full": 3300},
    ),
    Experiment(
        "contraction",
        title="Does the loop contract?",
        source="Theorem 3.2.1",
        question=(
            "Is the bound on the derivative of attention valid where its assumptions "
            "hold, do trained weights satisfy them, and how loose is it? Does the loop "
            "contract, by the norm of its derivative and its largest Lyapunov "
            "exponent, and how does that change in training?"
        ),
        seeds={"default": 10, "quick": 2},
        seconds={"default": 190, "quick": 50, "full": 5000},
    ),
)
