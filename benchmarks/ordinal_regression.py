"""Time ordinal regression: this package beside PyMC, bambi, brms and ordinal, on the same data.

Every run is a fresh process. README.md says what is compared, and how priors differ.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import results
import simulated

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

HERE = Path(__file__).parent
ROUTES = HERE / "routes"
OUT = HERE.parent / "data" / "benchmarks.json"
BAMBI_PYTHON = HERE.parent / "build" / "bambi" / "bin" / "python"
# The default prior of this package: one latent standard deviation, in logits.
COEFFICIENT_SD = math.pi / math.sqrt(3.0)
CHAINS, DRAWS = 4, 1000
QUICK_DRAWS = 50


@dataclass(frozen=True)
class Route:
    """One way to the estimate.

    Attributes
    ----------
    name : str
        As in the table.
    peer : str
        Name for --peers.
    program : str
        File in routes/.
    action : str
        What to time, where the program offers several things.
    tune : int, optional
        Draws for adaptation; None leaves it to the program.
    draws : int
        Draws kept, for each chain.
    runs : int, optional
        Runs, where the route takes too long for the usual number.
    fresh_caches : bool
        Whether compiled code of earlier runs is out of reach.
    """

    name: str
    peer: str
    program: str
    action: str = "fit"
    tune: int | None = None
    draws: int = DRAWS
    runs: int | None = None
    fresh_caches: bool = False

    def command(self) -> list[str] | None:
        """Return the command without its arguments, or None if its interpreter is missing."""
        python = str(BAMBI_PYTHON) if self.peer == "bambi" else sys.executable
        interpreter = shutil.which("Rscript" if self.program.endswith(".R") else python)
        return [interpreter, self.program] if interpreter else None


@dataclass(frozen=True)
class Case:
    """One question: data, a formula, and the ways to the estimate.

    Attributes
    ----------
    formula : str
        Model formula.
    term : str
        Numeric predictor whose coefficient is reported.
    rows, quick_rows : callable
        Simulate the data, and fewer of them for a smoke test.
    routes : tuple of Route
        What is timed.
    """

    formula: str
    term: str
    rows: Callable[[], pd.DataFrame]
    quick_rows: Callable[[], pd.DataFrame]
    routes: tuple[Route, ...]


OURS = Route(results.OURS, "ours", "this_package.py")
FIRST = replace(
    OURS, name="nps_research, first run ever", action="first_fit", runs=1, fresh_caches=True
)
REFIT = replace(OURS, name="nps_research, refit", action="refit")
LAPLACE = replace(OURS, name="nps_research, Laplace", action="laplace")
MAXIMUM_LIKELIHOOD = replace(OURS, action="maximum_likelihood")
# Adaptation is as long as each of the samplers makes it by default.
PYMC = Route("PyMC OrderedLogistic, nutpie", "pymc", "pymc_rows.py", tune=400)
PYMC_FIRST = replace(PYMC, name="PyMC, first run ever", runs=1, fresh_caches=True)
BAMBI = Route("bambi cumulative, nutpie", "bambi", "bambi_rows.py", tune=1000)
BRMS = Route("brms cumulative, rstan", "brms", "brms_rows.R", tune=1000)
CLM = Route("ordinal clm", "clm", "clm.R")

SEGMENTS = Case(
    "score ~ segment + treatment",
    "treatment",
    partial(simulated.segments, 2000),
    partial(simulated.segments, 400),
    (OURS, FIRST, REFIT, LAPLACE, PYMC, PYMC_FIRST, BAMBI, BRMS),
)
CASES = {
    "2,000 answers": SEGMENTS,
    "maximum likelihood": replace(SEGMENTS, routes=(MAXIMUM_LIKELIHOOD, CLM)),
    "1,000,000 answers": replace(
        SEGMENTS,
        rows=partial(simulated.segments, 1_000_000),
        routes=(OURS, REFIT, LAPLACE),
    ),
    "200 agents": Case(
        "score ~ incentive + month + (1|agent)",
        "incentive",
        partial(simulated.agents, 20),
        partial(simulated.agents, 1, agents=10, months=4),
        (OURS, LAPLACE),
    ),
    "continuous": Case(
        "score ~ x",
        "x",
        partial(simulated.continuous, 100_000),
        partial(simulated.continuous, 400),
        (OURS, replace(PYMC, runs=1), replace(BRMS, runs=1, tune=250, draws=250)),
    ),
    "gradient": replace(
        SEGMENTS, routes=(replace(OURS, action="gradient"), replace(PYMC, action="gradient"))
    ),
}
PEERS = sorted({route.peer for case in CASES.values() for route in case.routes})


def main() -> None:
    """Run what the command line asks for, print the table, and write the file after each route."""
    options = _options()
    plan = [(case, route) for case in options.case for route in _available(case, options.peers)]
    others = results.other_rows(options.out, {(case, route.name) for case, route in plan})
    rows: list[dict[str, Any]] = []
    versions: dict[str, str] = {}
    content = others
    for case, route in plan:
        runs = _runs(CASES[case], route, options)
        rows.append(results.row(case, route.name, runs))
        versions |= runs[0]["versions"]
        content = results.combined(others, rows, versions)
        options.out.write_text(json.dumps(content, indent=1) + "\n")
        print(f"{case}: {route.name}, done", flush=True)
    print(results.table(content["rows"]).round(2).to_string(na_rep=""))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, metavar="PEER")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which medians are taken")
    parser.add_argument("--out", type=Path, default=OUT, help="file for the results")
    parser.add_argument("--quick", action="store_true", help="smoke test: few answers and draws")
    options = parser.parse_args()
    if options.quick and options.out == OUT:
        parser.error(f"--quick measures nothing: name a file other than {OUT.name} with --out")
    return options


def _available(case: str, peers: list[str]) -> list[Route]:
    """Return the wanted routes of a case whose interpreters are there."""
    wanted = [route for route in CASES[case].routes if route.peer in peers]
    for route in wanted:
        if route.command() is None:
            print(f"{case}: {route.name} is left out, see README.md for what it needs")
    return [route for route in wanted if route.command() is not None]


def _runs(case: Case, route: Route, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what the program of a route wrote, one result a run."""
    seeds = range(1, 1 + (1 if options.quick else route.runs or options.repeats))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.csv"
        (case.quick_rows if options.quick else case.rows)().to_csv(data, index=False)
        tasks = [_task(case, route, data, seed, options.quick) for seed in seeds]
        return [_run(route, task, Path(folder)) for task in tasks]


