"""Tensors in files of ``torch.save``, without running what such a file says.

That is how `transformers` wrote models by default until version 4.34. The file is a
pickle, which may call any function of any module, with the numbers beside it: in a zip
archive, or until PyTorch 1.5 behind the pickle. It is read here by an unpickler that
knows five functions, all of them below, and gives no other: they make places of
tensors out of numbers and names, and nothing else. Numbers are read when their turn
comes, so that no more than one tensor is in memory.
"""

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {
    "BFloat16Storage": "bfloat16",
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
}
# What a damaged pickle or archive raises.
_DAMAGE = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
)


class TorchFileError(ValueError):
    """A file is none of tensors, or is damaged."""


class _Storage(NamedTuple):
    """Numbers that one or several tensors are in."""

    key: str
    dtype: str
    size: int


class _Place(NamedTuple):
    """Where a tensor is in its storage; all in numbers, none in bytes."""

    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tensor(self, data: bytes) -> np.ndarray:
        """The tensor, of all bytes of the storage.

        Raises:
            TorchFileError: If it reaches beyond them.
        """
        numbers = np.frombuffer(data, _dtype(self.storage.dtype))
        whole = (self.start, *self.shape, *self.strides)
        if not all(type(n) is int and n >= 0 for n in whole):
            raise TorchFileError("a tensor has no place in its numbers")
        lengths = zip(self.shape, self.strides, strict=True)
        last = self.start + sum((n - 1) * stride for n, stride in lengths)
        if math.prod(self.shape) and last >= len(numbers):
            raise TorchFileError("a tensor reaches beyond its numbers")
        return np.lib.stride_tricks.as_strided(
            numbers[self.start :],
            self.shape,
            [stride * numbers.itemsize for stride in self.strides],
            writeable=False,
        )


class _Tensors(dict):
    """A dictionary that may have attributes, as that of a model's state has."""


def _rebuilt(storage: Any, start: Any, shape: Any, strides: Any, *_: Any) -> _Place:
    if not isinstance(storage, _Storage):
        raise TorchFileError("a tensor has no numbers")
    return _Place(storage, start, tuple(shape), tuple(strides))


# By the names that PyTorch has for them. Of a parameter only its tensor counts.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": lambda: _Tensors(),
    "torch._utils._rebuild_tensor": _rebuilt,
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
}


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        function = _FUNCTIONS.get(f"{module}.{name}")
        if function is None:
            raise TorchFileError(f"{module}.{name} is called, which makes no tensor")
        # Each time another object, as a pickle may change what it is handed.
        return lambda *arguments: function(*arguments)

    def persistent_load(self, pid: Any) -> _Storage:
        match pid:
            case ("storage", str(dtype), str(key), _, int(size), *rest):
                if dtype in _TYPES.values() and rest in ([], [None]):
                    return self.storages.setdefault(key, _Storage(key, dtype, size))
        raise TorchFileError(f"numbers are kept in a way that is not known: {pid!r}")


def _dtype(name: str) -> np.dtype:
    return np.dtype(jnp.bfloat16 if name == "bfloat16" else name)


def tensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """All tensors of a file with their names, one at a time, read-only.

    Raises:
        OSError: If the file cannot be read.
        TorchFileError: If it is damaged, or holds something else than named tensors.
    """
    read = _of_archive if zipfile.is_zipfile(path) else _of_stream
    try:
        yield from read(path)
    except TorchFileError:
        raise
    except _DAMAGE as error:
        raise TorchFileError(f"{type(error).__name__}: {error}") from error


def _places(state: Any) -> Mapping[str, _Place]:
    """The named tensors that a pickle holds."""
    entries = dict.items(state) if isinstance(state, dict) else [("", state)]
    for name, place in entries:
        if not isinstance(name, str) or not isinstance(place, _Place):
            raise TorchFileError(
                "it must hold tensors by their names, and nothing else"
            )
    return dict(entries)


def _of_archive(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
        root = next(name for name in inside if name.endswith("/data.pkl"))[:-8]
        if f"{root}byteorder" in inside:
            _check_order(archive.read(f"{root}byteorder") == b"little")
        state = _Reader(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
        for name, place in _places(state).items():
            yield name, place.tensor(archive.read(f"{root}data/{place.storage.key}"))


def _of_stream(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with path.open("rb") as file:
        if [_Reader(file).load(), _Reader(file).load()] != [_MAGIC, _PROTOCOL]:
            raise TorchFileError("it is no file of torch.save")
        _check_order(_Reader(file).load()["little_endian"])
        reader = _Reader(file)
        state = reader.load()
        begins = {}
        for key in _Reader(file).load():
            storage = reader.storages[key]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.size:
                raise TorchFileError(f"numbers {key} are {count}, not {storage.size}")
            begins[key] = file.tell()
            file.seek(count * _dtype(storage.dtype).itemsize, io.SEEK_CUR)
        for name, place in _places(state).items():
            file.seek(begins[place.storage.key])
            size = place.storage.size * _dtype(place.storage.dtype).itemsize
            yield name, place.tensor(file.read(size))


def _check_order(is_little: bool) -> None:
    if not is_little:
        raise TorchFileError("its numbers begin with the highest byte")
