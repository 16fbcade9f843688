"""``isinglass radius``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isinglass._common.checks import check_sizes
from isinglass.cli._errors import Debug, clear_errors, console
from isinglass.cli._errors import folder as parsed_folder

if TYPE_CHECKING:
    import xarray as xr


def radius(
    model: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            parser=parsed_folder,
            help="Folder of a GPT-2 in Hugging Face's format: config.json, model.safetensors, and "
            "vocab.json with merges.txt unless its tokens are bytes.",
            show_default=False,
        ),
    ],
    text: Annotated[
        Path, typer.Option(metavar="FILE", help="Text to read.", show_default=False)
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N|final",
            help="0 for the embedding, 1 to L for a layer, 'final' for the last after layer "
            "normalisation; by default all. May be repeated.",
            show_default=False,
        ),
    ] = None,
    fraction: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the sample, in (0, 1]; by default 0.25, 0.5, 0.75 and 1. May be "
            "repeated.",
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
            help="Tokens in a sequence; by default 256, as in the paper, or the model's context if "
            "that is less.",
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
    """Measure how far a model's activations lie apart: its memory radius, layer by layer.

    The distance of each activation to its nearest other one, by share of the sample,
    beside √(n/2πe), the radius that a ball of volume 1 has. Prints a table, and writes
    radius.csv, radius.json, radius.png and radius.svg into DIR.
    """
    with clear_errors(debug):
        about: dict[str, Any] = {"model": str(model), "text": str(text)}
        with _followed() as tell:
            dataset = _measured(
                model,
                text,
                out,
                layer,
                fraction,
                samples,
                context,
                position,
                batch,
                precision,
                seed,
                about,
                tell,
            )
    with clear_errors(debug, bad_input=False):
        from rich.console import Console

        from isinglass.report import radius as report

        paths = report.write(dataset, out, about)
        shown = Console()
        shown.print(report.table(dataset, f"Memory radius of {model} on {text}"))
        lines = [f"Numbers: {paths['csv']}, {paths['json'].name}"]
        lines += [f"Figure:  {paths['png']}, {paths['svg'].name}"]
        shown.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _measured(
    model: Path,
    text: Path,
    out: Path,
    layer: list[str] | None,
    fraction: list[float] | None,
    samples: int,
    context: int | None,
    position: str,
    batch: int,
    precision: str,
    seed: int,
    about: dict[str, Any],
    tell: Callable[[str, int, int], None],
) -> xr.Dataset:
    """The report; what was measured is noted in ``about``.

    Raises:
        ValueError: If an option or a file cannot be used.
        OSError: If a file is missing or cannot be written.
    """
    import tempfile

    from isinglass.systems.memory import (
        Execution,
        layer_radius,
        load_gpt2,
        sequences_of,
        tokenise,
        tokens_of,
    )
    from isinglass.systems.memory.radius import FRACTIONS, sizes_of
    from isinglass.systems.memory.transformer import DTYPES

    check_sizes(2, **{"--samples": samples})
    check_sizes(**{"--batch": batch})
    check_sizes(0, **{"--seed": seed})
    for name, value, known in (
        ("--position", position, ("last", "mean")),
        ("--precision", precision, DTYPES),
    ):
        if value not in known:
            raise ValueError(f"{name} must be {known[0]} or {known[1]}, got {value!r}")
    fractions = fraction or FRACTIONS
    sizes_of(fractions, samples, "--fraction", f"--samples {samples}")
    execution = Execution(dtype=precision)
    loaded = load_gpt2(model)
    if context is not None and not 1 <= context <= loaded.config.context:
        raise ValueError(
            f"--context must be 1 to the model's {loaded.config.context}, got {context}"
        )
    try:
        tokens = tokens_of(model, loaded.config.vocabulary)
    except ImportError as error:
        raise ValueError(str(error)) from None
    length = min(256, loaded.config.context) if context is None else context
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".isinglass-", dir=out) as scratch:
        found = tokenise(text, tokens, Path(scratch) / "tokens.npy")
        sequences = sequences_of(found, length, samples)
        sizes_of(fractions, len(sequences), "--fraction", f"{len(sequences)} sequences")
        about |= {
            "context": length,
            "sequences": len(sequences),
            "position": position,
            "precision": precision,
            "seed": seed,
            "width": loaded.config.width,
        }
        return layer_radius(
            loaded,
            sequences,
            layers=layer or None,
            fractions=fractions,
            positions=position,
            seed=seed,
            batch=batch,
            execution=execution,
            scratch=scratch,
            progress=tell,
        )


@contextmanager
def _followed() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each part of the work."""
    from isinglass._common.progress import Bars

    with (bars := Bars(console())), ExitStack() as line:
        drawn: dict[str, Callable[[float, float], None]] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in drawn:
                line.close()
                drawn.clear()
                drawn[what] = line.enter_context(bars.follow(what))
            drawn[what](done, total)

        yield tell
