"""The ledger to be read: claims in chapters, each with its verdict, number, place and limits."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from nps_research.claims import ledger
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Chapters in reading order, and the themes of the claims that each holds.
CHAPTERS = {
    "What the number is": ("metric", "precision"),
    "Who answers": ("sampling", "accounts", "feedback"),
    "What a score says": ("validity", "benchmarking", "drivers"),
    "What it predicts": ("churn", "dynamics", "economics"),
    "Judging people by it": ("people",),
    "Gaming it": ("gaming", "concessions", "thresholds"),
    "Steering by it": ("governance", "process"),
}
# A sign for each verdict, so that colour is not needed to tell them apart.
SIGNS = {"supported": "✓", "refuted": "✗", "depends": "◐", "not testable here": "–", "open": "…"}

HEADINGS = ("claim", "verdict", "number that settles it", "sensitivity", "where")


@dataclass(frozen=True, eq=False, repr=False)
class LedgerView:
    """The ledger in chapters, as HTML in a notebook and as text elsewhere.

    Attributes
    ----------
    table : pandas.DataFrame
        Rows of `nps_research.claims.ledger`.
    folder : str
        Before the names of notebooks in links; empty beside them.
    """

    table: pd.DataFrame
    folder: str = ""

    def chapters(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each chapter that has claims, with its rows."""
        for chapter, themes in CHAPTERS.items():
            rows = self.table[self.table["theme"].isin(themes)]
            if len(rows):
                yield chapter, rows

    def summary(self) -> str:
        """Return the number of claims by verdict in one sentence."""
        noun = "claim" if len(self.table) == 1 else "claims"
        return f"{len(self.table)} {noun}: {_counts(self.table)}."

    def __repr__(self) -> str:
        lines = [self.summary()]
        for chapter, rows in self.chapters():
            lines += ["", chapter]
            lines += [
                f"  {name} {SIGNS[row['verdict']]} {row['verdict']}: {row['claim']}"
                for name, row in rows.iterrows()
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        chapters = (self._html_chapter(chapter, rows) for chapter, rows in self.chapters())
        return f"<p>{escape(self.summary())}</p>{''.join(chapters)}"

    def _html_chapter(self, chapter: str, rows: pd.DataFrame) -> str:
        """Return a chapter that a reader unfolds, or sees at once if it is the only one."""
        shown = " open" if len(rows) == len(self.table) else ""
        heading = "".join(f'<th style="text-align:left">{name}</th>' for name in HEADINGS)
        body = "".join(self._html_row(str(name), row) for name, row in rows.iterrows())
        return (
            f"<details{shown}><summary><strong>{escape(chapter)}</strong> "
            f"({escape(_counts(rows))})</summary><table><thead><tr>{heading}</tr></thead>"
            f"<tbody>{body}</tbody></table></details>"
        )

    def _html_row(self, name: str, row: pd.Series) -> str:
        reason = f"<br><em>{escape(row['reason'])}</em>" if row["reason"] else ""
        cells = (
            f"<strong>{name}</strong> {escape(row['claim'])} ({escape(row['source'])})",
            f"{SIGNS[row['verdict']]}&nbsp;{escape(row['verdict'])}{reason}",
            escape(row["number"]),
            escape(row["sensitivity"]),
            self._link(row),
        )
        shown = "".join(
            f'<td style="text-align:left;vertical-align:top">{cell}</td>' for cell in cells
        )
        return f"<tr>{shown}</tr>"

    def _link(self, row: pd.Series) -> str:
        if row["verdict"] == "open":
            return ""
        target = f"{self.folder}{row['notebook']}.ipynb"
        return f'<a href="{escape(target)}">{place(row)}</a>'


def ledger_view(claims: Iterable[str] | None = None, *, folder: str = "") -> LedgerView:
    """Return the ledger to be read, of all claims or of some, in that order.

    Parameters
    ----------
    claims : iterable of str, optional
        Identifiers such as ``C41``.
    folder : str
        Where the notebooks are, seen from the page that shows it.

    Returns
    -------
    LedgerView

    Raises
    ------
    ValueError
        If there is no such claim.

    Examples
    --------
    >>> print(ledger_view(["C41"]))
    1 claim: 1 supported.
    <BLANKLINE>
    What the number is
      C41 ✓ supported: All 0s and all 6s both give -100; all 7s give 0: NPS ignores improvement
      inside a class
    """
    table = ledger()
    wanted = list(claims) if claims is not None else list(table.index)
    for claim in wanted:
        if claim not in table.index:
            raise ValueError(unknown_name("claim", claim, table.index))
    return LedgerView(table.loc[wanted], folder)


def markdown_rows(claims: Iterable[str], *, folder: str = "notebooks/") -> str:
    """Return claims as rows of a Markdown table: claim, verdict, number, place.

    Parameters
    ----------
    claims, folder
        As in `ledger_view`.

    Returns
    -------
    str
        One line a claim, in the order given.

    Examples
    --------
    >>> row = markdown_rows(["C41"])
    >>> row.startswith("| All 0s and all 6s both give -100"), row.count("|")
    (True, 5)
    """
    view = ledger_view(claims, folder=folder)
    return "\n".join(
        f"| {row['claim']} ({name}) | {row['verdict']} | {row['number']} | "
        f"[{place(row)}]({folder}{row['notebook']}.ipynb) |"
        for name, row in view.table.iterrows()
    )


def place(row: pd.Series) -> str:
    """Return notebook and cell as readers see them, such as ``02, cell 21``."""
    cell = f", cell {row['cell']}" if pd.notna(row["cell"]) else ""
    return f"{row['notebook'][:2]}{cell}"


def _counts(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in SIGNS if verdict in counts)
