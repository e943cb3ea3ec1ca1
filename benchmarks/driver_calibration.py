"""Calibrate the relative importance of drivers: known shares, simulated answers, coverage.

Finished replicates are kept in --folder: an interrupted run goes on where it was. The results go to
data/driver_calibration.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import results
from scipy import special, stats

from nps_research.drivers.correlations import Correlations
from nps_research.drivers.items import variance_inflation
from nps_research.drivers.relative_importance import (
    explained_variance,
    relative_importance,
    shares_of_variance,
)
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEED = 20_240_607
LEVEL, DRAWS = 0.95, 400
# Coefficients of the drivers, and the correlation that contentment gives to any two of them. The
# last driver goes with nothing: its share is 0.
SLOPES = (0.50, 0.40, 0.30, 0.20, 0.10, 0.0)
HALO, NOISE_SD = 0.4, 1.0
NAMES = (*"abcdef", "recommend")
# Shares of the ratings 1 to 5 and of the scores 0 to 10: about those of airport passengers.
RATING_SHARES = (0.02, 0.05, 0.18, 0.38, 0.37)
SCORE_SHARES = (0.01, 0.01, 0.01, 0.01, 0.01, 0.08, 0.05, 0.13, 0.22, 0.18, 0.29)


@dataclass(frozen=True)
class Scenario:
    """How people answer.

    Attributes
    ----------
    people : int
        How many are asked.
    skipped : float
        Probability of skipping an item.
    short : bool
        Whether answers are whole numbers on short scales, or normal.
    """

    people: int
    skipped: float
    short: bool

    @cached_property
    def latent(self) -> Array:
        """Correlations of normal answers, the outcome last."""
        among = np.full((len(SLOPES), len(SLOPES)), HALO)
        among[-1] = among[:, -1] = 0.0
        np.fill_diagonal(among, 1.0)
        slopes = np.array(SLOPES)
        sd = np.sqrt(slopes @ among @ slopes + NOISE_SD**2)
        matrix = np.eye(len(NAMES))
        matrix[:-1, :-1] = among
        matrix[:-1, -1] = matrix[-1, :-1] = among @ slopes / sd
        return matrix

    @cached_property
    def truth(self) -> Array:
        """Shares of variance in the population."""
        matrix = self.latent
        if self.short:
            matrix = np.eye(len(NAMES))
            for a, b in itertools.combinations(range(len(NAMES)), 2):
                matrix[a, b] = matrix[b, a] = _short_correlation(
                    self.latent[a, b], _shares(a), _shares(b)
                )
        return shares_of_variance(matrix[None])[:, 0]

    def answers(self, generator: np.random.Generator) -> Array:
        """Draw answers, missing where skipped, shape (people, items)."""
        drawn = generator.multivariate_normal(np.zeros(len(NAMES)), self.latent, self.people)
        if self.short:
            drawn = np.stack([_cut(drawn[:, k], _shares(k)) for k in range(len(NAMES))], axis=1)
        drawn[:, :-1][generator.random((self.people, len(SLOPES))) < self.skipped] = np.nan
        return drawn


SCENARIOS = {
    "normal, complete": Scenario(800, 0.0, short=False),
    "normal, 20 % skipped": Scenario(800, 0.2, short=False),
    "short scales, 20 % skipped": Scenario(800, 0.2, short=True),
}


def one(number: int, scenario: Scenario) -> dict[str, Any]:
    """Return limits and the probability of the right order in one simulated survey."""
    answers = scenario.answers(np.random.default_rng([SEED, number]))
    inflation = _inflation(answers) if scenario.short else 1.0
    found = relative_importance(
        _observed(answers), DRAWS, inflation=inflation, level=LEVEL, random_seed=number
    )
    table = found.table().loc[list(NAMES[:-1])]
    above = found.order_probabilities().loc[list(NAMES[:-1]), list(NAMES[:-1])].to_numpy()
    pairs = np.triu_indices(len(SLOPES), 1)
    return {
        "lower": table["lower"].to_numpy(),
        "upper": table["upper"].to_numpy(),
        "share": table["share"].to_numpy(),
        "gap": abs(found.r_squared - explained_variance(found.matrix)[-1]),
        "order": above[pairs],
    }


def summary(scenario: Scenario, found: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return what the replicates of a scenario say."""
    inside = (found["lower"] <= scenario.truth) & (scenario.truth <= found["upper"])
    right = found["order"] > 0.5
    sure = np.maximum(found["order"], 1 - found["order"])
    coverage = inside.mean(axis=0)
    return {
        **asdict(scenario),
        "truth": scenario.truth.tolist(),
        "bias": (found["share"].mean(axis=0) - scenario.truth).tolist(),
        "coverage": coverage.tolist(),
        "coverage_all": float(inside.mean()),
        "coverage_error": float(inside.mean(axis=1).std(ddof=1) / np.sqrt(len(inside))),
        "pairs_right": float(right.mean()),
        "pairs_right_promised": float(sure.mean()),
        "top_right": float((found["share"].argmax(axis=1) == 0).mean()),
        "largest_gap": float(found["gap"].max()),
    }


def _shares(item: int) -> tuple[float, ...]:
    return SCORE_SHARES if item == len(NAMES) - 1 else RATING_SHARES


def _cut(latent: Array, shares: tuple[float, ...]) -> Array:
    return np.searchsorted(special.ndtri(np.cumsum(shares)[:-1]), latent).astype(float)


def _short_correlation(latent: float, first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Return the correlation of two cut normals: a sum over pairs of cuts (Hoeffding 1940)."""
    cuts = [special.ndtri(np.cumsum(shares)[:-1]) for shares in (first, second)]
    pairs = np.array([[a, b] for a in cuts[0] for b in cuts[1]])
    both = stats.multivariate_normal([0, 0], [[1, latent], [latent, 1]]).cdf(pairs)
    covariance = np.sum(both - special.ndtr(pairs).prod(axis=1))
    variances = [
        np.cov(np.arange(len(shares)), aweights=shares, ddof=0) for shares in (first, second)
    ]
    return float(covariance / np.sqrt(np.prod(variances)))


def _observed(answers: Array) -> Correlations:
    table = pd.DataFrame(answers, columns=list(NAMES))
    seen = table.notna().to_numpy(dtype=float)
    return Correlations(NAMES, table.corr().to_numpy(), seen.T @ seen)


def _inflation(answers: Array) -> float:
    """Return the mean factor over items, from the tables of rating by score."""
    table = pd.DataFrame(answers, columns=list(NAMES))
    long = table.melt("recommend", var_name="item", value_name="rating").dropna()
    counts = long.value_counts(["item", "rating", "recommend"]).rename("n").reset_index()
    return float(variance_inflation(counts.rename(columns={"recommend": "score"})).mean())


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = results.calibration_parser("driver_calibration", __doc__)
    parser.set_defaults(replicates=400)
    return parser.parse_args()


def main() -> None:
    """Run everything and write the results."""
    options = arguments()
    rows = {}
    for place, (name, scenario) in enumerate(SCENARIOS.items()):
        identity = {"seed": SEED, "draws": DRAWS, "slopes": SLOPES, **asdict(scenario)}
        found = replicated(
            partial(one, scenario=scenario),
            options.replicates,
            identity=identity,
            n_jobs=options.jobs,
            folder=options.folder / str(place),
        )
        rows[name] = summary(scenario, found)
        print(
            name, {key: results.rounded(rows[name][key]) for key in ("coverage_all", "top_right")}
        )
    content = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "seed": SEED,
        "replicates": options.replicates,
        "level": LEVEL,
        "scenarios": rows,
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
