"""How many answers an NPS survey needs."""

from __future__ import annotations

import math

from scipy import special

from nps_research.intervals import normal_quantile


def nps_sample_size(
    difference: float,
    *,
    standard_deviation: float = 100.0,
    power: float = 0.8,
    level: float = 0.95,
) -> int:
    """Plan a comparison: answers needed in each of two groups to detect a difference of NPS.

    Parameters
    ----------
    difference : float
        Difference of two scores to detect, in points.
    standard_deviation : float
        Of one answer, in points: 100 is the worst case. An earlier survey gives it:
        ``row = nps(counts, method="wald").loc["all"]; row["se"] * row["n"] ** 0.5``.
    power : float
        Probability to find the difference if it is there, between 0 and 1.
    level : float
        Confidence level of the two-sided test.

    Returns
    -------
    int
        Answers per group, rounded up.

    Raises
    ------
    ValueError
        If `power` or `level` is not between 0 and 1, or another argument not positive.

    Examples
    --------
    >>> nps_sample_size(5), nps_sample_size(10)
    (6280, 1570)
    """
    z = detection_quantile(power, level)
    _check_positive(difference=difference, standard_deviation=standard_deviation)
    return math.ceil(2 * (standard_deviation / difference * z) ** 2)


def nps_precision_sample_size(
    half_width: float, *, standard_deviation: float = 100.0, level: float = 0.95
) -> int:
    """Plan one estimate: answers needed for an NPS interval of a given half-width.

    Parameters
    ----------
    half_width : float
        Half the width of the Wald interval, in points.
    standard_deviation : float
        Of one answer, in points, as in `nps_sample_size`.
    level : float
        Confidence level.

    Returns
    -------
    int
        Answers, rounded up.

    Raises
    ------
    ValueError
        If `level` is not between 0 and 1, or another argument not positive.

    Examples
    --------
    >>> nps_precision_sample_size(5), nps_precision_sample_size(5, standard_deviation=74)
    (1537, 842)
    """
    _check_positive(half_width=half_width, standard_deviation=standard_deviation)
    return math.ceil((standard_deviation / half_width * normal_quantile(level)) ** 2)


def detection_quantile(power: float, level: float = 0.95) -> float:
    """Return how many standard errors a difference needs to be found with a given probability.

    Parameters
    ----------
    power : float
        Probability to find the difference, between 0 and 1.
    level : float
        Confidence level of the two-sided test.

    Raises
    ------
    ValueError
        If `power` or `level` is not between 0 and 1.

    Examples
    --------
    >>> round(detection_quantile(0.8), 2)
    2.8
    """
    check_power(power)
    return normal_quantile(level) + float(special.ndtri(power))


def check_power(power: float) -> None:
    """Refuse a power that is not between 0 and 1."""
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1; found {power!r}. Pass 0.8 for 80 %.")


def _check_positive(**points: float) -> None:
    for name, value in points.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive number of points; found {value!r}.")
