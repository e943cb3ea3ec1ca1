"""An executed notebook as one page of HTML: text and results first, code a click away."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from nps_research.notebook_figures import PNG, figure_names
from nps_research.pages import page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

# Escapes by which terminals colour a traceback.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def notebook_page(notebook: NotebookNode) -> str:
    """Render an executed notebook.

    Parameters
    ----------
    notebook : NotebookNode
        With outputs.

    Returns
    -------
    str
        HTML without any address of another host: pictures are part of it.
    """
    parts = [part for cell in notebook.cells for part in _parts(cell)]
    title = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)
    return page(title[1] if title else "Notebook", "\n".join(parts))


def _parts(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type == "markdown":
        yield _markdown(cell.source)
    elif cell.cell_type == "code":
        name = f"Code [{cell.execution_count}]"
        yield f"<details><summary>{name}</summary><pre>{escape(cell.source)}</pre></details>"
        drawn = sum(PNG in output.get("data", {}) for output in cell.outputs)
        names = iter(figure_names(cell, drawn))
        yield from (_output(output, names) for output in cell.outputs)


def _output(output: NotebookNode, names: Iterator[str]) -> str:
    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>"
    if output.output_type == "error":
        text = COLOURS.sub("", "\n".join(output.traceback))
        return f'<pre class="bad">{escape(text)}</pre>'
    return _shown(output.data, names)


def _shown(data: dict[str, Any], names: Iterator[str]) -> str:
    if PNG in data:
        meaning = " ".join(next(names).split("-")[2:]) or "figure"
        source = f"data:image/png;base64,{data[PNG].strip()}"
        return f'<div class="wide" tabindex="0"><img src="{source}" alt="{escape(meaning)}"></div>'
    if "text/markdown" in data:
        return _markdown(data["text/markdown"])
    if "text/html" in data:
        return f'<div class="wide" tabindex="0">{data["text/html"]}</div>'
    return f"<pre>{escape(data.get('text/plain', ''))}</pre>"


def _markdown(text: str) -> str:
    from markdown_it import MarkdownIt  # noqa: PLC0415  (slow to import)

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    html: str = renderer.render(text)
    return html
