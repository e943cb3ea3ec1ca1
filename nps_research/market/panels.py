"""A run as tables of customers: month by month, and from one survey to leaving or the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.counts import refuse_unknown_columns
from nps_research.market.events import Event
from nps_research.market.population import CENTS, SEGMENTS
from nps_research.market.runs import NEVER, SURVEYS
from nps_research.market.shocks import Purpose, uniforms
from nps_research.market.surveys import NO_ANSWER
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.market.runs import Run, Survey

    type Integers = NDArray[np.int64]

LIFETIME_COLUMNS = ("segment", "team", "month")
# Uniform numbers are multiples of 2**-53 from 0 on; half a step further no quantile is below 0.
HALF_STEP = 2.0**-54


def panel(run: Run, *, referrals: bool = False) -> pd.DataFrame:
    """List every customer in every month until leaving.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.
    referrals : bool
        Whether to draw how many new customers each one brought in the month. The market expects
        ``exp(intercept + slope * loyalty)`` of them; the numbers are Poisson around that, with an
        address of their own among the shocks, so that markets with other incentives share them.
        The run must have been simulated with ``record=True``.

    Returns
    -------
    pandas.DataFrame
        One row a customer and month, sorted: `customer`, `month`, `segment`, `team`, `value` (EUR
        a month), `left` (the month in which the customer left, missing for those who stayed),
        `sampled` (whether the customer was to be surveyed), the scores `recorded`, `shadow` and
        `census` (missing = no answer), and `referrals` if asked for.

    Raises
    ------
    ValueError
        If referrals are asked for and the run holds no loyalty.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=100, agents=4, teams=2, months=12)
    >>> table = panel(market.simulate(Incentives.none(), random_seed=1))
    >>> table.groupby("customer")["month"].max().value_counts().loc[11] > 50
    np.True_
    """
    customer, month = np.nonzero((run.events & Event.ACTIVE).T > 0)
    left = run.left_in[customer]
    table = pd.DataFrame(
        {
            "customer": customer,
            "month": month,
            "segment": np.array(SEGMENTS)[run.population.segment[customer]],
            "team": run.population.team[run.population.agent[customer]],
            "value": run.population.value[customer] / CENTS,
            "left": _with_missing(left, left == NEVER),
            "sampled": (run.events[month, customer] & Event.FRAME) > 0,
        }
    )
    for survey in SURVEYS:
        score = getattr(run, survey)[month, customer]
        table[survey] = _with_missing(score, score == NO_ANSWER)
    if referrals:
        drawn = _referrals(run, *(range(size) for size in run.events.shape))
        table["referrals"] = drawn[month, customer]
    table.attrs = {"rating_scale": RatingScale(), "months": len(run.events)}
    return table


def survey_lifetimes(
    run: Run,
    *,
    answers: Survey = "recorded",
    month: int | None = None,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Count customers by their score at one survey and by how long they stayed afterwards.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`. Follow-up does not stop where incentives begin: simulate
        ``Incentives.none()``, or a market that has them from the first month.
    answers : {"recorded", "shadow", "census"}
        Whose scores, as in `Run.counts`.
    month : int, optional
        Everyone sampled in this month, those without an answer having a missing score. By default
        each customer who ever answers, at the first answer.
    by : sequence of str
        Of segment, team and month (of the survey), to be kept apart.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, `score` (Int64), `months`, `churned` and `n`. A customer who leaves in
        the month of the survey, which comes first in a month, has `months` 1; one who is there at
        the end has `churned` 0, and in `months` the number of months seen, that of the survey
        included.

    Raises
    ------
    ValueError
        If the survey, a column or the month is unknown, or nobody was surveyed.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=100, agents=4, teams=2, months=12)
    >>> table = survey_lifetimes(market.simulate(Incentives.none(), random_seed=1), month=3)
    >>> int(table["months"].max())
    9
    """
    if answers not in SURVEYS:
        raise ValueError(unknown_name("survey", answers, SURVEYS))
    refuse_unknown_columns(by, LIFETIME_COLUMNS)
    scores = getattr(run, answers)
    customer, asked = _first_answers(scores) if month is None else _sampled(run, month)
    left = run.left_in[customer]
    score = scores[asked, customer]
    columns: dict[str, Any] = {
        "segment": np.array(SEGMENTS)[run.population.segment[customer]],
        "team": run.population.team[run.population.agent[customer]],
        "month": asked,
        "score": _with_missing(score, score == NO_ANSWER),
        "months": np.minimum(left, len(scores) - 1) - asked + 1,
        "churned": (left < NEVER).astype(np.int64),
    }
    keys = [*by, "score", "months", "churned"]
    table = pd.DataFrame({name: columns[name] for name in keys})
    counted = table.groupby(keys, dropna=False).size().rename("n").reset_index()
    counted.attrs = {"rating_scale": RatingScale()}
    return counted


