"""The "simple formula" for revenue at risk: detractors times lifetime value, and what it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from nps_research.answers import answers_by_group
from nps_research.diagnostics import interval_table

if TYPE_CHECKING:
    from nps_research.churn.hazard_draws import HazardDraws
    from nps_research.scale import RatingScale


def simple_formula(
    customers: pd.DataFrame,
    *,
    lifetime_value: float,
    referral_value: float = 0.0,
    rating_scale: RatingScale | None = None,
) -> pd.Series:
    """Multiply detractors by a lifetime value: the natural reading of a "simple formula".

    Vendors name a simple formula for the revenue that detractors put at risk, and for that which
    promoters bring, and do not give it. This is what it can be: share of detractors x customers x
    lifetime value, and share of promoters x customers x value of the referrals of one promoter.

    It assumes that

    1. every detractor leaves and loses the firm a whole lifetime value, within a horizon that is
       not said;
    2. nobody else leaves;
    3. all customers are worth the same, whatever they answered;
    4. those who did not answer would have answered as the others;
    5. the share of detractors is known without error;
    6. promoters refer, nobody else does, and all that they bring is theirs.

    The first two are opposite errors: the formula is right where the detractors who stay are as
    many as the others who leave, that is where the share that leaves is the share of detractors.
    `formula_error` says by what factor it is off.

    Parameters
    ----------
    customers : pandas.DataFrame
        Count table of the customers that the firm has now; a missing score is no answer.
    lifetime_value, referral_value : float
        Of one customer and one promoter, in any currency.
    rating_scale : RatingScale, optional
        By default that of the table, else 0-10.

    Returns
    -------
    pandas.Series
        `revenue_at_risk` and `new_revenue`.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3, 8, 10, None], "n": [10, 30, 60, 100]})
    >>> simple_formula(table, lifetime_value=500, referral_value=100).to_dict()
    {'revenue_at_risk': 10000.0, 'new_revenue': 12000.0}
    """
    answers = answers_by_group(customers, None, rating_scale)
    shares = answers.effective[0] / answers.n[0]
    people = int(answers.n[0]) + answers.unanswered
    detractors, promoters = (shares[answers.scale.nps_values == side].sum() for side in (-1, 1))
    worth = {
        "revenue_at_risk": people * detractors * lifetime_value,
        "new_revenue": people * promoters * referral_value,
    }
    return pd.Series(worth, name="simple formula")


def formula_error(
    fit: HazardDraws,
    customers: pd.DataFrame,
    *,
    months: int | None = None,
    mass: float = 0.9,
) -> pd.DataFrame:
    """Say by what factor the simple formula is off, and why, where all customers are worth one.

    Parameters
    ----------
    fit : HazardFit
        Hazards by score.
    customers : pandas.DataFrame
        Count table; customers without a score are left out.
    months : int, optional
        Within which leaving counts, by default the horizon of the fit.
    mass : float
        Probability inside the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        `estimate`, `lower` and `upper` of: ``detractors``, who all leave by the formula;
        ``detractors who leave`` and ``others who leave`` (expected, of the scored customers);
        ``factor``, the formula's loss as a multiple of the expected one.

    Examples
    --------
    >>> from nps_research.churn.hazard import HazardModel
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> past = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0], "n": [30, 70, 4, 196]})
    >>> model = HazardModel(lifetimes(past, months=None))
    >>> fit = model.fit(random_seed=1, progressbar=False)
    >>> 2.5 < formula_error(fit, past).loc["factor", "estimate"] < 3.5
    np.True_
    """
    answers = answers_by_group(customers, None, fit.layout.scale)
    leaving = fit.churn_within(months)
    counts = xr.DataArray(answers.effective[0], {"score": answers.scale.scores})
    groups = xr.DataArray(answers.scale.nps_values < 0, {"score": answers.scale.scores})
    lost = leaving * counts
    ours, others = (lost.where(each).sum("score") for each in (groups, ~groups))
    detractors = float(counts.where(groups).sum())
    rows = {
        "detractors": xr.full_like(ours, detractors),
        "detractors who leave": ours,
        "others who leave": others,
        "factor": detractors / (ours + others),
    }
    stacked = xr.concat(list(rows.values()), pd.Index(list(rows), name="quantity"))
    return interval_table(stacked.rename("estimate"), mass)
