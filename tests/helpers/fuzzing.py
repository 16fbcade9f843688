"""Calls of public functions with arguments that no user should give, by Hypothesis.

``python -m helpers.fuzzing MINUTES SEED`` prints faults as JSON, unchecked by the hooks
of the tests: a call may return, or raise an error that this package raises and that
names an argument. All else is a fault, which is also written to the standard error
stream when it is first met, with a line of progress a minute: a run that is ended loses
nothing. FUZZ_CALLS is a regular expression for the functions to call, all by default.
"""

import dataclasses
import faulthandler
import inspect
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

import isinglass
from helpers import lane_training
from helpers.method_calls import CASES, write_inputs
from helpers.public_case import Case

SECONDS = 5  # that a call may take before it counts as none
SHARE = 4  # times its part of all seconds that a function may take
OWN = Path(isinglass.__file__).parent
ANYTHING = (
    "x",
    "",
    b"x",
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    0.5,
    1.5,
    -0.5,
    2.0,
    2**31,
    10**30,
    10**400,
    1e300,
    1e-300,
    np.nan,
    np.inf,
    -np.inf,
    1j,
    [],
    (),
    {},
    [1.0],
    ["x"],
    [None],
    [[1.0, 2.0], [3.0]],
    {"x": 1},
    object(),
    np.float32(0.5),
    np.int64(2),
    np.array(2.0),
    np.array("x"),
    np.zeros(0),
    np.zeros((0, 4)),
    np.zeros((2, 0)),
    np.ones(3),
    np.ones((3, 4), int),
    np.ones((2, 3, 4)),
    np.ones((2, 2), complex),
    np.array([[np.nan, 1.0]]),
    np.array(["x", "y"]),
    np.array([None, 1.0]),
    np.array([True, False]),
    jnp.ones(3),
    jnp.ones((2, 4)),
    jnp.zeros((0, 3)),
    jnp.arange(3),
    jnp.array(jnp.nan),
    jax.random.key(0),
    len,
    lambda *_: None,
    lambda *_: "x",
    Path("x"),
    int,
)


class Altered(NamedTuple):
    """A record or estimator with one field changed; it is made where it is passed."""

    record: Any
    field: str
    value: Any

    def made(self) -> Any:
        value = self.value.made() if isinstance(self.value, Altered) else self.value
        change = {self.field: value}
        record: Any = self.record
        if isinstance(record, BaseEstimator):
            copy: Any = clone(record)
            return copy.set_params(**change)
        if hasattr(record, "_replace"):
            return record._replace(**change)
        return dataclasses.replace(record, **change)


def fields_of(value: Any) -> dict[str, Any]:
    """What a record is made of, if it is one."""
    if isinstance(value, type):
        return {}
    if isinstance(value, BaseEstimator):
        return value.get_params(deep=False)
    if hasattr(value, "_asdict"):
        return value._asdict()
    if not dataclasses.is_dataclass(value):
        return {}
    names = [field.name for field in dataclasses.fields(value) if field.init]
    is_plain = [*inspect.signature(type(value)).parameters] == names
    return {name: getattr(value, name) for name in names} if is_plain else {}


def near(value: Any) -> list[Any]:
    """What is like a valid value, but for one thing."""
    return _near(value) if isinstance(value, type) else [type(value), *_near(value)]


def _near(value: Any) -> list[Any]:
    if value is None or isinstance(value, bool | str):
        return [3, "X", f"{value}s", f"{value}".upper()]
    if isinstance(value, int | float):
        changed = [-value, value + 1, value + 0.5, value + 1j, str(value), [value]]
        return [*changed, np.asarray(value)]
    if isinstance(value, jax.Array) and jnp.issubdtype(
        value.dtype, jax.dtypes.prng_key
    ):
        return [value[None], jax.random.key_data(value), *_near(0)]
    if isinstance(value, np.ndarray | jax.Array):
        return _near_array(value)
    if sp.issparse(value):
        entries = [value * np.nan, value * 1j, -value, value.astype(bool)]
        return [*entries, value[:-1], value[:, :-1], value.toarray(), value.tocoo()]
    if isinstance(value, Mapping):
        items = list(value.items())
        changed = [
            dict([*items[1:], (items[0][0], x)]) for x in ("x", np.nan, None, 1j)
        ]
        return [dict(items[1:]), dict(items) | {"x": 1}, items, *changed]
    if isinstance(value, Sequence) and not hasattr(value, "_fields"):
        kind: Any = type(value)
        changed = [kind([*value[:-1], x]) for x in ("x", np.nan, None, -1, 1.5, 1j)]
        return [value[:-1], kind([*value, *value]), iter(value), *changed]
    return [[value], vars(value) if hasattr(value, "__dict__") else 3]


