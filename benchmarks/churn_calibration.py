"""Calibrate the hazard model on customers whose hazards are known: the long, recorded run.

For three truths (three steps, linear, smooth and convex) data sets are simulated, every coding of
the score is fitted, and it is recorded how often the intervals of the monotone model contain the
truth and what log score each coding can expect of new customers. Finished replicates are kept in
--folder: an interrupted run goes on where it was. The results go to data/churn_calibration.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import results
from scipy import special

from nps_research.calibration import code_identity
from nps_research.churn.hazard import EFFECTS, HazardModel, default_priors
from nps_research.churn.hazard_draws import HazardDraws
from nps_research.churn.holdout import expected_log_score
from nps_research.churn.lifetimes import Lifetimes, lifetimes
from nps_research.diagnostics import interval_table
from nps_research.ordinal.draws import ScoreDraws
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEED = 20_261_122
SCORES, MONTHS, PERIODS = np.arange(11), 12, (3, 6, 12)
CUSTOMERS = 2000
# In percent: as at an airport in 2018, rounded.
SHARES = np.array([1, 0.5, 1, 1, 1, 7.5, 5, 13, 23, 19, 28]) / 100
# Log odds of leaving fall with time, from period to period.
BASELINE = np.repeat([0.4, 0.0, -0.3], np.diff([0, *PERIODS]))
MASS = 0.9
RATIO = ((0, 4), (5, 6))
# In the others all detractors have one hazard, whatever the data.
WITH_RATIO = ("monotone", "linear", "full scale")
MONOTONE = EFFECTS.index("monotone")
SAMPLING = {"draws": 500, "tune": 250, "chains": 2, "method": "nuts"}


@dataclass(frozen=True)
class Truth:
    """A world in which hazards are known.

    Attributes
    ----------
    odds : numpy.ndarray, shape (scores,)
        Log odds of leaving in a month of the second period.
    watched : numpy.ndarray, shape (scores, months + 1)
        Probability to be watched for 0, 1, ... months.
    """

    odds: Array
    watched: Array

    @property
    def hazard(self) -> Array:
        """Probability to leave in every month, shape (scores, months)."""
        return special.expit(self.odds[:, None] + BASELINE)

    def customers(self, random_seed: list[int]) -> Lifetimes:
        """Draw customers and count them."""
        generator = np.random.default_rng(random_seed)
        score = generator.choice(SCORES, CUSTOMERS, p=SHARES)
        leaves = generator.random((CUSTOMERS, MONTHS)) < self.hazard[score]
        left = np.where(leaves.any(axis=1), leaves.argmax(axis=1) + 1, MONTHS + 1)
        chances = self.watched[score].cumsum(axis=1)
        until = (generator.random(CUSTOMERS)[:, None] > chances).sum(axis=1)
        rows = {"score": score, "months": np.minimum(left, until), "churned": left <= until}
        return lifetimes(pd.DataFrame(rows))


def _even() -> Array:
    """Six of ten are watched for the whole year, the others joined in any month of it."""
    return np.tile(np.r_[np.full(MONTHS, 0.4 / MONTHS), 0.6], (len(SCORES), 1))


def _growing() -> Array:
    """Watching ends more often as time goes on, and sooner for low scores."""
    hazard = np.linspace(0.01, 0.2, MONTHS) * np.linspace(1.5, 0.7, len(SCORES))[:, None]
    there = np.column_stack([np.ones(len(SCORES)), np.cumprod(1 - hazard, axis=1)])
    return np.column_stack([-np.diff(there, axis=1), there[:, -1]])


TRUTHS = {
    "three steps": Truth(special.logit(np.r_[[0.04] * 7, [0.015] * 2, [0.005] * 2]), _even()),
    "linear": Truth(special.logit(0.06) - 0.3 * SCORES, _even()),
    "smooth": Truth(special.logit(0.003 + 0.06 * np.exp(-0.4 * SCORES)), _growing()),
}


class Known(HazardDraws):
    """A truth in the place of draws, for the same people: weights of ratios are theirs."""

    def __init__(self, truth: Truth, fit: HazardDraws) -> None:
        super().__init__(fit.draws, fit.layout)
        hazard = truth.hazard[None, None, None, :, fit.layout.ends - 1]
        self.log_probabilities = np.log1p(-hazard), np.log(hazard)


def sampled(people: Lifetimes, effect: str, random_seed: int) -> HazardDraws:
    """Draw from the posterior as `HazardModel.fit` does, with fewer draws and without a report."""
    model = HazardModel(people, effect, periods=PERIODS)
    ordinal = model.ordinal
    tree = ordinal.sampled(ordinal.posterior, random_seed=random_seed, **SAMPLING)
    draws = ScoreDraws(tree["posterior"].to_dataset(), ordinal.design, ordinal.family)
    return HazardDraws(draws, model.layout)


def simulated(truth: Truth, address: int, number: int) -> dict[str, Any]:
    """Simulate one data set, fit every coding, and compare with the truth."""
    people = truth.customers([SEED, address, number])
    fits = {effect: sampled(people, effect, number) for effect in EFFECTS}
    known = Known(truth, fits["monotone"])
    scores = [
        expected_log_score(each, truth.hazard, SHARES, truth.watched)
        for each in (*fits.values(), known)
    ]
    found = {name: _covered(fits, known, name) for name in ("hazard", "churn_within")}
    ratio = _covered(fits, known, "hazard_ratio", *RATIO)
    return found | {
        "ratio": ratio,
        "log_score": np.array(scores),
        "left": people.report.churned,
    }


def _covered(
    fits: dict[str, HazardDraws], known: HazardDraws, name: str, *arguments: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return whether intervals contain the true value: codings first, then places of the curve."""
    truth = getattr(known, name)(*arguments)
    drawn = [getattr(fit, name)(*arguments) for fit in fits.values()]
    return np.stack([_inside(each, truth) for each in drawn])


