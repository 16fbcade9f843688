"""Tensors in files of ``torch.save``, without running what such a file says.

That is how `transformers` wrote models by default until version 4.34. The file is a
pickle, which is read as data (`_torch_pickle`), with the numbers beside it: in a zip
archive, or until PyTorch 1.5 behind the pickle. Numbers are read when their turn comes,
so that no more than one tensor is in memory.
"""

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from isinglass.systems.memory._torch_pickle import Place, TorchFileError, read_pickle

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# What a damaged pickle or archive raises.
_DAMAGE = (
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
)


def _tensor(place: Place, data: bytes) -> np.ndarray:
    """The tensor, of all bytes of its storage.

    Raises:
        TorchFileError: If it reaches beyond them.
    """
    numbers = np.frombuffer(data, _dtype(place.storage.dtype))
    whole = (place.start, *place.shape, *place.strides)
    if not all(type(n) is int and n >= 0 for n in whole):
        raise TorchFileError("a tensor has no place in its numbers")
    lengths = zip(place.shape, place.strides, strict=True)
    last = place.start + sum((n - 1) * stride for n, stride in lengths)
    if math.prod(place.shape) and last >= len(numbers):
        raise TorchFileError("a tensor reaches beyond its numbers")
    return np.lib.stride_tricks.as_strided(
        numbers[place.start :],
        place.shape,
        [stride * numbers.itemsize for stride in place.strides],
        writeable=False,
    )


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


def _places(state: Any) -> Mapping[str, Place]:
    """The named tensors that a pickle holds."""
    entries = state if isinstance(state, dict) else {"": state}
    for name, place in entries.items():
        if not isinstance(name, str) or not isinstance(place, Place):
            raise TorchFileError(
                "it must hold tensors by their names, and nothing else"
            )
    return entries


def _of_archive(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
        root = next(name for name in inside if name.endswith("/data.pkl"))[:-8]
        if f"{root}byteorder" in inside:
            _check_order(archive.read(f"{root}byteorder") == b"little")
        state, _ = read_pickle(io.BytesIO(archive.read(f"{root}data.pkl")))
        for name, place in _places(state).items():
            data = archive.read(f"{root}data/{place.storage.key}")
            yield name, _tensor(place, data)


def _of_stream(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with path.open("rb") as file:
        if [read_pickle(file)[0] for _ in range(2)] != [_MAGIC, _PROTOCOL]:
            raise TorchFileError("it is no file of torch.save")
        _check_order(read_pickle(file)[0]["little_endian"])
        state, storages = read_pickle(file)
        begins = {}
        for key in read_pickle(file)[0]:
            storage = storages[key]
            count = int.from_bytes(file.read(8), "little")
            if count != storage.size:
                raise TorchFileError(f"numbers {key} are {count}, not {storage.size}")
            begins[key] = file.tell()
            file.seek(count * _dtype(storage.dtype).itemsize, io.SEEK_CUR)
        for name, place in _places(state).items():
            file.seek(begins[place.storage.key])
            size = place.storage.size * _dtype(place.storage.dtype).itemsize
            yield name, _tensor(place, file.read(size))


def _check_order(is_little: bool) -> None:
    if not is_little:
        raise TorchFileError("its numbers begin with the highest byte")