def _near_array(value: Any) -> list[Any]:
    array = np.asarray(value)
    like = jnp.asarray if isinstance(value, jax.Array) else np.asarray
    changed = [array[None], array.T, array.astype(int), array.astype(complex)]
    changed += [array.astype(np.float16), array != 0, array * -1.0, array * 1e30]
    if array.ndim:
        changed += [array[:0], array[1:], array[..., :-1], array[0], array[..., ::-1]]
    if np.issubdtype(array.dtype, np.floating) and array.size:
        for number in (np.nan, np.inf):
            spoiled = array.copy()
            spoiled.flat[-1] = number
            changed.append(spoiled)
    others = [
        array.tolist(),
        array.astype(str),
        array.astype(object),
        np.asarray(array),
    ]
    return [*map(like, changed), *others]


LOSSES = Path(lane_training.__file__)
WHICH = re.compile(os.environ.get("FUZZ_CALLS", ""))
CALLED = [case for case in CASES if case.arguments and WHICH.search(case.name)]
NUMBERS = st.floats(allow_subnormal=False) | st.integers(-3, 6)
FREELY = NUMBERS | st.text(max_size=3) | st.lists(NUMBERS, max_size=4)


@st.composite
def calls(draw: st.DrawFn) -> tuple[Case, dict[str, Any]]:
    """A valid call, and what one or two of its arguments are instead."""
    case = draw(st.sampled_from(CALLED))
    names = st.sampled_from(list(case.arguments))
    changed = {}
    for name in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        changed[name] = draw(instead_of(case.arguments[name]))
    return case, changed


def instead_of(valid: Any) -> st.SearchStrategy[Any]:
    """What is no such value, often; of a record one field changed, half of the time."""
    values = st.sampled_from(ANYTHING) | st.sampled_from(near(valid)) | FREELY
    fields = fields_of(valid)
    if not fields:
        return values
    alterations = st.sampled_from(list(fields)).flatmap(
        lambda name: st.builds(
            Altered, st.just(valid), st.just(name), instead_of(fields[name])
        )
    )
    return st.one_of(alterations, st.one_of(values))


class Fault(NamedTuple):
    """What a call raised that it should not have."""

    call: str
    changed: str
    error: str
    place: str


class TooLong(BaseException):
    pass


