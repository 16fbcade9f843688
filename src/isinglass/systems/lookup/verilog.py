"""A network of tables as one combinational module of Verilog-2001.

    bits, or features behind comparators → tables → … → counts of each class → index

A table is a constant word of which its wires select a bit. There is no clock, no memory
and no number with a point: what makes circuits of it takes tables of 6 bits as they
are. The text depends on the network alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from isinglass._common.checks import check_kind

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,999}")
# Of IEEE 1364 and 1800: a file is to be read as either.
KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
        accept_on alias always always_comb always_ff always_latch and assert
        assign assume automatic before begin bind bins binsof bit break buf
        bufif0 bufif1 byte case casex casez cell chandle checker class clocking
        cmos config const constraint context continue cover covergroup
        coverpoint cross deassign default defparam design disable dist do edge
        else end endcase endchecker endclass endclocking endconfig endfunction
        endgenerate endgroup endinterface endmodule endpackage endprimitive
        endprogram endproperty endsequence endspecify endtable endtask enum
        event eventually expect export extends extern final first_match for
        force foreach forever fork forkjoin function generate genvar global
        highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies
        import incdir include initial inout input inside instance int integer
        interconnect interface intersect join join_any join_none large let
        liblist library local localparam logic longint macromodule matches
        medium modport module nand negedge nettype new nexttime nmos nor
        noshowcancelled not notif0 notif1 null or output package packed
        parameter pmos posedge primitive priority program property protected
        pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure
        rand randc randcase randsequence rcmos real realtime ref reg reject_on
        release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
        s_always s_eventually s_nexttime s_until s_until_with scalared sequence
        shortint shortreal showcancelled signed small soft solve specify
        specparam static string strong strong0 strong1 struct super supply0
        supply1 sync_accept_on sync_reject_on table tagged task this throughout
        time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand
        trior trireg type typedef union unique unique0 unsigned until until_with
        untyped use uwire var vectored virtual void wait wait_order wand weak
        weak0 weak1 while wildcard wire with within wor xnor xor
        """,
    )
)


def check_identifier(**values: Any) -> None:
    """Refuse what names no module of Verilog.

    Raises:
        TypeError: If it is no text.
        ValueError: If it is no name, or a keyword.
    """
    for name, value in values.items():
        check_kind(str, **{name: value})
        if not _NAME.fullmatch(value) or value in KEYWORDS:
            raise ValueError(
                f"{name} must be a name of Verilog, of letters, digits, _ and $, no "
                f"digit or $ first, and no keyword, got {value!r}"
            )


class Port(NamedTuple):
    """How samples come in.

    Attributes:
        name: "bits", which tables read, or "features".
        width: In bits.
        about: What it holds, for comments.
        bits: What each bit is, as an expression.
    """

    name: str
    width: int
    about: Sequence[str]
    bits: Sequence[str]


class Circuit(NamedTuple):
    """What is written: see `TableNetwork`.

    Attributes:
        name: Of the module.
        port: How samples come in.
        wiring: Of each layer, (N, n).
        tables: Of each layer, (N, 2ⁿ).
        labels: Of the classes, as text.
    """

    name: str
    port: Port
    wiring: Sequence[np.ndarray]
    tables: Sequence[np.ndarray]
    labels: Sequence[str]

    @property
    def spins(self) -> int:
        """Of a class."""
        return len(self.tables[-1]) // len(self.labels)

    @property
    def count_bits(self) -> int:
        """Of the count of a class."""
        return self.spins.bit_length()

    @property
    def index_bits(self) -> int:
        """Of the index of a class."""
        return max((len(self.labels) - 1).bit_length(), 1)


def module_text(circuit: Circuit) -> str:
    """The module of a circuit."""
    port, total = circuit.port, len(circuit.labels) * circuit.count_bits
    lines = [
        *(f"// {line}".rstrip() for line in _header(circuit)),
        f"module {circuit.name} (",
        f"    input  {_axis(port.width)} {port.name},",
        f"    output {_axis(total)} counts,",
        f"    output {_axis(circuit.index_bits)} index",
        ");",
    ]
    # Wires of one bit, not of all: a simulator would look at every table whenever one
    # of them changes.
    lines += ["", *(f"  wire bit{i} = {bit};" for i, bit in enumerate(port.bits))]
    source = "bit"
    layers = zip(circuit.wiring, circuit.tables, strict=True)
    for place, (wires, tables) in enumerate(layers):
        lines += _layer(place, source, wires, tables)
        source = f"spin{place}_"
    lines += [*_counts(circuit, source), *_index(circuit), "endmodule"]
    return "\n".join(lines) + "\n"


def _header(circuit: Circuit) -> Iterator[str]:
    yield f"{circuit.name}: a network of tables, written by Isinglass."
    for place, (wires, tables) in enumerate(
        zip(circuit.wiring, circuit.tables, strict=True)
    ):
        bits, entries = wires.shape[1], tables.size
        yield f"Layer {place}: {len(tables)} tables of {bits} bits, {entries} entries."
    yield from ("", *circuit.port.about, "")
    high = circuit.count_bits - 1
    yield f"counts[{circuit.count_bits}*c + {high} : {circuit.count_bits}*c]: spins of"
    yield f"class c that are up, of {circuit.spins}."
    yield "index: the class whose count is the largest, the first of equal ones:"
    for place, label in enumerate(circuit.labels):
        yield f"  {place}: {label}"


