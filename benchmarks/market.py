"""Time the market: customer-months a second, growth with customers, and the interactive call.

Every figure is the shortest of several runs, on one core, with the machine code already on disk.
A customer-month is one of customers times months, whether or not the customer has left by then.
Run with --large for five million customers as well, which needs 2 GB of memory and half a minute.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from nps_research.market.mechanisms import Incentives
from nps_research.market.regimes import DeltaTarget
from nps_research.market.simulate import Market

RUNS = 20
SIZES = (4_000, 40_000, 400_000)
LARGE = 5_000_000


def shortest(action: Callable[[], object], runs: int) -> float:
    """Return the processor time of the quickest of several runs, in seconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def market(customers: int) -> Market:
    """Return a market of 24 months with 100 customers an agent, all teams with incentives."""
    return Market(customers=customers, agents=customers // 100, teams=8, rollout=6)


def report(name: str, customers: int, seconds: float) -> None:
    """Print a time and what it is a customer-month."""
    months = 24 * customers
    print(
        f"{name}: {1000 * seconds:,.1f} ms, {1e9 * seconds / months:.0f} ns a customer-month, "
        f"{months / seconds / 1e6:.1f} million a second"
    )


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--large", action="store_true")
options = parser.parse_args()
start = time.perf_counter()
market(800).simulate(Incentives.all(), random_seed=1)
print(f"first call of the process: {time.perf_counter() - start:.1f} s")
world = market(4_000)
cases = {
    "no incentives": (Incentives.none(), None),
    "all mechanisms": (Incentives.all(), None),
    "all mechanisms, agents who optimise": (Incentives.all(), DeltaTarget()),
}
for name, (incentives, regime) in cases.items():
    seconds = shortest(
        lambda i=incentives, r=regime: world.simulate(i, regime=r, random_seed=1), RUNS
    )
    report(f"4,000 customers, {name}", 4_000, seconds)
run = world.simulate(Incentives.all(), random_seed=1)
print(f"its count table: {1000 * shortest(run.counts, RUNS):.1f} ms")
for customers in (*SIZES, LARGE) if options.large else SIZES:
    grown = market(customers)
    runs = int(np.clip(400_000 // customers, 1, RUNS))
    seconds = shortest(lambda w=grown: w.simulate(Incentives.all(), random_seed=1), runs)
    report(f"{customers:,} customers, all mechanisms", customers, seconds)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"largest use of memory: {peak:.1f} GB")
