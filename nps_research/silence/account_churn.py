"""How well a summary of an account's answers foretells that the account leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.churn.discrimination import auc
from nps_research.counts import refuse_unknown_columns
from nps_research.ordinal.model import OrdinalModel
from nps_research.scale import RatingScale
from nps_research.silence.accounts import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.silence.accounts import Accounts

    type Array = NDArray[np.float64]

SUMMARIES: tuple[Summary, ...] = ("one response", "mean", "lowest", "decision maker", "model")
FOLDS = 10


def churn_prediction(
    accounts: Accounts,
    summaries: Sequence[Summary] = SUMMARIES,
    *,
    random_seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare summaries of answers by what they tell of who leaves.

    All are compared on the accounts for which every summary exists.

    Parameters
    ----------
    accounts : Accounts
        With `churned` in its table.
    summaries : sequence of str
        As in `Accounts.scores`; differences are against the first.
    random_seed : int
        For "one response", and for the division into tenths.
    level : float
        Confidence level of the intervals of the areas.

    Returns
    -------
    pandas.DataFrame
        Indexed by summary: `auc` with `lower` and `upper` (DeLong), `log_score` (mean log
        probability of what became of an account, from a logistic regression on the other nine
        tenths of the accounts), `gain` (its difference from the first summary) with `gain_se`,
        `covered` (share of all accounts that have this summary), `accounts` and `left`.

    Raises
    ------
    ValueError
        If the accounts have no column `churned`, or nobody left or stayed.

    Notes
    -----
    `gain_se` is the standard error of a mean of paired differences; the tenths share most of the
    accounts that they are fitted to, so that it is a little too small (Bengio and Grandvalet 2004,
    "No Unbiased Estimator of the Variance of K-Fold Cross-Validation").
    """
    refuse_unknown_columns(["churned"], accounts.table.columns)
    every = pd.DataFrame(
        {name: accounts.scores(name, random_seed=random_seed) for name in summaries}
    )
    known = every.dropna()
    left = accounts.table.loc[known.index, "churned"]
    areas = auc(known.assign(churned=left), list(summaries), level=level)
    fold = np.random.default_rng(random_seed).permutation(len(known)) % FOLDS
    logs = {name: _held_out(known[name].to_numpy(), left.to_numpy(), fold) for name in summaries}
    gains = {name: each - logs[summaries[0]] for name, each in logs.items()}
    table = areas[["auc", "lower", "upper"]].assign(
        log_score=[each.mean() for each in logs.values()],
        gain=[each.mean() for each in gains.values()],
        gain_se=[each.std(ddof=1) / np.sqrt(len(each)) for each in gains.values()],
        covered=every.notna().mean().to_numpy(),
        accounts=len(known),
        left=int(left.sum()),
    )
    table.index.name = "summary"
    table.attrs = dict(areas.attrs)
    return table


def _held_out(marker: Array, left: NDArray[np.int64], fold: NDArray[np.int64]) -> Array:
    """Return the log probability of every outcome, by a model that has not seen its tenth."""
    logs = np.empty(len(marker))
    for tenth in range(FOLDS):
        out = fold == tenth
        risk = _logistic(marker[~out], left[~out], marker[out])
        logs[out] = np.log(np.where(left[out] == 1, risk, 1 - risk))
    return logs


def _logistic(marker: Array, left: NDArray[np.int64], at: Array) -> Array:
    """Fit a logistic regression on the marker, and predict at other values of it."""
    table = pd.DataFrame({"marker": marker, "score": left}).groupby(["marker", "score"]).size()
    counts = table.rename("n").reset_index()
    model = OrdinalModel("score ~ marker", counts, rating_scale=RatingScale(0, 1, 0, 1))
    estimates = model.maximum_likelihood().estimates["estimate"]
    return np.asarray(special.expit(estimates["marker"] * at - estimates["cutpoint[0|1]"]))
