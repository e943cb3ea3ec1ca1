"""Run the notebooks, and compare every number that they record."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nps_research import claims, records
from nps_research.notebook_figures import BOTH_FORMATS, save_figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600
# Shows the ledger that all other notebooks fill.
OVERVIEW = "00_start_here"
STATED_TIME = re.compile(r"Runs in ([^.*]+)")
# How a record shows itself.
SHOWN_KEY = re.compile(r"([\w.]+): ")


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
    figures: int = 0

    @property
    def state(self) -> str:
        """Whether it ran, in a word."""
        return "failed" if self.error else "ran"


class Description(NamedTuple):
    """What a notebook says of itself."""

    question: str
    time: str


def notebooks() -> list[Path]:
    """Return the notebooks in reading order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def selected(names: Sequence[str]) -> list[Path]:
    """Return notebooks by name or number, in the order given; all when none is given.

    Raises
    ------
    ReproductionError
        If there is no such notebook, or none at all.
    """
    known = {path.stem: path for path in notebooks()}
    if not known:
        raise ReproductionError(
            "there are no notebooks beside the package. They come with a checkout of the project, "
            "not with an installed package."
        )
    stems = [matching(name, known) for name in names]
    return [known[stem] for stem in dict.fromkeys(stems)] or list(known.values())


def matching(name: str, known: Iterable[str]) -> str:
    """Return the notebook that a name, file name or number stands for.

    Raises
    ------
    ReproductionError
        If there is none.

    Examples
    --------
    >>> matching("02", ["01_the_data", "02_nps_as_a_statistic"])
    '02_nps_as_a_statistic'
    """
    stems = list(known)
    wanted = Path(name).name.removesuffix(".ipynb")
    found = [stem for stem in stems if wanted in (stem, stem.split("_")[0])]
    if not found:
        raise ReproductionError(f"no notebook {wanted!r}; there are: {', '.join(stems)}")
    return found[0]


def described(path: Path) -> Description:
    """Read from the first cell of a notebook which question it asks, and how long it takes."""
    import nbformat  # noqa: PLC0415  (slow to import)

    text = nbformat.read(path, as_version=4).cells[0].source
    question, time = re.search(r"^# (.+)$", text, re.MULTILINE), STATED_TIME.search(text)
    return Description(question[1] if question else "", time[1] if time else "")


def run_all(
    paths: Sequence[Path],
    build: Path,
    *,
    jobs: int = 2,
    refresh: bool = False,
    figures: bool = False,
    started: Callable[[Path], None] = lambda _: None,
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
    figures : bool
        Save every figure as PNG and SVG under ``figures/NOTEBOOK`` of `build`.
    started : callable
        Told of each notebook when its turn comes.

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
    work = partial(run, build=build, refresh=refresh, figures=figures)
    with ProcessPoolExecutor(jobs, initializer=_leave_signals_to_the_caller) as pool:
        # None is queued behind a running one: a stopped worker would take it up.
        waiting = iter(paths)

        def start(number: int) -> set[Future[Execution]]:
            chosen = list(islice(waiting, number))
            for path in chosen:
                started(path)
            return {pool.submit(work, path) for path in chosen}

        running = start(jobs)
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                running |= start(len(ended))
                yield from [each.result() for each in ended]
        except BaseException:
            # nbclient, which runs in the workers, then shuts their kernels down.
            for worker in set(multiprocessing.active_children()).difference(others):
                worker.terminate()
            raise


def _leave_signals_to_the_caller() -> None:
    """Make a worker stop when this process ends it, and not by itself.

    It would take over how this process treats SIGTERM, and complain of an interrupt, which a
    terminal sends to all processes.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run(path: Path, build: Path, *, refresh: bool = False, figures: bool = False) -> Execution:
    """Execute one notebook in its own folder and write the executed copy under `build`."""
    import nbformat  # noqa: PLC0415  (slow to import)

    copy = build / "notebooks" / path.name
    results = build / "results" / f"{path.stem}.json"
    drawn = build / "figures" / path.stem
    os.environ[claims.SINK] = str(results.resolve())
    os.environ[claims.REFRESH] = "1" if refresh else ""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    error = execute(notebook, path.parent, BOTH_FORMATS if figures else "")
    seconds = time.perf_counter() - start
    if figures:
        shutil.rmtree(drawn, ignore_errors=True)
    saved = save_figures(notebook, drawn) if figures else []
    nbformat.write(without_traces(notebook), copy)
    return Execution(path, copy, results, seconds, error, len(saved))


def execute(notebook: NotebookNode, folder: Path, *arguments: str) -> str:
    """Execute a notebook in place.

    Parameters
    ----------
    notebook : NotebookNode
        Receives the outputs.
    folder : Path
        Working directory of the code.
    *arguments : str
        Of the kernel; empty ones are left out.

    Returns
    -------
    str
        The error that ended it, empty if there was none.
    """
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
        extra_arguments=["--log-level=ERROR", *filter(None, arguments)],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        place = f"cell [{_failed(notebook)}]"
        return f"{place}: {error.ename}: {error.evalue}\nThe executed copy has the traceback."
    except (CellTimeoutError, DeadKernelError) as error:
        return str(error).strip()
    return ""


def _failed(notebook: NotebookNode) -> int | None:
    """Return the execution count of the cell that ended in an error."""
    failed = [
        cell.execution_count
        for cell in notebook.cells
        if any(output.output_type == "error" for output in cell.get("outputs", []))
    ]
    return failed[-1] if failed else None


def without_traces(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs between machines and says nothing: versions of the interpreter."""
    metadata: dict[str, Any] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.metadata.clear()
    notebook.metadata.update(metadata)
    return notebook


def gathered(executions: Sequence[Execution]) -> dict[str, records.Record]:
    """Return the numbers that the executed notebooks recorded, with notebook and cell of each.

    Raises
    ------
    ReproductionError
        If two notebooks recorded a number under the same key.
    """
    results: dict[str, records.Record] = {}
    for execution in executions:
        if execution.results.exists():
            made = records.read_results(execution.results)
            cells = shown_in(execution.copy)
            new = {
                key: replace(each, notebook=execution.notebook.stem, cell=cells.get(key))
                for key, each in made.items()
            }
            results = _united(results, new)
    return results


def shown_in(path: Path) -> dict[str, int]:
    """Return the execution count of the cell that shows each record of an executed notebook."""
    import nbformat  # noqa: PLC0415  (slow to import)

    cells = nbformat.read(path, as_version=4).cells
    shown = [
        (cell.execution_count, output.get("data", {}).get("text/plain", ""))
        for cell in cells
        for output in cell.get("outputs", [])
    ]
    keys = [(SHOWN_KEY.match(text), count) for count, text in shown]
    return {key[1]: count for key, count in keys if key}


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


def recorded_by(
    executions: Sequence[Execution],
    recorded: dict[str, records.Record],
    rerun: dict[str, records.Record],
) -> dict[str, records.Record]:
    """Return the recorded numbers that these executions had to give back, or did."""
    ran = {execution.notebook.stem for execution in executions}
    return {key: entry for key, entry in recorded.items() if entry.notebook in ran or key in rerun}


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
