"""What a sweep is asked to compute: its arguments, checked."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isinglass._common.checks import check_finite
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike
from isinglass.dynamics._checks import check_keys, check_map
from isinglass.dynamics._layout import pick
from isinglass.dynamics.angles import as_angles
from isinglass.dynamics.maps import DelayState, Step
from isinglass.dynamics.measure import Measure, Section
from isinglass.dynamics.sweep.plan import Plan, name_of, plain, versions
from isinglass.dynamics.sweep.run import Run
from isinglass.dynamics.sweep.tile_work import Work, probe
from isinglass.dynamics.variables import variables


@dataclass(eq=False)
class Request:
    """The arguments of a sweep, checked.

    Attributes:
        kind: "bifurcation", "continuation" or "phase_diagram".
        step: The map.
        state: Its initial state, or a function of the parameters that gives it.
        parameters: Those that are not varied, as arrays.
        vary: Values of the varied parameters, as arrays.
        measure: What is measured in each cell.
        run: How the sweep is run.
        attributes: Attributes of the varied parameters, by name.
        variables: Dimensions, shape, type and attributes of what is measured in a cell.
        recipe: That of the run, through JSON.

    Raises:
        ValueError: It names the argument.
    """

    kind: str
    step: Step
    state: Any
    parameters: Mapping[str, Any]
    vary: Mapping[str, Any]
    measure: Measure
    run: Run
    attributes: dict[str, dict[str, str]] = field(init=False)
    variables: dict[str, dict[str, Any]] = field(init=False)
    recipe: Mapping[str, Any] | None = field(init=False)

    def __post_init__(self) -> None:
        names, vary = self.parameters, self.vary
        self.vary = _vary(self.kind, vary)
        self.parameters = _parameters(names, vary)
        self.attributes = {name: _attributes(vary[name]) for name in vary}
        self.recipe = _recipe(self.run.recipe)
        _check_state(self.state, self.run.starts)
        self._check_names(names)
        self.variables = self._variables()
        self._check_clashes()

    @property
    def directions(self) -> tuple[str, ...]:
        """Of a continuation; none for the other kinds."""
        return self.run.directions if self.kind == "continuation" else ()

    @property
    def axes(self) -> dict[str, int]:
        """Names and sizes of the axes of the grid, in order."""
        return {
            **({"direction": len(self.directions)} if self.directions else {}),
            **({} if self.run.starts is None else {"start": self.run.starts}),
            **{name: len(values) for name, values in self.vary.items()},
        }

    def work(self, tile: tuple[int, ...]) -> Work:
        """The computing of it."""
        return Work(
            self.step,
            self.state,
            self.parameters,
            self.vary,
            self.measure,
            tuple(self.axes),
            tile,
            self.run.starts,
            bool(self.directions),
        )

    def plan(self, work: Work) -> Plan:
        """The plan of it."""
        return Plan(
            kind=self.kind,
            vary={name: values.tolist() for name, values in self.vary.items()},
            parameters={
                name: value.tolist() for name, value in self.parameters.items()
            },
            measure=plain(self.measure),
            map_name=name_of(self.step),
            probe=probe(work),
            tile=work.tile,
            variables=self.variables,
            directions=self.directions,
            starts=self.run.starts,
            attributes=self.attributes,
            versions=(versions(),),
            recipe=self.recipe,
        )

    @cached_property
    def first_parameters(self) -> dict[str, Any]:
        """The parameters of the first cell."""
        first = {name: values[0] for name, values in self.vary.items()}
        return {**self.parameters, **first}

    @cached_property
    def first_state(self) -> Any:
        """The initial state of the first cell."""
        with double_precision():
            return self._state(self.first_parameters)

    def _state(self, parameters: Mapping[str, Any]) -> Any:
        """The first initial state; to be called where JAX computes in float64."""
        state = self.state
        if callable(state):
            try:
                state = jax.tree.map(jnp.asarray, state(parameters))
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                raise ValueError(
                    f"state fails on the parameters: {type(error).__name__}: {error}"
                ) from error
        state = jax.tree.map(jnp.asarray, state)
        return state if self.run.starts is None else pick(state, 0)

    def _variables(self) -> dict[str, dict[str, Any]]:
        state, precision = self.first_state, self.measure.precision
        check_map(self.step, state, self.first_parameters, precision)
        return {
            name: {
                "dims": [dim for dim, _ in dims],
                "shape": [size for _, size in dims],
                "dtype": np.dtype(dtype).name,
                "attrs": dict(attrs),
            }
            for name, (dims, dtype, attrs) in variables(
                self.step, state, self.measure
            ).items()
        }

    def _check_names(self, names: Mapping[str, Any]) -> None:
        """Refuse to vary what the map does not read: most likely it is misspelt."""
        for name in self.vary:
            if name not in names and not self._reads(name):
                raise ValueError(
                    f"vary names {name!r}, which neither step nor state reads; "
                    f"parameters has {', '.join(map(repr, names)) or 'none'}"
                )

    def _reads(self, name: str) -> bool:
        """Whether the map or the start look a parameter up."""
        start = self.state if callable(self.state) else None
        shapes = _shapes(self.first_parameters), _shapes(() if start else self.state)
        try:
            record = _record(self.step, start, shapes)
        except TypeError:  # a map that cannot be hashed is refused elsewhere
            return True
        if not record:
            record.append(self._names_read())
        return name in record[0]

    def _names_read(self) -> set[str]:
        """Names of the parameters that the map and the start look up."""
        read: set[str] = set()

        def look(parameters: Mapping[str, Any]) -> Any:
            recorded = _Recorded(parameters, read)
            return self.step(self._state(recorded), recorded)

        # Whatever the map complains of, it will say again where it is run in earnest.
        with double_precision(), contextlib.suppress(Exception):
            jax.eval_shape(look, self.first_parameters)
        return read

    def _check_clashes(self) -> None:
        inner = itertools.chain.from_iterable(
            about["dims"] for about in self.variables.values()
        )
        taken = {"direction", "start", *self.variables, *inner}
        for name in self.vary:
            if name in taken:
                raise ValueError(
                    f"vary names {name!r}, which is a name in the result; rename it"
                )


def _shapes(tree: Any) -> Any:
    """What a trace depends on, to be compared."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((np.shape(leaf), np.asarray(leaf).dtype) for leaf in leaves)


