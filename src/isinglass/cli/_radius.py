"""``isinglass radius``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from isinglass._common.lazy import lazy_module
from isinglass.cli._compute import prepare
from isinglass.cli._errors import Debug, clear_errors, console
from isinglass.cli._errors import folder as parsed_folder

if TYPE_CHECKING:
    import xarray as xr

    from isinglass._common.bars import Bars

# Loaded when the command uses them: they import JAX or Matplotlib.
checks = lazy_module("isinglass._common.checks")
memory = lazy_module("isinglass.systems.memory")
bars_module = lazy_module("isinglass._common.bars")
radius_report = lazy_module("isinglass.report.radius")
sizes = lazy_module("isinglass.systems.memory.radius")
text_files = lazy_module("isinglass.data.text_files")
tokens_module = lazy_module("isinglass.data.tokens")
transformer = lazy_module("isinglass.systems.memory.transformer")

Report = Callable[[str, int, int], None]  # what is done, how much, of how much


def radius(
    model: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=parsed_folder,
            help="Folder of a GPT-2 in Hugging Face's format: config.json, "
            "model.safetensors, and tokenizer.json or vocab.json with merges.txt.",
            show_default=False,
        ),
    ],
    text: Annotated[
        Path, typer.Option(metavar="FILE", help="Text to read.", show_default=False)
    ],
    tokens: Annotated[
        str,
        typer.Option(
            metavar="folder|bytes",
            help="The tokens of the model: those of its folder's tokenizer, or bytes.",
        ),
    ] = "folder",
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|final",
            help="0 for the embedding, 1 to L for a layer, 'final' for the last after "
            "layer normalisation; by default all. May be repeated.",
            show_default=False,
        ),
    ] = None,
    fraction: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the sample, in (0, 1]; by default 0.25, 0.5, 0.75 and 1. "
            "May be repeated.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Most sequences to take from the text, evenly spaced.")
    ] = 10_000,
    context: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Tokens in a sequence; by default 256, as in the paper, or the "
            "model's context if that is less.",
            show_default=False,
        ),
    ] = None,
    position: Annotated[
        str,
        typer.Option(metavar="last|mean", help="Which activation of a sequence."),
    ] = "last",
    batch: Annotated[int, typer.Option(help="Sequences at a time.")] = 8,
    precision: Annotated[
        str,
        typer.Option(
            metavar="float32|bfloat16", help="Of the model's matrix products."
        ),
    ] = "float32",
    seed: Annotated[
        int, typer.Option(help="Of the order of the sample, at least 0.")
    ] = 0,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=parsed_folder,
            help="Folder for the numbers and the figure.",
        ),
    ] = Path("isinglass-radius"),
    debug: Debug = False,
) -> None:
    """Measure how far a model's activations lie apart: its radius, layer by layer.

    The distance of each activation to its nearest other one, by share of the sample,
    beside √(n/2πe), the radius that a ball of volume 1 has. Prints a table, and writes
    radius.csv, radius.json, radius.png and radius.svg into DIR.
    """
    request = RadiusRequest(
        model=model,
        text=text,
        tokens=tokens,
        out=out,
        layers=layer or None,
        fractions=fraction,
        samples=samples,
        context=context,
        position=position,
        batch=batch,
        precision=precision,
        seed=seed,
    )
    # The bars come first: what follows imports JAX.
    with clear_errors(debug), bars_module.Bars(console()) as bars:
        prepare()
        dataset, about = _measure(request, bars)
    with clear_errors(debug, bad_input=False):
        with bars_module.Bars(console()) as bars:
            bars.step("drawing")
            paths = radius_report.write(dataset, out, about)
        stdout = Console()
        stdout.print(
            radius_report.table(dataset, f"Memory radius of {model} on {text}")
        )
        lines = [f"Numbers: {paths['csv']}, {paths['json'].name}"]
        lines += [f"Figure:  {paths['png']}, {paths['svg'].name}"]
        stdout.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class RadiusRequest:
    """What `isinglass radius` is to measure: its options, checked when it is made.

    Raises:
        ValueError: If an option cannot be used; it names the option.
    """

    model: Path
    text: Path
    tokens: str
    out: Path
    layers: list[str] | None
    fractions: list[float] | None
    samples: int
    context: int | None
    position: str
    batch: int
    precision: str
    seed: int

    def check(self) -> None:
        """Refuse what can be refused before the model is read."""
        checks.check_whole(2, **{"--samples": self.samples})
        checks.check_whole(**{"--batch": self.batch})
        checks.check_seed(**{"--seed": self.seed})
        choices = {
            "--tokens": (self.tokens, ("folder", "bytes")),
            "--position": (self.position, ("last", "mean")),
            "--precision": (self.precision, transformer.DTYPES),
        }
        for name, (value, (first, second)) in choices.items():
            if value not in (first, second):
                raise ValueError(f"{name} must be {first} or {second}, got {value!r}")
        self.check_fractions(self.samples, f"--samples {self.samples}")

    def check_fractions(self, count: int, what: str) -> None:
        """Refuse shares of which nothing is left in so many sequences."""
        sizes.sizes_of(self.shares, count, "--fraction", what)

    @property
    def shares(self) -> Sequence[float]:
        """The fractions, by default those of the paper."""
        return self.fractions or sizes.FRACTIONS


def _measure(request: RadiusRequest, bars: Bars) -> tuple[xr.Dataset, dict[str, Any]]:
    """The radius report, and what it is of.

    Raises:
        ValueError: If an option or a file cannot be used.
        OSError: If a file is missing or cannot be written.
    """
    bars.step("reading the model")
    request.check()
    model = memory.load_gpt2(request.model)
    length = _sequence_length(request.context, model.config.context)
    tokens = _tokens(request, model.config.vocabulary)
    request.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".isinglass-", dir=request.out) as scratch:
        bars.step("tokenising the text")
        store = Path(scratch) / "tokens.npy"
        text = text_files.tokenise(request.text, tokens, store)
        sequences = memory.sequences_of(text, length, request.samples)
        request.check_fractions(len(sequences), f"{len(sequences)} sequences")
        reading = memory.Reading(
            layers=request.layers,
            positions=request.position,
            batch=request.batch,
            execution=memory.Execution(dtype=request.precision),
            scratch=scratch,
        )
        bars.step("")
        layers = len(request.layers or range(model.config.layers + 2))
        with _parts(bars, 1 + layers) as report:
            dataset = memory.layer_radius(
                model,
                sequences,
                reading,
                fractions=request.shares,
                seed=request.seed,
                progress=report,
            )
    about = {
        "model": str(request.model),
        "text": str(request.text),
        "context": length,
        "sequences": len(sequences),
        "position": request.position,
        "precision": request.precision,
        "seed": request.seed,
        "width": model.config.width,
    }
    return dataset, about


def _tokens(request: RadiusRequest, vocabulary: int) -> Any:
    if request.tokens == "bytes":
        tokens = tokens_module.ByteTokens()
        if vocabulary < tokens.vocabulary:
            raise ValueError(
                f"--tokens bytes needs a vocabulary of 256 at least, and that of "
                f"{request.model} is {vocabulary}"
            )
        return tokens
    try:
        return text_files.tokens_of(request.model, vocabulary)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; or give --tokens bytes here") from None


def _sequence_length(wanted_length: int | None, longest: int) -> int:
    if wanted_length is None:
        return min(256, longest)
    if not 1 <= wanted_length <= longest:
        raise ValueError(
            f"--context must be 1 to the model's {longest}, got {wanted_length}"
        )
    return wanted_length


@contextmanager
def _parts(bars: Bars, count: int) -> Iterator[Report]:
    """A line for all parts of the work, and one for each: activations, then layers."""
    with bars.follow("memory radius") as report_all, ExitStack() as line:
        parts: dict[str, Callable[[float, float], None]] = {}
        report_all(0, count)

        def report(what: str, done: int, total: int) -> None:
            if what not in parts:
                report_all(len(parts), count)
                line.close()
                parts[what] = line.enter_context(bars.follow(what))
            parts[what](done, total)

        yield report
