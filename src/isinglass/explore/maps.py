"""Building of the map and the initial state that a recipe names."""

import difflib
import functools
import importlib.util
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from isinglass._common.precision import double_precision
from isinglass.dynamics import DelayMap, Flow, SweepWarning, flow, textbook
from isinglass.dynamics.maps import newest
from isinglass.explore.features import features_from_words
from isinglass.explore.recipe import MEAN_FIELD, Recipe, file_and_function, hash_of
from isinglass.systems.meanfield import Features, MeanField, gamma_of

BETA_ATT, SCALE, EPSILON = 2.2, 100.0, 0.02  # the mean-field paper's


class Map(NamedTuple):
    """A map that can be swept.

    Attributes:
        name: What to call it in messages.
        step: The map itself.
        start: An initial state, or a function of the parameters that gives it.
        defaults: Usual values of those parameters that have one.
        names: Names of all its parameters; None if only the map itself knows.
        labels: What to call the components of its observable, in TeX; empty if nobody
            knows.
        module: What holds it, if that is a file of the user's.
        angles: Which components of its observable are angles, and their periods.
    """

    name: str
    step: Callable[[Any, Any], Any]
    start: Any
    defaults: Mapping[str, float] = {}
    names: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    module: ModuleType | None = None
    angles: Mapping[int, float] = {}


class Textbook(NamedTuple):
    """A map of `isinglass.dynamics.textbook`: its start, and the usual parameters.

    One with a ``dt`` is a vector field, of which a flow is made.
    """

    step: Callable[[Any, Any], Any]
    start: tuple[float, ...]
    parameters: Mapping[str, float]
    labels: tuple[str, ...]
    dt: float | None = None
    angles: Mapping[int, float] = {}


TURN = 2 * math.pi
TEXTBOOK = {
    "logistic": Textbook(textbook.logistic, (0.3,), {"r": 4.0}, ("$x$",)),
    "henon": Textbook(textbook.henon, (0.1, 0.1), {"a": 1.4, "b": 0.3}, ("$x$", "$y$")),
    "standard": Textbook(
        textbook.standard_map,
        (0.1, 0.1),
        {"K": 1.0},
        ("$\\theta$", "$p$"),
        angles={0: TURN, 1: TURN},
    ),
    "delayed-logistic": Textbook(
        textbook.delayed_logistic, (0.4, 0.5), {"r": 2.27}, ("$x$",)
    ),
    "cubic": Textbook(textbook.cubic, (0.5,), {"r": 1.5, "h": 0.0}, ("$x$",)),
    "lorenz": Textbook(
        textbook.lorenz,
        (1.0, 1.0, 1.0),
        {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3},
        ("$x$", "$y$", "$z$"),
        0.01,
    ),
    "rossler": Textbook(
        textbook.rossler,
        (1.0, 1.0, 0.0),
        {"a": 0.2, "b": 0.2, "c": 5.7},
        ("$x$", "$y$", "$z$"),
        0.02,
    ),
    "duffing": Textbook(
        textbook.duffing,
        (1.0, 0.0, 0.0),
        {"alpha": -1.0, "beta": 1.0, "gamma": 0.5, "delta": 0.3, "omega": 1.2},
        ("$x$", "$x'$", "$\\varphi$"),
        0.02,
        {2: TURN},
    ),
}


def build(recipe: Recipe) -> Map:
    """Build the map that a recipe names, and its start.

    Raises:
        ValueError: If there is no such map, its file cannot be used, or the start does
            not fit.
        OSError: If its file cannot be read.
    """
    if recipe.map == MEAN_FIELD:
        return _mean_field(recipe)
    own = file_and_function(recipe.map)
    if own is not None:
        return _own(*own, recipe)
    if recipe.map not in TEXTBOOK:
        names = [MEAN_FIELD, *TEXTBOOK]
        near = difflib.get_close_matches(recipe.map, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"MAP must be one of {', '.join(names)}, or path/to/file.py:function, "
            f"got {recipe.map!r}{hint}"
        )
    step, start, parameters, labels, dt, angles = TEXTBOOK[recipe.map]
    if dt is None and recipe.dt is not None:
        raise ValueError(f"--dt is for vector fields, got the map {recipe.map!r}")
    step = step if dt is None else flow(step, recipe.dt or dt)
    state = _state(recipe.map, step, start if recipe.start is None else recipe.start)
    names = tuple(parameters)
    return Map(recipe.map, step, state, parameters, names, labels, angles=angles)


