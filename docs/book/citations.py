"""Which works the notebooks and the package cite, and whether the bibliography has them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from book.notebooks import ROOT, notebooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from book.notebooks import Notebook

YEAR = r"(1[89]\d\d|20\d\d)"
# The package cites as: Author and Author 1990, "Title".
IN_CODE = re.compile(YEAR + r"\b[)a,:]{0,3} \"([A-Z][^\"]{8,}?)\"")
# Notebooks cite as: Author (1990), "Title" or, where nothing is quoted, Author (1990), *Title*.
QUOTED = re.compile(rf"(?:\({YEAR}\))?, \"(.{{8,}}?)\"")
EMPHASISED = re.compile(rf"(?:\({YEAR}\))?,? \*([^*]{{8,}})\*")
ENTRY = re.compile(r"@\w+\{(?P<key>\w+),(?P<fields>.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*?)\},?$", re.MULTILINE)


@dataclass(frozen=True)
class Citation:
    """A work that a place cites by its title."""

    place: str
    year: str
    title: str


@dataclass(frozen=True)
class Entry:
    """A work of the bibliography."""

    key: str
    author: str
    year: str
    title: str
    published_in: str

    def is_cited_by(self, citation: Citation) -> bool:
        """Tell whether a citation means this work; titles may be cut short."""
        own, cited = plain(self.title), plain(citation.title)
        same_year = not citation.year or citation.year == self.year
        return bool(own) and same_year and (own.startswith(cited) or cited.startswith(own))

    def is_named_in(self, text: str) -> bool:
        """Tell whether a text names the first author and the year."""
        surname = re.split(r",| and ", self.author.strip("{}").replace("\\&", "&"))[0]
        return surname in text and self.year in text


@cache
def entries() -> list[Entry]:
    """Return the works of docs/references.bib."""
    text = (ROOT / "docs" / "references.bib").read_text(encoding="utf-8")
    found = []
    for match in ENTRY.finditer(text):
        fields = dict(FIELD.findall(str(match["fields"])))
        journal = fields.get("journal") or fields.get("howpublished") or ""
        author, year, title = (fields.get(name, "") for name in ("author", "year", "title"))
        found.append(Entry(str(match["key"]), author, year, title.strip("{}"), journal))
    return found


def cited() -> Iterator[Citation]:
    """Yield the works that are cited by title: in the package, then in notebooks."""
    for path in sorted((ROOT / "nps_research").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield from cited_in_code(f"`{module}`", path.read_text(encoding="utf-8"))
    for book in notebooks():
        for bullet in references(book):
            yield from cited_in_bullet(f"[{book.number}](notebooks/{book.path.name})", bullet)


def cited_in_code(place: str, source: str) -> Iterator[Citation]:
    """Yield what docstrings and comments cite, across the ends of their lines."""
    text = re.sub(r"\s*\n\s*(?:# )?", " ", source)
    for year, title in IN_CODE.findall(text):
        yield Citation(place, year, title)


def cited_in_bullet(place: str, bullet: str) -> Iterator[Citation]:
    """Yield what an item of a list of references cites; names of journals are no titles."""
    journals = {plain(entry.published_in) for entry in entries()}
    found = QUOTED.findall(bullet) or EMPHASISED.findall(bullet)
    for year, title in found:
        if not any(journal.startswith(plain(title)) for journal in journals):
            yield Citation(place, year, title)


def references(book: Notebook) -> list[str]:
    """Return the items of a notebook's list of references."""
    prose = next(cell.prose for cell in book.cells if "References" in cell.headings)
    _, _, listed = prose.partition("## References")
    return re.findall(r"^- (.+)$", listed.partition("\n## ")[0], re.MULTILINE)


def places() -> dict[str, list[str]]:
    """Return where each work is cited by title, for those that are."""
    citations = list(cited())
    found = {
        entry.key: list(dict.fromkeys(c.place for c in citations if entry.is_cited_by(c)))
        for entry in entries()
    }
    return {key: where for key, where in found.items() if where}


def missing(citations: Iterable[Citation]) -> list[Citation]:
    """Return the citations whose work is not in the bibliography."""
    return [each for each in citations if not any(e.is_cited_by(each) for e in entries())]


def uncited() -> list[str]:
    """Return the works of the bibliography that nothing cites, by title or by author and year."""
    bullets = [bullet for book in notebooks() for bullet in references(book)]
    texts = [*bullets, *(path.read_text("utf-8") for path in _texts())]
    known = places()
    return [
        entry.key
        for entry in entries()
        if entry.key not in known and not any(entry.is_named_in(text) for text in texts)
    ]


def _texts() -> list[Path]:
    package, pages = (ROOT / "nps_research").rglob("*.py"), (ROOT / "docs").rglob("*.md")
    return [*package, *pages]


def plain(title: str) -> str:
    """Return the letters and digits of a title, without accents."""
    letters = unicodedata.normalize("NFKD", title.lower())
    return re.sub(r"[^a-z0-9]", "", letters)
