"""Prior distributions of the inflation model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InflationPriors:
    """What is believed before the data, in standard deviations of loyalty within an agent.

    Pairs are mean and standard deviation of a normal distribution. The defaults let a programme
    move loyalty or reporting by up to one standard deviation, about fifty points of NPS.

    Parameters
    ----------
    improvement, reporting_shift : float
        Standard deviations of normal distributions about 0.
    group, trend : float
        The same: how far groups differ beforehand, and how far loyalty moves in all groups.
    noise : tuple of float
        Of the log of the noise of a score in total standard deviations of loyalty; not used if
        the reliability is given.
    agents : float
        Scale of the half-normal distribution of the standard deviation between agents.
    response_intercept, response_slope : tuple of float
        Log odds of the share who answer, and what a standard deviation of loyalty adds to each
        one's.
    response_change : float
        Standard deviation of what it adds in a group and period, about what it adds in all.
    churn_intercept, churn_slope : tuple of float
        Log odds of leaving, and the log of what a standard deviation of loyalty takes away.
    churn_group, churn_trend : float
        Standard deviations: log odds of leaving that groups and periods have for other reasons.
    ten_inflation : tuple of float
        Parameters of a Beta distribution.
    loading : tuple of float
        Of the log of what a standard deviation of loyalty moves an indicator, in units of its
        noise.
    class_answers : float
        Prior answers to each class of scores, spread evenly over its scores.

    Examples
    --------
    >>> InflationPriors(improvement=0.3).reporting_shift
    0.5
    """

    improvement: float = 0.5
    reporting_shift: float = 0.5
    group: float = 0.5
    trend: float = 0.5
    noise: tuple[float, float] = (-0.35667494393873245, 0.5)  # log 0.7
    agents: float = 0.5
    response_intercept: tuple[float, float] = (-1.0, 1.0)
    response_slope: tuple[float, float] = (0.0, 0.5)
    response_change: float = 0.1
    churn_intercept: tuple[float, float] = (-2.0, 1.0)
    churn_slope: tuple[float, float] = (0.0, 0.5)
    churn_group: float = 0.5
    churn_trend: float = 0.5
    ten_inflation: tuple[float, float] = (1.0, 9.0)
    loading: tuple[float, float] = (0.0, 0.5)
    class_answers: float = 1.0
