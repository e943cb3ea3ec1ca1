"""Pages of HTML that stand alone: one file, no address in it, light and dark, fit for a phone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STYLE = Path(__file__).with_name("page.css")


def page(title: str, body: str) -> str:
    """Return a page with the style of the project inside.

    Parameters
    ----------
    title : str
        Of the browser's tab.
    body : str
        HTML.

    Returns
    -------
    str

    Examples
    --------
    >>> "<title>a &amp; b</title>" in page("a & b", "<p>text</p>")
    True
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def cards(rows: Sequence[Mapping[str, str]], caption: str = "") -> str:
    """Return a table that becomes one card a row where the screen is narrow.

    Parameters
    ----------
    rows : sequence of mapping
        HTML of each cell by the name of its column; all rows have the columns of the first one,
        which names the row.
    caption : str
        What the table shows.

    Returns
    -------
    str
        Empty without rows.

    Examples
    --------
    >>> print(cards([{"key": "C41", "agrees": "yes"}]))
    <table class="cards"><thead><tr><th scope="col">key</th><th scope="col">agrees</th></tr></thead>
    <tbody><tr><th scope="row">C41</th><td data-label="agrees">yes</td></tr></tbody></table>
    """
    if not rows:
        return ""
    heading = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows[0])
    shown = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "\n".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f'<table class="cards">{shown}<thead><tr>{heading}</tr></thead>\n'
        f"<tbody>{body}</tbody></table>"
    )


def _cells(row: Mapping[str, str]) -> str:
    (_, first), *others = row.items()
    cells = [f'<td data-label="{escape(name)}">{cell}</td>' for name, cell in others]
    return f'<th scope="row">{first}</th>' + "".join(cells)
