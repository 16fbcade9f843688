"""Does training raise the number of similar neighbours n̄ (Tang 2020, §5.1)?"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from isinglass import plot
from isinglass.experiments.interference.setting import (
    CLASSES,
    EXAMPLES,
    classifier,
    encoded,
    example_pictures,
    in_time,
    load_task,
    saturating,
    training_set,
)
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import InterferenceClassifier, uniform_host
from isinglass.systems.interference.learning import is_similar

STABLE = slice(19, 25)  # every source has reached every target
PICTURES = (0, 1, 2, 5, 10)  # per class, after which neighbours are counted
SHOTS = 5  # of the design's figures
LABELS = ("true", "shuffled")
COUNTED = ("friends of the host", "all signals")
AT = {"own": "the digit's own learner", "others": "the other learners"}


def measure(context: Context) -> xr.Dataset:
    """Mean number of similar neighbours at own and other learners, by training."""
    task = load_task(context)
    neighbours = context.table(
        labels=LABELS,
        pictures=PICTURES,
        counted=COUNTED,
        learner=AT,
        seed=context.seeds,
    )
    for seed, labels in context.cases(context.seeds, LABELS, what="trainings"):
        images, digits = training_set(context, task, seed, PICTURES[-1])
        if labels == "shuffled":
            digits = context.rng("shuffled labels", seed).permutation(digits)
        place = within_class(digits)
        examples = example_pictures(context, task, seed)
        pairs = similar_pairs(encoded(np.concatenate(examples)))
        with saturating():
            model = classifier(context, seed).fit(images, digits)
            model.forget(images, digits)
        for before, now in pairwise((0, *PICTURES)):
            new = (place >= before) & (place < now)
            if new.any():
                with saturating():
                    model.partial_fit(images[new], digits[new])
            counts = count(model, pairs)
            neighbours.loc[labels, now, :, :, seed] = own_and_others(counts)
    return xr.Dataset({"neighbours": neighbours})


def within_class(labels: np.ndarray) -> np.ndarray:
    """Of each sample, how many of its label come before it."""
    return np.array([(labels[:i] == label).sum() for i, label in enumerate(labels)])


def similar_pairs(dipoles: Float[np.ndarray, "n S D"]) -> Bool[np.ndarray, "n 2 S S"]:
    """Which two signals of a picture are similar; of friends of the host, and of all.

    No signal is its own neighbour.
    """
    alike = is_similar(np.einsum("nsd,nrd->nsr", dipoles, dipoles), 0.7)
    alike &= ~np.eye(dipoles.shape[1], dtype=bool)
    friend = is_similar(dipoles @ np.asarray(uniform_host(9)), 0.7)
    return np.stack([alike & friend[:, None] & friend[:, :, None], alike], axis=1)


def count(
    model: InterferenceClassifier, pairs: Bool[np.ndarray, "n 2 S S"]
) -> Float[np.ndarray, "n 2 C"]:
    """n̄_y = M Σ_{l≠m} q_l q_m η_lm of what arrives together, over late times.

    q are shares among all that arrives, M = 81 signals, η_lm whether two are similar.
    """
    arriving = in_time(model)[..., STABLE]
    share = arriving / arriving.sum(axis=0)
    met = np.einsum("nklm,lct->nkmct", pairs.astype(float), share, optimize=True)
    return len(share) * (met * share).sum(axis=2).mean(axis=-1)


def own_and_others(
    counts: Float[np.ndarray, "n 2 C"],
) -> Float[np.ndarray, "2 2"]:
    """Means over pictures at the learner of the digit shown, and at the others."""
    own = np.repeat(np.eye(len(CLASSES), dtype=bool), EXAMPLES, axis=0)[:, None]
    mean = [np.where(at, counts, np.nan) for at in (own, ~own)]
    return np.stack([np.nanmean(part, axis=(0, 2)) for part in mean], axis=-1)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Before training and after five pictures, with shuffled labels as the control."""
    ledger = ledger.using(
        because="The paper says that it rises, and gives no number.",
        table="Similar neighbours n̄",
    )
    for labels in LABELS:
        for counted in COUNTED:
            for pictures in (0, SHOTS):
                values = measured.neighbours.sel(
                    labels=labels, counted=counted, pictures=pictures
                )
                for learner in AT:
                    row = f"{labels} labels, {counted}, K={pictures}"
                    name = f"{row}: at {AT[learner]}"
                    ledger.ours_alone(
                        Cell(row, learner, name), values.sel(learner=learner)
                    )
    friends = measured.neighbours.sel(labels="true", counted=COUNTED[0])
    rises = friends.sel(pictures=SHOTS) > friends.sel(pictures=0)
    ledger.using(table="Trainings").claim(
        "the number of similar neighbours among friends of the host rises at the own "
        "learner",
        int(rises.sel(learner="own").sum()),
        rises.sizes["seed"],
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """n̄ over the number of pictures, among friends and among all signals."""
    figure, panels = subplots(1, 2, width=10, height=3.8)
    places = range(len(PICTURES))
    values = measured.neighbours.assign_coords(pictures=places)
    for panel, counted in zip(panels, COUNTED, strict=True):
        for labels, style in zip(LABELS, ("-", "--"), strict=True):
            lines = values.sel(labels=labels, counted=counted)
            names = [f"{learner}, {labels} labels" for learner in AT]
            plot.band(
                lines.assign_coords(learner=names),
                panel,
                along="pictures",
                hue="learner",
                colours=(COLOURS[1], MUTED),
                linestyle=style,
                marker="o",
            )
        panel.set_xticks(places, PICTURES)
        panel.set(xlabel="pictures seen per class", title=counted.capitalize())
        panel.set_ylim(0)
    panels[0].set_ylabel("similar neighbours n̄")
    panels[0].legend()
    yield Figure(
        figure,
        "Mean number of similar neighbours that a signal meets, at the learner of the "
        "digit that is shown and at the others. Left: pairs of signals that are both "
        "similar to the host. Right: all pairs, most of which are blank patches. "
        "Dashed: the same with shuffled labels. Bands are 95 % confidence intervals "
        "over trainings.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Counts at the learners before and after five pictures."""
    after = measured.neighbours.sel(pictures=SHOTS)
    return {"before": measured.neighbours.sel(pictures=0), "after": after}
