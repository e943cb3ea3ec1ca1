"""Lay out what Sphinx reads: the pages of docs/, the notebooks made fit for a book, and lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nbformat

from book import api, lists
from book.notebooks import ROOT, notebooks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from book.notebooks import Cell, Notebook

DOCS = ROOT / "docs"
# Pages of the repository that the book shows as they are.
SHOWN = ("data/README.md", "CHANGELOG.md", "CONTRIBUTING.md")
# [01 The data](01_the_data.ipynb) in the map.
MAP_ROW = re.compile(r"\[(\d\d [^\]]+)\]\((\w+\.ipynb)\)")
# A link to a notebook in an output, which the book shows as it is stored.
NOTEBOOK_LINK = re.compile(r'(href="\w+)\.ipynb"')


def lay_out(folder: Path) -> None:
    """Lay out the book in a folder; files that did not change stay as they are."""
    contents = dict(staged())
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in contents:
            path.unlink()
    for name, content in contents.items():
        _write(folder / name, content)


def staged() -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file that Sphinx reads."""
    for path in _pages():
        yield path.relative_to(DOCS).as_posix(), path.read_bytes()
    yield "index.md", with_contents((DOCS / "index.md").read_text(encoding="utf-8")).encode()
    for name in SHOWN:
        yield name.lower(), (ROOT / name).read_bytes()
    for notebook in notebooks():
        text = nbformat.writes(for_the_book(notebook))
        yield f"notebooks/{notebook.path.name}", text.encode()
    for name, text in {**lists.pages(), **api.pages()}.items():
        yield name, text.encode()


def for_the_book(notebook: Notebook) -> nbformat.NotebookNode:
    """Return a copy of a notebook with targets for links and with alternative text."""
    copy = nbformat.read(notebook.path, as_version=4)
    for cell, node in zip(notebook.cells, copy.cells, strict=True):
        if cell.is_code:
            _prepare_code(notebook, cell, node)
        else:
            node.source = f"({cell.label})=\n\n{node.source}"
    return copy


def _prepare_code(notebook: Notebook, cell: Cell, node: nbformat.NotebookNode) -> None:
    exhibits = [each for each in notebook.exhibits if each.cell is cell]
    node.metadata["exhibits"] = [each.name for each in exhibits]
    figures = [each for each in exhibits if each.kind == "Figure"]
    if figures:
        text = "; ".join(f"{each.name}: {each.title}" for each in figures)
        node.metadata["mystnb"] = {"image": {"alt": text}}
    for data in [output.data for output in node.outputs if "text/html" in output.get("data", {})]:
        data["text/html"] = NOTEBOOK_LINK.sub(r'\1.html"', data["text/html"])


def with_contents(index: str) -> str:
    """Return the first page with the notebooks by their short names, which the map gives."""
    names = dict(MAP_ROW.findall("\n".join(cell.prose for cell in notebooks()[0].cells)))
    short = {name: title for title, name in names.items()}
    paths = [book.path for book in notebooks()]
    lines = (f"{short.get(p.name, p.stem[:2] + ' Start here')} <notebooks/{p.stem}>" for p in paths)
    return index.replace("notebooks/*", "\n".join(lines))


def _pages() -> list[Path]:
    kinds = {".md", ".bib"}
    return [path for path in sorted(DOCS.rglob("*")) if path.suffix in kinds]


def _write(path: Path, content: bytes) -> None:
    """Write a file unless it is the same: Sphinx then knows what is new."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