def _layer(
    place: int, source: str, wires: np.ndarray, tables: np.ndarray
) -> Iterator[str]:
    size = tables.shape[1]
    yield ""
    rows = zip(words(tables), wires.tolist(), strict=True)
    for number, (word, row) in enumerate(rows):
        name = f"table{place}_{number}"
        address = ", ".join(f"{source}{wire}" for wire in reversed(row))
        yield f"  wire {_axis(size)} {name} = {size}'h{word};"
        yield f"  wire spin{place}_{number} = {name}[{{{address}}}];"


def _counts(circuit: Circuit, source: str) -> Iterator[str]:
    bits, size = circuit.count_bits, circuit.spins
    spin = f"{{{bits - 1}'d0, spins[place]}}" if bits > 1 else "spins[place]"
    yield from (
        "",
        f"  function {_axis(bits)} ones;",
        f"    input {_axis(size)} spins;",
        "    integer place;",
        "    begin",
        f"      ones = {bits}'d0;",
        f"      for (place = 0; place < {size}; place = place + 1)",
        f"        ones = ones + {spin};",
        "    end",
        "  endfunction",
        "",
    )
    for place in range(len(circuit.labels)):
        spins = [f"{source}{n}" for n in range(place * size, (place + 1) * size)]
        yield f"  assign counts{_part(place, bits)} = ones({{"
        lines = [", ".join(spins[i : i + 6]) for i in range(0, size, 6)]
        yield ",\n".join(f"    {line}" for line in lines) + "});"


def _index(circuit: Circuit) -> Iterator[str]:
    classes, bits = len(circuit.labels), circuit.count_bits
    yield from (
        "",
        f"  function {_axis(circuit.index_bits)} first_of_most;",
        f"    input {_axis(classes * bits)} counts;",
        f"    reg {_axis(bits)} most;",
        "    integer place;",
        "    begin",
        f"      first_of_most = {circuit.index_bits}'d0;",
        f"      most = counts{_part(0, bits)};",
        f"      for (place = 1; place < {classes}; place = place + 1)",
        f"        if (counts[place*{bits} +: {bits}] > most) begin",
        f"          first_of_most = place{_axis(circuit.index_bits)};",
        f"          most = counts[place*{bits} +: {bits}];",
        "        end",
        "    end",
        "  endfunction",
        "",
        "  assign index = first_of_most(counts);",
    )


def bench_text(circuit: Circuit, inputs: np.ndarray, counts: np.ndarray) -> str:
    """A module that looks whether a circuit answers inputs (n, width) by counts."""
    port, bits = circuit.port, circuit.count_bits
    total = len(circuit.labels) * bits
    packed = (counts[..., None] >> np.arange(bits) & 1).reshape(len(counts), -1)
    rows = zip(words(inputs), words(packed), counts.argmax(-1), strict=True)
    sizes = port.width, total, circuit.index_bits
    checks = [
        f"    check({sizes[0]}'h{sample}, {sizes[1]}'h{count}, {sizes[2]}'d{index});"
        for sample, count, index in rows
    ]
    lines = [
        f"// Whether {circuit.name} answers {len(checks)} samples as in Python.",
        f"module {circuit.name}_test;",
        f"  reg  {_axis(sizes[0])} {port.name};",
        f"  wire {_axis(sizes[1])} counts;",
        f"  wire {_axis(sizes[2])} index;",
        "  integer samples, wrong;",
        "",
        f"  {circuit.name} circuit ("
        f".{port.name}({port.name}), .counts(counts), .index(index));",
        "",
        "  task check;",
        f"    input {_axis(sizes[0])} sample;",
        f"    input {_axis(sizes[1])} true_counts;",
        f"    input {_axis(sizes[2])} true_index;",
        "    begin",
        f"      {port.name} = sample;",
        "      #1;",
        "      if (counts !== true_counts || index !== true_index) begin",
        "        wrong = wrong + 1;",
        '        $display("sample %0d: index %0d is not %0d, or counts %h not %h",',
        "            samples, index, true_index, counts, true_counts);",
        "      end",
        "      samples = samples + 1;",
        "    end",
        "  endtask",
        "",
        "  initial begin",
        "    samples = 0;",
        "    wrong = 0;",
        *checks,
        '    $display("%0d samples, %0d wrong", samples, wrong);',
        "    $finish(0);",
        "  end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def words(bits: np.ndarray) -> list[str]:
    """Rows of bits, the lowest first, as hexadecimal numbers."""
    digits = -(-bits.shape[1] // 4)
    packed = np.packbits(bits.astype(bool), axis=1, bitorder="little")[:, ::-1]
    return [row.tobytes().hex()[-digits:] for row in packed]


def _axis(width: int) -> str:
    return f"[{width - 1}:0]"


def _part(place: int, width: int) -> str:
    return f"[{(place + 1) * width - 1}:{place * width}]"
