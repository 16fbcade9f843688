"""Exact merging and forgetting of the coupled learner, beside averaging and refits."""

import copy
import time
from collections.abc import Iterator

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import softmax

from isinglass import plot
from isinglass.experiments.interference.coupled_setting import (
    DIGITS,
    PEERS,
    Features,
    best_of,
    coupled,
    load_split,
    training_places,
)
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import CoupledClassifier

CLIENTS, PER_CLIENT = 20, 10  # pictures of each of its two digits
SHOTS = 40  # pictures of each digit in all: four clients have a digit
ARRIVING = 20  # pictures of each digit where digits come and go
LOCAL_STEPS = 5  # of gradient, at each client in a round
STEP_SIZES = (1e-4, 1e-3, 1e-2)
STRENGTHS = {"1-NN": 1.0, "LR": 0.01, "SVM": 0.001}  # C of peers that are refitted
SETTINGS = {"quick": {"rounds": 20}, "default": {"rounds": 100}}
LAWS = {
    "order": "another order of samples",
    "parts": "learned in parts",
    "merged": "twenty clients merged",
    "forgotten": "a tenth forgotten",
    "class": "a digit forgotten",
}
TIMED = ("coupled forgets", "coupled refits", *(f"{peer} refits" for peer in PEERS))


def measure(context: Context) -> xr.Dataset:
    """Which laws held bit for bit, and accuracy of clients, stages and rounds.

    `holds` is 1 where the sums are those of the model beside it, bit for bit, else 0.
    `clients` is accuracy after merging, of the clients alone, and of logistic
    regression; `rounds` that of federated averaging. `course` is accuracy by digit
    while digits arrive and, from the last on, are forgotten; `returns` is 1 where all
    probabilities came back. `seconds` is how long it took to forget one picture of 400,
    and to learn anew without it.
    """
    rounds = SETTINGS[context.resolution]["rounds"]
    split = load_split(context)
    pool, validation, test = (Features.of(*part) for part in split)
    stages = np.arange(2 * len(DIGITS) - 1)
    seeds, percent = context.seeds, {"unit": "%", "valid_range": (0, 100)}
    kinds = ("merged", "alone", "LR, all in one place")
    tables = {
        "holds": context.table(law=list(LAWS), seed=seeds),
        "clients": context.table(**percent, learner=kinds, seed=seeds),
        "rounds": context.table(**percent, round=np.arange(1, rounds + 1), seed=seeds),
        "course": context.table(**percent, digit=DIGITS, stage=stages, seed=seeds),
        "returns": context.table(seed=seeds),
        "seconds": context.table(unit="s", what=TIMED, seed=seeds),
    }
    rate = _step_size(context, pool, validation, rounds)
    for (seed,) in context.cases(seeds, what="draws"):
        rng = context.rng("training set", seed)
        train = pool.at(training_places(pool.labels, SHOTS, rng))
        for law, holds in _laws(train, rng).items():
            tables["holds"].loc[law, seed] = holds
        clients = _clients(train, rng)
        accuracy, averaged = _federated(train, clients, test, rate, rounds)
        tables["clients"].loc[:, seed] = accuracy
        tables["rounds"].loc[:, seed] = averaged
        some = np.flatnonzero(np.arange(len(train.labels)) % SHOTS < ARRIVING)
        course, returned = _course(train.at(some), test)
        tables["course"].loc[:, :, seed] = course
        tables["returns"].loc[seed] = returned
        tables["seconds"].loc[:, seed] = _seconds(train)
    return xr.Dataset(tables)


# -- laws ------------------------------------------------------------------------------


