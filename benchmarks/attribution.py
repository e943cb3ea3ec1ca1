"""Time one exact attribution over all mechanisms, on one processor and on two.

One replicate of a market of 4,000 customers and 24 months is 4,096 worlds. Beside it stand its
parts, and the same by sampled orders of joining, with the error that sampling leaves.
"""

import time

import numpy as np
from timing import median_seconds

from nps_research.market.attribution import Attribution, decompose
from nps_research.market.estimands import values
from nps_research.market.mechanisms import Incentives
from nps_research.market.shapley import sampled_shapley_values, shapley_values
from nps_research.market.simulate import Market
from nps_research.market.sums import sums

RUNS = 20
PAIRS = 20
market, everything = Market(), Incentives.all()


def timed(n_jobs: int) -> tuple[float, Attribution]:
    """Return the seconds of one replicate of an exact attribution, and its result."""
    start = time.perf_counter()
    found = decompose(market, everything, replicates=1, random_seed=1, n_jobs=n_jobs)
    return time.perf_counter() - start, found


run = market.simulate(everything, random_seed=1)
simulation = median_seconds(lambda: market.simulate(everything, random_seed=1), RUNS)
addition = median_seconds(lambda: sums(run), RUNS)
print(f"one world: simulated in {1000 * simulation:.1f} ms, added up in {1000 * addition:.2f} ms")
estimation = median_seconds(lambda: values(sums(run)), RUNS)
print(f"all estimands of one world: {1000 * estimation:.2f} ms")

decompose(market, Incentives(begging=1.0, gating=1.0), replicates=2, random_seed=1, n_jobs=2)
one, found = timed(1)
game = found.worth["observed_nps"]
games = np.stack(list(found.worth.values()), axis=-1)
sharing = median_seconds(lambda: shapley_values(games), 3)
print(f"{len(game):,} worlds on one processor: {one:.1f} s, of which {sharing:.2f} s for sharing")
two, again = timed(2)
same = all(
    np.array_equal(found.worth[name], again.worth[name], equal_nan=True) for name in found.worth
)
print(f"on two: {two:.1f} s, {two / one:.2f} as long; the same bytes: {same}")

exact = shapley_values(game)[:, 0]
remainder = float(abs(exact.sum() - (game[-1] - game[0])[0]))
print(f"remainder of the NPS: {remainder:.1e} points")
asked: list[int] = []


def worth(masks: np.ndarray) -> np.ndarray:
    """Look the worth of coalitions up, and count them."""
    asked.append(len(masks))
    return game[masks]


sampled = sampled_shapley_values(worth, len(found.players), PAIRS, random_seed=1)
error = float(np.abs(sampled.values[:, 0] - exact).max())
print(
    f"{PAIRS} pairs of orders: {asked[0]:,} worlds, largest error {error:.2f} points, "
    f"largest standard error {sampled.errors.max():.2f}"
)
