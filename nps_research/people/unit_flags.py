"""Which units to call out as different, and how often that accuses somebody of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln

from nps_research.answers import answers_by_group
from nps_research.intervals import normal_quantile
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.people.ranking import JointScores
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]
    type Rule = Literal["each", "any", "share"]

# How the error is counted: for each unit, for any false flag at all, or as a share of the flags.
RULES = ("each", "any", "share")
POINTS = 100.0
# Tails beyond so many standard deviations are left out: less than 1e-16 of the probability.
FAR_TAIL = 9.0


def funnel(
    counts: pd.DataFrame | Survey,
    unit: str,
    *,
    level: float = 0.95,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare the score of every unit with what its answers would be if all units were alike.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table with a column of units.
    unit : str
        The column.
    level : float
        Probability inside the control limits, for each unit alone.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row a unit with answers: `nps`, the control limits `lower` and `upper` (points, normal
        approximation around the score of all), `n`, `z`, and the exact `p_low` and `p_high`: the
        probabilities of a score so low, and so high, if the answers of all units were dealt out by
        lot. ``attrs["expected"]`` is the score of all.

    Raises
    ------
    ValueError
        As in `nps`, or if fewer than two units have answers.

    Notes
    -----
    Funnel plots: Spiegelhalter 2005, "Funnel Plots for Comparing Institutional Performance". The
    lot deals promoters and detractors as a multivariate hypergeometric distribution, so the test
    needs no estimate of the shares: a permutation test, computed exactly.

    Examples
    --------
    >>> rows = [("a", 3, 8), ("a", 10, 2), ("b", 3, 10), ("b", 10, 30)]
    >>> table = funnel(pd.DataFrame(rows, columns=["agent", "score", "n"]), "agent")
    >>> table[["nps", "p_low"]].round(4).to_dict("list")
    {'nps': [-60.0, 50.0], 'p_low': [0.0023, 0.9998]}
    """
    classes, index = _classes(counts, unit, rating_scale)
    n, total = classes.sum(axis=1), classes.sum(axis=0)
    nps = POINTS * (classes[:, 2] - classes[:, 0]) / n
    expected = POINTS * (total[2] - total[0]) / total.sum()
    variance = POINTS**2 * (total[0] + total[2]) / total.sum() - expected**2
    # Answers are dealt out without putting them back.
    se = np.sqrt(variance / n * (total.sum() - n) / (total.sum() - 1))
    margin = normal_quantile(level) * se
    z = np.divide(nps - expected, se, out=np.zeros_like(se), where=se > 0)
    tails = _exact_tails(classes, total)
    columns = {"nps": nps, "lower": expected - margin, "upper": expected + margin, "n": n, "z": z}
    table = pd.DataFrame(columns | {"p_low": tails[:, 0], "p_high": tails[:, 1]}, index=index)
    kind = f"{100 * level:g} % control limits around the score of all, normal approximation"
    table.attrs = {"interval": kind, "expected": expected, "level": level}
    return table


