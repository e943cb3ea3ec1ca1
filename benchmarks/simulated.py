"""Simulated surveys of the benchmarks: one row an answer, the same for the same seed."""

import numpy as np
import pandas as pd

# Shares of the scores 0 to 10 of an average respondent: many 10s, a heap at 8, few below 5.
SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.03, 0.07, 0.08, 0.14, 0.22, 0.16, 0.22])
SEED = 20_240_501


def segments(answers: int) -> pd.DataFrame:
    """Simulate 8 segments and a treatment: 16 cells however many answers."""
    generator = np.random.default_rng(SEED)
    segment, treatment = generator.integers(8, size=answers), generator.integers(2, size=answers)
    eta = np.linspace(-0.6, 0.6, 8)[segment] + 0.3 * treatment
    rows = pd.DataFrame({"segment": segment, "treatment": treatment})
    rows["segment"] = "s" + rows["segment"].astype(str)
    return rows.assign(score=_scores(eta, generator))


def agents(answers_a_cell: int, agents: int = 200, months: int = 24) -> pd.DataFrame:
    """Simulate agents by months, with and without an incentive, and an effect of each agent."""
    generator = np.random.default_rng(SEED)
    cells = pd.MultiIndex.from_product(
        [range(agents), range(months), range(2)], names=["agent", "month", "incentive"]
    ).to_frame(index=False)
    rows = cells.loc[cells.index.repeat(answers_a_cell)].reset_index(drop=True)
    effect = generator.normal(0.0, 0.5, agents)
    eta = effect[rows["agent"]] + 0.01 * rows["month"] + 0.25 * rows["incentive"]
    rows["agent"] = "a" + rows["agent"].astype(str).str.zfill(3)
    return rows.assign(score=_scores(eta.to_numpy(), generator))


def continuous(answers: int) -> pd.DataFrame:
    """Simulate a predictor that no two respondents share, with standard deviation 0.5."""
    generator = np.random.default_rng(SEED)
    x = generator.normal(size=answers)
    # Two standard deviations are one unit, so that one prior scale fits every case.
    x = (x - x.mean()) / (2.0 * x.std())
    return pd.DataFrame({"x": x, "score": _scores(0.5 * x, generator)})


def _scores(eta: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draw scores of a cumulative logit model: latent logistic noise, cut at the shares."""
    above = 1.0 - np.cumsum(SHARES)[:-1]
    cutpoints = np.log(1.0 - above) - np.log(above)
    return np.searchsorted(cutpoints, eta + generator.logistic(size=len(eta)))
