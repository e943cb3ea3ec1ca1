"""The pages that list: figures and tables, claims, recorded numbers, and who is cited where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from book import citations
from book.notebooks import notebooks
from nps_research.claims import recorded_results
from nps_research.ledger_view import ledger_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from book.notebooks import Cell, Notebook

EXHIBITS = """# Figures and tables

Every figure and table of the notebooks, with the cell that makes it. A figure is numbered within
its notebook, and so is a table. Cells are counted from 1, text included.
"""
LEDGER = """# The ledger of claims

Claims of {cite:author}`iqbal`, {cite:author}`dev`, {cite:author}`clor`,
{cite:author}`sivasubramanian` and {cite:author}`keck` ([bibliography](bibliography.md)), each with
its verdict and the number that decided it: *supported*, *refuted*, *depends* (the number is the
boundary), *not testable here* (the notebook says why), or still *open*. `make reproduce` gives
every number back, up to its Monte Carlo error.
"""
NUMBERS = """# Recorded numbers

Every number that a notebook records, with the cell. Those that settle a claim are in
[the ledger](ledger.md) too.
"""
BIBLIOGRAPHY = """# Bibliography

Works cited in the notebooks and the package, with what is said of them there: where a journal or a
first name is missing, none was given.

```{bibliography}
:all:
```

## Cited where

"""


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {
        "exhibits.md": exhibits_page(notebooks()),
        "ledger.md": ledger_page(),
        "numbers.md": numbers_page(),
        "bibliography.md": BIBLIOGRAPHY + _table(["work", "cited in"], _cited_where()),
    }


def exhibits_page(books: Iterable[Notebook]) -> str:
    """Return the list of figures and tables, a section a notebook."""
    parts = [EXHIBITS]
    for book in books:
        rows = [[each.name, each.title, link(each.cell, "cell")] for each in book.exhibits]
        parts += [
            f"## {book.number} {book.title}\n",
            _table(["number", "what it shows", "cell"], rows),
        ]
    return "\n".join(parts)


def link(cell: Cell, words: str = "") -> str:
    """Return a link to a cell: its notebook and number, or words and its number."""
    text = f"{words} {cell.number}" if words else cell.place
    return f"{{ref}}`{text} <{cell.label}>`"


def ledger_page() -> str:
    """Return the claims in chapters, with verdict, number, limits, source and cell."""
    view, cells = ledger_view(), recording_cells()
    parts = [LEDGER, f"**{view.summary()}**\n"]
    for chapter, rows in view.chapters():
        parts.append(f"## {chapter}\n")
        for key, row in rows.iterrows():
            where = link(cells[str(key)]) if str(key) in cells else row["notebook"]
            parts.append(_entry(f"{key} {row['claim']}", row, where))
    return "\n".join(parts)


def _entry(claim: str, row: pd.Series, where: str) -> str:
    """Return a claim as a definition: what it says, then what became of it."""
    settled = ": ".join(filter(None, (f"**{row['verdict'].capitalize()}**", row["number"])))
    limits = f"Other assumptions: {row['sensitivity']}." if row["sensitivity"] else ""
    place = f"{where}; claimed by {row['source']}."
    texts = (f"{settled}.", row["reason"], limits, place)
    return f"{claim}\n: {' '.join(filter(None, texts))}\n"


def numbers_page() -> str:
    """Return the recorded numbers by notebook."""
    results, cells = recorded_results(), recording_cells()
    parts = [NUMBERS]
    for book in notebooks():
        keys = [key for key, cell in cells.items() if cell.notebook == book.number]
        rows = [[f"`{key}`", str(results.get(key, "")), link(cells[key], "cell")] for key in keys]
        if rows:
            parts += [f"## {book.number} {book.title}\n", _table(["key", "number", "cell"], rows)]
    return "\n".join(parts)


def recording_cells() -> dict[str, Cell]:
    """Return the cell that records each number, in reading order."""
    return {
        key: cell
        for book in notebooks()
        for cell in book.cells
        for key in (cell.recorded_keys if cell.is_code else [])
    }


def _cited_where() -> list[list[str]]:
    return [[f"{{cite}}`{key}`", ", ".join(places)] for key, places in citations.places().items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escaped(text) for text in row] for row in rows)]
    return "{.listing}\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(text: str) -> str:
    """Keep bars and line ends from breaking the table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
