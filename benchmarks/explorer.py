"""Time the explorer: from a position of the controls to its numbers, and to the new figure.

Every position is new to it: nothing that was simulated before is used again. The whole update is
that of a slider in a notebook, without the way to the browser and back; the browser test prints
the time from the key to the new number.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from results import ROOT, one_line_a_row, rounded, setting

import nps_research
from nps_research.explorer.controls import Explorer
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.presets import PRESETS, START
from nps_research.explorer.settings import PAY, Settings
from nps_research.explorer.years import numbers_of
from nps_research.market.mechanisms import MECHANISMS, Incentives

POSITIONS = 60
SEED = 20_240_501
LIMIT = 0.3  # seconds within which an answer feels immediate enough to keep on moving


def positions(number: int) -> Iterator[Settings]:
    """Yield the largest settings first, then the presets, then positions all over the ranges."""
    for pay in PAY:
        yield Settings(incentives=Incentives.all(), pay=pay)
    yield from PRESETS.values()
    generator = np.random.default_rng(SEED)
    for _ in range(number):
        chosen = generator.choice(MECHANISMS, generator.integers(1, 13), replace=False)
        yield Settings(
            strength=float(generator.uniform()),
            incentives=Incentives(**{str(name): float(generator.uniform()) for name in chosen}),
            pay=str(generator.choice(list(PAY))),
            target=float(generator.integers(-50, 91)),
            customers=int(generator.integers(200, 1001)),
            draw=int(generator.integers(100)),
        )


def seconds(action: Callable[[], object]) -> float:
    """Return the time of an action that finds nothing remembered."""
    numbers_of.cache_clear()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def row(case: str, times: list[float]) -> dict[str, Any]:
    """Return one row of the file, and print it."""
    found = {
        "case": case,
        "positions": len(times),
        "seconds_min": rounded(min(times)),
        "seconds": rounded(statistics.median(times)),
        "seconds_max": rounded(max(times)),
        "share_within_limit": rounded(sum(each <= LIMIT for each in times) / len(times)),
    }
    print("; ".join(f"{name} {value}" for name, value in found.items()))
    return found


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--positions", type=int, default=POSITIONS, help="besides the presets")
parser.add_argument("--out", type=Path, default=ROOT / "data" / "explorer_timing.json")
options = parser.parse_args()
places = list(positions(options.positions))
explorer = Explorer(PRESETS[START])  # compiles, imports and draws once
rows = [
    row("numbers", [seconds(lambda s=each: outcome_of(s)) for each in places]),
    row("numbers, words and figure", [seconds(lambda s=each: explorer.show(s)) for each in places]),
    row(
        "everything at work",
        [
            seconds(lambda d=draw: explorer.show(PRESETS[START].with_values(draw=d)))
            for draw in range(20)
        ],
    ),
]
versions = {"nps-research": nps_research.__version__, "numpy": np.__version__}
options.out.write_text(one_line_a_row({"setting": setting(versions), "rows": rows}))
