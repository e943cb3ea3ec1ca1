"""What the book needs to know of a notebook: its cells, figures, tables and records."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import nbformat

from nps_research.notebook_figures import figure_titles

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
RECORDING_CALLS = {"record", "record_estimate", "record_posterior"}
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) +(.+?) *$", re.MULTILINE)
MOST_COLUMNS = 6
# Versions of packages are a table too, but no result.
NO_RESULTS = "Session"


class PlaceError(ValueError):
    """Say why a place in a notebook cannot be found."""


@dataclass(frozen=True)
class Exhibit:
    """A figure or table of the book.

    Attributes
    ----------
    kind : str
        ``Figure`` or ``Table``.
    number : str
        Such as ``3.2``: the second of its kind in notebook 03.
    title : str
        What it shows: the title of a figure; for a table the words that lead to it, or else the
        heading above it and its columns.
    cell : Cell
        The cell that makes it.
    """

    kind: str
    number: str
    title: str
    cell: Cell

    @property
    def name(self) -> str:
        """Kind and number, such as ``Figure 3.2``."""
        return f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Cell:
    """A cell and its place as a reader sees it, counted from 1."""

    notebook: str
    number: int
    node: nbformat.NotebookNode

    @property
    def label(self) -> str:
        """Target of links to the cell, such as ``nb03-cell-9``."""
        return f"nb{self.notebook}-cell-{self.number}"

    @property
    def place(self) -> str:
        """Notebook and cell in words."""
        return f"{self.notebook}, cell {self.number}"

    @property
    def is_code(self) -> bool:
        """Whether it is a code cell."""
        return bool(self.node.cell_type == "code")

    @property
    def prose(self) -> str:
        """The text of a text cell, without blocks of code."""
        return "" if self.is_code else FENCE.sub("", self.node.source)

    @property
    def headings(self) -> list[str]:
        """Headings in a text cell, in order."""
        return [title for _, title in HEADING.findall(self.prose)]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """``Figure`` or ``Table`` for each output that is one, and the columns of the table."""
        shown = [output.get("data", {}) for output in self.node.get("outputs", [])]
        return [(kind, _columns(data)) for data in shown if (kind := _kind(data))]

    @cached_property
    def calls(self) -> list[ast.Call]:
        """What a code cell calls."""
        tree = ast.parse(self.node.source if self.is_code else "")
        return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]

    @property
    def figure_titles(self) -> list[str]:
        """The titles given to figures, in order."""
        return figure_titles(self.node.source) if self.is_code else []

    @property
    def recorded_keys(self) -> list[str]:
        """Keys of the numbers that the cell records."""
        calls = (call for call in self.calls if _last_name(call) in RECORDING_CALLS)
        given = ([*call.args[:1], *(k.value for k in call.keywords[:1])] for call in calls)
        return [key for values in given if (key := _text(values[0]))]


@dataclass(frozen=True)
class Notebook:
    """A notebook of the project."""

    path: Path
    cells: tuple[Cell, ...]

    @property
    def number(self) -> str:
        """Two digits, such as ``03``."""
        return self.path.stem[:2]

    @property
    def title(self) -> str:
        """The question that it answers."""
        return self.cells[0].headings[0]

    @cached_property
    def exhibits(self) -> list[Exhibit]:
        """Figures and tables in order."""
        found: list[Exhibit] = []
        for cell, section in zip(self.cells, self.sections, strict=True):
            titles = iter(cell.figure_titles)
            for kind, columns in cell.shown if section != NO_RESULTS else []:
                rank = sum(each.kind == kind for each in found) + 1
                title = next(titles, "") if kind == "Figure" else self.lead(cell)
                number = f"{int(self.number)}.{rank}"
                title = title or (f"{section} ({columns})" if columns else section)
                found.append(Exhibit(kind, number, title, cell))
        return found

    @cached_property
    def sections(self) -> list[str]:
        """The heading that each cell stands under."""
        current, above = "", []
        for cell in self.cells:
            current = (cell.headings or [current])[-1]
            above.append(current)
        return above

    def lead(self, cell: Cell) -> str:
        """Return the sentence right before a cell that leads to it and ends with a colon."""
        paragraphs = _paragraphs(self.cells[cell.number - 2].prose) if cell.number > 1 else []
        last = paragraphs[-1] if paragraphs else ""
        sentence = re.split(r"(?<=[.?!]) (?=[A-Z*])", last)[-1]
        return sentence.removesuffix(":") if sentence.endswith(":") else ""

    def find(self, words: str) -> Cell:
        """Return the cell that a heading opens, or the only cell that contains the words.

        Raises
        ------
        PlaceError
            If no cell has them, or several have.
        """
        found = [cell for cell in self.cells if words in cell.headings]
        found = found or [cell for cell in self.cells if words in cell.node.source]
        if len(found) != 1:
            places = ", ".join(str(cell.number) for cell in found) or "none"
            raise PlaceError(
                f"{words!r} must name one cell of {self.path.name}; cells with it: {places}. "
                "Take a heading, or words that only one cell has."
            )
        return found[0]


@cache
def read(path: Path) -> Notebook:
    """Read a notebook."""
    nodes = nbformat.read(path, as_version=4).cells
    number = path.stem[:2]
    return Notebook(path, tuple(Cell(number, n, node) for n, node in enumerate(nodes, start=1)))


def notebooks(folder: Path = FOLDER) -> list[Notebook]:
    """Return the notebooks in reading order."""
    return [read(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def find_place(place: str) -> Cell:
    """Return the cell that ``NN: words`` names: a heading, or words that only one cell has.

    Raises
    ------
    PlaceError
        If there is no such notebook or not exactly one such cell.
    """
    number, _, words = place.partition(": ")
    for notebook in notebooks():
        if notebook.number == number:
            return notebook.find(words)
    raise PlaceError(f"there is no notebook {number!r}; write places as '03: a heading'.")


def _kind(data: nbformat.NotebookNode) -> str:
    if "image/png" in data or "image/svg+xml" in data:
        return "Figure"
    return "Table" if "<table" in data.get("text/html", "") else ""


def _columns(data: nbformat.NotebookNode) -> str:
    """Return the headings of the first rows of a table."""
    head, _, _ = data.get("text/html", "").partition("</thead>")
    texts = (re.sub(r"<.*?>", "", text).strip() for text in re.findall(r"<th.*?</th>", head))
    names = list(dict.fromkeys(filter(None, texts)))
    return ", ".join([*names[:MOST_COLUMNS], "..."] if len(names) > MOST_COLUMNS else names)


def _text(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def _last_name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _paragraphs(prose: str) -> list[str]:
    """Split text into paragraphs of one line, without headings, tables and formulas."""
    parts = (re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", prose))
    return [part for part in parts if part and part[0] not in "#|$"]
