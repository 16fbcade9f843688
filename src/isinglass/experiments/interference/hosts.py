"""A host that is a pulse instead of constant (Tang 2020, §5.1)."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass import plot
from isinglass.data.few_shot import Task
from isinglass.data.mnist import Digits
from isinglass.experiments.interference.setting import (
    CLASSES,
    answers,
    classifier,
    encoded,
    in_time,
    load_task,
    saturating,
    training_set,
)
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.experiment import Resolution
from isinglass.systems.interference import (
    Host,
    InterferenceClassifier,
    energy_over_time,
    superpose,
    uniform_host,
)
from isinglass.systems.interference.learning import is_similar

STEPS = 25
SOURCES = 81
PULSES = {"pulse at 12": 12, "pulse at 20": 20}
HOSTS = ("constant", *PULSES)
SHOTS = (5, 10)
STABLE = list(range(19, STEPS))  # every source has reached every target
READS = {"at 12": [12], "at 20": [20], "from 19 on": STABLE}
PICTURES = {  # test pictures
    Resolution.QUICK: 200,
    Resolution.DEFAULT: 1000,
    Resolution.FULL: 4000,
}


def measure(context: Context) -> xr.Dataset:
    """What a pulse changes, beside a constant host in the same draws."""
    task = load_task(context)
    test = few(context, task)
    axes = {"host": HOSTS, "shots": SHOTS}
    percent = {"unit": "%", "valid_range": (0, 100)}
    tables = {
        "accuracy": context.table(**percent, **axes, seed=context.seeds),
        "without_host": context.table(
            **percent, **axes, read=READS, seed=context.seeds
        ),
        "entropy": context.table(unit="nats", **axes, seed=context.seeds),
        "energy": context.table(**axes, seed=context.seeds),
        "energy_peak": context.table(unit="steps", **axes, seed=context.seeds),
        "arrivals": context.table(
            **axes, time=np.arange(STEPS), valid_range=(0, 1), seed=context.seeds
        ),
        "taught": context.table(
            shots=SHOTS, source=np.arange(SOURCES), seed=context.seeds
        ),
    }
    for seed, shots in context.cases(context.seeds, SHOTS, what="trainings"):
        digits = training_set(context, task, seed, shots)
        for host in HOSTS:
            values = read(learner(context, seed, host, digits), test)
            for name, value in values.items():
                tables[name].loc[{"host": host, "shots": shots, "seed": seed}] = value
        tally = antiphase_tally(context, seed, digits)
        learned = (tally[..., ::2] != 0).any(axis=-1)  # anything that is not neutral
        tables["taught"].loc[shots, :, seed] = learned.any(axis=-1)
    return xr.Dataset(tables)


def few(context: Context, task: Task) -> Digits:
    """Some of the test pictures, the same for all trainings."""
    n = min(PICTURES[context.resolution], len(task.test.labels))
    chosen = context.rng("test pictures").choice(len(task.test.labels), n, False)
    return Digits(task.test.images[chosen], task.test.labels[chosen])


def learner(
    context: Context, seed: int, host: str, digits: Digits
) -> InterferenceClassifier:
    """The paper's classifier, trained under a host of this name."""
    model = classifier(context, seed)
    if host in PULSES:
        model.set_params(host=Host(magnitude=np.eye(STEPS)[PULSES[host]]))
    with saturating():
        return model.fit(*digits)


def read(model: InterferenceClassifier, test: Digits) -> dict[str, object]:
    """All that is measured of one trained model, at the learner of the digit shown."""
    own, pictures = np.searchsorted(CLASSES, test.labels), np.arange(len(test.labels))
    curves = constant_field_energy(model, test)[pictures, own]
    arriving = similar_arrivals(model, test)[pictures, own]
    # As `predict_without_host` does, with the similarity worked out once for all reads.
    similarity = np.nan_to_num(model.expected_similarity(test.images))
    right = [
        answers(similarity[..., steps].mean(axis=-1)) == test.labels
        for steps in READS.values()
    ]
    return {
        "accuracy": 100 * (model.predict(test.images) == test.labels).mean(),
        "without_host": [100 * hits.mean() for hits in right],
        "entropy": np.nanmean(model.arrival_entropy(test.images)[pictures, own]),
        "energy": curves.max(axis=-1).mean(),
        "energy_peak": np.median(curves.argmax(axis=-1)),
        "arrivals": np.nanmean(arriving, axis=0),
    }


def constant_field_energy(
    model: InterferenceClassifier, test: Digits
) -> Float[np.ndarray, "n C T"]:
    """Energies J_y(t) of the learned routes under a constant field.

    So that nothing but the routes differs: under a pulse there is no energy at any
    other time, whatever was learned.
    """
    energies = jax.jit(energy_over_time, static_argnums=4)(
        jnp.asarray(encoded(test.images)),
        jnp.asarray(in_time(model), jnp.float32),
        jnp.asarray(model.geometry_.reachable(STEPS)),
        uniform_host(9),
        model.threshold,
    )
    return model.n_signals * np.asarray(energies)


