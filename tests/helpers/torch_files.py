"""Files as ``torch.save`` writes them, opcode by opcode, where PyTorch is not."""

import zipfile
from typing import Any, NamedTuple

STORAGES = {
    "bfloat16": "BFloat16Storage",
    "bool": "BoolStorage",
    "float16": "HalfStorage",
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "int64": "LongStorage",
    "uint8": "ByteStorage",
}


class Name(NamedTuple):
    """A function or class, by its module."""

    module: str
    name: str


class Call(NamedTuple):
    """What a function gives."""

    function: Name
    arguments: tuple


class Numbers(NamedTuple):
    """What stands outside the pickle."""

    record: tuple


def pickled(value: Any) -> bytes:
    """The opcodes of a value, of protocol 2."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"\x8a\x0a" + value.to_bytes(10, "little", signed=True)
        case str():
            return b"X" + len(value).to_bytes(4, "little") + value.encode()
        case Name(module, name):
            return b"c" + f"{module}\n{name}\n".encode()
        case Call(function, arguments):
            return _opcodes(function) + _opcodes(arguments) + b"R"
        case Numbers(record):
            return _opcodes(record) + b"Q"
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(_opcodes, value)) + b"e"
        case dict():
            inside = [part for pair in value.items() for part in pair]
            return b"}(" + b"".join(map(_opcodes, inside)) + b"u"
    raise TypeError(value)


def tensor(key, array):
    """A contiguous tensor of numbers of its own."""
    strides = tuple(stride // array.itemsize for stride in array.strides)
    storage = Name("torch", STORAGES[array.dtype.name])
    where = Numbers(("storage", storage, key, "cpu", array.size))
    hooks = Call(Name("collections", "OrderedDict"), ())
    rebuild = Name("torch._utils", "_rebuild_tensor_v2")
    return Call(rebuild, (where, 0, array.shape, strides, False, hooks))


def write_archive(path, content):
    """A file of PyTorch 1.6 and later."""
    state = {name: tensor(str(i), x) for i, (name, x) in enumerate(content.items())}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled(state))
        file.writestr("archive/byteorder", "little")
        for i, array in enumerate(content.values()):
            file.writestr(f"archive/data/{i}", array.tobytes())


def write_stream(path, content):
    """A file of PyTorch 1.5 and before."""
    state = {name: tensor(str(i), x) for i, (name, x) in enumerate(content.items())}
    parts = [pickled(0x1950A86A20F9469CFC6C), pickled(1001)]
    parts += [pickled({"little_endian": True}), pickled(state)]
    parts += [pickled([str(i) for i in range(len(content))])]
    for array in content.values():
        parts += [array.size.to_bytes(8, "little"), array.tobytes()]
    path.write_bytes(b"".join(parts))
