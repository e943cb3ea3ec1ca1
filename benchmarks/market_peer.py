"""Time the market beside Mesa: begging alone, the same rules, the same distribution of outcomes.

Mesa lives in an environment of its own; README.md says how to set it up. Prints customer-months a
second of both, their ratio, and how far the distributions of NPS and churners are apart.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.market.events import Event
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market, thresholds
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER

HERE = Path(__file__).parent
PYTHON = HERE.parent / "build" / "mesa" / "bin" / "python"
REPLICATES, OF_MESA = 400, 40
market, begging = Market(customers=1000, agents=20, teams=4), Incentives(begging=1.0)


def task() -> dict[str, Any]:
    """Return what Mesa needs to know."""
    sections = {
        field.name: dataclasses.asdict(getattr(group, field.name))
        for group in (market.parameters, market.mechanisms)
        for field in dataclasses.fields(group)
    }
    since = list(market.rollout_months)
    return {
        "rules": sections,
        "thresholds": thresholds(market.parameters).tolist(),
        "intensity": begging.begging,
        "groups": [HIGHEST_DETRACTOR, LOWEST_PROMOTER],
        "since": [_month(since[agent % market.teams]) for agent in range(market.agents)],
        "customers": market.customers,
        "months": market.months,
        "replicates": OF_MESA,
    }


def _month(since: int | None) -> int:
    return market.months if since is None else since


def ours() -> tuple[float, pd.DataFrame]:
    """Return the seconds of all replicates, and their outcomes."""
    market.simulate(begging, random_seed=1)
    start = time.perf_counter()
    runs = [market.simulate(begging, random_seed=1, replicate=r) for r in range(REPLICATES)]
    seconds = time.perf_counter() - start
    rows = [(run.observed_nps, _churners(run.events)) for run in runs]
    return seconds, pd.DataFrame(rows, columns=["nps", "churners"])


def _churners(events: Any) -> int:
    return int(((events & Event.CHURNED) > 0).sum())


def mesa() -> tuple[float, pd.DataFrame]:
    """Return the same of Mesa."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("task.json", "result.json")]
        paths[0].write_text(json.dumps(task()))
        command = [str(PYTHON), str(HERE / "routes" / "mesa_begging.py"), *map(str, paths)]
        subprocess.run(command, check=True)  # noqa: S603  (our own program)
        result = json.loads(paths[1].read_text())
    return result["seconds"], pd.DataFrame(result["rows"])


if not PYTHON.exists():
    raise SystemExit(f"no Mesa in {PYTHON.parents[1].name}/: see README.md for how to set it up")
seconds, table = ours()
peer_seconds, peer = mesa()
size = market.customers * market.months
speed, peer_speed = size * REPLICATES / seconds, size * OF_MESA / peer_seconds
print(f"this package: {speed:,.0f} customer-months a second; Mesa: {peer_speed:,.0f}")
print(f"ratio: {speed / peer_speed:,.0f}")
for name in ("nps", "churners"):
    means, errors = zip(
        *((np.mean(t[name]), stats.sem(t[name])) for t in (table, peer)), strict=True
    )
    p = stats.ks_2samp(table[name], peer[name]).pvalue
    print(
        f"{name}: {means[0]:.2f} and {means[1]:.2f}, apart by {means[0] - means[1]:.2f} "
        f"(standard error {np.hypot(*errors):.2f}), Kolmogorov-Smirnov p = {p:.2f}"
    )
