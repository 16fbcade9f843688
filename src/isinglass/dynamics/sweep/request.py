"""TODO: docstring."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from isinglass._common.types import ArrayLike
from isinglass.dynamics._checks import checked_state
from isinglass.dynamics.cells import variables
from isinglass.dynamics.maps import DelayState, Step
from isinglass.dynamics.measure import Measure, Section
from isinglass.dynamics.sweep import plan as _plan
from isinglass.dynamics.sweep import tile_work as _work
from isinglass.dynamics.sweep.plan import Plan
from isinglass.dynamics.sweep.tile_work import Work

if TYPE_CHECKING:
    pass


class _Asked:
    """The arguments of a sweep, checked."""

    def __init__(
        self,
        kind: str,
        step: Step,
        state: Any,
        parameters: Mapping[str, Any],
        vary: Mapping[str, Any],
        measure: Measure | None,
        starts: int | None,
        recipe: Mapping[str, Any] | None,
        directions: Sequence[str] = (),
        attributes: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.kind, self.step, self.state = kind, step, state
        self.measure = Measure() if measure is None else measure
        self.starts = None if starts is None else _positive("starts", starts)
        self.directions = tuple(directions)
        self.parameters = _parameters(parameters, vary)
        self.vary = _vary(kind, vary)
        self.attributes = attributes or {name: _attributes(vary[name]) for name in vary}
        self.recipe = _recipe(recipe)
        _check_state(state, self.starts)
        self.axes: dict[str, int] = {
            **({"direction": len(directions)} if directions else {}),
            **({} if starts is None else {"start": starts}),
            **{name: len(values) for name, values in self.vary.items()},
        }
        self._check_names(parameters)
        self.variables = _variables(self)
        _check_clashes(self)

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
            self.starts,
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
            measure=_plan.plain(self.measure),
            map_name=_plan.name_of(self.step),
            probe=_work.probe(work),
            tile=work.tile,
            variables=self.variables,
            directions=self.directions,
            starts=self.starts,
            attributes=self.attributes,
            versions=(_plan.versions(),),
            recipe=self.recipe,
        )

    def _check_names(self, given: Mapping[str, Any]) -> None:
        """Refuse to vary what the map does not read: most likely it is misspelt."""
        for name in self.vary:
            if name not in given and not self._reads(name):
                raise ValueError(
                    f"vary names {name!r}, which neither the map nor the start reads; "
                    f"parameters has {', '.join(map(repr, given)) or 'none'}"
                )

    def _reads(self, name: str) -> bool:
        """Whether the map or the start look a parameter up."""
        values = {
            **self.parameters,
            **{other: self.vary[other][0] for other in self.vary},
        }

        read: set[str] = set()

        def look(given: Mapping[str, Any]) -> Any:
            recorded = _Recorded(given, read)
            return self.step(_one_state(self, recorded), recorded)

        # Whatever the map complains of, it will be told where it is run in earnest.
        with jax.enable_x64(True), contextlib.suppress(Exception):
            jax.eval_shape(look, values)
        return name in read


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


def _variables(asked: _Asked) -> dict[str, dict[str, Any]]:
    """Dimensions, shape, type and attributes of what is measured in a cell."""
    state, parameters = _first_state(asked)
    checked_state(asked.step, state, parameters, asked.measure.precision)
    return {
        name: {
            "dims": [dim for dim, _ in dims],
            "shape": [size for _, size in dims],
            "dtype": np.dtype(dtype).name,
            "attrs": dict(attrs),
        }
        for name, (dims, dtype, attrs) in variables(
            asked.step, state, asked.measure
        ).items()
    }


def _first_state(asked: _Asked) -> tuple[Any, dict[str, Any]]:
    """The initial state of the first cell, and its parameters."""
    parameters = {
        **asked.parameters,
        **{name: row[0] for name, row in asked.vary.items()},
    }
    with jax.enable_x64(True):
        return _one_state(asked, parameters), parameters


def _one_state(asked: _Asked, parameters: Mapping[str, Any]) -> Any:
    """The first initial state; to be called where JAX computes in float64."""
    state = asked.state(parameters) if callable(asked.state) else asked.state
    state = state if asked.starts is None else _work.pick(state, 0)
    return jax.tree.map(jnp.asarray, state)


def _vary(kind: str, vary: Mapping[str, Any]) -> dict[str, np.ndarray]:
    expected = 2 if kind == "phase_diagram" else 1
    if not isinstance(vary, Mapping) or len(vary) != expected:
        raise ValueError(
            f"vary must map {expected} parameter name{'s' * (expected > 1)} to values, "
            f"got {vary!r}"
        )
    checked = {name: _values(name, given) for name, given in vary.items()}
    for name, values in checked.items():
        if kind == "continuation" and not (np.diff(values) > 0).all():
            raise ValueError(f"vary[{name!r}] must increase from value to value")
    return checked


def _values(name: str, given: ArrayLike) -> np.ndarray:
    values = _real(f"vary[{name!r}]", given).astype(np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"vary[{name!r}] must be one axis of at least one value, got shape "
            f"{values.shape}"
        )
    unique, counts = np.unique(values, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"vary[{name!r}] holds {float(unique[counts > 1][0])!r} more than once"
        )
    return values


def _parameters(
    parameters: Mapping[str, Any], vary: Mapping[str, Any]
) -> dict[str, np.ndarray]:
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


def _attributes(given: Any) -> dict[str, str]:
    attributes = getattr(given, "attrs", {})
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
        array = np.asarray(leaf)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError("state must be finite")
        shared = (
            isinstance(state, DelayState) and leaf is state.phase and not array.ndim
        )
        if starts is not None and not shared and array.shape[:1] != (starts,):
            raise ValueError(
                f"every leaf of state must have a leading axis of {starts} starts, "
                f"got shape {array.shape}"
            )


def _check_clashes(asked: _Asked) -> None:
    inner = itertools.chain.from_iterable(
        about["dims"] for about in asked.variables.values()
    )
    taken = {"direction", "start", *asked.variables, *inner}
    for name in asked.vary:
        if name in taken:
            raise ValueError(
                f"vary names {name!r}, which is a name in the result; rename it"
            )


def _positive(name: str, value: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def _measure_of(plan: Plan, observable: Callable[[Any], Any] | None) -> Measure:
    fields = dict(plan.measure)
    section = fields.pop("section", None)
    known = {field.name for field in dataclasses.fields(Measure)}
    if set(fields) - known:
        raise ValueError(
            f"the plan measures {sorted(set(fields) - known)}, unknown here"
        )
    return Measure(
        **{**fields, "observable": observable},
        section=None if section is None else Section(**section),
    )