@lru_cache(64)
def _record(step: Step, start: Callable[[Any], Any] | None, _: Any) -> list[set[str]]:
    """Where the names are noted that a map and its start read of such arguments.

    Kept, since to trace a map of many operations takes longer than a short sweep.
    """
    return []


class _Recorded(dict):
    """Parameters that note which of them are looked up."""

    def __init__(self, values: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(values)
        self.read = read

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def measure_of(plan: Plan, observable: Callable[[Any], Any] | None) -> Measure:
    """The measure of a plan, with the observable that no plan can hold.

    Raises:
        ValueError: If the plan measures what is not known.
    """
    fields = dict(plan.measure)
    section = fields.pop("section", None)
    fields["angles"] = as_angles(fields.get("angles", ()))
    names = {field.name for field in dataclasses.fields(Measure)}
    if set(fields) - names:
        raise ValueError(
            f"the plan measures {sorted(set(fields) - names)}, unknown here"
        )
    return Measure(
        **{**fields, "observable": observable},
        section=None if section is None else Section(**section),
    )


def _vary(kind: str, vary: Mapping[str, Any]) -> dict[str, np.ndarray]:
    expected = 2 if kind == "phase_diagram" else 1
    if not isinstance(vary, Mapping) or len(vary) != expected:
        raise ValueError(
            f"vary must map {expected} parameter name{'s' * (expected > 1)} to values, "
            f"got {vary!r}"
        )
    checked = {name: _values(name, values) for name, values in vary.items()}
    for name, values in checked.items():
        if kind == "continuation" and not (np.diff(values) > 0).all():
            raise ValueError(f"vary[{name!r}] must increase from value to value")
    return checked


def _values(name: str, values: ArrayLike) -> np.ndarray:
    array = _real(f"vary[{name!r}]", values).astype(np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"vary[{name!r}] must be one axis of at least one value, got shape "
            f"{array.shape}"
        )
    unique, counts = np.unique(array, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"vary[{name!r}] holds {float(unique[counts > 1][0])!r} more than once"
        )
    return array


def _parameters(
    parameters: Mapping[str, Any], vary: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    check_keys(parameters=parameters)
    if not isinstance(parameters, Mapping):
        raise ValueError(f"parameters must map names to numbers, got {parameters!r}")
    fixed = {name: value for name, value in parameters.items() if name not in vary}
    return {
        name: _real(f"parameters[{name!r}]", value) for name, value in fixed.items()
    }


def _real(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got {value!r}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got {array[~np.isfinite(array)].flat[0]}"
        )
    return array


def _attributes(values: Any) -> dict[str, str]:
    attributes = getattr(values, "attrs", {})
    return {"units": "1"} | {
        str(name): str(value) for name, value in attributes.items()
    }


def _recipe(recipe: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if recipe is None:
        return None
    try:
        return json.loads(json.dumps(dict(recipe), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"recipe must be what JSON can hold: {error}") from None


def _check_state(state: Any, starts: int | None) -> None:
    if callable(state):
        return
    if not jax.tree.leaves(state):
        raise ValueError("state must hold at least one array, got none")
    for leaf in jax.tree.leaves(state):
        check_finite(state=leaf)
        array = np.asarray(leaf)
        shared = (
            isinstance(state, DelayState) and leaf is state.phase and not array.ndim
        )
        if starts is not None and not shared and array.shape[:1] != (starts,):
            raise ValueError(
                f"every leaf of state must have a leading axis of {starts} starts, "
                f"got shape {array.shape}"
            )
