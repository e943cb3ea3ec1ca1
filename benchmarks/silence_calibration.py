"""Coverage of what is said about silent customers: the recorded run.

Worlds in which the assumptions hold, where intervals must cover, and worlds in which they do not,
where the record says by how much they fail. Finished replicates are kept in --folder. The results
go to data/silence_calibration.json.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import results
from scipy import special

from nps_research.replication import replicated
from nps_research.scale import RatingScale
from nps_research.session import session_information
from nps_research.silence.account_revenue import account_revenue_at_risk
from nps_research.silence.churn_bounds import churn_evidence
from nps_research.silence.churn_ratio import churn_ratio, silent_ratio
from nps_research.silence.joint_response import JointResponse, simulated_counts
from nps_research.silence.nonresponse import nps_bounds
from nps_research.silence.simulated_accounts import AccountWorld

ROOT = Path(__file__).parents[1]
SEED = 20_260_608
LEVEL = 0.9
# Shares of the scores of everybody.
SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
VALUES = 100 * RatingScale().nps_values
# Accounts, response slope, churn slope, response rate, churn rate.
RATIO_WORLDS = {
    "loyalty drives both": (1000, 1.0, 1.0, 0.35, 0.10),
    "nothing to find": (1000, 0.0, 1.0, 0.35, 0.10),
    "few accounts, rare churn": (300, 1.0, 1.0, 0.35, 0.04),
    "strong and steep": (1000, 2.0, 1.5, 0.35, 0.10),
}
# Arguments of simulated_counts, and the reliability that the model is told.
RESPONSE = {"shares": SHARES, "customers": 5000}
JOINT_WORLDS = {
    "loyalty drives both": ({"response": (-0.6, 0.6, 0.0)}, 0.7, True),
    "answers at random": ({"response": (-0.6, 0.0, 0.0)}, 0.7, True),
    "steep, low reliability": (
        {"response": (-0.6, 1.0, 0.0), "churn": (-2.5, 1.5), "reliability": 0.5},
        0.5,
        True,
    ),
    "reliability overstated": ({"response": (-0.6, 0.6, 0.0), "reliability": 0.5}, 0.9, False),
    "strong feelings answer": ({"response": (-1.2, 0.2, 0.8)}, 0.7, False),
    "silence itself costs": ({"response": (-0.6, 0.2, 0.0), "direct": 0.7}, 0.7, False),
}
# Log odds of silence at score 0 and added by every point; factor of the silent's hazards.
BOUND_WORLDS = {
    "same churn at every score": (0.0, -0.15, 1.0, True),
    "the unhappy answer": (-1.0, 0.25, 1.0, True),
    "silence has nothing to do with it": (0.4, 0.0, 1.0, True),
    "the silent leave twice as often": (0.0, -0.15, 2.0, False),
}
PEOPLE = 20_000
# Arguments of AccountWorld.
REVENUE_WORLDS: dict[str, dict[str, Any]] = {
    "mild": {},
    "the unhappy are silent": {"response": (-0.8, 1.0), "churn": (-2.0, 1.5)},
}
HAZARDS = np.array([0.40, 0.36, 0.33, 0.29, 0.25, 0.20, 0.16, 0.11, 0.07, 0.05, 0.03])


def ratio_replicate(world: str, number: int) -> dict[str, float]:
    """Simulate one table of silence and churn, and the interval of the ratio."""
    customers, slope, churn_slope, response_rate, churn_rate = RATIO_WORLDS[world]
    generator = np.random.default_rng([_seed(world), number])
    loyalty = generator.standard_normal(customers)
    drawn = generator.uniform(size=(2, customers))
    silent = drawn[0] >= special.expit(_intercept(slope, response_rate) + slope * loyalty)
    left = drawn[1] < special.expit(_intercept(churn_slope, churn_rate) - churn_slope * loyalty)
    people = pd.DataFrame({"score": np.where(silent, np.nan, 8.0), "churned": left.astype(int)})
    counts = people.groupby(["score", "churned"], dropna=False).size().rename("n").reset_index()
    row = churn_ratio(counts, level=LEVEL).loc["all"]
    rates = {"response_rate": response_rate, "churn_rate": churn_rate}
    truth = float(silent_ratio(slope, churn_slope, **rates))
    return _limits("churn ratio", truth, row["lower"], row["upper"])


def joint_replicate(world: str, number: int) -> dict[str, float]:
    """Simulate one table of scores, silence and churn, and fit the joint model to it."""
    options, told, _ = JOINT_WORLDS[world]
    seed = _seed(f"{world} {number}")
    counts, _ = simulated_counts(**(RESPONSE | options), random_seed=seed)
    fit = JointResponse(counts, reliability=told).fit(2000, random_seed=seed)
    table, found = fit.summary(LEVEL), {"pareto_k": fit.convergence.pareto_k}
    for name, truth in joint_truth(world).items():
        found |= _limits(name, truth, *table.loc[name, ["lower", "upper"]])
    return found


def joint_truth(world: str) -> dict[str, float]:
    """Return the NPS of everybody and the churn ratio in a world, by quadrature."""
    options, _, _ = JOINT_WORLDS[world]
    loyalty, mass = special.roots_hermitenorm(200)
    mass = mass / mass.sum()
    base, slope, strength = options["response"]
    answers = special.expit(base + slope * loyalty + strength * np.abs(loyalty))
    level, steep = options.get("churn", (-2.5, 0.8))
    odds = level - steep * loyalty
    spoke = (answers * special.expit(odds)) @ mass / (answers @ mass)
    mute = ((1 - answers) * special.expit(odds + options.get("direct", 0.0))) @ mass
    return {
        "everybody": float(SHARES @ VALUES),
        "churn_ratio": mute / ((1 - answers) @ mass) / spoke,
    }


def bound_replicate(world: str, number: int) -> dict[str, float]:
    """Simulate people whose silence depends on the score, and bound the NPS of everybody."""
    base, slope, factor, _ = BOUND_WORLDS[world]
    generator = np.random.default_rng([_seed(world), number])
    n = generator.multinomial(PEOPLE, SHARES)
    silent = generator.binomial(n, special.expit(base + slope * np.arange(11)))
    left = generator.binomial(n - silent, HAZARDS)
    left_silent = generator.binomial(silent, np.minimum(factor * HAZARDS, 1.0)).sum()
    scores = {"score": [*range(11), *range(11), None, None]}
    outcomes = {"churned": [0] * 11 + [1] * 11 + [0, 1]}
    sizes = [*(n - silent - left), *left, silent.sum() - left_silent, left_silent]
    counts = pd.DataFrame(scores | outcomes | {"n": sizes})
    truth, found = float(n @ VALUES / PEOPLE), {}
    evidence = churn_evidence(counts, random_seed=number)
    by_churn = evidence.bounds(level=LEVEL).loc["everybody"]
    found |= _limits("bounds by churn", truth, by_churn["lower_limit"], by_churn["upper_limit"])
    tilted = evidence.tilted(LEVEL).loc["everybody"]
    found |= _limits("silence linear in the score", truth, tilted["lower"], tilted["upper"])
    worst = nps_bounds(counts, level=LEVEL).loc["all"]
    return found | _limits("no assumption", truth, worst["lower_limit"], worst["upper_limit"])


def agreement_replicate(world: str, number: int) -> dict[str, float]:
    """Simulate accounts, and the interval of the correlation between their contacts."""
    accounts = AccountWorld(accounts=200, response=(0.3, 0.0)).simulate(_seed(f"{world} {number}"))
    row = accounts.agreement(LEVEL).loc["all"]
    return _limits("correlation", score_correlation(0.4 * 0.7), row["lower"], row["upper"])


def revenue_replicate(world: str, number: int) -> dict[str, float]:
    """Simulate two years of accounts, and forecast the losses of the second from the first."""
    accounts = AccountWorld(accounts=500, **REVENUE_WORLDS[world])
    seed = _seed(f"{world} {number}")
    past, now = (accounts.simulate(seed + year) for year in (0, 1))
    table = account_revenue_at_risk(past, now, level=LEVEL, random_seed=seed)
    found = {}
    for name in ("answered", "silent", "all", "all, silence ignored"):
        found |= _limits(name, *table.loc[name, ["realised", "lower", "upper"]])
    return found


def score_correlation(latent: float) -> float:
    """Return the correlation of two scores whose latent scores have a given one."""
    shared, mass = special.roots_hermitenorm(200)
    cuts = special.ndtri(np.cumsum(SHARES)[:-1])[:, None]
    reached = special.ndtr((cuts - np.sqrt(latent) * shared) / np.sqrt(1 - latent))
    given = np.arange(11) @ np.diff(reached, axis=0, prepend=0, append=1)
    mean = SHARES @ np.arange(11)
    variance = SHARES @ (np.arange(11) - mean) ** 2
    return float((mass / mass.sum()) @ (given - mean) ** 2 / variance)


# What is simulated: the replicate, its worlds, and whether the assumptions hold in each.
STUDIES: dict[str, tuple[Any, dict[str, bool]]] = {
    "churn ratio": (ratio_replicate, dict.fromkeys(RATIO_WORLDS, True)),
    "joint model": (joint_replicate, {name: each[2] for name, each in JOINT_WORLDS.items()}),
    "bounds": (bound_replicate, {name: each[3] for name, each in BOUND_WORLDS.items()}),
    "accounts": (agreement_replicate, {"contacts of an account": True}),
    "revenue": (revenue_replicate, dict.fromkeys(REVENUE_WORLDS, True)),
}


def study_rows(study: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a world and quantity."""
    simulate, worlds = STUDIES[study]
    rows = []
    for world, holds in worlds.items():
        identity = {"world": world, "study": study, "seed": SEED, **_versions()}
        folder = options.folder / f"{study}-{world}".replace(" ", "-").replace(",", "")
        found = replicated(
            partial(simulate, world),
            options.replicates,
            identity=identity,
            n_jobs=options.jobs,
            folder=folder,
        )
        rows += [
            _row(study, world, name, found, holds=_holds(name, world=holds))
            for name in _quantities(found)
        ]
    return rows


