"""Learn from parts that lie anywhere: a tree of merges, equal to learning in one place.

What an interference learner knows is a sum over samples, so that each worker of a
cluster may learn its part and states are merged in a tree. A lost worker costs its
part, which another one learns anew.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sklearn.base import clone

from isinglass._common.checks import as_list, check_whole, is_array, is_whole, shown
from isinglass._common.cluster import check_client

Model = TypeVar("Model")
Part = tuple[Any, ...] | Callable[[], tuple[Any, ...]]


def learn_in_parts(
    model: Model, parts: Iterable[Part], *, client: Any = None, fan_in: int = 8
) -> Model:
    """Learn from parts on a Dask cluster, or in threads of this machine.

    The result equals `fit` on all samples in one place, bit for bit, whatever the
    parts, their order and the shape of the tree.

    Args:
        model: A `CoupledClassifier`, a `TextInterference` or a classifier of routes, of
            which the parameters are taken; `random_state`, if there is one, must be a
            whole number, so that all parts have the same prior. It is left as it is.
        parts: What to learn from: (X, y), or (X, y, sample_weight), each an array or a
            chunk of a Dask array; or functions of no arguments that return such, such
            as `functools.partial(load_file, path)`, which workers call. Of whole Dask
            arrays: `dask_parts(X, y)`.
        client: A `distributed.Client`; if None, the one that is at work, or threads.
        fan_in: How many states are merged at a time, at least 2.

    Returns:
        A new model that has learned all parts.

    Raises:
        ImportError: If Dask is not installed (``pip install 'isinglass[cluster]'``).
        RuntimeError: If workers of `client` have other versions of this package, JAX or
            NumPy.
        ValueError: If there are no parts, for `random_state`, and as `fit`.
    """
    from dask.base import compute
    from dask.delayed import delayed

    check_whole(2, fan_in=fan_in)
    if isinstance(model, type) or not all(
        callable(getattr(model, name, None)) for name in ("fit", "merge", "get_params")
    ):
        raise TypeError(f"model must learn by fit and merge, got {model!r}")
    if client is not None:
        check_client(client)
    parts = _checked(parts)
    seed = getattr(model, "random_state", 0)
    if not is_whole(seed):
        raise ValueError(
            "random_state must be a whole number, so that parts can be merged, got "
            f"{seed!r}"
        )
    learn, merge = delayed(_learned), delayed(_merged)
    states = [learn(model, part) for part in parts]
    while len(states) > 1:
        states = [
            merge(states[start : start + fan_in])
            for start in range(0, len(states), fan_in)
        ]
    if client is None:
        return compute(states[0])[0]
    return client.compute(states[0]).result()


def dask_parts(X: Any, y: Any) -> list[tuple[Any, Any]]:
    """Parts of two Dask arrays, chunk by chunk along the samples.

    Args:
        X: Inputs, a Dask array (n, …) with known chunks.
        y: Their labels, (n,).

    Raises:
        ValueError: If they are of different lengths.
    """
    for name, value in (("X", X), ("y", y)):
        lasting = hasattr(value, "rechunk") and not isinstance(value, type)
        if not lasting or value.ndim == 0:
            raise TypeError(f"{name} must be an array of Dask, got {shown(value)}")
    if len(X) != len(y):
        raise ValueError(f"X holds {len(X)} samples and y {len(y)} labels")
    X = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    y = y.rechunk((X.chunks[0],))
    return list(zip(X.to_delayed().ravel(), y.to_delayed().ravel(), strict=True))


def _checked(parts: Any) -> list[Part]:
    """Parts that can be learned from, one at least."""
    if isinstance(parts, str | bytes | Mapping) or not isinstance(parts, Iterable):
        raise TypeError(f"parts must be a sequence, got {shown(parts)}")
    parts = as_list("parts", parts if is_array(parts) else list(parts))
    for part in parts:
        pair = isinstance(part, tuple | list) and len(part) in (2, 3)
        if not pair and not callable(part):
            raise TypeError(
                "parts must be (X, y), (X, y, sample_weight) or functions that return "
                f"such, one is {shown(part)}"
            )
    return parts


def _learned(model: Any, part: Part) -> Any:
    blank: Any = clone(model)
    return blank.fit(*(part() if callable(part) else part))


def _merged(models: list[Any]) -> Any:
    """The first with all others merged into a copy of it."""
    first = _copied(models[0])
    for model in models[1:]:
        first.merge(model)
    return first


def _copied(model: Any) -> Any:
    """A model to merge into: a task may be run again with the same ones."""
    copy = clone(model)
    vars(copy).update(vars(model))
    return copy