def _laws(train: Features, rng: np.random.Generator) -> dict[str, bool]:
    """Whether each law holds to the last bit."""
    f, y = train.whole(), train.labels
    joint, n = coupled().fit(f, y), len(y)
    order, tenth = rng.permutation(n), rng.permutation(n)[: n // 10]
    in_parts = coupled()
    for part in np.array_split(order, 7):
        in_parts.partial_fit(f[part], y[part])
    merged = _merged(train, _clients(train, rng))
    rest = np.setdiff1d(np.arange(n), tenth)
    forgotten = copy.deepcopy(joint).forget(f[tenth], y[tenth])
    digit = int(rng.choice(DIGITS))
    without = copy.deepcopy(joint).forget(f[y == digit], y[y == digit])
    others = coupled().partial_fit(f[y != digit], y[y != digit], classes=DIGITS)
    return {
        "order": _same(coupled().fit(f[order], y[order]), joint),
        "parts": _same(in_parts, joint),
        "merged": _same(merged, joint),
        "forgotten": _same(forgotten, coupled().fit(f[rest], y[rest])),
        "class": _same(without, others),
    }


def _same(model: CoupledClassifier, other: CoupledClassifier) -> bool:
    """Whether two models are the same, bit for bit."""
    return all(
        np.array_equal(getattr(model, name), getattr(other, name))
        for name in ("classes_", "class_count_", "feature_sums_", "pair_sums_")
    )


# -- clients ---------------------------------------------------------------------------


def _clients(train: Features, rng: np.random.Generator) -> list[np.ndarray]:
    """Places of the samples of twenty clients, ten of each of two digits."""
    parts = {
        digit: np.split(rng.permutation(np.flatnonzero(train.labels == digit)), 4)
        for digit in DIGITS
    }
    # A digit is paired with the next and the one after it, twice.
    pairs = [(digit, (digit + step) % 10) for step in (1, 2) for digit in DIGITS]
    return [np.concatenate([parts[digit].pop() for digit in pair]) for pair in pairs]


def _merged(train: Features, clients: list[np.ndarray]) -> CoupledClassifier:
    f, y = train.whole(), train.labels
    models = [coupled().fit(f[places], y[places]) for places in clients]
    for model in models[1:]:
        models[0].merge(model)
    return models[0]


def _federated(
    train: Features,
    clients: list[np.ndarray],
    test: Features,
    rate: float,
    rounds: int,
) -> tuple[list[float], list[float]]:
    """Accuracy merged, alone and of one logistic regression, and in each round."""
    f, y, tests, truth = train.whole(), train.labels, test.whole(), test.labels
    merged = _merged(train, clients).predict(tests) == truth
    alone = [
        (coupled().fit(f[places], y[places]).predict(tests) == truth).mean()
        for places in clients[:5]
    ]
    joint = PEERS["LR"](STRENGTHS["LR"]).fit(train.whitened, y)
    hits = [
        merged.mean(),
        np.mean(alone),
        (joint.predict(test.whitened) == truth).mean(),
    ]
    return [100 * float(hit) for hit in hits], _averaged(
        train, clients, test, rate, rounds
    )


def _averaged(
    train: Features, clients: list[np.ndarray], test: Features, rate: float, rounds: int
) -> list[float]:
    """Accuracy of logistic regression by federated averaging, after each round.

    McMahan et al. 2017: all clients start from the mean weights of the last round, take
    a few steps of gradient on their own samples, and are averaged.
    """
    places = np.stack(clients)
    x = _with_one(train.whitened)[places]
    target = np.eye(len(DIGITS))[train.labels[places]]
    tests = _with_one(test.whitened)
    mean, accuracy = np.zeros((x.shape[-1], len(DIGITS))), []
    for _ in range(rounds):
        weights = np.repeat(mean[None], len(places), axis=0)
        for _ in range(LOCAL_STEPS):
            error = softmax(x @ weights, axis=-1) - target
            weights -= rate * x.swapaxes(1, 2) @ error / x.shape[1]
        mean = weights.mean(axis=0)
        hits = (tests @ mean).argmax(axis=1) == test.labels
        accuracy.append(100 * float(hits.mean()))
    return accuracy


def _step_size(
    context: Context, pool: Features, validation: Features, rounds: int
) -> float:
    """Step of gradient of federated averaging, chosen on validation pictures."""
    rng = context.rng("tuning")
    train = pool.at(training_places(pool.labels, SHOTS, rng))
    clients = _clients(train, rng)
    return best_of(
        STEP_SIZES,
        lambda rate: _averaged(train, clients, validation, rate, rounds)[-1],
    )


def _with_one(x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n D+1"]:
    return np.hstack([x, np.ones((len(x), 1))])


# -- coming and going ------------------------------------------------------------------


def _course(train: Features, test: Features) -> tuple[np.ndarray, bool]:
    """Accuracy by digit while they arrive and are forgotten; whether all came back."""
    f, y, tests = train.whole(), train.labels, test.whole()
    model, accuracy, probabilities = coupled(), [], []
    for stage in range(2 * len(DIGITS) - 1):
        arrives = stage < len(DIGITS)
        digit = DIGITS[stage] if arrives else DIGITS[2 * len(DIGITS) - 1 - stage]
        change = model.partial_fit if arrives else model.forget
        change(f[y == digit], y[y == digit])
        proba = np.zeros((len(tests), len(DIGITS)))
        proba[:, model.classes_] = model.predict_proba(tests)
        hits = proba.argmax(axis=1) == test.labels
        accuracy.append([100 * hits[test.labels == d].mean() for d in DIGITS])
        probabilities.append(proba)
    back = all(
        np.array_equal(before, after)
        for before, after in zip(probabilities, probabilities[::-1], strict=True)
    )
    return np.array(accuracy).T, back


def _seconds(train: Features) -> list[float]:
    """Seconds to forget one picture of 400, and to learn anew without it."""
    f, x, y = train.whole(), train.whitened, train.labels
    model = coupled().fit(f, y)

    def timed(work) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    best = min(
        timed(lambda place=place: model.forget(f[place : place + 1], y[[place]]))
        for place in range(5)
    )
    refits = [
        timed(lambda peer=peer: PEERS[peer](STRENGTHS[peer]).fit(x[1:], y[1:]))
        for peer in PEERS
    ]
    return [best, timed(lambda: coupled().fit(f[1:], y[1:])), *refits]


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The laws, the clients, the course, and the time."""
    ledger = ledger.using(because="The paper has no such learner.")
    for law, words in LAWS.items():
        ledger.share(
            f"{words}: the same sums, bit for bit",
            int(measured.holds.sel(law=law).sum()),
            measured.sizes["seed"],
        )
    ledger.share(
        "digits forgotten in turn: all probabilities as before they came, bit for bit",
        int(measured.returns.sum()),
        measured.sizes["seed"],
    )
    accuracies = ledger.using(table="Accuracy of twenty clients", unit="%")
    for learner in measured.learner.values:
        accuracies.ours_alone(str(learner), measured.clients.sel(learner=learner))
    rounds = measured.rounds
    for count in (1, 10, rounds.sizes["round"]):
        accuracies.ours_alone(
            f"LR by federated averaging, {count} rounds", rounds.sel(round=count)
        )
    ends = ledger.using(table="Accuracy by digit", unit="%", valid_range=(0, 100))
    for digit in DIGITS:
        arrived = measured.course.sel(digit=digit)
        for stage, when in ((digit, "on arrival"), (len(DIGITS) - 1, "among ten")):
            place = Cell(f"digit {digit}", when, f"digit {digit}, {when}")
            ends.ours_alone(place, arrived.sel(stage=stage))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Clients and rounds; digits that come and go."""
    yield _draw_clients(measured)
    yield _draw_course(measured)


def _draw_clients(measured: xr.Dataset) -> Figure:
    figure, panel = subplots(width=6.5, height=3.8)
    rounds = measured.rounds
    plot.band(rounds, panel, along="round", colours=[COLOURS[2]], label="LR, averaged")
    for learner, colour, style in (
        ("merged", COLOURS[0], "-"),
        ("LR, all in one place", COLOURS[2], ":"),
    ):
        mean = float(measured.clients.sel(learner=learner).mean())
        label = "coupled, merged once" if learner == "merged" else learner
        panel.axhline(mean, color=colour, ls=style, label=label)
    panel.set(xlabel="rounds of federated averaging", ylabel="accuracy in %")
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.legend(loc="lower right")
    return Figure(
        figure,
        "Twenty clients with ten pictures of each of two digits. Merged once, the "
        "coupled learner is the one that would have met all pictures, bit for bit. "
        "Logistic regression on the same whitened features is averaged round by round "
        "(five steps of gradient at each client); dotted, it has all in one place. "
        "A client alone knows its two digits.",
        part="clients",
    )


def _draw_course(measured: xr.Dataset) -> Figure:
    figure, panel = subplots(width=8, height=3.8)
    course = measured.course.mean("seed")
    for digit in DIGITS:
        present = (course.stage >= digit) & (course.stage < 2 * len(DIGITS) - 1 - digit)
        plot.line(
            course.stage[present],
            course.sel(digit=digit)[present],
            panel,
            marker="o",
            ms=3,
            color=COLOURS[digit % len(COLOURS)],
            ls="-" if digit < 7 else "--",
            label=f"digit {digit}",
        )
    names = [f"+{d}" for d in DIGITS] + [f"−{d}" for d in DIGITS[:0:-1]]
    panel.set_xticks(course.stage.values, names)
    panel.axvline(len(DIGITS) - 1, color=MUTED, lw=1)
    panel.set(xlabel="a digit arrives (+), is forgotten (−)", ylabel="accuracy in %")
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return Figure(
        figure,
        f"Accuracy by digit while digits arrive, {ARRIVING} pictures of each, and are "
        "forgotten again, among those that are there. The right half is the mirror of "
        "the left, to the last bit.",
        part="course",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Milliseconds, and whether everything held."""
    milliseconds = 1000 * measured.seconds.median("seed")
    return {
        "held": int(measured.holds.sum()),
        "tried": int(measured.holds.size),
        "back": int(measured.returns.sum()),
        "milliseconds": {str(k): float(milliseconds.sel(what=k)) for k in TIMED},
        "last": int(measured.rounds.sizes["round"]),
    }
