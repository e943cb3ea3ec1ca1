"""Figures of an executed notebook, saved as PNG and SVG under the cell and the title of each."""

from __future__ import annotations

import ast
import re
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

# Makes the kernel draw every figure twice: into the notebook, and as a drawing to scale.
BOTH_FORMATS = "--InlineBackend.figure_formats={'png','svg'}"
PNG, SVG = "image/png", "image/svg+xml"
# Calls that give a figure its title, by the name of the argument or of the function.
TITLE_ARGUMENT, TITLE_CALLS = "title", {"set_title", "suptitle", "title"}
LONGEST_NAME = 60


def save_figures(notebook: NotebookNode, folder: Path) -> list[Path]:
    """Save the figures of an executed notebook, and leave one format of each in it.

    Parameters
    ----------
    notebook : NotebookNode
        Executed by a kernel that was started with `BOTH_FORMATS`; SVG beside PNG is removed.
    folder : Path
        Receives ``cell-07-the-title.png`` and ``.svg``; made if there are figures. The number is
        the execution count, which readers see beside the cell.

    Returns
    -------
    list of Path
        One file a figure, in the order of the cells: PNG, or SVG where there is nothing else.
    """
    saved = []
    for cell in notebook.cells:
        drawings = [each.data for each in cell.get("outputs", []) if _is_figure(each)]
        names = figure_names(cell, len(drawings))
        for drawing, name in zip(drawings, names, strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            saved.append(_save(drawing, folder / name))
    return saved


def _is_figure(output: NotebookNode) -> bool:
    return not {PNG, SVG}.isdisjoint(output.get("data", {}))


def _save(drawing: dict[str, str], stem: Path) -> Path:
    """Write what there is of a figure; what was drawn twice stays in the notebook as PNG."""
    raster, vector = (stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg"))
    if SVG in drawing:
        vector.write_text(drawing[SVG], encoding="utf-8")
    if PNG not in drawing:
        return vector
    raster.write_bytes(b64decode(drawing[PNG]))
    drawing.pop(SVG, None)
    return raster


def figure_names(cell: NotebookNode, number: int) -> list[str]:
    """Name the figures of a cell after its execution count and their titles.

    Examples
    --------
    >>> import nbformat
    >>> cell = nbformat.v4.new_code_cell("plot(x, title='Most answer 8, 9 or 10')")
    >>> cell.execution_count = 4
    >>> figure_names(cell, 1)
    ['cell-04-most-answer-8-9-or-10']
    """
    titles = figure_titles(cell.source) if number else []
    names: list[str] = []
    for position in range(number):
        title = titles[min(position, len(titles) - 1)] if titles else ""
        parts = (f"cell-{cell.execution_count or 0:02d}", _slug(title))
        name = "-".join(filter(None, parts))
        names.append(f"{name}-{position + 1}" if name in names else name)
    return names


def figure_titles(source: str) -> list[str]:
    """Return the titles that a cell gives its figures, in the order of its lines.

    Parameters
    ----------
    source : str
        Of a code cell: titles written out, or bound to a name in the cell.

    Examples
    --------
    >>> figure_titles("shown = 'Nine'; plot(x, title=shown); axis.set_title('Ten')")
    ['Nine', 'Ten']
    """
    nodes = list(ast.walk(ast.parse(source)))
    bound = {
        node.targets[0].id: _text(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = [
        (node.lineno, node.col_offset, title)
        for node in nodes
        if isinstance(node, ast.Call) and (title := _title(node, bound))
    ]
    return [title for *_, title in sorted(found)]


def _title(call: ast.Call, bound: Mapping[str, str]) -> str:
    given: list[Any] = [word.value for word in call.keywords if word.arg == TITLE_ARGUMENT]
    if getattr(call.func, "attr", "") in TITLE_CALLS:
        given += call.args[:1]
    return (_text(given[0]) or bound.get(getattr(given[0], "id", ""), "")) if given else ""


def _text(node: ast.expr) -> str:
    """Return the text of a literal; of an f-string the parts that are written out."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    value = getattr(node, "value", None)
    return value if isinstance(value, str) else ""


def _slug(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    while len("-".join(words)) > LONGEST_NAME:
        words.pop()
    return "-".join(words)
