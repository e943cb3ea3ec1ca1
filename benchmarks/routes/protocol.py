"""What every timed program shares: the task it reads, a stopwatch, the result it writes.

A program is run as `program task.json result.json` in a fresh process.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import contextmanager
from ctypes import POINTER, c_double
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

BATCHES, EVALUATIONS = 20, 500


@dataclass(frozen=True)
class Task:
    """What to estimate, and how.

    Attributes
    ----------
    action : str
        What to time, where a program offers several things.
    data : str
        Path of a CSV file with one row an answer.
    formula : str
        Model formula.
    term : str
        Numeric predictor whose coefficient is reported, to see that all fit the same model.
    coefficient_sd : float
        Standard deviation of the normal prior of every coefficient.
    scores : int
        Number of categories.
    chains, draws : int
        Chains and draws kept of each.
    tune : int or None
        Draws for adaptation, or None for the default of the program.
    seed : int
        Seed of the sampler.
    """

    action: str
    data: str
    formula: str
    term: str
    coefficient_sd: float
    scores: int
    chains: int
    draws: int
    tune: int | None
    seed: int

    def rows(self) -> pd.DataFrame:
        """Read the data."""
        import pandas as pd

        return pd.read_csv(self.data)


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Keep the time of the block as that of a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def posterior_result(summary: pd.DataFrame, term: str) -> dict[str, float]:
    """Return the smallest effective sample size and the estimate of one coefficient."""
    return {
        "ess_bulk_min": float(summary["ess_bulk"].astype(float).min()),
        "estimate": float(summary.loc[term, "mean"]),
        "standard_error": float(summary.loc[term, "sd"]),
    }


def gradient_microseconds(compiled: Any) -> float:
    """Return the time of one log density and its gradient, by the C function that nutpie calls."""
    import numpy as np

    point, slopes, value = np.zeros(compiled.n_dim), np.zeros(compiled.n_dim), np.zeros(1)
    pointers = [array.ctypes.data_as(POINTER(c_double)) for array in (point, slopes, value)]
    density, data = compiled.compiled_logp_func.ctypes, compiled.user_data.ctypes.data
    times = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        for _ in range(EVALUATIONS):
            density(compiled.n_dim, *pointers, data)
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times) / EVALUATIONS


def run(
    actions: dict[str, Callable[[Task, Stopwatch], dict[str, Any]]], packages: list[str]
) -> None:
    """Do the task named on the command line and write its result."""
    task_path, result_path = map(Path, sys.argv[1:])
    task, stopwatch = Task(**json.loads(task_path.read_text())), Stopwatch()
    result = actions[task.action](task, stopwatch)
    versions = {name: version(name) for name in packages}
    result |= {"seconds": stopwatch.seconds, "versions": versions}
    result_path.write_text(json.dumps(result))
