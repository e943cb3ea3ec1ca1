"""What a firm must collect before it pays for a score: departures, audits and repeated answers.

Departures carry the improvement: the difference in differences of their log odds, over the churn
slope, is the change of loyalty. Its variance is that of four binomials, divided by the square of
what a standard deviation of loyalty does to each; the churn slope's own error comes on top. Plans
are for four cells: the control group before and after, the paid group before and after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from nps_research.bisection import falling_root
from nps_research.inflation.priors import InflationPriors
from nps_research.inflation.worlds import SHARES
from nps_research.intervals import normal_quantile
from nps_research.planning import detection_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Cells = tuple[float, float, float, float]

NODES = 60
# Log odds between which the intercept of leaving lies, and the numbers between which a plan's lie.
FARTHEST = 40.0
LARGEST = 1e12


@dataclass(frozen=True)
class RolloutPlan:
    """What a roll-out with a control group and known departures can tell.

    Loyalty is in standard deviations of that of all customers.

    Attributes
    ----------
    customers : float or tuple of float
        In each of the four cells, or in the control group before and after and the paid group
        before and after.
    churn_rate, response_rate : float
        Shares who leave in the window, and who answer.
    churn_slope : float
        Taken from the log odds of leaving by a standard deviation of loyalty.
    reliability : float
        Share of loyalty in the variance of a (latent) score.
    retest_pairs : float, optional
        Repeated answers that the reliability comes from; by default it is known.
    improvement : float
        The change that is expected.
    response_change : float
        How much the slope of answering may differ between the cells: standard deviation of what a
        unit of loyalty adds to the log odds, as in `InflationPriors`. Who answers is part of what
        a score says.
    shares : tuple of float
        Of the scores before the roll-out: they say how much a score tells about its latent place.

    Raises
    ------
    ValueError
        If a share or the reliability is not between 0 and 1, or a number not positive.

    Examples
    --------
    >>> plan = RolloutPlan(8000)
    >>> round(plan.improvement_sd, 3), round(plan.events)
    (0.073, 4480)
    """

    customers: float | Cells = 8000
    churn_rate: float = 0.14
    response_rate: float = 0.27
    churn_slope: float = 1.0
    reliability: float = 0.67
    retest_pairs: float | None = None
    improvement: float = 0.25
    response_change: float = InflationPriors.response_change
    shares: tuple[float, ...] = tuple(SHARES.tolist())

    def __post_init__(self) -> None:
        for name in ("churn_rate", "response_rate", "reliability"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1; found {getattr(self, name)!r}.")
        _check_positive(churn_slope=self.churn_slope, customers=float(self.cells.min()))
        if self.retest_pairs is not None:
            _check_positive(retest_pairs=self.retest_pairs)

    @property
    def cells(self) -> Array:
        """Customers in each of the four cells."""
        return np.broadcast_to(np.asarray(self.customers, dtype=float), 4)

    @property
    def events(self) -> float:
        """Customers who leave, in all cells."""
        return float(self.cells.sum() * self.churn_rate)

    @cached_property
    def seen_slope(self) -> float:
        """What a shift of everybody's loyalty takes from the log odds of the share who leave.

        Less than the churn slope: loyalty differs within a cell, and that flattens the curve.
        """
        loyalty, mass = special.roots_hermitenorm(NODES)
        mass = mass / mass.sum()
        intercept = falling_root(
            lambda odds: self.churn_rate - special.expit(odds - self.churn_slope * loyalty) @ mass,
            np.array(-FARTHEST),
            np.array(FARTHEST),
        )
        left = special.expit(intercept - self.churn_slope * loyalty)
        slope = self.churn_slope * (left * (1 - left)) @ mass
        return float(slope / self._binomial_variance)

    @property
    def slope_error(self) -> float:
        """Relative standard error of the churn slope: of its estimate, and of the reliability."""
        answers = self.cells.sum() * self.response_rate
        known = answers * self._binomial_variance * self.reliability * self.seen_slope**2
        return math.sqrt(1.0 / known + reliability_error(self.reliability, self.retest_pairs) ** 2)

    @property
    def improvement_sd(self) -> float:
        """Standard error of the improvement."""
        noise = np.sum(1.0 / self.cells) / self._binomial_variance / self.seen_slope**2
        return math.sqrt(noise + (self.improvement * self.slope_error) ** 2)

    @property
    def sum_sd(self) -> float:
        """Standard error of the sum of improvement and reporting shift, among those who answer.

        That of the scores, and of how much more loyal those are who answer: what departures of the
        silent and the others say of it, and what is believed of it.
        """
        answers, silent = self.cells * self.response_rate, 1.0 - self.response_rate
        believed = 4.0 * (silent * self.response_change) ** 2
        seen = np.sum(silent / answers) / self._binomial_variance / self.seen_slope**2
        selection = believed * seen / (believed + seen)
        return math.sqrt(np.sum(1.0 / answers) / self._score_information + selection)

    @property
    def shift_sd(self) -> float:
        """Standard error of the reporting shift: what the sum leaves when the improvement goes."""
        return math.hypot(self.improvement_sd, self.sum_sd)

    def audit_sd(self, answers: float) -> float:
        """Return the standard error of the improvement by an audit, without departures.

        Parameters
        ----------
        answers : float
            Of customers of the paid group after the roll-out to an unpaid third party.
        """
        _check_positive(answers=answers)
        others = self.cells[:3] * self.response_rate
        scores = (1.0 / answers + np.sum(1.0 / others)) / self._score_information
        # The audit is answered like the survey of the same group before; the control group's two
        # surveys may differ in who answers.
        selection = 2.0 * ((1.0 - self.response_rate) * self.response_change) ** 2
        return math.sqrt(scores + selection)

    def precision(self, level: float = 0.9, power: float = 0.8) -> pd.DataFrame:
        """Say how precise the estimates will be.

        Parameters
        ----------
        level : float
            Mass of the interval.
        power : float
            Probability to see the smallest effect that is shown.

        Returns
        -------
        pandas.DataFrame
            Rows improvement, reporting_shift and their sum: ``sd``, ``half_width`` of the interval
            and ``detectable``, the smallest effect whose interval leaves out 0 that often.

        Examples
        --------
        >>> RolloutPlan(8000, retest_pairs=600).precision().round(2)
                           sd  half_width  detectable
        improvement      0.07        0.12        0.18
        reporting_shift  0.13        0.21        0.32
        sum              0.11        0.18        0.27
        """
        sds = {
            "improvement": self.improvement_sd,
            "reporting_shift": self.shift_sd,
            "sum": self.sum_sd,
        }
        table = pd.DataFrame({"sd": sds})
        table["half_width"] = normal_quantile(level) * table["sd"]
        table["detectable"] = detection_quantile(power, level) * table["sd"]
        table.attrs["interval"] = f"{100 * level:g} % interval, normal approximation"
        return table

    @property
    def _binomial_variance(self) -> float:
        return self.churn_rate * (1.0 - self.churn_rate)

    @property
    def _score_information(self) -> float:
        """Information of one answer about the mean loyalty: of an ordered probit's location."""
        shares = np.asarray(self.shares) / np.sum(self.shares)
        cuts = special.ndtri(np.cumsum(shares)[:-1])
        heights = np.exp(-0.5 * cuts**2) / np.sqrt(2.0 * np.pi)
        steps = np.diff(heights, prepend=0.0, append=0.0)
        return float(np.sum(steps**2 / shares) * self.reliability)


