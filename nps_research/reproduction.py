"""Run the notebooks, and compare every number that they record."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nps_research import claims, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600
# Shows the ledger that all other notebooks fill.
OVERVIEW = "00_start_here"


@dataclass(frozen=True)
class Execution:
    """One notebook run: where the copy is, how long it took, and its error if it failed."""

    notebook: Path
    copy: Path
    results: Path
    seconds: float
    error: str = ""


def notebooks(root: Path = ROOT) -> list[Path]:
    """Return the notebooks in reading order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def run_all(
    paths: Sequence[Path], build: Path, *, jobs: int = 2, refresh: bool = False
) -> Iterator[Execution]:
    """Execute notebooks top to bottom, in parallel, and yield each as it ends.

    Parameters
    ----------
    paths : sequence of Path
        Notebooks to run; they are read, never written.
    build : Path
        Receives ``notebooks/`` with the executed copies and ``results/`` with recorded numbers.
        Both are emptied first.
    jobs : int
        Notebooks run at the same time.
    refresh : bool
        Show new numbers instead of comparing them with the recorded ones.

    Yields
    ------
    Execution
    """
    for folder in ("notebooks", "results"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    with ProcessPoolExecutor(jobs) as pool:
        pending = [pool.submit(run, path, build, refresh=refresh) for path in paths]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            # After an interrupt no further notebook may start.
            pool.shutdown(wait=False, cancel_futures=True)


def run(path: Path, build: Path, *, refresh: bool = False) -> Execution:
    """Execute one notebook in its own folder and write the executed copy under `build`."""
    import nbformat  # noqa: PLC0415  (slow to import)

    copy = build / "notebooks" / path.name
    results = build / "results" / f"{path.stem}.json"
    os.environ[claims.SINK] = str(results.resolve())
    os.environ[claims.REFRESH] = "1" if refresh else ""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    error = _execute(notebook, path.parent)
    nbformat.write(_without_traces(notebook), copy)
    return Execution(path, copy, results, time.perf_counter() - start, error)


def _execute(notebook: NotebookNode, folder: Path) -> str:
    from nbclient import NotebookClient  # noqa: PLC0415  (slow to import)
    from nbclient.exceptions import (  # noqa: PLC0415
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return str(error).strip()
    return ""


def _without_traces(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between machines and says nothing: versions of the interpreter."""
    metadata: dict[str, Any] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.metadata.clear()
    notebook.metadata.update(metadata)
    return notebook


def gathered(executions: Sequence[Execution]) -> dict[str, records.Record]:
    """Return the numbers that the executed notebooks recorded."""
    return {
        key: replace(entry, notebook=execution.notebook.stem)
        for execution in executions
        if execution.results.exists()
        for key, entry in records.read_results(execution.results).items()
    }


def compared(executions: Sequence[Execution], *, everything: bool) -> pd.DataFrame:
    """Compare the gathered numbers with the recorded ones.

    Parameters
    ----------
    executions : sequence of Execution
        What ran.
    everything : bool
        Whether all notebooks ran, so that a recorded number which none of them gave is missing.
    """
    rerun = gathered(executions)
    recorded = claims.recorded_results()
    if not everything:
        recorded = {key: entry for key, entry in recorded.items() if key in rerun}
    return records.verify(recorded, rerun)


def adopt(executions: Sequence[Execution]) -> None:
    """Replace the committed notebooks and recorded numbers by those just made."""
    for execution in executions:
        shutil.copyfile(execution.copy, execution.notebook)
    renewed = {execution.notebook.stem for execution in executions}
    others = {path.stem for path in notebooks()} - renewed
    before = claims.recorded_results()
    kept = {key: entry for key, entry in before.items() if entry.notebook in others}
    new = {key: entry.rounded() for key, entry in gathered(executions).items()}
    records.write_results(ROOT / "data" / "recorded_results.json", kept | new)