class _SourceLoader(SourceFileLoader):
    """Reads a file itself, never what Python has cached of it.

    Such a cache is taken for new where size and second of a change are those of before,
    and it would be written into the folder of a user.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def import_file(path: Path) -> ModuleType:
    """Import a Python file that belongs to no package, as a script is run.

    Its folder is at hand for what it imports.

    Raises:
        ValueError: If it does not exist, or fails.
    """
    if not path.is_file():
        raise ValueError(
            f"MAP must name a Python file, got {path}, which does not exist"
        )
    # A name of its own: a file that is called random.py must not stand in for Python's.
    name = f"_isinglass_map_{path.stem}"
    loader = _SourceLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where pickling for other machines looks it up
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever its author wrote
        raise ValueError(
            f"{path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module


def parameters(
    chosen: Map, vary: Mapping[str, Any], fixed: Mapping[str, float]
) -> dict[str, Any]:
    """The fixed parameters of a sweep, with the map's defaults where nothing is said.

    The map is tried (traced, not run) with them.

    Args:
        chosen: The map.
        vary: Values of the varied parameters.
        fixed: Values of others.

    Raises:
        ValueError: If there is a name that the map does not read, or one is lacking, or
            the map fails.
    """
    both = [name for name in fixed if name in vary]
    if both:
        raise ValueError(f"--set and --vary both name {both[0]!r}")
    rest = {**chosen.defaults, **fixed}
    rest = {name: value for name, value in rest.items() if name not in vary}
    first = rest | {name: float(values[0]) for name, values in vary.items()}
    for name in chosen.names or ():
        if name not in first:
            raise _lacking(chosen, name)
    read = chosen.names or _tried(chosen, first)[1]
    for option, names in (("--vary", vary), ("--set", fixed)):
        for name in names:
            if name not in read:
                raise ValueError(
                    f"{option} names {name!r}, which {chosen.name} does not read; "
                    f"it reads {', '.join(sorted(read)) or 'no parameter'}"
                )
    return rest


def sizes(chosen: Map, values: Mapping[str, float]) -> tuple[int, int]:
    """How many real numbers the map's state has, and how many its observable.

    Args:
        chosen: The map.
        values: Of all its parameters.

    Raises:
        ValueError: If the map fails.
    """
    state, _ = _tried(chosen, values)
    leaves = [
        leaf
        for leaf in jax.tree.leaves(state)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    return sum(leaf.size for leaf in leaves), jax.eval_shape(newest, state).size


class _Read(Mapping[str, Any]):
    """Parameters that note which of them are read."""

    def __init__(
        self, values: Mapping[str, Any], read: set[str], lacking: set[str]
    ) -> None:
        self._values, self._read, self._lacking = values, read, lacking

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._lacking.add(name)
            raise KeyError(name)
        self._read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _tried(chosen: Map, values: Mapping[str, float]) -> tuple[Any, set[str]]:
    """Shapes of the state after a step, and the names of parameters that are read."""
    read: set[str] = set()
    lacking: set[str] = set()

    def first_step(values: Mapping[str, Any]) -> Any:
        noted = _Read(values, read, lacking)
        state = chosen.start(noted) if callable(chosen.start) else chosen.start
        return chosen.step(jax.tree.map(jnp.asarray, state), noted)

    try:
        with double_precision():
            return jax.eval_shape(first_step, dict(values)), read
    except Exception as error:  # whatever its author wrote
        if isinstance(error, KeyError) and error.args and error.args[0] in lacking:
            raise _lacking(chosen, error.args[0]) from error
        lines = str(error).strip().splitlines()
        raise ValueError(
            f"{chosen.name} fails at its first step: {type(error).__name__}: "
            f"{lines[0] if lines else ''}"
        ) from error


def _lacking(chosen: Map, name: str) -> ValueError:
    return ValueError(
        f"{chosen.name} needs {name!r}: give it by --set {name}=… or --vary {name}=…"
    )


def _mean_field(recipe: Recipe) -> Map:
    words = recipe.features
    features = Features.paper() if words is None else features_from_words(words)
    if recipe.context is not None and recipe.context < 1:
        raise ValueError(f"--context must be at least 1, got {recipe.context}")
    field = MeanField(features, recipe.context)
    m = features.n_patterns
    defaults = {"gamma": gamma_of(BETA_ATT, SCALE, m), "epsilon": EPSILON}
    start: Any = field.start_from_pattern
    if recipe.start is not None:
        window = _rows(recipe.start, m, field.length)
        start = functools.partial(field.start_from_window, window=window)
    labels = tuple(f"$A_{{{index + 1}}}$" for index in range(m))
    return Map(MEAN_FIELD, field.map, start, defaults, ("beta", *defaults), labels)


def _rows(start: list[float], m: int, length: int) -> Float[np.ndarray, "n m"]:
    if len(start) % m or not 1 <= len(start) // m <= length:
        raise ValueError(
            f"--start must hold 1 to {length} attentions of {m} numbers each, newest "
            f"first, got {len(start)} numbers"
        )
    return np.array(start).reshape(-1, m)


def _own(path: Path, function: str, recipe: Recipe) -> Map:
    module = import_file(path)
    if recipe.sha256 is not None and hash_of(path) != recipe.sha256:
        warnings.warn(
            f"{path} has changed since the sweep began", SweepWarning, stacklevel=3
        )
    step = getattr(module, function, None)
    name = f"{path.name}:{function}"
    if not callable(step):
        raise ValueError(
            f"MAP must name a function of {path}, got {function!r}, which is none"
        )
    start = getattr(module, "start", None) if recipe.start is None else recipe.start
    if start is None:
        raise ValueError(
            f"--start must give the initial state of {name}, such as 0.1,0.2, or the "
            "file must hold it as `start`"
        )
    if recipe.dt is not None:
        if isinstance(step, DelayMap | Flow):
            raise ValueError(
                f"--dt is for vector fields, got {name}, which is a "
                f"{type(step).__name__}"
            )
        step = flow(step, recipe.dt)
    # JAX would take a list for a state of many parts.
    if recipe.start is not None or isinstance(start, list | int | float):
        start = _state(name, step, start)
    return Map(name, step, start, module=module)


def _state(name: str, step: Any, start: Any) -> Any:
    """An initial state of numbers: one axis, or the window of a delay map."""
    numbers = np.array(start, dtype=np.float64)
    if not isinstance(step, DelayMap):
        return numbers
    if numbers.size % step.length:
        raise ValueError(
            f"--start must hold the last {step.length} values of {name}, newest first, "
            f"got {numbers.size} numbers"
        )
    with double_precision():
        return step.start(jnp.asarray(numbers.reshape(step.length, -1)))
