"""Editions of the notebooks for own data: which there are, and how one is run on a survey."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nps_research.notebook_pages import notebook_page
from nps_research.own_data.study import read_study
from nps_research.reproduction import ReproductionError, execute, matching, without_traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbformat import NotebookNode

EDITIONS = {path.stem: path for path in sorted(Path(__file__).parent.glob("[0-9][0-9]_*.ipynb"))}
# The convention of papermill, which can run the editions, too: "papermill: parameterize and
# execute notebooks", documentation, "Parameterize".
PARAMETERS, INJECTED = "parameters", "injected-parameters"
# Needs a column that says who left.
ABOUT_LEAVING = "06_scores_and_churn"


def run_edition(name: str, folder: Path, settings: Mapping[str, Any]) -> tuple[Path, Path, str]:
    """Ask the questions of a notebook of a survey.

    Parameters
    ----------
    name : str
        Name or number of the notebook.
    folder : Path
        Receives the executed notebook and a page of HTML that stands alone; made if need be. The
        code runs there, so the notebook can be run again in its place.
    settings : mapping
        Arguments of `read_study`.

    Returns
    -------
    notebook, page : Path
        What was written.
    error : str
        That ended the notebook before its end; empty if there was none.

    Raises
    ------
    ValueError
        If there is no such edition, or the survey cannot be used; nothing is written then.
    """
    import nbformat  # noqa: PLC0415  (slow to import)

    stem = edition_of(name)
    study = read_study(**settings)
    if stem == ABOUT_LEAVING:
        _ = study.leaving
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(EDITIONS[stem], as_version=4)
    inject(notebook, {**settings, "data": _seen_from(folder, settings["data"])})
    error = execute(notebook, folder)
    paths = folder / f"{stem}.ipynb", folder / f"{stem}.html"
    nbformat.write(without_traces(notebook), paths[0])
    paths[1].write_text(notebook_page(notebook), encoding="utf-8")
    return *paths, error


def edition_of(name: str) -> str:
    """Return the edition that a name or number stands for.

    Raises
    ------
    ValueError
        If the notebook has none.

    Examples
    --------
    >>> edition_of("02")
    '02_nps_as_a_statistic'
    """
    try:
        return matching(name, EDITIONS)
    except ReproductionError:
        raise ReproductionError(
            f"no notebook {name!r} accepts own data; these do: {', '.join(EDITIONS)}"
        ) from None


def inject(notebook: NotebookNode, settings: Mapping[str, Any]) -> None:
    """Put the values of parameters into a notebook, below the cell with their defaults.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell, new_notebook
    >>> default = new_code_cell("score = 'score'", metadata={"tags": ["parameters"]})
    >>> notebook = new_notebook(cells=[default])
    >>> inject(notebook, {"score": "Recommend us?"})
    >>> notebook.cells[1].source
    "score = 'Recommend us?'"
    """
    from nbformat.v4 import new_code_cell  # noqa: PLC0415  (slow to import)

    source = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    place = next(position for position, held in enumerate(tags) if PARAMETERS in held)
    notebook.cells.insert(place + 1, new_code_cell(source, metadata={"tags": [INJECTED]}))


def _seen_from(folder: Path, data: str) -> str:
    """Return the path of the data from the folder: it names no place of one machine."""
    return os.path.relpath(data, folder) if Path(data).is_file() else data
