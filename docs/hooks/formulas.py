"""Formulas as MathML, which browsers draw themselves: no script, no fonts, no host."""

import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\s*(?:\\\((.*?)\\\)|\\\[(.*?)\\\])\s*</\1>',
    re.DOTALL,
)
COMMAND = re.compile(r"\\[a-zA-Z]+")
LONG = 40  # Characters of TeX that a line of a phone may not hold; it then scrolls.
# What the converter does not know, by what it does.
INSTEAD = {r"\tfrac": r"\frac", r"\lbrace": r"\{", r"\rbrace": r"\}"}


def as_mathml(page: str) -> str:
    """Return the HTML of a page with its formulas, marked by Arithmatex, in MathML.

    Raises:
        ValueError: If a formula uses a command that is not understood.
    """
    return FORMULA.sub(_formula, page)


def _formula(match: re.Match[str]) -> str:
    inline, display = match[2], match[3]
    tex = html.unescape(display if inline is None else inline).strip()
    tex = COMMAND.sub(lambda command: INSTEAD.get(command[0], command[0]), tex)
    mathml = convert(tex, display="inline" if display is None else "block")
    unknown = COMMAND.search(mathml)
    if unknown:
        raise ValueError(f"{unknown[0]} is not understood in {tex}")
    if display is not None:
        return f'<div class="formula">{mathml}</div>'
    return f'<span class="formula">{mathml}</span>' if len(tex) > LONG else mathml