def customers_needed(half_width: float, plan: RolloutPlan | None = None, level: float = 0.9) -> int:
    """Plan how many customers each cell needs for an interval of the improvement.

    Parameters
    ----------
    half_width : float
        Half the width of the interval, in standard deviations of loyalty: near an NPS of 30, a
        tenth is about 5 points.
    plan : RolloutPlan, optional
        The rest of the plan. Its customers count by their proportions.
    level : float
        Mass of the interval.

    Returns
    -------
    int
        Customers in the smallest cell.

    Raises
    ------
    ValueError
        If no number is enough, because the reliability is not known well enough.

    Examples
    --------
    >>> customers_needed(0.1), customers_needed(0.2)
    (11643, 2911)
    """
    plan = plan or RolloutPlan()
    _check_positive(half_width=half_width)
    target = half_width / normal_quantile(level)
    floor = abs(plan.improvement) * reliability_error(plan.reliability, plan.retest_pairs)
    if floor >= target:
        raise ValueError(
            f"no number of customers gives a half-width of {half_width:g}: the error of the "
            f"reliability alone gives {floor * normal_quantile(level):.3g}. Plan more than "
            f"{plan.retest_pairs:g} retest_pairs; see retest_pairs_needed."
        )
    # All of the rest falls with the number of customers.
    rest = plan.improvement_sd**2 - floor**2
    return math.ceil(plan.cells.min() * rest / (target**2 - floor**2))


