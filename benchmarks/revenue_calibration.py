"""Calibrate revenue at risk: do its intervals contain the loss that comes? The recorded run.

In the worlds of `churn_calibration`, hazards are learnt from customers who were watched, and the
loss with other customers, of whom a quarter gave a score, is predicted and then drawn. Finished
replicates are kept in --folder. The results go to data/revenue_calibration.json.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import results
from churn_calibration import MASS, MONTHS, SAMPLING, SCORES, SHARES, TRUTHS, Truth, sampled

from nps_research.calibration import code_identity
from nps_research.churn.hazard import default_priors
from nps_research.churn.revenue import revenue_at_risk
from nps_research.diagnostics import interval_table
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEED = 20_261_123
FIRM, ANSWERED = 3000, 0.25
# What is lost with a customer, in EUR, and how many customers are worth so much.
VALUES, VALUE_SHARES = np.array([50.0, 100.0, 400.0]), np.array([0.5, 0.35, 0.15])


def firm(generator: np.random.Generator) -> pd.DataFrame:
    """Draw the customers that a firm has: everyone's true score, and whether it is known."""
    return pd.DataFrame(
        {
            "true": generator.choice(SCORES, FIRM, p=SHARES),
            "value": generator.choice(VALUES, FIRM, p=VALUE_SHARES),
            "answers": generator.random(FIRM) < ANSWERED,
        }
    )


def simulated(truth: Truth, address: int, number: int) -> dict[str, Any]:
    """Learn, predict, and let the year pass."""
    generator = np.random.default_rng([SEED, address, number])
    fit = sampled(truth.customers([SEED, address, number, 1]), "monotone", number)
    customers = firm(generator)
    chance = 1.0 - np.prod(1.0 - truth.hazard, axis=1)[customers["true"]]
    leaves = generator.random(FIRM) < chance
    known = customers["true"].astype("Int64").where(customers["answers"])
    table = customers.assign(score=known).groupby(["score", "value"], dropna=False).size()
    risk = revenue_at_risk(fit, table.rename("n").reset_index(), random_seed=number)
    worth = customers["value"]
    return {
        "expected": _inside(risk.expected, float((worth * chance).sum())),
        "realised": _inside(risk.realised, float(worth[leaves].sum())),
        "realised_in_expected": _inside(risk.expected, float(worth[leaves].sum())),
        "bias": float(risk.expected.mean()) / float((worth * chance).sum()) - 1.0,
    }


def _inside(draws: Any, value: float) -> bool:
    row = interval_table(draws, MASS).iloc[0]
    return bool(row["lower"] <= value <= row["upper"])


def recorded(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run all replicates of one truth, and return how often intervals contained it."""
    truth, address = TRUTHS[name], list(TRUTHS).index(name)
    identity = {
        "truth": [truth.odds.tolist(), truth.watched.tolist()],
        "priors": repr(default_priors("monotone", several_periods=True)),
        "setting": [SEED, FIRM, ANSWERED, VALUES.tolist(), VALUE_SHARES.tolist(), MASS, SAMPLING],
        **code_identity(),
    }
    runs = replicated(
        partial(simulated, truth, address),
        options.replicates,
        identity=identity,
        n_jobs=options.jobs,
        folder=options.folder / name.replace(" ", "-"),
    )
    shares = {each: round(float(runs[each].mean()), 4) for each in runs if each != "bias"}
    bias = runs["bias"]
    return {
        "truth": name,
        "replicates": options.replicates,
        **shares,
        "bias": results.rounded(float(bias.mean())),
        "bias_error": results.rounded(float(bias.std(ddof=1) / np.sqrt(len(bias)))),
    }


def main() -> None:
    """Run everything and write the results."""
    options = results.calibration_parser("revenue_calibration", __doc__).parse_args()
    content = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "seed": SEED,
        "mass": MASS,
        "months": MONTHS,
        "customers": FIRM,
        "answered": ANSWERED,
        "sampling": SAMPLING,
        "truths": [recorded(name, options) for name in TRUTHS],
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