def similar_arrivals(
    model: InterferenceClassifier, test: Digits
) -> Float[np.ndarray, "n C T"]:
    """When signals arrive that are similar to the field: shares over time."""
    similar = is_similar(
        encoded(test.images) @ np.asarray(uniform_host(9)), model.threshold
    )
    arriving = np.einsum("ns,sct->nct", similar.astype(float), in_time(model))
    total = arriving.sum(axis=-1, keepdims=True)
    return np.divide(
        arriving, total, out=np.full_like(arriving, np.nan), where=total > 0
    )


def antiphase_tally(
    context: Context, seed: int, digits: Digits
) -> Float[np.ndarray, "S C K"]:
    """What is counted under two equal hosts in antiphase, whose sum is no field."""
    host = Host(magnitude=np.ones(STEPS))
    opposite = Host(magnitude=-np.ones(STEPS))
    model = classifier(context, seed).set_params(host=superpose([host, opposite]))
    with saturating():
        return model.fit(*digits).tally_


def change(measured: xr.Dataset, name: str, *, ratio: bool = False) -> xr.DataArray:
    """From the constant host to every pulse in the same draws."""
    values = measured[name]
    before, after = values.sel(host="constant"), values.sel(host=list(PULSES))
    return after / before if ratio else after - before


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Peaks, entropies, energies and accuracies; and the host that teaches nothing."""
    ledger = ledger.using(because="The paper expects it and gives no number.")
    for host, peak in PULSES.items():
        at_peak = measured.arrivals.sel(host=host).argmax("time") == peak
        ledger.share(
            f"{host}: trainings (K = 5 and 10) in which most similar signals arrive "
            f"at step {peak}",
            int(at_peak.sum()),
            at_peak.size,
        )
        energies = measured.energy_peak.sel(host=host) == peak
        ledger.share(
            f"{host}: trainings in which the median picture has its energy's peak, "
            f"under a constant field, at step {peak}",
            int(energies.sum()),
            energies.size,
        )
    names = {"entropy": "nats", "energy": "energy J", "accuracy": "%"}
    for shots in SHOTS:
        for host in HOSTS:
            row = f"{host}, K={shots}"
            for name, unit in names.items():
                ledger.using(table="With the host", unit=unit).ours_alone(
                    Cell(row, name, f"{row}: {name} with the host"),
                    measured[name].sel(host=host, shots=shots),
                )
            for when in READS:
                ledger.using(table="Accuracy without a host at test").ours_alone(
                    Cell(row, when, f"{row}: accuracy without a host, read {when}"),
                    measured.without_host.sel(host=host, shots=shots, read=when),
                )
    ledger.share(
        "sources that learned from two equal hosts in antiphase",
        int(measured.taught.sum()),
        measured.taught.size,
        because="Algebra: where the fields cancel every signal is neutral, and "
        "evidence is n log(1 + η₋) for every source.",
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """When similar signals arrive, and accuracies with and without the host."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    colours = (MUTED, *COLOURS)
    plot.band(
        measured.arrivals.sel(shots=SHOTS[0]),
        left,
        along="time",
        hue="host",
        colours=colours,
    )
    left.set(xlabel="time in steps", ylabel="share of similar signals that arrive")
    left.set_title("When similar signals arrive")
    left.legend()
    reads = measured.without_host.sel(shots=SHOTS[0]).rename(read="reading")
    present = measured.accuracy.sel(shots=SHOTS[0]).expand_dims(reading=["with host"])
    both: xr.DataArray = xr.concat([present, reads], "reading")  # pyright: ignore
    plot.columns(
        both,
        right,
        by="reading",
        hue="host",
        colours=colours,
    )
    places = ["with the\nhost", *(f"without,\n{when}" for when in READS)]
    right.set_xticks(range(len(places)), places)
    right.set(ylabel="accuracy in %", title="Right digit of four")
    yield Figure(
        figure,
        f"Learning under a pulse instead of a constant host, K={SHOTS[0]}. Left: "
        "arrival times at the digit's own learner of the signals similar to the "
        "field; bands are 95 % confidence intervals over trainings. Right: accuracy "
        "by energy with the host present, and by expected similarity (Eq. 5) with no "
        "host at test, read at one step or averaged; every dot is a training set. "
        "Chance is 25 %.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Changes from the constant host, in the same draws."""
    arrival = measured.arrivals.argmax("time")
    on_time = {
        host: 100 * (arrival.sel(host=host) == peak) for host, peak in PULSES.items()
    }
    return {
        "on_time": on_time,
        "falls": change(measured, "accuracy"),
        "gains": change(measured, "energy", ratio=True),
        "recalls": change(measured, "without_host"),
    }