def _inside(draws: xr.DataArray, truth: xr.DataArray) -> NDArray[np.bool_]:
    """Return whether the interval of every quantity contains its true value."""
    table = interval_table(draws, MASS)
    value = truth.isel(chain=0, draw=0, drop=True).to_numpy()
    inside = [table[name].to_numpy().reshape(value.shape) for name in ("lower", "upper")]
    return np.asarray((inside[0] <= value) & (value <= inside[1]))


def recorded(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run all replicates of one truth, and return their summary."""
    truth, address = TRUTHS[name], list(TRUTHS).index(name)
    identity = {
        "truth": [truth.odds.tolist(), truth.watched.tolist(), BASELINE.tolist(), SHARES.tolist()],
        "setting": [SEED, CUSTOMERS, MASS, RATIO, PERIODS, SAMPLING],
        "priors": [repr(default_priors(each, several_periods=True)) for each in EFFECTS],
        **code_identity(),
    }
    runs = replicated(
        partial(simulated, truth, address),
        options.replicates,
        identity=identity,
        n_jobs=options.jobs,
        folder=options.folder / name.replace(" ", "-"),
    )
    return {
        "truth": name,
        "replicates": options.replicates,
        "left": results.rounded(float(runs["left"].mean())),
        **_coverage(runs),
        "log_score": _log_scores(runs["log_score"]),
    }


def _coverage(runs: dict[str, Array]) -> dict[str, Any]:
    """Return shares of intervals that contain the truth, in detail for the monotone model."""
    hazard, churn = runs["hazard"][:, MONOTONE], runs["churn_within"][:, MONOTONE]
    return {
        "hazard": _share(hazard),
        "hazard_error": results.rounded(_error(hazard.mean(axis=(1, 2)))),
        "hazard_by_score": [_share(hazard[:, score]) for score in SCORES],
        "hazard_by_period": [_share(hazard[:, :, each]) for each in range(len(PERIODS))],
        "churn_by_score": [_share(churn[:, score]) for score in SCORES],
        "hazard_of_codings": _by_coding(runs["hazard"]),
        "ratio_of_codings": _by_coding(runs["ratio"], WITH_RATIO),
    }


def _by_coding(covered: Array, effects: tuple[str, ...] = EFFECTS) -> dict[str, float]:
    return {effect: _share(covered[:, EFFECTS.index(effect)]) for effect in effects}


def _share(covered: Array) -> float:
    return round(float(covered.mean()), 4)


def _log_scores(scores: Array) -> dict[str, Any]:
    """Return the mean of every coding, and how far it falls short of the best and of the truth."""
    means = scores.mean(axis=0)
    best = means[:-1].max()
    codings = {
        effect: {
            "expected": results.rounded(float(mean)),
            "relative_to_best": results.rounded(float((best - mean) / abs(best))),
            "below_truth": results.rounded(float(means[-1] - mean)),
            "below_truth_error": results.rounded(_error(scores[:, -1] - scores[:, place])),
        }
        for place, (effect, mean) in enumerate(zip(EFFECTS, means[:-1], strict=True))
    }
    return {"truth": results.rounded(float(means[-1])), "codings": codings}


def _error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = results.calibration_parser("churn_calibration", __doc__)
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    return parser.parse_args()


def main() -> None:
    """Run everything and write the results."""
    options = arguments()
    content = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "seed": SEED,
        "customers": CUSTOMERS,
        "mass": MASS,
        "periods": PERIODS,
        "sampling": SAMPLING,
        "truths": [recorded(name, options) for name in options.truths],
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
