"""Revenue that accounts put at risk: those that answered by their scores, the silent by silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.churn.hazard import HazardModel
from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.revenue import revenue_at_risk
from nps_research.counts import refuse_unknown_columns
from nps_research.dirichlet import JEFFREYS
from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.silence.accounts import Accounts, Summary

    type Array = NDArray[np.float64]


def account_revenue_at_risk(
    past: Accounts,
    now: Accounts,
    *,
    summary: Summary = "mean",
    draws: int = 3000,
    level: float = 0.9,
    random_seed: int,
) -> pd.DataFrame:
    """Forecast the value of the accounts that will leave, from what earlier accounts did.

    Accounts that answered leave as those of the same (rounded) score did; silent ones as silent
    ones did.

    Parameters
    ----------
    past : Accounts
        With `churned` in its table.
    now : Accounts
        With `value` in its table.
    summary : str
        Score of an account, as in `Accounts.scores`.
    draws : int
        Number of posterior draws of each of two chains.
    level : float
        Mass of the intervals.
    random_seed : int
        Makes the draws repeatable.

    Returns
    -------
    pandas.DataFrame
        Rows `answered`, `silent`, `all`, and `all, silence ignored`, in which the silent have the
        mix of scores of the others. Columns `forecast` (mean), `lower`, `upper` of what will be
        lost (who happens to leave is part of the interval), `value` of all accounts concerned, and
        `realised`, the value of those that left, if `now` tells.

    Raises
    ------
    ValueError
        If a column is missing, or an account of the past has no outcome.
    """
    refuse_unknown_columns(["churned"], past.table.columns)
    refuse_unknown_columns(["value"], now.table.columns)
    scored = _scored(past, summary, random_seed).assign(churned=past.table["churned"])
    model = HazardModel(lifetimes(scored.dropna(subset="score"), months=None))
    fit = model.fit(draws, chains=2, random_seed=random_seed, progressbar=False)
    table = _scored(now, summary, random_seed).assign(value=now.table["value"])
    ignored = revenue_at_risk(fit, table, random_seed=random_seed).realised
    answered = revenue_at_risk(fit, table.dropna(subset="score"), random_seed=random_seed).realised
    silent = _silent_loss(past, now, answered.size, random_seed)
    losses = {"answered": answered.to_numpy().ravel(), "silent": silent}
    losses |= {
        "all": losses["answered"] + silent,
        "all, silence ignored": ignored.to_numpy().ravel(),
    }
    return _forecasts(losses, now, level)


def probability_kept(forecast: pd.DataFrame, now: Accounts, changes: ArrayLike = 0.0) -> Array:
    """Tell how likely the interval of a forecast holds the loss if leaving has changed since.

    What earlier accounts did says nothing about a year in which accounts leave more often.

    Parameters
    ----------
    forecast : pandas.DataFrame
        From `account_revenue_at_risk`; the row ``all`` is judged.
    now : Accounts
        The accounts of the forecast, with `value` and `risk`, their probability of leaving, in the
        table: simulated ones.
    changes : array_like
        By how much the log odds of leaving of every account are higher than `risk` says.

    Returns
    -------
    numpy.ndarray
        One probability a change. Accounts leave independently of each other; the sum of what is
        lost with them is taken as normal.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from nps_research.silence.simulated_accounts import AccountWorld
    >>> now = AccountWorld(accounts=500).simulate(1)
    >>> forecast = pd.DataFrame({"lower": 8e5, "upper": 14e5}, index=["all"])
    >>> probability_kept(forecast, now, [0.0, 0.3]).round(2)
    array([0.81, 0.3 ])
    """
    refuse_unknown_columns(["value", "risk"], now.table.columns)
    value, risk = (now.table[name].to_numpy(dtype=float) for name in ("value", "risk"))
    moved = special.expit(special.logit(risk) + np.asarray(changes, dtype=float)[..., None])
    spread = np.sqrt((moved * (1 - moved)) @ value**2)
    ends = forecast.loc["all", ["lower", "upper"]].to_numpy(dtype=float)
    below = special.ndtr((ends - (moved @ value)[..., None]) / spread[..., None])
    return np.asarray(below[..., 1] - below[..., 0])


def _scored(accounts: Accounts, summary: Summary, random_seed: int) -> pd.DataFrame:
    score = accounts.scores(summary, random_seed=random_seed).round().astype("Int64")
    return pd.DataFrame({"score": score, "n": 1})


def _silent_loss(past: Accounts, now: Accounts, draws: int, random_seed: int) -> Array:
    """Draw the value of the silent accounts that leave."""
    generator = np.random.default_rng([random_seed, 1])
    outcome = past.table.loc[past.silent, "churned"]
    left, stayed = outcome.sum() + JEFFREYS, (1 - outcome).sum() + JEFFREYS
    risk = generator.beta(left, stayed, (draws, 1))
    value = now.table.loc[now.silent, "value"].to_numpy(dtype=float)
    return np.asarray((generator.uniform(size=(draws, len(value))) < risk) @ value)


def _forecasts(losses: dict[str, Array], now: Accounts, level: float) -> pd.DataFrame:
    tails = tail_probabilities(level)
    silent = now.silent.to_numpy()
    everybody = np.ones(len(silent), dtype=bool)
    concerned = {"answered": ~silent, "silent": silent}
    value = now.table["value"].to_numpy(dtype=float)
    rows = {}
    for name, each in losses.items():
        who = concerned.get(name, everybody)
        lower, upper = np.quantile(each, tails)
        rows[name] = {"forecast": each.mean(), "lower": lower, "upper": upper}
        rows[name] |= {"value": value[who].sum()}
        if "churned" in now.table:
            rows[name] |= {"realised": value[who] @ now.table["churned"].to_numpy()[who]}
    table = pd.DataFrame(rows).T
    table.attrs["interval"] = f"{100 * level:g} % equal-tailed predictive interval"
    return table