def flags(
    counts: pd.DataFrame | Survey,
    unit: str,
    rule: Rule = "any",
    error: float = 0.05,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Flag units whose scores cannot be explained by chance, at a stated error.

    Parameters
    ----------
    counts, unit, rating_scale
        As in `funnel`.
    rule : {"any", "share", "each"}
        What `error` limits, if no unit differs: "any" the probability of one false flag or more
        (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"); "share" the expected
        share of false ones among the flags (Benjamini and Yekutieli 2001, "The Control of the False
        Discovery Rate in Multiple Testing under Dependency": the scores of units that share a total
        are not independent); "each" the probability of a flag for each unit, as a funnel plot does.
    error : float
        The limit, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        As `funnel`, with `p_value` (two-sided: twice the smaller tail) and `flag`: "low", "high" or
        "".

    Raises
    ------
    ValueError
        As in `funnel`, or if the rule or error is not usable.

    Examples
    --------
    >>> rows = [("a", 3, 8), ("a", 10, 2), ("b", 3, 10), ("b", 10, 30)]
    >>> flags(pd.DataFrame(rows, columns=["agent", "score", "n"]), "agent")["flag"].tolist()
    ['low', 'high']
    """
    if rule not in RULES:
        raise ValueError(unknown_name("rule", rule, RULES))
    if not 0 < error < 1:
        raise ValueError(f"error must be between 0 and 1; found {error}. Pass 0.05 for 5 %.")
    table = funnel(counts, unit, level=1 - error, rating_scale=rating_scale)
    tails = table[["p_low", "p_high"]].to_numpy()
    p_value = np.minimum(2 * tails.min(axis=1), 1.0)
    wrong = _rejected(p_value, rule, error)
    side = np.where(tails[:, 0] < tails[:, 1], "low", "high")
    flagged = table.assign(p_value=p_value, flag=np.where(wrong, side, ""))
    flagged.attrs = table.attrs | {"rule": rule, "error": error}
    return flagged


def posterior_flags(
    draws: xr.DataArray, unit: str, *, below: float | xr.DataArray, share: float = 0.05
) -> pd.DataFrame:
    """Flag units that are probably below a bar, with a limit on the expected share of wrong flags.

    Parameters
    ----------
    draws : xarray.DataArray
        Posterior draws, dims chain, draw and the unit, as ``fit.nps(by="agent")`` returns.
    unit : str
        Name of the dimension.
    below : float or xarray.DataArray
        The bar, in the unit of the draws; draws of it, such as ``fit.nps() - 10``.
    share : float
        Largest expected share of units above the bar among those flagged, given the data and model
        (Mueller, Parmigiani and Rice 2007, "FDR and Bayesian Multiple Comparisons Rules").

    Returns
    -------
    pandas.DataFrame
        One row a unit, most probable first: `probability` to be below the bar, `wrong_so_far` (the
        expected share of wrong flags if all down to here are flagged) and `flag`.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1; found {share}. Pass 0.05 for 5 %.")
    probability = (draws < below).mean(SAMPLE_DIMS).to_series().sort_values(ascending=False)
    wrong = (1 - probability).expanding().mean()
    return pd.DataFrame(
        {"probability": probability, "wrong_so_far": wrong, "flag": wrong <= share}
    ).rename_axis(unit)


@viewed
class Accusations(NamedTuple):
    """What a rule that flags low scores does to units whose true levels are known.

    Attributes
    ----------
    flagged : float
        Probability of a flag, of a unit drawn at random.
    false_share : float
        Share of the flagged that are truly at or above the middle of all units.
    false_rate : float
        Probability of a flag for a unit at or above the middle.
    found : float
        Probability of a flag for a unit of the truly worst tenth.
    """

    flagged: float
    false_share: float
    false_rate: float
    found: float


def accusations(joint: JointScores, limit: float) -> Accusations:
    """Return how often a limit for scores accuses units that are truly not below the middle.

    Parameters
    ----------
    joint : JointScores
        Of `nps_research.people.ranking.joint_scores`.
    limit : float
        Scores below it are flagged, in the unit of the scores.

    Returns
    -------
    Accusations
        Missing (NaN) shares where nobody is flagged.

    Examples
    --------
    >>> from nps_research.people.ranking import normal_scores
    >>> round(accusations(normal_scores(0.5), -1.96).false_share, 3)
    0.012
    """
    low = joint.mass[:, joint.scores < limit].sum(axis=1)
    levels = joint.mass.sum(axis=1)
    better = _upper_half(levels)
    worst = np.clip((0.1 - (np.cumsum(levels) - levels)) / levels, 0.0, 1.0)
    flagged, false = float(low.sum()), float(low @ better)
    return Accusations(
        flagged=flagged,
        false_share=false / flagged if flagged > 0 else float("nan"),
        false_rate=false / float(levels @ better),
        found=float(low @ worst) / 0.1,
    )


def _classes(
    counts: pd.DataFrame | Survey, unit: str, rating_scale: RatingScale | None
) -> tuple[Integers, pd.Index]:
    """Return detractors, passives and promoters of each unit that has answers."""
    answers = answers_by_group(counts, unit, rating_scale)
    held = answers.n > 0
    if held.sum() < 2:
        raise ValueError(
            f"a comparison needs two units with answers; found {int(held.sum())} in {unit!r}."
        )
    values = answers.scale.nps_values
    parts = [answers.effective[held][:, values == value].sum(axis=1) for value in (-1, 0, 1)]
    return np.stack(parts, axis=1).astype(np.int64), answers.groups[held]


def _exact_tails(classes: Integers, total: Integers) -> Array:
    """Return the probabilities of a net score as low, and as high, if answers are dealt by lot.

    Shape (units, 2).
    """
    log_factorial = gammaln(np.arange(total.sum() + 1) + 1.0)

    def ways(of: int, chosen: Integers) -> Array:
        """Return the logarithm of the number of choices, -inf where there is none."""
        inside = np.clip(chosen, 0, of)
        logs = log_factorial[of] - log_factorial[inside] - log_factorial[of - inside]
        return np.where(inside == chosen, logs, -np.inf)

    return np.array([_tails(each, total, ways) for each in classes])


def _tails(
    own: Integers, total: Integers, ways: Callable[[int, Integers], Array]
) -> tuple[float, float]:
    n, everybody = int(own.sum()), int(total.sum())
    detractors, promoters = (_likely(n, int(total[each]), everybody) for each in (0, 2))
    passives = n - detractors[:, None] - promoters
    logs = ways(total[0], detractors)[:, None] + ways(total[2], promoters)
    chance = np.exp(logs + ways(total[1], passives) - ways(everybody, np.array(n)))
    lead = promoters - detractors[:, None] - (own[2] - own[0])
    return min(float(chance[lead <= 0].sum()), 1.0), min(float(chance[lead >= 0].sum()), 1.0)


def _likely(n: int, marked: int, everybody: int) -> Integers:
    """Return how many marked answers n drawn ones can hold, far tails left out."""
    share = marked / everybody
    reach = FAR_TAIL * np.sqrt(n * share * (1 - share)) + 1
    lowest = max(0, n - (everybody - marked), int(n * share - reach))
    return np.arange(lowest, min(n, marked, int(n * share + reach) + 1) + 1)


def _rejected(p_value: Array, rule: str, error: float) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected: stepwise for a rule about all of them."""
    if rule == "each":
        return np.asarray(p_value <= error)
    units = len(p_value)
    order = np.argsort(p_value)
    places = np.arange(1, units + 1)
    if rule == "any":
        steps = p_value[order] <= error / (units - places + 1)
        many = units if steps.all() else int(steps.argmin())
    else:
        steps = p_value[order] <= error * places / (units * (1 / places).sum())
        many = int(places[steps].max(initial=0))
    rejected = np.zeros(units, np.bool_)
    rejected[order[:many]] = True
    return rejected


def _upper_half(levels: Array) -> Array:
    """Return the part of each level, in ascending order, that is in the upper half of the units."""
    start = np.cumsum(levels) - levels
    return np.asarray(np.clip((start + levels - 0.5) / levels, 0.0, 1.0))
