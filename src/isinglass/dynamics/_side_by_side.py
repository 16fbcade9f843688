"""A function of one lane, evaluated for many, with the lanes in the last axis.

`jax.vmap` evaluates a function of many lanes, too, but brings the lanes to the front of
an array as soon as it meets one without them, or a number of its own. The arithmetic of
a small map then runs along an axis of two or three components, where a processor can do
no more than one number at a time: a mean-field orbit takes three times as long, its
tangents ten times. Here the function is traced for one lane, and its operations are
then made again, one by one, of arrays of the same shape with one axis more, at the end.

What stays in a program: sums and products of few terms are written out, since XLA's CPU
compiler fuses these with their neighbours and vectorises them along the lanes, and
neither with a reduction. An operation that there is no rule for is left to `jax.vmap`.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LONGEST_SUM = 64  # terms that are written out
# Entries of a constant matrix up to which its product with a vector is written out;
# beyond, it is a matrix product, in which the lanes are columns.
LARGEST_MATRIX = 40


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ELEMENTWISE = _names("""
    abs acos acosh add add_any and asin asinh atan atan2 atanh cbrt ceil clamp
    convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2
    expm1 floor ge gt integer_pow is_finite le lgamma log log1p logistic lt max min mul
    ne neg nextafter not or pow reduce_precision rem round rsqrt select_n sign sin sinh
    sqrt square sub tan tanh xor
""")
# Their axes are counted from the front, so that one more at the end changes nothing.
ALONG_AXES = _names("""
    cumlogsumexp cummax cummin cumprod cumsum reduce_and reduce_max reduce_min reduce_or
    reduce_prod rev split squeeze
""")
CALLS = _names("""
    checkpoint closed_call core_call custom_jvp_call custom_vjp_call jit pjit remat
    remat2