def months_needed(
    half_width: float,
    monthly_churn: float,
    plan: RolloutPlan | None = None,
    level: float = 0.9,
) -> int:
    """Plan for how many months customers must be followed, before and after the roll-out.

    Parameters
    ----------
    half_width : float
        Half the width of the interval of the improvement, as in `customers_needed`.
    monthly_churn : float
        Share of customers who leave in a month.
    plan : RolloutPlan, optional
        The rest of the plan; its churn rate is not used.
    level : float
        Mass of the interval.

    Returns
    -------
    int
        Months.

    Raises
    ------
    ValueError
        If half of the customers leave before there are enough departures: then only more
        customers help.

    Examples
    --------
    >>> months_needed(0.14, monthly_churn=0.0125)
    8
    """
    plan = plan or RolloutPlan()
    _check_positive(half_width=half_width, monthly_churn=monthly_churn)
    target = half_width / normal_quantile(level)
    longest = math.floor(math.log(0.5) / math.log1p(-monthly_churn))
    for months in range(1, longest + 1):
        rate = -math.expm1(months * math.log1p(-monthly_churn))
        if replace(plan, churn_rate=rate).improvement_sd <= target:
            return months
    raise ValueError(
        f"half of the customers leave within {longest} months, and their departures do not give a "
        f"half-width of {half_width:g}. Plan more customers; see customers_needed."
    )


def audit_answers_needed(
    half_width: float, plan: RolloutPlan | None = None, level: float = 0.9
) -> int:
    """Plan how many answers an audit needs for an interval of the improvement.

    Parameters
    ----------
    half_width : float
        Half the width of the interval, as in `customers_needed`.
    plan : RolloutPlan, optional
        The other three cells: their answers limit what an audit can tell.
    level : float
        Mass of the interval.

    Returns
    -------
    int
        Answers of customers of the paid group after the roll-out.

    Raises
    ------
    ValueError
        If the other cells have too few answers for any audit, or too little is known of who
        answers there.

    Examples
    --------
    >>> audit_answers_needed(0.2), audit_answers_needed(0.2, RolloutPlan(response_change=0))
    (884, 131)
    """
    plan = plan or RolloutPlan()
    _check_positive(half_width=half_width)
    target, floor = half_width / normal_quantile(level), plan.audit_sd(LARGEST)
    if floor >= target:
        raise ValueError(
            f"no audit gives a half-width of {half_width:g}: the other cells' answers, and what is "
            f"not known of who answers there, give {floor * normal_quantile(level):.3g}. Plan more "
            "customers there, or pass a smaller response_change if there is reason to."
        )
    one = plan.audit_sd(1.0) ** 2 - floor**2
    return math.ceil(one / (target**2 - floor**2))


def retest_pairs_needed(relative_error: float, reliability: float = 0.67) -> int:
    """Plan how many customers must answer twice.

    Parameters
    ----------
    relative_error : float
        Standard error that the reliability may give to the churn slope, and with it to the
        improvement, as a share of it.
    reliability : float
        As it is expected.

    Returns
    -------
    int
        Pairs of answers.

    Examples
    --------
    >>> retest_pairs_needed(0.05), retest_pairs_needed(0.02)
    (68, 423)
    """
    _check_positive(relative_error=relative_error)
    return math.ceil((reliability_error(reliability, 1.0) / relative_error) ** 2)


def reliability_error(reliability: float, pairs: float | None) -> float:
    """Return the relative standard error that a reliability gives to the churn slope.

    The slope is that on the score over the root of the reliability; the reliability is the
    correlation of the pairs.

    Examples
    --------
    >>> round(reliability_error(0.67, 600), 3), reliability_error(0.67, None)
    (0.017, 0.0)
    """
    if pairs is None:
        return 0.0
    return (1.0 - reliability**2) / math.sqrt(pairs) / (2.0 * reliability)


def _check_positive(**values: Any) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number; found {value!r}.")
