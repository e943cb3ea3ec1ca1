"""Intervals for a weighted mean of answer shares: NPS, mean score, top box are all of this form.

With `values` w (one a class of answers) and shares p, each of these numbers is sum(w * p). Every
method below is written once for it, for many groups of answers at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

import numpy as np
from scipy import special

from nps_research.bisection import falling_root
from nps_research.dirichlet import dirichlet_quantile
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

type Prior = Literal["jeffreys", "uniform"] | float
type _Limits = tuple[Array, Array, Array]  # standard error, lower, upper

PRIORS = {"jeffreys": 0.5, "uniform": 1.0}

# Three equally spaced classes; Rocks (2016), as given by Lewis & Sauro (2021, "Evaluating NPS
# Confidence Intervals with Real-World Data") and as the default of the R package NPS.
NPS_PSEUDO_COUNTS = np.array([0.75, 1.5, 0.75])


class IntervalOptions(TypedDict, total=False):
    """Options of `interval` that the metrics pass on."""

    truncate: bool
    prior: Prior
    resamples: int
    random_seed: int | None


class Interval(NamedTuple):
    """Estimate, standard error and limits, each of shape (groups,)."""

    estimate: Array
    se: Array
    lower: Array
    upper: Array


@dataclass(frozen=True)
class _Settings:
    level: float
    prior: float
    resamples: int
    random_seed: int | None

    @property
    def tails(self) -> tuple[float, float]:
        lower, upper = tail_probabilities(self.level)
        return lower, upper

    @property
    def z(self) -> float:
        return normal_quantile(self.level)


def interval(
    values: ArrayLike,
    counts: ArrayLike,
    method: str = "adjusted_wald",
    level: float = 0.95,
    *,
    truncate: bool = True,
    prior: Prior = "jeffreys",
    resamples: int = 10_000,
    random_seed: int | None = None,
) -> Interval:
    """Estimate sum(values * shares) for every group, with an interval.

    Classes of equal value are merged first, so a method sees three classes for NPS, two for a
    box and all of them for a mean.

    Parameters
    ----------
    values : array_like, shape (classes,)
        Value of an answer in each class, at least two different ones.
    counts : array_like, shape (groups, classes)
        Answers; effective (fractional) numbers are allowed.
    method : {"wald", "t", "adjusted_wald", "score", "dirichlet", "bootstrap"}
        See the notes.
    level : float
        Confidence level or posterior mass, between 0 and 1.
    truncate : bool
        Cut the limits to the range of `values`.
    prior : {"jeffreys", "uniform"} or float
        For "dirichlet": prior count of each merged class, 1/2, 1 or a number.
    resamples : int
        For "bootstrap": number of resamples.
    random_seed : int, optional
        For "bootstrap": seed; without it every call differs.

    Returns
    -------
    Interval
        `estimate` is the sample value whatever the method. All are missing for a group without
        answers.

    Raises
    ------
    ValueError
        If the method or prior is unknown, the level is not between 0 and 1, or no adjusted Wald
        interval is known for these values.

    Notes
    -----
    wald
        Normal approximation with the variance of the observed shares. Of width 0 when all answers
        agree.
    t
        As "wald" with the unbiased variance and a t quantile; missing for a single answer.
    adjusted_wald
        Wald after adding pseudo-answers, centred on the adjusted estimate. Two classes:
        z**2 / 2 each (Agresti & Coull 1998, "Approximate Is Better than 'Exact' for Interval
        Estimation of Binomial Proportions"; about 2 and 2 at 95 %). Three equally spaced ones:
        3/4, 3/2, 3/4 (Rocks 2016, "Interval Estimation for the Net Promoter Score"). `se` belongs
        to the adjusted estimate. No other case is published.
    score
        All values that the score test, with the variance under the tested value, does not reject.
        Two classes: Wilson's interval. `se` is that of "wald".
    dirichlet
        Equal-tailed interval of the exact posterior under a symmetric Dirichlet prior; `se` is the
        posterior standard deviation.
    bootstrap
        Percentiles over multinomial resamples of the (rounded) number of answers. Of width 0 when
        all answers agree.

    Examples
    --------
    >>> detractors, passives, promoters = 12, 31, 57
    >>> answers = interval([-1, 0, 1], [[detractors, passives, promoters]], "score")
    >>> answers.lower.round(4), answers.upper.round(4)
    (array([0.3017]), array([0.5749]))
    """
    if method not in METHODS:
        raise ValueError(unknown_name("interval method", method, METHODS))
    settings = _Settings(_checked_level(level), _prior_count(prior), resamples, random_seed)
    values, counts = _merge(values, counts)
    answered = counts.any(axis=1)
    result = np.full((4, len(counts)), np.nan)
    result[0, answered], _ = _moments(values, counts[answered])
    result[1:, answered] = METHODS[method](values, counts[answered], settings)
    if truncate:
        result[2:] = result[2:].clip(values[0], values[-1])
    return Interval(*result)


def interval_kind(method: str, level: float, prior: Prior = "jeffreys") -> str:
    """Describe an interval in words, for tables and figures.

    Parameters
    ----------
    method, level, prior
        As in `interval`.

    Returns
    -------
    str
        Mass, kind and method.

    Examples
    --------
    >>> interval_kind("dirichlet", 0.9)
    '90 % equal-tailed credible interval, Dirichlet(1/2)'
    """
    percent = f"{100 * level:g} %"
    if method == "dirichlet":
        count = _prior_count(prior)
        shown = "1/2" if count == PRIORS["jeffreys"] else f"{count:g}"
        return f"{percent} equal-tailed credible interval, Dirichlet({shown})"
    return f"{percent} confidence interval, {LABELS[method]}"


def normal_quantile(level: float) -> float:
    """Return the z of a two-sided normal interval.

    Parameters
    ----------
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    float
        Limits are z standard errors from the centre.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    return float(special.ndtri((1 + _checked_level(level)) / 2))


def tail_probabilities(mass: float) -> list[float]:
    """Return the probabilities below the two limits of an equal-tailed interval.

    Examples
    --------
    >>> tail_probabilities(0.5)
    [0.25, 0.75]
    """
    return [(1 - _checked_level(mass)) / 2, (1 + mass) / 2]


def fisher_interval(correlation: float, n: float, level: float) -> tuple[float, float]:
    """Return the limits of a correlation by Fisher's z transformation.

    Parameters
    ----------
    correlation : float
        Of the sample.
    n : float
        Pairs, more than 3; one less for each variable that is held constant.
    level : float
        Confidence level.

    Examples
    --------
    >>> lower, upper = fisher_interval(0.5, 28, 0.95)
    >>> round(lower, 3), round(upper, 3)
    (0.156, 0.736)
    """
    margin = normal_quantile(level) / math.sqrt(n - 3)
    centre = math.atanh(min(max(correlation, -1 + 1e-15), 1 - 1e-15))
    return math.tanh(centre - margin), math.tanh(centre + margin)


def _checked_level(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; found {level!r}. Pass 0.95 for 95 %.")
    return level


def _prior_count(prior: Prior) -> float:
    if isinstance(prior, str) and prior not in PRIORS:
        raise ValueError(unknown_name("prior", prior, PRIORS) + " Or pass a count a class.")
    count = PRIORS[prior] if isinstance(prior, str) else float(prior)
    if not 0 < count < np.inf:
        raise ValueError(f"a prior count must be positive and finite; found {prior!r}. Pass 0.5.")
    return count


def _merge(values: ArrayLike, counts: ArrayLike) -> tuple[Array, Array]:
    different, place = np.unique(np.asarray(values, dtype=float), return_inverse=True)
    membership = place[:, None] == np.arange(len(different))
    return different, np.atleast_2d(np.asarray(counts, dtype=float)) @ membership


def _moments(values: Array, counts: Array) -> tuple[Array, Array]:
    # Mean and variance (divisor n) of the values over the answers.
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    return mean, (shares * (values - mean[:, None]) ** 2).sum(axis=1)


def _wald(values: Array, counts: Array, settings: _Settings) -> _Limits:
    centre, variance = _moments(values, counts)
    return _symmetric(centre, np.sqrt(variance / counts.sum(axis=1)), settings.z)


def _student_t(values: Array, counts: Array, settings: _Settings) -> _Limits:
    centre, variance = _moments(values, counts)
    n = counts.sum(axis=1)
    freedom = np.where(n > 1, n - 1, np.nan)
    quantile = special.stdtrit(freedom, settings.tails[1])
    return _symmetric(centre, np.sqrt(variance / freedom), quantile)


def _symmetric(centre: Array, se: Array, quantile: Array | float) -> _Limits:
    return se, centre - quantile * se, centre + quantile * se


def _adjusted_wald(values: Array, counts: Array, settings: _Settings) -> _Limits:
    return _wald(values, counts + _pseudo_counts(values, settings.z), settings)


def _pseudo_counts(values: Array, z: float) -> Array:
    if len(values) == 2:
        return np.full(2, z**2 / 2)
    if len(values) == 3 and np.isclose(values[1], values[[0, 2]].mean()):
        return NPS_PSEUDO_COUNTS
    raise ValueError(
        f"no adjusted Wald interval is published for {len(values)} classes with values "
        f"{values[0]:g} to {values[-1]:g}. Use method='t', 'score' or 'dirichlet'."
    )


def _score(values: Array, counts: Array, settings: _Settings) -> _Limits:
    se, _, _ = _wald(values, counts, settings)
    lower = _lower_score_limit(values, counts, settings.z)
    upper = -_lower_score_limit(-values[::-1], counts[:, ::-1], settings.z)
    return se, lower, upper


def _lower_score_limit(values: Array, counts: Array, z: float) -> Array:
    # The constrained estimate is p_j proportional to n_j / y_j with y_j = w_j - w_min + d: one
    # curve, d >= 0. On it theta - w_min + d is the harmonic mean of y over the answers, the
    # variance is harmonic * (arithmetic - harmonic), and hence the score statistic is
    # n (arithmetic / harmonic - 1), falling in d. If it stays below z^2 at d = 0 (nobody in the
    # lowest class), left-over mass goes to that class and d = 0 gives the limit as well.
    n = counts.sum(axis=1)
    heights = values - values[0]
    mean = counts @ heights / n

    def score_excess(d: Array) -> Array:
        reciprocal = (counts / (heights + d[:, None])).sum(axis=1)  # n / harmonic mean
        return np.asarray((mean + d) * reciprocal - n - z**2)

    largest = heights[-1] * (np.sqrt(1 + n / z**2) - 1) / 2  # Kantorovich's inequality
    d = falling_root(score_excess, np.zeros_like(n), largest)
    return np.asarray(values[0] - d + (mean + d) / (1 + z**2 / n))


def _dirichlet(values: Array, counts: Array, settings: _Settings) -> _Limits:
    alpha = counts + settings.prior
    _, variance = _moments(values, alpha)
    sd = np.sqrt(variance / (alpha.sum(axis=1) + 1))
    lower, upper = (dirichlet_quantile(values, alpha, tail) for tail in settings.tails)
    return sd, lower, upper


def _bootstrap(values: Array, counts: Array, settings: _Settings) -> _Limits:
    generator = np.random.default_rng(settings.random_seed)
    n = counts.sum(axis=1)
    size = n.round().astype(np.int64).clip(min=1)
    draws = generator.multinomial(size, counts / n[:, None], (settings.resamples, len(n)))
    estimates = draws @ values / size
    lower, upper = np.quantile(estimates, settings.tails, axis=0)
    return estimates.std(axis=0), lower, upper


METHODS: dict[str, Callable[[Array, Array, _Settings], _Limits]] = {
    "wald": _wald,
    "t": _student_t,
    "adjusted_wald": _adjusted_wald,
    "score": _score,
    "dirichlet": _dirichlet,
    "bootstrap": _bootstrap,
}

LABELS = {
    "wald": "Wald",
    "t": "Student's t",
    "adjusted_wald": "adjusted Wald",
    "score": "score",
    "bootstrap": "percentile bootstrap",
}