def _task(case: Case, route: Route, data: Path, seed: int, quick: bool) -> dict[str, Any]:
    """Return the task of one run; routes/protocol.py says what the fields are."""
    return {
        "action": route.action,
        "data": str(data),
        "formula": case.formula,
        "term": case.term,
        "coefficient_sd": COEFFICIENT_SD,
        "scores": len(simulated.SHARES),
        "chains": CHAINS,
        "draws": QUICK_DRAWS if quick else route.draws,
        "tune": QUICK_DRAWS if quick else route.tune,
        "seed": seed,
    }


def _run(route: Route, task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the program of a route in a fresh process and return what it wrote."""
    paths = [folder / "task.json", folder / "result.json"]
    paths[0].write_text(json.dumps(task))
    environment = _fresh_caches(folder) if route.fresh_caches else {}
    command = [*(route.command() or []), *map(str, paths)]
    subprocess.run(  # noqa: S603  (our own programs)
        command, check=True, cwd=ROUTES, env=os.environ | environment, stdout=subprocess.DEVNULL
    )
    result: dict[str, Any] = json.loads(paths[1].read_text())
    return result


def _fresh_caches(folder: Path) -> dict[str, str]:
    """Return the variables that keep numba and pytensor from code compiled before."""
    return {
        "NUMBA_CACHE_DIR": str(folder / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
    }


if __name__ == "__main__":
    main()
