"""What results show of themselves in a notebook."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """A small table in HTML, for a ``_repr_html_``.

    Args:
        caption: What it is of, above the table.
        header: Names of the columns; none for rows that begin with their names.
        rows: Cells as they are shown, of which the first names the row.
    """

    def cells(row: Sequence[str], scope: str) -> str:
        first, *rest = map(escape, row)
        tag = f'th scope="{scope}"'
        others = rest if scope == "row" else []
        heads = [first] if scope == "row" else [first, *rest]
        return (
            "<tr>"
            + "".join(f"<{tag}>{text}</th>" for text in heads)
            + "".join(f"<td>{text}</td>" for text in others)
            + "</tr>"
        )

    head = f"<thead>{cells(header, 'col')}</thead>" if header else ""
    body = "".join(cells(row, "row") for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption>{head}"
        f"<tbody>{body}</tbody></table>"
    )
