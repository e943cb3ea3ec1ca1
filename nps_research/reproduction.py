"""Run the notebooks, and compare every number that they record."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
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


class ReproductionError(ValueError):
    """Say why notebooks cannot be run or their numbers not be used."""


@dataclass(frozen=True)
class Execution:
    """One notebook run: where the copy is, how long it took, and its error if it failed."""

    notebook: Path
    copy: Path
    results: Path
    seconds: float
    error: str = ""


def notebooks() -> list[Path]:
    """Return the notebooks in reading order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


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

    Notes
    -----
    Whatever ends the run early (an interrupt, an error, closing the iterator) also ends the
    notebooks that are running, with their kernels.
    """
    for folder in ("notebooks", "results"):
        shutil.rmtree(build / folder, ignore_errors=True)
        (build / folder).mkdir(parents=True)
    others = multiprocessing.active_children()
    # A worker is not to take over how this process treats the signal that stops it.
    default = (signal.SIGTERM, signal.SIG_DFL)
    start = partial(run, build=build, refresh=refresh)
    with ProcessPoolExecutor(jobs, initializer=signal.signal, initargs=default) as pool:
        # None is queued behind a running one: a stopped worker would take it up.
        waiting = iter(paths)
        running = {pool.submit(start, path) for path in islice(waiting, jobs)}
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(start, path) for path in islice(waiting, len(ended))}
                yield from [each.result() for each in ended]
        except BaseException:
            # nbclient, which runs in the workers, then shuts their kernels down.
            for worker in set(multiprocessing.active_children()).difference(others):
                worker.terminate()
            raise


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
    """Return the numbers that the executed notebooks recorded.

    Raises
    ------
    ReproductionError
        If two notebooks recorded a number under the same key.
    """
    results: dict[str, records.Record] = {}
    for execution in executions:
        if execution.results.exists():
            made = records.read_results(execution.results)
            new = {
                key: replace(each, notebook=execution.notebook.stem) for key, each in made.items()
            }
            results = _united(results, new)
    return results


def _united(
    first: dict[str, records.Record], second: dict[str, records.Record]
) -> dict[str, records.Record]:
    shared = sorted(first.keys() & second.keys())
    if shared:
        key = shared[0]
        raise ReproductionError(
            f"{key!r} is recorded in {first[key].notebook} and in {second[key].notebook}. Give one "
            "of the two numbers another key: the ledger has one number for each."
        )
    return first | second


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
    """Replace the committed notebooks and recorded numbers by those just made.

    Raises
    ------
    ReproductionError
        If two notebooks record a number under the same key; then nothing is replaced.
    """
    renewed = {execution.notebook.stem for execution in executions}
    others = {path.stem for path in notebooks()} - renewed
    before = claims.recorded_results()
    kept = {key: entry for key, entry in before.items() if entry.notebook in others}
    new = {key: entry.rounded() for key, entry in gathered(executions).items()}
    results = _united(kept, new)
    for execution in executions:
        shutil.copyfile(execution.copy, execution.notebook)
    records.write_results(ROOT / "data" / "recorded_results.json", results)
