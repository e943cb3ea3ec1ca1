"""How opinions move: whether a fall is worse than the score that it ends at.

If a customer's opinion wanders around a level, however slowly, an earlier high score is good news:
it says that the last one may have been a bad day. Only if opinions have momentum, so that those who
fall go on falling, is the same score worse after a higher one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.intervals import fisher_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.churn.trajectories import Trajectories

    type Array = NDArray[np.float64]

WARM_UP = 100
FEWEST_CUSTOMERS = 5


def past_weights(
    between: ArrayLike, ahead: ArrayLike, apart: ArrayLike, *, reliability: float
) -> pd.DataFrame:
    """Return how an opinion to come follows from the last score and the one before it.

    Parameters
    ----------
    between, ahead, apart : array_like
        Correlations of true opinions: at the two answers; at the last answer and later; at the
        earlier answer and later.
    reliability : float
        Share of the variance of a score that is opinion, above 0 and up to 1.

    Returns
    -------
    pandas.DataFrame
        Standardised regression weights `last` and `previous` of the later opinion on the two
        scores. The same last score after a higher one is worse news exactly where `previous` is
        negative, that is where ``apart < reliability * between * ahead``. For an opinion that
        wanders around a level (``apart = between * ahead`` or more) it never is.

    Raises
    ------
    ValueError
        If correlations cannot be those of three opinions, or the reliability is out of range.

    Notes
    -----
    In correlations of the scores themselves, whose products with the reliability are the same, the
    condition reads: the first and the third of three scores correlate less than the product of the
    other two correlations, so that their partial correlation given the second is negative.
    `momentum` estimates that.

    Examples
    --------
    >>> past_weights(0.8, 0.8, [0.64, 0.3], reliability=0.7).round(2)
       last  previous
    0  0.54      0.23
    1  0.77     -0.18
    """
    _check_share("reliability", reliability)
    r = [np.atleast_1d(np.asarray(each, float)) for each in (between, ahead, apart)]
    r12, r23, r13 = np.broadcast_arrays(*r)
    determinant = 1 + 2 * r12 * r23 * r13 - r12**2 - r23**2 - r13**2
    if (determinant < 0).any() or (np.abs([r12, r23, r13]) > 1).any():
        place = int((determinant < 0).argmax())
        raise ValueError(
            f"no three opinions have the correlations {r12[place]:g}, {r23[place]:g} and "
            f"{r13[place]:g}. Compute them from a process, such as persistence ** time."
        )
    seen = reliability * r12
    scale = math.sqrt(reliability) / (1 - seen**2)
    return pd.DataFrame(
        {"last": scale * (r23 - seen * r13), "previous": scale * (r13 - seen * r23)}
    )


def momentum(paths: Trajectories, level: float = 0.95) -> pd.Series:
    """Estimate whether scores that fall go on falling.

    Parameters
    ----------
    paths : Trajectories
        Who answered what when.
    level : float
        Confidence level.

    Returns
    -------
    pandas.Series
        `partial_correlation` of the first and the third answer given the second, of customers with
        three, with `lower` and `upper` (Fisher's z), and the number of `customers`. Negative:
        momentum, so that a fall is worse than the score that it ends at. Positive: an earlier high
        score is good news. Those who left before a third answer are not in it.

    Raises
    ------
    ValueError
        If fewer than five customers have three answers, or their answers do not vary.

    Examples
    --------
    >>> from nps_research.churn.trajectories import trajectories
    >>> panel = drifting_customers(400, 3, random_seed=1)
    >>> momentum(trajectories(panel)).round(2)[["partial_correlation", "customers"]].tolist()
    [0.35, 332.0]
    """
    third = paths.windows(3)
    third = third[paths.position[third] == 2]
    scores = paths.score[third[:, None] - np.arange(3)].astype(float)
    if len(scores) < FEWEST_CUSTOMERS or (scores.std(axis=0) == 0).any():
        raise ValueError(
            f"a partial correlation needs {FEWEST_CUSTOMERS} customers or more with three answers "
            f"that vary; found {len(scores)} customers."
        )
    precision = np.linalg.pinv(np.corrcoef(scores.T))
    partial = float(-precision[0, 2] / math.sqrt(precision[0, 0] * precision[2, 2]))
    lower, upper = fisher_interval(partial, len(scores) - 1, level)
    found = {"partial_correlation": partial, "lower": lower, "upper": upper}
    table = pd.Series(found | {"customers": float(len(scores))}, name="momentum")
    table.attrs["interval"] = f"{100 * level:g} % confidence interval, Fisher's z"
    return table


def drifting_customers(
    customers: int,
    waves: int,
    *,
    momentum: float = 0.0,
    persistence: float = 0.9,
    reliability: float = 0.8,
    declines: tuple[float, float] = (0.0, 1.5),
    leaving: tuple[float, float] = (-3.0, 1.2),
    random_seed: int,
) -> pd.DataFrame:
    """Simulate customers whose opinions drift with a known momentum, or begin to decline.

    Opinions are autoregressive of second order with the roots `persistence` and `momentum`,
    standard normal in the long run: without momentum they wander back to their mean, with momentum
    a fall is followed by more of it. On top, a customer's decline can begin that never ends.
    Everyone answers in every wave; a score is ``6.5 + 2.5 x (opinion + error)``, rounded and cut to
    0-10; customers leave after the survey of a wave with the logit ``leaving[0] - leaving[1] x
    opinion``.

    Parameters
    ----------
    customers, waves : int
        Sizes of the panel.
    momentum, persistence : float
        Roots, from 0 to below 1.
    reliability : float
        Share of the variance of an uncut answer that is opinion, above 0 and up to 1.
    declines : (float, float)
        Probability that a decline begins in a wave, and the fall of the opinion in every wave from
        then on, in standard deviations.
    leaving : (float, float)
        Intercept and slope of the logit of leaving.
    random_seed : int
        Makes the panel repeatable.

    Returns
    -------
    pandas.DataFrame
        Columns `customer`, `month` (the wave), `score` and `left`, as `trajectories` reads them.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    >>> drifting_customers(2, 2, momentum=0.5, random_seed=1).shape
    (4, 4)
    """
    for name, root in (("momentum", momentum), ("persistence", persistence)):
        if not 0 <= root < 1:
            raise ValueError(f"{name} must be from 0 to below 1; found {root!r}.")
    _check_share("reliability", reliability)
    rng = np.random.default_rng(random_seed)
    opinion = _opinions(rng, (waves, customers), persistence, momentum)
    begun = np.cumsum(rng.random(opinion.shape) < declines[0], axis=0) > 0
    opinion -= declines[1] * begun.cumsum(axis=0)
    error = math.sqrt(1 / reliability - 1) * rng.normal(size=opinion.shape)
    score = np.clip(np.rint(6.5 + 2.5 * (opinion + error)), 0, 10).astype(np.int64)
    leaves = rng.random(opinion.shape) < special.expit(leaving[0] - leaving[1] * opinion)
    left = np.where(leaves.any(axis=0), leaves.argmax(axis=0), waves)
    customer, wave = np.nonzero(np.arange(waves) <= left[:, None])
    gone = pd.array(left[customer], "Int64")
    gone[left[customer] == waves] = pd.NA
    return pd.DataFrame(
        {"customer": customer, "month": wave, "score": score[wave, customer], "left": gone}
    )


def opinion_correlation(persistence: float, momentum: float, lag: ArrayLike) -> Array:
    """Return the correlation of the opinions of `drifting_customers` so many waves apart.

    Parameters
    ----------
    persistence, momentum : float
        As in `drifting_customers`.
    lag : array_like of int
        Waves apart.

    Returns
    -------
    numpy.ndarray
        Correlations, shape of `lag`.

    Examples
    --------
    >>> opinion_correlation(0.9, 0.5, [0, 1, 2]).round(3)
    array([1.   , 0.966, 0.902])
    """
    lags = np.abs(np.asarray(lag, dtype=float))
    a, b = persistence, momentum
    if a == b:
        return np.asarray(a**lags * (1 + lags * (1 - a**2) / (1 + a**2)))
    weights = a * (1 - b**2), b * (1 - a**2)
    found = weights[0] * a**lags - weights[1] * b**lags
    return np.asarray(found / (weights[0] - weights[1]))


def _opinions(
    rng: np.random.Generator, shape: tuple[int, int], persistence: float, momentum: float
) -> Array:
    """Draw a stationary process with two roots, scaled to variance 1: (waves, customers)."""
    sum_, product = persistence + momentum, persistence * momentum
    spread = (1 - product) * ((1 + product) ** 2 - sum_**2) / (1 + product)
    noise = math.sqrt(spread) * rng.normal(size=(shape[0] + WARM_UP, shape[1]))
    for wave in range(2, len(noise)):
        noise[wave] += sum_ * noise[wave - 1] - product * noise[wave - 2]
    return noise[WARM_UP:]


def _check_share(name: str, share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"{name} must be a share above 0 and up to 1; found {share!r}.")
