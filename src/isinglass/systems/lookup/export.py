"""A trained network as what it is: thresholds, wires, and tables of bits.

Nothing of it is a weight: a picture is compared with thresholds, bits are looked up,
and spins of each class are counted. `TableNetwork` does so in NumPy, without JAX. It is
stored as an npz file of plain arrays, and written as a circuit in Verilog.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num, Shaped

from isinglass._common import files
from isinglass._common.checks import (
    as_array,
    as_list,
    as_path,
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
)
from isinglass.systems.lookup.difference import arity_of
from isinglass.systems.lookup.fixed_point import FixedPoint, comparator, least_passing
from isinglass.systems.lookup.network import LookupNetwork
from isinglass.systems.lookup.tables import check_wiring
from isinglass.systems.lookup.thermometer import Thermometer
from isinglass.systems.lookup.verilog import (
    Circuit,
    Port,
    bench_text,
    check_identifier,
    module_text,
)

VERSION = 1
_ROWS = 256  # samples that are looked up at a time
# What NumPy raises at a file that is none, or of which bytes have changed.
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_PARTS = ("version", "thresholds", "columns", "labels", "temperature", "layers")


@dataclass(frozen=True, eq=False)
class TableNetwork:
    """A network of tables, trained, that answers by looking up and counting.

    Attributes:
        thermometer: From samples (…, F) to bits (…, F z).
        columns: Which of these bits are read, (inputs,).
        wiring: Of each layer, (N, n), numbers of the bits before.
        tables: Of each layer, (N, 2ⁿ), True where a spin is up.
        labels: Of the classes, (k,): numbers or words. They divide the last N.
        temperature: τ of the sums.

    Raises:
        ValueError: If parts do not fit each other.
        TypeError: If one is of another kind.
    """

    thermometer: Thermometer
    columns: Int[np.ndarray, "_"]
    wiring: tuple[Shaped[np.ndarray, "_ _"], ...]
    tables: tuple[Shaped[np.ndarray, "_ _"], ...]
    labels: Shaped[np.ndarray, "_"]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_kind(Thermometer, thermometer=self.thermometer)
        check_positive(temperature=self.temperature)
        check_shapes(columns=(self.columns, "inputs"), labels=(self.labels, "k"))
        _check_places("columns", self.columns, self.thermometer.thresholds.size)
        if self.labels.dtype.kind not in "biufUS":
            raise ValueError(
                f"labels must be numbers or words, got dtype {self.labels.dtype}"
            )
        for name in ("wiring", "tables"):
            object.__setattr__(self, name, tuple(as_list(name, getattr(self, name))))
        if len(self.wiring) != len(self.tables):
            raise ValueError(
                f"wiring must be of {len(self.tables)} layers, as many as tables, got "
                f"{len(self.wiring)}"
            )
        inputs = len(self.columns)
        for wires, tables in zip(self.wiring, self.tables, strict=True):
            _check_layer(wires, tables, inputs)
            inputs = len(tables)
        if inputs % len(self.labels):
            raise ValueError(
                f"labels must divide the {inputs} tables of the last layer, got "
                f"{len(self.labels)}"
            )

    def __repr__(self) -> str:
        counts = " + ".join(f"{len(tables):,}" for tables in self.tables)
        stored = sum(tables.size for tables in self.tables)
        return (
            f"TableNetwork({len(self.columns):,} bits, {counts} tables of {stored:,} "
            f"bits in all, {len(self.labels)} classes)"
        )

    def counts(self, samples: Num[np.ndarray, "n f"]) -> Int[np.ndarray, "n k"]:
        """Return how many spins of each class are up for samples (n, F), (n, k).

        Raises:
            ValueError: If samples have other features, or are not finite and real.
        """
        samples = self._checked(samples)
        parts = [
            self._counts(samples[start : start + _ROWS])
            for start in range(0, len(samples), _ROWS)
        ]
        return np.concatenate(parts)

    def logits(self, samples: Num[np.ndarray, "n f"]) -> Float[np.ndarray, "n k"]:
        """Return the counts over the temperature, (n, k).

        Raises:
            ValueError: As `counts`.
        """
        return self.counts(samples) / self.temperature

    def predict(self, samples: Num[np.ndarray, "n f"]) -> Shaped[np.ndarray, "n"]:
        """Return the label of the largest count, the first of equal ones, (n,).

        Raises:
            ValueError: As `counts`.
        """
        return self.labels[self.counts(samples).argmax(-1)]

    def save(self, path: str | Path) -> None:
        """Write it to an npz file of plain arrays, whole or not at all.

        Raises:
            TypeError: If the path is none.
            OSError: If it cannot be written.
        """
        path, content = as_path("path", path), io.BytesIO()
        arrays: dict[str, Any] = {
            "version": VERSION,
            "thresholds": self.thermometer.thresholds,
            "columns": self.columns,
            "labels": self.labels,
            "temperature": self.temperature,
            "layers": len(self.tables),
        }
        for place, (wires, tables) in enumerate(
            zip(self.wiring, self.tables, strict=True)
        ):
            arrays |= {f"wiring_{place}": wires, f"tables_{place}": tables}
        np.savez_compressed(content, **arrays)
        files.write_bytes(path, content.getvalue())

    def verilog(
        self, module: str = "tables", features: FixedPoint | None = None
    ) -> str:
        """Return it as a combinational module of Verilog-2001.

        Its outputs are `counts`, of class c in the bits from c w to c w + w − 1 if w
        bits hold a count, and `index`, the place of what `predict` says among labels.
        Its input is `bits`, bit i being that of `columns[i]` of the thermometer, or
        `features`, feature f in the bits from f b to f b + b − 1 if each has b: then
        comparators make the bits, which are exactly those of q / unit in float64.

        Args:
            module: Its name.
            features: How features come in; None if their bits do.

        Raises:
            ValueError: If the name is none of Verilog.
            TypeError: If something is of another kind.
        """
        return module_text(self._circuit(module, features))

    def test_bench(
        self,
        samples: Num[np.ndarray, "n f"],
        module: str = "tables",
        features: FixedPoint | None = None,
    ) -> str:
        """Return a module of Verilog that compares `verilog`'s with `counts`.

        It is called `{module}_test`, and prints how many samples there were and how
        many came out wrong.

        Args:
            samples: (n, F). For `features`, what whole numbers are nearest to them.
            module: Name of the module that is tested.
            features: As of `verilog`.

        Raises:
            ValueError: As `counts` and `verilog`, or if samples are beyond `features`.
            TypeError: If something is of another kind.
        """
        circuit, samples = self._circuit(module, features), self._checked(samples)
        if features is None:
            return bench_text(circuit, self._bits(samples), self.counts(samples))
        whole = features.integers(samples)
        inputs = (whole[..., None] >> np.arange(features.bits) & 1).reshape(
            len(whole), -1
        )
        return bench_text(circuit, inputs, self.counts(features.values(whole)))

    def _circuit(self, module: str, features: FixedPoint | None) -> Circuit:
        check_identifier(module=module)
        port = self._bit_port() if features is None else self._feature_port(features)
        labels = [ascii(label) for label in self.labels.tolist()]
        return Circuit(module, port, self.wiring, self.tables, labels)

    def _bit_port(self) -> Port:
        thresholds = self.thermometer.thresholds
        about = ["bits: whether a feature is above a threshold,"]
        for place, column in enumerate(self.columns.tolist()):
            feature, number = divmod(column, thresholds.shape[1])
            level = thresholds[feature, number].item()
            about.append(f"  {place}: feature {feature} above {level!r}")
        bits = [f"bits[{place}]" for place in range(len(self.columns))]
        return Port("bits", len(bits), about, bits)

    def _feature_port(self, features: FixedPoint) -> Port:
        check_kind(FixedPoint, features=features)
        thresholds, width = self.thermometer.thresholds, features.bits
        least = least_passing(features, thresholds.ravel()[self.columns])
        bits = [
            comparator(features, column // thresholds.shape[1], bound)
            for column, bound in zip(self.columns.tolist(), least.tolist(), strict=True)
        ]
        kind = "signed" if features.signed else "unsigned"
        about = [
            f"features[{width}*f + {width - 1} : {width}*f]: feature f of "
            f"{len(thresholds)}, a {kind} whole",
            f"number q for the value q / {features.unit!r}.",
        ]
        return Port("features", len(thresholds) * width, about, bits)

    def _checked(self, samples: Any) -> np.ndarray:
        samples = np.asarray(as_array("samples", samples))
        check_real(samples=samples)
        check_shapes(samples=(samples, f"n {len(self.thermometer.thresholds)}"))
        check_finite(samples=samples)
        return samples

    def _bits(self, samples: np.ndarray) -> np.ndarray:
        return self.thermometer(samples).reshape(len(samples), -1)[:, self.columns]

    def _counts(self, samples: np.ndarray) -> np.ndarray:
        bits = self._bits(samples)
        for wires, tables in zip(self.wiring, self.tables, strict=True):
            powers = 1 << np.arange(wires.shape[1])
            bits = tables[np.arange(len(tables)), bits[:, wires] @ powers]
        return bits.reshape(len(bits), len(self.labels), -1).sum(-1)


def load_tables(path: str | Path) -> TableNetwork:
    """Read a network that `TableNetwork.save` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or damaged.
        TypeError: If the path is none.
    """
    path = as_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"no file of tables at {path}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored.items())
    except _UNREADABLE as error:
        raise ValueError(f"{path} is no file of tables: {error}") from None
    missing = [name for name in _PARTS if name not in arrays]
    if missing or not np.array_equal(arrays["version"], VERSION):
        lack = f"lacks {missing[0]}" if missing else "is of another version"
        raise ValueError(f"{path} is no file of tables: it {lack}")
    try:
        places = range(int(arrays["layers"]))
        return TableNetwork(
            Thermometer(arrays["thresholds"]),
            arrays["columns"],
            tuple(arrays[f"wiring_{place}"] for place in places),
            tuple(arrays[f"tables_{place}"] for place in places),
            arrays["labels"],
            float(arrays["temperature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def network_tables(
    network: LookupNetwork, thermometer: Thermometer, columns: Any, labels: Any
) -> TableNetwork:
    """The tables of a trained network, behind a thermometer."""
    return TableNetwork(
        thermometer,
        np.asarray(columns),
        tuple(layer.wires() for layer in network.layers),
        tuple(np.asarray(layer.tables) > 0 for layer in network.layers),
        _as_words(np.asarray(labels)),
        network.config.head_temperature,
    )


def _as_words(labels: np.ndarray) -> np.ndarray:
    """Words that stand in an array of objects, as tables of data have them, as text."""
    if labels.dtype == object and all(isinstance(label, str) for label in labels):
        return labels.astype(str)
    return labels


def _check_layer(wires: Any, tables: Any, inputs: int) -> None:
    check_shapes(tables=(tables, "N k"))
    if tables.dtype != bool:
        raise ValueError(f"tables must be True or False each, got {tables.dtype}")
    arity = arity_of(tables.astype(np.int8))
    check_shapes(tables=(tables, "N k"), wiring=(wires, f"N {arity}"))
    check_wiring(wires, inputs)


def _check_places(name: str, places: Any, size: int) -> None:
    if places.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers, got {places.dtype}")
    for end in (places.min(), places.max()):
        check_in(f"[0, {size - 1}]", **{name: int(end)})