def fault_of(case: Case, changed: dict[str, Any]) -> Fault | None:
    """What is wrong with how a call fails, if anything."""
    try:
        # Again and again, as it is lost where it comes while garbage is collected.
        signal.setitimer(signal.ITIMER_REAL, SECONDS, 1)
        made = {
            k: v.made() if isinstance(v, Altered) else v for k, v in changed.items()
        }
        case.function(**case.arguments | made)
    except (TooLong, KeyboardInterrupt):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        signal.setitimer(signal.ITIMER_REAL, 0)
        frames = traceback.extract_tb(error.__traceback__)
        if isinstance(error, OSError) or _by_scikit_learn(case, frames):
            return None  # a file that is not there; words that its conventions ask for
        if _by_the_argument(changed, frames, str(error)):
            return None
        is_named = _names_an_argument(case, changed, str(error))
        is_named = is_named or _names_a_file(changed, str(error))
        if _is_ours(error, frames) and is_named:
            return None
        inside = [f for f in frames if Path(f.filename).is_relative_to(OWN)] or frames
        return Fault(
            case.name,
            ", ".join(f"{name}={_shown(value)}" for name, value in changed.items()),
            f"{type(error).__name__}: {str(error)[:200]}",
            f"{Path(inside[-1].filename).name}:{inside[-1].lineno}",
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _is_ours(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> bool:
    if isinstance(error, NotFittedError):
        return True  # which scikit-learn raises where we ask whether a model is trained
    # The last is of what comes to no end.
    expected = (ValueError, TypeError, FloatingPointError, RuntimeError)
    own = type(error).__module__.startswith("isinglass")
    last = Path(frames[-1].filename)
    return last.is_relative_to(OWN) and (own or isinstance(error, expected))


def _by_scikit_learn(case: Case, frames: Sequence[traceback.FrameSummary]) -> bool:
    """Whether what X or y hold is refused by scikit-learn, in its own words."""
    inside = any("sklearn" in Path(frame.filename).parts for frame in frames)
    return inside and "X" in case.arguments


def _by_the_argument(
    changed: dict[str, Any], frames: Sequence[traceback.FrameSummary], message: str
) -> bool:
    """Whether a function that was passed raised it, such as `len` of two arguments.

    What a user's function raises is theirs and is left as it is. Of one that is written
    in C there is no frame, only its name in the message, or the line that calls it by
    its argument's name.
    """
    if any(Path(frame.filename) == LOSSES for frame in frames):
        return True  # only a user's loss knows what its data are
    called = frames[-1].line or ""
    for name, value in changed.items():
        while isinstance(value, Altered):
            name, value = value.field, value.value
        own = getattr(value, "__name__", name)
        if callable(value) and (
            re.search(rf"\b{re.escape(name)}\(", called) or message.startswith(own)
        ):
            return True
    return False


def _names_a_file(changed: dict[str, Any], message: str) -> bool:
    """Whether it begins with the name of a file, which says it sooner."""
    files = [value for value in changed.values() if isinstance(value, str | Path)]
    return any(message.startswith(f"{file} ") for file in files)


def _names_an_argument(case: Case, changed: dict[str, Any], message: str) -> bool:
    names = {*case.arguments, *inspect.signature(case.function).parameters}
    for value in changed.values():
        while isinstance(value, Altered):
            # Of shapes that do not fit together, either may be named.
            names |= {value.field, *fields_of(value.record)}
            value = value.value
    for value in case.arguments.values():
        names |= {str(key) for key in value} if isinstance(value, Mapping) else set()
    return any(re.search(rf"\b{re.escape(name)}\b", message) for name in names)


def _shown(value: Any) -> str:
    if isinstance(value, Altered):
        return f"{type(value.record).__name__}({value.field}={_shown(value.value)})"
    if isinstance(value, np.ndarray | jax.Array) and value.size > 6:
        return f"<{type(value).__name__} {value.dtype} {value.shape}>"
    return " ".join(repr(value).split())[:120]


class Record:
    """Faults, each kind by the call that is easiest to read."""

    def __init__(self) -> None:
        self.calls = self.slow = 0
        self.faults: dict[tuple[str, ...], Fault] = {}
        self.seconds = dict.fromkeys((case.name for case in CALLED), 0.0)
        self.start = self.said = time.monotonic()

    def add(self, case: Case, changed: dict[str, Any]) -> None:
        """Make the call, unless such calls had more than their share of the time."""
        begin = time.monotonic()
        fair = SHARE * sum(self.seconds.values()) / len(CALLED)
        if self.seconds[case.name] > fair + SECONDS:
            return
        self.calls += 1
        try:
            self._add(case, changed)
        except TooLong:
            self.slow += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            now = time.monotonic()
            self.seconds[case.name] += now - begin
        if now > self.said + 60:
            self.said = now
            self._say(self.about())

    def about(self) -> str:
        minutes = (time.monotonic() - self.start) / 60
        return (
            f"{minutes:.0f} min: {self.calls:,} calls, {self.slow} of them ended after "
            f"{SECONDS} s, {len(self.faults)} faults, {peak():.2f} GiB"
        )

    def _add(self, case: Case, changed: dict[str, Any]) -> None:
        fault = fault_of(case, changed)
        if fault is None:
            return
        for name in changed if len(changed) > 1 else ():
            fault = fault_of(case, {name: changed[name]}) or fault
        place = (fault.call, fault.place, fault.error.split(":")[0])
        before = self.faults.get(place)
        if before is None:
            self._say(" | ".join(fault))
        if before is None or len(fault.changed) < len(before.changed):
            self.faults[place] = fault

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def peak() -> float:
    """GiB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def too_long(*_: Any) -> None:
    raise TooLong


def fuzz(minutes: float, start: int) -> Record:
    """Make calls for some time."""
    record, end, rounds = Record(), time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:

        @seed(start + rounds)
        @settings(
            max_examples=200,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck.__members__.values()],
        )
        @given(calls())
        def walk(call: tuple[Case, dict[str, Any]]) -> None:
            if time.monotonic() < end:
                record.add(*call)

        walk()
        jax.clear_caches()
        rounds += 1
    return record


def prepare() -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    faulthandler.enable()
    signal.signal(signal.SIGALRM, too_long)
    write_inputs()
    os.chdir(tempfile.mkdtemp(prefix="isinglass-fuzz-"))


if __name__ == "__main__":
    prepare()
    number = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    print(f"seed {number}", file=sys.stderr, flush=True)
    record = fuzz(float(sys.argv[1]), number)
    faults = [fault._asdict() for fault in record.faults.values()]
    about = {"seed": number, "calls": record.calls, "gibibytes": round(peak(), 2)}
    print(json.dumps(about | {"faults": faults}))