def main() -> None:
    """Run everything and write the results."""
    options = results.calibration_parser("silence_calibration", __doc__).parse_args()
    rows = [row for study in STUDIES for row in study_rows(study, options)]
    setting = results.setting(session_information()["version"].to_dict())
    head = {"setting": setting, "seed": SEED, "level": LEVEL, "replicates": options.replicates}
    options.out.write_text(results.one_line_a_row(head | {"rows": rows}), encoding="utf-8")
    print(pd.DataFrame(rows).to_string())


def _limits(name: str, truth: float, lower: float, upper: float) -> dict[str, float]:
    return {f"{name}|truth": truth, f"{name}|lower": float(lower), f"{name}|upper": float(upper)}


def _holds(quantity: str, *, world: bool) -> bool:
    """Tell whether what a quantity assumes is so: some assume nothing, one what never is."""
    return quantity == "no assumption" or (world and quantity != "all, silence ignored")


def _quantities(found: dict[str, Any]) -> list[str]:
    return [name.removesuffix("|truth") for name in found if name.endswith("|truth")]


def _row(
    study: str, world: str, quantity: str, found: dict[str, Any], *, holds: bool
) -> dict[str, Any]:
    truth, lower, upper = (found[f"{quantity}|{part}"] for part in ("truth", "lower", "upper"))
    inside = (lower <= truth) & (truth <= upper)
    figures = {
        "truth": truth.mean(),
        "coverage": inside.mean(),
        "mcse": np.sqrt(inside.mean() * (1 - inside.mean()) / len(inside)),
        "width": (upper - lower).mean(),
    }
    kept = {name: results.rounded(float(value)) for name, value in figures.items()}
    names = {"study": study, "world": world, "quantity": quantity, "assumptions_hold": holds}
    return names | kept | {"replicates": len(inside)}


def _intercept(slope: float, mean: float) -> float:
    """Return the log odds at average loyalty that give a rate, by bisection."""
    loyalty, mass = special.roots_hermitenorm(200)
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        rate = special.expit(middle + slope * loyalty) @ mass / mass.sum()
        low, high = (middle, high) if rate < mean else (low, middle)
    return low


def _versions() -> dict[str, Any]:
    return {"versions": session_information()["version"].to_dict()}


def _seed(name: str) -> int:
    return results.seed_of(SEED, name)


if __name__ == "__main__":
    main()