def referral_history(
    run: Run, month: int, *, before: int = 12, ahead: int = 12, within: int = 6
) -> pd.DataFrame:
    """Count customers by their last score, their referrals so far, and whether referrals follow.

    Parameters
    ----------
    run : Run
        Of `Market.simulate` with ``record=True``.
    month : int
        The present: customers who are still there at its end and answered the survey lately.
    before, ahead : int
        Months up to the present whose referrals are known, and months after it.
    within : int
        How many months old the last recorded score may be, 1 for that of the present month.

    Returns
    -------
    pandas.DataFrame
        `score`, `past` (referrals in the months before), `referred` (1 for those with a referral in
        the months ahead, else 0) and `n`.

    Raises
    ------
    ValueError
        If the months do not lie within the run, nobody answered, or the run holds no loyalty.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=100, agents=4, teams=2, months=24)
    >>> run = market.simulate(Incentives.none(), random_seed=1, record=True)
    >>> referral_history(run, 11).columns.tolist()
    ['score', 'past', 'referred', 'n']
    """
    months = len(run.events)
    if not max(before, within) - 1 <= month < months - ahead or min(before, ahead, within) < 1:
        raise ValueError(
            f"{before} months up to month {month}, {ahead} after it and a score of the last "
            f"{within} do not lie within a run of {months} months. Choose other numbers."
        )
    recent = run.recorded[month - within + 1 : month + 1][::-1]
    answered = recent != NO_ANSWER
    there = answered.any(axis=0) & (run.left_in > month)
    if not there.any():
        raise ValueError(f"nobody who is there answered within {within} months: allow for more.")
    latest, customers = answered.argmax(axis=0)[there], np.flatnonzero(there)
    past = _referrals(run, range(month - before + 1, month + 1), customers)
    later = _referrals(run, range(month + 1, month + 1 + ahead), customers)
    table = pd.DataFrame(
        {
            "score": recent[latest, customers].astype(np.int64),
            "past": past.sum(axis=0),
            "referred": later.any(axis=0).astype(int),
        }
    )
    counts = table.groupby(list(table)).size().rename("n").reset_index()
    counts.attrs = {"rating_scale": RatingScale()}
    return counts


def _first_answers(scores: NDArray[np.int8]) -> tuple[Integers, Integers]:
    """Return the customers who ever answer, and the month in which each first does."""
    answered = scores != NO_ANSWER
    customer = np.flatnonzero(answered.any(axis=0))
    if not len(customer):
        raise ValueError("nobody answered in this run: simulate more customers or months.")
    return customer, answered[:, customer].argmax(axis=0)


def _sampled(run: Run, month: int) -> tuple[Integers, Integers]:
    if not 0 <= month < len(run.events):
        raise ValueError(f"month must be from 0 to {len(run.events) - 1}; found {month}.")
    customer = np.flatnonzero(run.events[month] & Event.FRAME)
    if not len(customer):
        raise ValueError(f"nobody was sampled in month {month}: choose another.")
    return customer, np.full(len(customer), month)


def _referrals(run: Run, months: range, customers: range | Integers) -> Integers:
    """Draw referrals, shape (months, customers); those who have left make none."""
    if not len(run.rows.loyalty):
        raise ValueError(
            "referrals follow from loyalty, which this run does not hold. Simulate it with "
            "record=True."
        )
    numbers = run.market.parameters.loyalty
    here = np.ix_(months, customers)
    # Those who have left hold no loyalty: any number stands for theirs.
    loyalty = np.nan_to_num(run.rows.loyalty[here].astype(float))
    expected = np.exp(numbers.referral_intercept + numbers.referral_slope * loyalty)
    seed = run.random_seed, run.replicate, Purpose.REFERRAL
    drawn = np.stack([uniforms(*seed, month, np.asarray(customers)) for month in months])
    referrals = np.asarray(stats.poisson.ppf(drawn + HALF_STEP, expected), np.int64)
    return np.where((run.events[here] & Event.ACTIVE) > 0, referrals, 0)


def _with_missing(values: NDArray[Any], missing: NDArray[np.bool_]) -> Any:
    """Return whole numbers of which some are missing, as pandas holds them."""
    return pd.arrays.IntegerArray(values.astype(np.int64), missing)