""")


class Batched(NamedTuple):
    """A value of the program, and whether it has an axis of lanes, the last."""

    array: Any
    is_batched: bool


def side_by_side(
    function: Callable[..., Any], is_batched: Sequence[bool], lanes: int
) -> Callable[..., tuple[Any, Any]]:
    """Give a function of one lane as a function of many.

    Args:
        function: Of pytrees of arrays, pure JAX.
        is_batched: Of which arguments every leaf has an axis of lanes, the last.
        lanes: How many there are.

    Returns:
        A function of these arguments. It returns two trees: the results, and for each
        array in it whether it has an axis of lanes, the last; what depends on no lane
        has none.
    """

    def many(*arguments: Any) -> tuple[Any, Any]:
        leaves, flags = [], []
        for argument, flag in zip(arguments, is_batched, strict=True):
            part = jax.tree.leaves(argument)
            leaves += part
            flags += [flag] * len(part)
        structure = jax.tree.structure(arguments)
        shapes = [_of_one(*pair) for pair in zip(leaves, flags, strict=True)]
        program, out = jax.make_jaxpr(function, return_shape=True)(
            *jax.tree.unflatten(structure, shapes)
        )
        results = _evaluated(
            program.jaxpr, program.consts, list(map(Batched, leaves, flags)), lanes
        )
        tree = jax.tree.structure(out)
        arrays, batched = zip(*results, strict=True) if results else ((), ())
        return jax.tree.unflatten(tree, arrays), jax.tree.unflatten(tree, batched)

    return many


def with_lanes(arrays: Any, is_batched: Any, lanes: int) -> Any:
    """What `side_by_side` returned, with an axis of lanes in every leaf."""

    def leaf(array: Any, flag: bool) -> Any:
        shape = array.shape[:-1] if flag else jnp.shape(array)
        return _broadcast(Batched(array, flag), shape, lanes)

    return jax.tree.map(leaf, arrays, is_batched)


def _of_one(array: Any, is_batched: bool) -> jax.ShapeDtypeStruct:
    shape = jnp.shape(array)
    return jax.ShapeDtypeStruct(
        shape[:-1] if is_batched else shape, jax.dtypes.result_type(array)
    )


def _evaluated(
    jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Batched], lanes: int
) -> list[Batched]:
    """What a program of one lane gives for many."""
    values: dict[Any, Batched] = {}

    def read(variable: Any) -> Batched:
        # A literal; where its class is named, jax.extend, all of Pallas comes along.
        if hasattr(variable, "val"):
            return Batched(variable.val, False)
        return values[variable]

    values.update(
        zip(jaxpr.constvars, (Batched(c, False) for c in constants), strict=True)
    )
    values.update(zip(jaxpr.invars, arguments, strict=True))
    for equation in jaxpr.eqns:
        operands = [read(variable) for variable in equation.invars]
        results = _operation(equation, operands, lanes)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _operation(equation: Any, operands: list[Batched], lanes: int) -> list[Batched]:
    """One operation, of many lanes."""
    name = equation.primitive.name
    if name in CALLS:
        inner = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        body = getattr(inner, "jaxpr", inner)
        return _evaluated(body, getattr(inner, "consts", ()), operands, lanes)
    bind = partial(equation.primitive.bind, **equation.params)
    if not any(operand.is_batched for operand in operands):
        return _listed(equation, bind(*[x.array for x in operands]), False)
    if name in ELEMENTWISE:
        shape = equation.outvars[0].aval.shape
        return _listed(
            equation, bind(*[_broadcast(x, shape, lanes) for x in operands]), True
        )
    if name in ALONG_AXES:
        return _listed(equation, bind(operands[0].array), True)
    rule = RULES.get(name)
    result = None if rule is None else rule(equation, operands, lanes)
    if result is None:
        axes = [-1 if operand.is_batched else None for operand in operands]
        mapped = jax.vmap(bind, in_axes=axes, out_axes=-1)
        result = mapped(*[operand.array for operand in operands])
    return _listed(equation, result, True)


def _listed(equation: Any, result: Any, is_batched: bool) -> list[Batched]:
    results = result if equation.primitive.multiple_results else [result]
    return [Batched(array, is_batched) for array in results]


def _broadcast(value: Batched, shape: Sequence[int], lanes: int) -> Any:
    """A value of this shape, or a number, as an array of it with lanes."""
    array, is_batched = value
    whole = (*shape, lanes)
    if is_batched and array.shape == whole:
        return array
    if is_batched:  # a number in every lane, or axes of size 1
        *axes, last = range(len(whole))
        axes = axes if array.ndim > 1 else []
        return lax.broadcast_in_dim(array, whole, (*axes, last))
    array = jnp.asarray(array)
    return lax.broadcast_in_dim(array, whole, tuple(range(array.ndim)))


# -- rules, each of an equation, its operands and the number of lanes ------------------


def _broadcast_in_dim(equation: Any, operands: list[Batched], lanes: int) -> Any:
    if len(operands) > 1:  # a shape that is not static
        return None
    shape = equation.params["shape"]
    dimensions = (*equation.params["broadcast_dimensions"], len(shape))
    return lax.broadcast_in_dim(operands[0].array, (*shape, lanes), dimensions)


def _reshape(equation: Any, operands: list[Batched], lanes: int) -> Any:
    if len(operands) > 1 or equation.params["dimensions"] is not None:
        return None
    return lax.reshape(operands[0].array, (*equation.params["new_sizes"], lanes))


def _transpose(equation: Any, operands: list[Batched], lanes: int) -> Any:
    permutation = equation.params["permutation"]
    return lax.transpose(operands[0].array, (*permutation, len(permutation)))


def _slice(equation: Any, operands: list[Batched], lanes: int) -> Any:
    names = "start_indices", "limit_indices", "strides"
    start, limit, strides = (equation.params[name] for name in names)
    return lax.slice(
        operands[0].array,
        (*start, 0),
        (*limit, lanes),
        None if strides is None else (*strides, 1),
    )


def _dynamic_slice(equation: Any, operands: list[Batched], lanes: int) -> Any:
    array, *starts = operands
    if any(start.is_batched for start in starts):
        return None
    places = [start.array for start in starts]
    zero = np.zeros((), jnp.result_type(*places)) if places else 0
    sizes = (*equation.params["slice_sizes"], lanes)
    return lax.dynamic_slice(array.array, [*places, zero], sizes)


def _concatenate(equation: Any, operands: list[Batched], lanes: int) -> Any:
    shapes = [variable.aval.shape for variable in equation.invars]
    parts = [_broadcast(*pair, lanes) for pair in zip(operands, shapes, strict=True)]
    return lax.concatenate(parts, equation.params["dimension"])


def _stack(equation: Any, operands: list[Batched], lanes: int) -> Any:
    shape, axis = equation.invars[0].aval.shape, equation.params["axis"]
    parts = [_broadcast(operand, shape, lanes) for operand in operands]
    return jnp.stack(parts, axis % (len(shape) + 1))


def _pad(equation: Any, operands: list[Batched], lanes: int) -> Any:
    array, filling = operands
    if filling.is_batched:
        return None
    config = (*equation.params["padding_config"], (0, 0, 0))
    return lax.pad(array.array, filling.array, config)


def _reduce_sum(equation: Any, operands: list[Batched], lanes: int) -> Any:
    total = operands[0].array
    for axis in sorted(equation.params["axes"], reverse=True):
        if not 0 < total.shape[axis] <= LONGEST_SUM:
            total = jnp.sum(total, axis)
            continue
        total = _sum(
            lax.index_in_dim(total, index, axis, keepdims=False)
            for index in range(total.shape[axis])
        )
    return total


def _sum(terms: Any) -> Any:
    first, *others = terms
    for term in others:
        first = first + term
    return first


def _dot_general(equation: Any, operands: list[Batched], lanes: int) -> Any:
    """A product over one axis, in which nothing else is shared."""
    (contracted, batch) = equation.params["dimension_numbers"]
    if batch[0] or len(contracted[0]) != 1:
        return None
    kind = equation.outvars[0].aval.dtype
    if {variable.aval.dtype for variable in equation.invars} != {kind}:
        return None
    axes = contracted[0][0], contracted[1][0]
    shapes = [variable.aval.shape for variable in equation.invars]
    is_constant = [not operand.is_batched for operand in operands]
    sizes = [math.prod(shape) for shape in shapes]
    if any(
        constant and size > LARGEST_MATRIX
        for constant, size in zip(is_constant, sizes, strict=True)
    ):
        return _matrix_product(equation, operands, axes)
    terms = shapes[0][axes[0]]
    if not 0 < terms <= LONGEST_SUM:
        return None
    first, second = (
        jnp.moveaxis(operand.array, axis, 0)
        for operand, axis in zip(operands, axes, strict=True)
    )
    free = len(shapes[0]) - 1, len(shapes[1]) - 1
    first = _spread_out(Batched(first, not is_constant[0]), 0, free[1])
    second = _spread_out(Batched(second, not is_constant[1]), free[0], 0)
    product = _sum(first[index] * second[index] for index in range(terms))
    shape = (*equation.outvars[0].aval.shape, lanes)
    return jnp.broadcast_to(product, shape)


def _spread_out(value: Batched, before: int, after: int) -> Any:
    """A factor (terms, …) with axes of size 1 where the other one has its own."""
    array, is_batched = value
    free = array.shape[1:-1] if is_batched else array.shape[1:]
    lanes = array.shape[-1] if is_batched else 1
    ones = [1] * before, [1] * after
    return jnp.reshape(array, (array.shape[0], *ones[0], *free, *ones[1], lanes))


def _matrix_product(
    equation: Any, operands: list[Batched], axes: tuple[int, int]
) -> Any:
    """A constant times what has lanes, which are columns of it, in either order."""
    product = partial(
        lax.dot_general,
        precision=equation.params["precision"],
        preferred_element_type=equation.params["preferred_element_type"],
    )
    left, right = (operand.array for operand in operands)
    if operands[1].is_batched:
        return product(left, right, (((axes[0],), (axes[1],)), ((), ())))
    result = product(right, left, (((axes[1],), (axes[0],)), ((), ())))
    # (…of the right, …of the left, lanes): the left comes first
    rank = len(equation.outvars[0].aval.shape)
    own = len(equation.invars[1].aval.shape) - 1
    return lax.transpose(result, (*range(own, rank), *range(own), rank))


def _scan(equation: Any, operands: list[Batched], lanes: int) -> Any:
    """A loop of a fixed number of rounds, all that it carries with lanes."""
    parameters = equation.params
    constants, carried = _constants_and_carried(parameters)
    body = parameters["jaxpr"]
    shared = operands[:constants]
    begin = operands[constants : constants + carried]
    rows = operands[constants + carried :]
    shapes = [variable.aval.shape for variable in body.jaxpr.invars[constants:]]

    def once(carry: list[Any], row: list[Any]) -> tuple[list[Any], list[Any]]:
        arguments = [
            *shared,
            *[Batched(array, True) for array in carry],
            *[Batched(*pair) for pair in zip(row, is_batched, strict=True)],
        ]
        results = _evaluated(body.jaxpr, body.consts, arguments, lanes)
        out = [
            _broadcast(result, variable.aval.shape, lanes)
            for result, variable in zip(results, body.jaxpr.outvars, strict=True)
        ]
        return out[:carried], out[carried:]

    is_batched = [row.is_batched for row in rows]
    first = [
        _broadcast(*pair, lanes) for pair in zip(begin, shapes[:carried], strict=True)
    ]
    last, outputs = lax.scan(
        once,
        first,
        [row.array for row in rows],
        parameters["length"],
        parameters["reverse"],
        parameters["unroll"],
    )
    return [*last, *outputs]


def _constants_and_carried(parameters: Any) -> tuple[int, int]:
    """How many operands of a loop are constants, and how many it carries."""
    if "num_consts" in parameters:
        return parameters["num_consts"], parameters["num_carry"]
    constants, carried, _ = parameters["ft_in"].unpack()  # since JAX 0.11
    return len(constants), len(carried)


RULES = {
    "broadcast_in_dim": _broadcast_in_dim,
    "concatenate": _concatenate,
    "dot_general": _dot_general,
    "dynamic_slice": _dynamic_slice,
    "pad": _pad,
    "reduce_sum": _reduce_sum,
    "reshape": _reshape,
    "scan": _scan,
    "slice": _slice,
    "stack": _stack,
    "transpose": _transpose,
}
