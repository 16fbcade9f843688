"""What a pickle of tensors says, as data: nothing is unpickled, and nothing can run.

A pickle is a program for a machine with a stack, most of which builds numbers, words,
lists and dictionaries, and one instruction of which calls whatever function is named.
Here the instructions are told apart by `pickletools`, which runs none; those that build
data are carried out by the few lines below, and of functions there are four, which are
written here. All else is refused.
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

STORAGE_TYPES = {
    "torch BFloat16Storage": "bfloat16",
    "torch BoolStorage": "bool",
    "torch ByteStorage": "uint8",
    "torch DoubleStorage": "float64",
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
}


class TorchFileError(ValueError):
    """A file is none of tensors, or is damaged."""


class Storage(NamedTuple):
    """Numbers that one or several tensors are in, outside the pickle."""

    key: str
    dtype: str
    size: int


class Place(NamedTuple):
    """Where a tensor is in its storage; all in numbers, none in bytes."""

    storage: Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Named(NamedTuple):
    """A function or class, by its module and name."""

    name: str


def _rebuilt(storage: Any, start: Any, shape: Any, strides: Any, *_: Any) -> Place:
    if not isinstance(storage, Storage):
        raise TorchFileError("a tensor has no numbers")
    return Place(storage, start, tuple(shape), tuple(strides))


# By the names that PyTorch has for them. Of a parameter only its tensor counts.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": dict,
    "torch._utils _rebuild_tensor": _rebuilt,
    "torch._utils _rebuild_tensor_v2": _rebuilt,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
}
_MADE = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_CONSTANTS = {"NEWTRUE": True, "NEWFALSE": False, "NONE": None}
_SAID = ("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING")
_SAID += ("BININT", "BININT1", "BININT2", "LONG1", "LONG4")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(file: io.BytesIO | io.BufferedReader) -> tuple[Any, dict[str, Storage]]:
    """Read one pickle, up to its end.

    Returns:
        What it holds, with a `Place` for each tensor, and all storages by their keys.

    Raises:
        TorchFileError: If it holds anything else than data and tensors.
        Exception: Of several classes, if it is damaged.
    """
    machine = _Machine()
    for instruction, argument, _ in pickletools.genops(file):
        machine.carry_out(instruction.name, argument)
    return machine.stack.pop(), machine.storages


class _Machine:
    """A stack of data, with the marks at which lists and dictionaries begin."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.storages: dict[str, Storage] = {}
        self._marks: list[int] = []
        self._memory: dict[int, Any] = {}

    def carry_out(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        stack = self.stack
        if name in _SAID:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _MADE:
            stack.append(_MADE[name]())
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memory[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memory[argument])
        elif name not in ("PROTO", "STOP"):
            self._combine(name, argument)

    def _combine(self, name: str, argument: Any) -> None:
        """Carry out an instruction that makes one thing of several."""
        stack = self.stack
        match name:
            case "MARK":
                self._marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "APPEND":
                last = stack.pop()
                stack[-1].append(last)
            case "APPENDS":
                items = self._since_mark()
                stack[-1].extend(items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                stack[-1][key] = value
            case "SETITEMS":
                items = self._since_mark()
                stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "GLOBAL":
                stack.append(_checked_name(argument))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_FUNCTIONS[function.name](*arguments))
            case "BUILD":  # attributes of a dictionary, which are no tensors
                stack.pop()
            case _:
                raise TorchFileError(f"{name} is asked for, which makes no tensor")

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def _storage(self, record: Any) -> Storage:
        match record:
            case ("storage", _Named(name), str(key), _, int(size), *rest):
                if name in STORAGE_TYPES and rest in ([], [None]):
                    dtype = STORAGE_TYPES[name]
                    return self.storages.setdefault(key, Storage(key, dtype, size))
        raise TorchFileError(f"numbers are kept in a way that is not known: {record!r}")


def _checked_name(name: str) -> _Named:
    if name not in _FUNCTIONS and name not in STORAGE_TYPES:
        readable = name.replace(" ", ".")
        raise TorchFileError(f"{readable} is called, which makes no tensor")
    return _Named(name)
