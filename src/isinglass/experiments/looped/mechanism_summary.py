"""What a measurement of the mechanism comes to: peaks, losses, and what is beyond."""

import numpy as np
import xarray as xr

from isinglass.experiments.looped import setting
from isinglass.systems.looped.places import PLACES

PREVIOUS, MATCH, ITSELF, OTHER = PLACES
ATTENDED = PLACES[:3]
# Accuracy in % at the longest length of training from which a seed counts as solved.
SOLVED = 90
BEYOND = 200  # iterations that a trained loop is followed for


def solved(measured: xr.Dataset) -> xr.DataArray:
    """Which seeds learned the task."""
    return measured.accuracy.sel(times=trained(measured)) >= SOLVED


def counted(measured: xr.Dataset) -> xr.Dataset:
    """The seeds that count: those that learned the task, or all if none did."""
    learned = solved(measured)
    return measured.isel(seed=learned.values) if learned.any() else measured


def trained(measured: xr.Dataset) -> int:
    """T of the training."""
    return measured.sizes["trained_iteration"]


def readouts(measured: xr.Dataset) -> list[int]:
    """After how many iterations answers are read out."""
    return [trained(measured) * more for more in (1, 2, 4)] + [BEYOND]


def attention_when_trained(part: xr.Dataset) -> xr.DataArray:
    """Attention in the iterations of training, (attended, seed, iteration)."""
    attention = part.attention.sel(iteration=slice(None, trained(part)))
    return attention.transpose("attended", "seed", "iteration")


def peaks(part: xr.Dataset) -> xr.DataArray:
    """Iteration of training in which each place is attended to most, counted from 1."""
    return attention_when_trained(part).argmax("iteration") + 1


def gain(part: xr.Dataset) -> np.ndarray:
    """What |Z| gains in an iteration, mean over the last ten."""
    return (part.state.values[:, -1] - part.state.values[:, -11]) / 10


def drift(part: xr.Dataset) -> np.ndarray:
    """|F| of the last iteration over that of the last trained."""
    last = part.change.sel(iteration=[trained(part), BEYOND]).values
    return last[:, 1] / last[:, 0]


def words(place: str) -> str:
    """A place as what a row sees."""
    return place if place in (ITSELF, OTHER) else f"its {place}"


def attended(part: xr.Dataset, place: str) -> dict[str, object]:
    """When a place is attended to most, on average and in single seeds."""
    attention = attention_when_trained(part).sel(attended=place)
    at = int(attention.mean("seed").argmax("iteration"))
    above = attention.values > 50
    return {
        "words": "the position itself" if place == ITSELF else f"the {place}",
        "most": attention.isel(iteration=at),
        "iteration": at + 1,
        "peaks": peaks(part).sel(attended=place),
        "half": above[above.any(axis=-1)].argmax(axis=-1) + 1,
    }


def barred(part: xr.Dataset, place: str) -> dict[str, object]:
    """Answers without a place, and in which iteration it matters most."""
    lost = (part.unbarred - part.barred.sel(place=place)).mean("seed")
    return {
        "place": place,
        "words": words(place),
        "always": part.always_barred.sel(place=place),
        "iteration": int(lost.argmax("trained_iteration")) + 1,
        "cost": float(lost.max()),
    }


def beyond(part: xr.Dataset) -> dict[str, object]:
    """When answers are best, when half of that is lost, and how much |Z| grows."""
    mean = part.accuracy.mean("seed").values
    best, guess = int(mean.argmax()), 100 / setting.VOCABULARY
    falls = np.flatnonzero(mean[best:] < (mean[best] + guess) / 2)
    before, after = part.state.sel(times=[trained(part), BEYOND]).mean("seed").values
    return {
        "best": best,
        "half_lost": best + int(falls[0]) if falls.size else None,
        "growth": after / before,
    }
