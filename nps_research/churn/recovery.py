"""Closing the loop: what a call back must achieve to pay, and whom to call.

A call to a customer costs the same whether the customer would have left or not. It pays through
those who would have left, are reached, and stay because of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.answers import answers_by_group
from nps_research.diagnostics import INTERVAL_KIND
from nps_research.intervals import tail_probabilities
from nps_research.scale import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.answers import Answers
    from nps_research.churn.hazard_draws import HazardDraws
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Scores = NDArray[np.bool_]

SAMPLES = ("chain", "draw")


def recovery_rate(before: ArrayLike, after: ArrayLike) -> Array:
    """Return the share of those who would have left that a call back keeps.

    Parameters
    ----------
    before, after : array_like
        Probability to leave without and with a call back that reaches the customer. Negative
        results say that calls drive customers away.

    Raises
    ------
    ValueError
        If a probability is not between 0 and 1, or `before` is 0.

    Examples
    --------
    >>> recovery_rate(0.2, 0.15).round(2)
    np.float64(0.25)
    """
    first, second = (np.asarray(each, dtype=float) for each in (before, after))
    if not ((first > 0) & (first <= 1) & (second >= 0) & (second <= 1)).all():
        raise ValueError(
            f"before and after must be probabilities to leave, before above 0; found {before!r} "
            f"and {after!r}."
        )
    return np.asarray(1 - second / first)[()]


def required_recovery(
    churn: ArrayLike | xr.DataArray,
    *,
    cost: float,
    value: float,
    reached: float = 1.0,
    fold: float = 1.0,
) -> xr.DataArray:
    """Return the recovery rate at which call backs bring back their cost so many times.

    ``fold x cost / (reached x churn x value)``: a rate above 1 cannot be had.

    Parameters
    ----------
    churn : array_like or xarray.DataArray
        Probability that a customer who is called would have left, such as draws of
        `HazardFit.churn_within`.
    cost : float
        Of one call back, or attempt, in any currency.
    value : float
        Of one customer who stays.
    reached : float
        Share of attempts that reach the customer.
    fold : float
        1 to break even, 10 for a tenfold return.

    Returns
    -------
    xarray.DataArray
        As `churn`; infinite where nobody leaves.

    Raises
    ------
    ValueError
        If a cost, value or fold is not positive, or `reached` is not above 0 and up to 1.

    Examples
    --------
    >>> required_recovery([0.05, 0.2], cost=10, value=500, reached=0.5, fold=2).to_numpy()
    array([1.6, 0.4])
    """
    _check_terms(cost, value, reached, fold)
    chances = churn if isinstance(churn, xr.DataArray) else xr.DataArray(np.asarray(churn, float))
    with np.errstate(divide="ignore"):
        needed = fold * cost / (reached * chances * value)
    return needed.rename("required_recovery")


def largest_return(
    churn: ArrayLike | xr.DataArray,
    *,
    cost: float,
    value: float,
    reached: float = 1.0,
    recovery: float = 1.0,
) -> xr.DataArray:
    """Return how many times call backs bring back their cost at a recovery rate.

    Parameters
    ----------
    churn, cost, value, reached
        As in `required_recovery`.
    recovery : float
        Share of those who are reached and would have left that stay because of it. With 1, nobody
        can do better.

    Returns
    -------
    xarray.DataArray
        As `churn`.

    Raises
    ------
    ValueError
        As in `required_recovery`, and if `recovery` is not between 0 and 1.

    Examples
    --------
    >>> largest_return([0.05, 0.2], cost=10, value=500, recovery=0.5).to_numpy()
    array([1.25, 5.  ])
    """
    if not 0 <= recovery <= 1:
        raise ValueError(f"recovery must be a share from 0 to 1; found {recovery!r}.")
    needed = required_recovery(churn, cost=cost, value=value, reached=reached)
    return (recovery / needed).rename("largest_return")


def close_the_loop(
    fit: HazardDraws,
    customers: pd.DataFrame,
    *,
    cost: float,
    value: float,
    reached: float = 1.0,
    folds: Sequence[float] = (1.0, 10.0),
    months: int | None = None,
    mass: float = 0.9,
) -> pd.DataFrame:
    """Say for every class of customers which recovery rate pays, as a posterior.

    Parameters
    ----------
    fit : HazardFit
        Hazards by score, without call backs.
    customers : pandas.DataFrame
        Count table of customers who gave a score; others are left out.
    cost, value, reached
        As in `required_recovery`.
    folds : sequence of float
        Returns that are asked for.
    months : int, optional
        Within which leaving counts, by default the horizon of the fit.
    mass : float
        Probability inside the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Indexed by `group` (detractors, passives, promoters, as far as somebody is in them) and
        `fold`: `customers`, mean `churn`, the median `recovery` that is required with `lower` and
        `upper`, and `probability_possible`, that it is at most 1.

    Examples
    --------
    >>> from nps_research.churn.hazard import HazardModel
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> past = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0], "n": [30, 70, 4, 196]})
    >>> fit = HazardModel(lifetimes(past, months=None)).fit(random_seed=1, progressbar=False)
    >>> close_the_loop(fit, past, cost=20, value=500)["probability_possible"].round(1).to_dict()
    {('detractors', 1.0): 1.0, ('detractors', 10.0): 0.0,
     ('promoters', 1.0): 0.1, ('promoters', 10.0): 0.0}
    """
    answers = answers_by_group(customers, None, fit.layout.scale)
    leaving = fit.churn_within(months)
    tails = [(1 - mass) / 2, 0.5, (1 + mass) / 2]
    rows = {}
    for group, people in _people_by_class(answers).items():
        churn = (leaving * people).sum("score") / people.sum()
        for fold in folds:
            needed = required_recovery(churn, cost=cost, value=value, reached=reached, fold=fold)
            lower, middle, upper = needed.quantile(tails, SAMPLES).to_numpy()
            rows[group, float(fold)] = {
                "customers": int(people.sum()),
                "churn": float(churn.mean()),
                "recovery": middle,
                "lower": lower,
                "upper": upper,
                "probability_possible": float((needed <= 1).mean()),
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["group", "fold"])
    table.attrs["interval"] = f"{100 * mass:g} % {INTERVAL_KIND}"
    return table


def contact_policies(
    fit: HazardDraws,
    customers: pd.DataFrame,
    *,
    cost: float,
    benefit: float,
    months: int | None = None,
    policies: Mapping[str, Iterable[int]] | None = None,
    mass: float = 0.9,
) -> pd.DataFrame:
    """Compare rules for whom to call back by what they are expected to lose.

    Parameters
    ----------
    fit : HazardFit
        Hazards by score, without call backs.
    customers : pandas.DataFrame
        Count table of customers who gave a score; others are left out.
    cost : float
        Of one call back.
    benefit : float
        Gain from calling a customer who would have left: share reached x recovery rate x value. A
        call pays where the probability to leave is above ``cost / benefit``.
    months : int, optional
        Within which leaving counts, by default the horizon of the fit.
    policies : mapping of str to scores, optional
        Names and the scores that are called. By default nobody, everybody, detractors, detractors
        and passives, and two rules that use the posterior: ``classes above threshold`` (those of
        the three classes whose average probability to leave pays) and ``scores above threshold``.
    mass : float
        Probability inside the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by `policy`: `contacted` customers, the mean `gain` with `lower` and `upper`, and
        `expected_loss`, the mean of what is missed against knowing all hazards. No rule by score
        has a smaller expected loss than ``scores above threshold``. attrs: ``threshold``.

    Raises
    ------
    ValueError
        If the cost or benefit is not positive, or a policy names a score that does not exist.

    Examples
    --------
    >>> from nps_research.churn.hazard import HazardModel
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> past = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0], "n": [30, 70, 4, 196]})
    >>> fit = HazardModel(lifetimes(past, months=None)).fit(random_seed=1, progressbar=False)
    >>> contact_policies(fit, past, cost=20, benefit=200).eval("expected_loss").idxmin()
    'detractors'
    """
    _check_terms(cost, benefit, 1.0, 1.0)
    answers = answers_by_group(customers, None, fit.layout.scale)
    leaving = fit.churn_within(months).transpose(*SAMPLES, "score").to_numpy()
    gain = answers.effective[0] * (benefit * leaving - cost)
    best = np.where(gain > 0, gain, 0.0).sum(axis=-1)
    rules = (
        _default_policies(answers, gain)
        if policies is None
        else {name: _of_scores(name, scores, answers.scale) for name, scores in policies.items()}
    )
    tails = tail_probabilities(mass)
    rows = {}
    for name, called in rules.items():
        of_rule = gain[..., called].sum(axis=-1)
        lower, upper = np.quantile(of_rule, tails)
        rows[name] = {
            "contacted": int(answers.effective[0][called].sum()),
            "gain": of_rule.mean(),
            "lower": lower,
            "upper": upper,
            "expected_loss": (best - of_rule).mean(),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")
    table.attrs = {
        "interval": f"{100 * mass:g} % {INTERVAL_KIND}",
        "threshold": cost / benefit,
    }
    return table


def _people_by_class(answers: Answers) -> dict[str, xr.DataArray]:
    """Return the customers of each class that has some, by score."""
    scale = answers.scale
    sizes = {group: np.where(scale.groups == group, answers.effective[0], 0) for group in GROUPS}
    return {
        group: xr.DataArray(each, {"score": scale.scores})
        for group, each in sizes.items()
        if each.any()
    }


def _default_policies(answers: Answers, gain: Array) -> dict[str, Scores]:
    scale = answers.scale
    by_score = gain.mean(axis=(0, 1))
    pays = {group: by_score[scale.groups == group].sum() > 0 for group in GROUPS}
    return {
        "nobody": np.zeros(scale.n_categories, bool),
        "everybody": np.ones(scale.n_categories, bool),
        "detractors": scale.nps_values < 0,
        "detractors and passives": scale.nps_values <= 0,
        "classes above threshold": np.array([pays[group] for group in scale.groups]),
        "scores above threshold": by_score > 0,
    }


def _of_scores(name: str, scores: Iterable[int], scale: RatingScale) -> Scores:
    chosen = list(scores)
    for score in chosen:
        if score not in scale.scores:
            raise ValueError(
                f"policy {name!r} names the score {score!r}, which is not on the scale from "
                f"{scale.minimum} to {scale.maximum}."
            )
    return np.isin(scale.scores, chosen)


def _check_terms(cost: float, value: float, reached: float, fold: float) -> None:
    for name, amount in (("cost", cost), ("value or benefit", value), ("fold", fold)):
        if not 0 < amount < np.inf:
            raise ValueError(f"{name} must be a positive number; found {amount!r}.")
    if not 0 < reached <= 1:
        raise ValueError(f"reached must be a share above 0 and up to 1; found {reached!r}.")
