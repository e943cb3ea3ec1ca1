"""Comparability: what a difference between groups says when groups may use the scale differently.

Scores alone show where thresholds stand relative to people. If all thresholds of a group are
higher by d, its answers have the same distribution as if its people were lower by d. So a real
difference is only identified as far as a shift of thresholds can be ruled out; what scores do show
is whether thresholds differ by other amounts from cut to cut (Holland and Wainer 1993,
"Differential Item Functioning"; King, Murray, Salomon and Tandon 2004, "Enhancing the Validity and
Cross-Cultural Comparability of Measurement in Survey Research").

Shifts are counted in latent standard deviations of the answers of one group, on the logistic scale.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from nps_research.answers import answers_by_group
from nps_research.bisection import falling_root
from nps_research.diagnostics import INTERVAL_MASS
from nps_research.dirichlet import JEFFREYS
from nps_research.drivers.contrasts import check_level
from nps_research.intervals import normal_quantile, tail_probabilities
from nps_research.ordinal.design import build_design
from nps_research.ordinal.families import Family
from nps_research.ordinal.links import LATENT_SD
from nps_research.ordinal.maximum_likelihood import maximise
from nps_research.ordinal.model import OrdinalModel
from nps_research.progress_bar import progress
from nps_research.scale import RatingScale
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.ordinal.design import Design

    type Array = NDArray[np.float64]

# Standard deviation of the logistic distribution.
LOGISTIC_SD = LATENT_SD["logit"]
# No shift of thresholds beyond this many latent standard deviations is looked for.
LARGEST_SHIFT = 10.0


def score_probabilities(
    cutpoints: ArrayLike, *, real: float = 0.0, reporting: float = 0.0
) -> Array:
    """Return the probabilities of scores when people, or their thresholds, have moved.

    Parameters
    ----------
    cutpoints : array_like
        Ascending thresholds between neighbouring scores, in log odds.
    real : float
        By how many latent standard deviations people are better off.
    reporting : float
        By how many latent standard deviations all their thresholds are lower: how much more
        generously they answer.

    Returns
    -------
    numpy.ndarray
        One probability a score. Only the sum of the two shifts matters.

    Examples
    --------
    >>> score_probabilities([-1.0, 1.0], real=0.3).round(3)
    array([0.176, 0.436, 0.388])
    >>> score_probabilities([-1.0, 1.0], reporting=0.3).round(3)
    array([0.176, 0.436, 0.388])
    """
    beyond = special.expit(np.asarray(cutpoints, dtype=float) - LOGISTIC_SD * (real + reporting))
    return np.diff(beyond, prepend=0.0, append=1.0)


def simulated_counts(
    cutpoints: ArrayLike,
    people: int,
    *,
    real: float = 0.0,
    reporting: float = 0.0,
    random_seed: int,
) -> pd.DataFrame:
    """Draw the answers of two groups, of which the second has moved.

    Parameters
    ----------
    cutpoints, real, reporting
        As in `score_probabilities`.
    people : int
        Answers of each group.
    random_seed : int
        Makes them repeatable.

    Returns
    -------
    pandas.DataFrame
        Count table with the column `group`, "a" and "b"; scores begin at 0.

    Examples
    --------
    >>> table = simulated_counts([0.0], 100, real=9.0, random_seed=1)
    >>> table[table["group"] == "b"]["n"].tolist()
    [0, 100]
    """
    moved = score_probabilities(cutpoints, real=real, reporting=reporting)
    chances = [score_probabilities(cutpoints), moved]
    n = np.random.default_rng(random_seed).multinomial(people, chances)
    groups, scores = np.repeat(["a", "b"], n.shape[1]), np.tile(np.arange(n.shape[1]), 2)
    return pd.DataFrame({"group": groups, "score": scores, "n": n.ravel()})


def reporting_bounds(
    counts: pd.DataFrame,
    by: str,
    reference: str,
    shifts: Sequence[float] = (0.0, 0.1, 0.2, 0.3),
    *,
    draws: int = 4000,
    mass: float = INTERVAL_MASS,
    random_seed: int,
) -> pd.DataFrame:
    """Bound real differences of NPS if groups may use the scale differently.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str
        Column with the groups.
    reference : str
        The group whose thresholds count as the yardstick.
    shifts : sequence of float
        Largest difference of thresholds that is allowed, in latent standard deviations. All
        thresholds of a group move together; other differences of thresholds are not allowed for.
    draws : int
        Of the shares of detractors and promoters (Dirichlet posterior, Jeffreys' prior).
    mass : float
        Probability inside the interval.
    random_seed : int
        Makes the draws repeatable.

    Returns
    -------
    pandas.DataFrame
        One row a group and shift: `difference` of NPS as answered, the bounds `least` and `most` of
        the difference had the group answered with the thresholds of the reference (posterior
        means), and `lower` and `upper`: the whole of the bounds with their uncertainty.

    Raises
    ------
    ValueError
        If there is no such column or group, or a shift is negative.

    Examples
    --------
    >>> import nps_research as npsr
    >>> airport = npsr.load_counts("sfo_airport")
    >>> table = reporting_bounds(airport, "problem", "no", [0.0, 0.25], random_seed=1)
    >>> table.loc["yes"].round(0)
           difference  least  most  lower  upper
    shift
    0.00        -34.0  -34.0 -34.0  -40.0  -28.0
    0.25        -34.0  -53.0 -15.0  -60.0   -9.0
    """
    if min(shifts) < 0:
        raise ValueError(f"shifts must be 0 or more; found {min(shifts)}. Both signs are allowed.")
    check_level(counts, by, reference)
    cuts, groups = class_log_odds(counts, by, draws, random_seed)
    own = _nps(cuts[groups.index(reference)])
    parts = {}
    for group, at in zip(groups, cuts, strict=True):
        for shift in shifts if group != reference else ():
            least, most = (_nps(at + sign * LOGISTIC_SD * shift) - own for sign in (1, -1))
            tails = (1 - mass) / 2
            parts[group, shift] = {
                "difference": (_nps(at) - own).mean(),
                "least": least.mean(),
                "most": most.mean(),
                "lower": np.quantile(least, tails),
                "upper": np.quantile(most, 1 - tails),
            }
    table = pd.DataFrame(parts).T.rename_axis([by, "shift"])
    table.attrs["interval"] = (
        f"bounds, with {100 * mass:g} % credible intervals of both (Dirichlet, Jeffreys' prior)"
    )
    return table


def tipping_shifts(
    counts: pd.DataFrame,
    by: str,
    reference: str,
    *,
    draws: int = 4000,
    mass: float = INTERVAL_MASS,
    random_seed: int,
) -> pd.DataFrame:
    """Return the shift of thresholds that alone would explain a difference of NPS.

    Parameters
    ----------
    counts, by, reference, draws, mass, random_seed
        As in `reporting_bounds`.

    Returns
    -------
    pandas.DataFrame
        One row a group: `shift` in latent standard deviations (posterior mean), positive if the
        group answers more generously, with `lower` and `upper`.

    Raises
    ------
    ValueError
        If there is no such column or group.

    Examples
    --------
    >>> import nps_research as npsr
    >>> tipping_shifts(npsr.load_counts("sfo_airport"), "problem", "no", random_seed=1).round(1)
             shift  lower  upper
    problem
    unknown   -0.3   -0.5   -0.2
    yes       -0.5   -0.5   -0.4
    """
    check_level(counts, by, reference)
    cuts, groups = class_log_odds(counts, by, draws, random_seed)
    own = _nps(cuts[groups.index(reference)])
    parts = {}
    for group, at in zip(groups, cuts, strict=True):
        if group != reference:
            shift = _explaining_shift(at, own)
            lower, upper = np.quantile(shift, tail_probabilities(mass))
            parts[group] = {"shift": shift.mean(), "lower": lower, "upper": upper}
    table = pd.DataFrame(parts).T.rename_axis(by)
    table.attrs["interval"] = f"{100 * mass:g} % credible interval (Dirichlet, Jeffreys' prior)"
    return table


def class_log_odds(
    counts: pd.DataFrame, by: str, draws: int, random_seed: int
) -> tuple[Array, list[str]]:
    """Draw the log odds of answers below the two cuts of NPS, for each group.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str
        Column with the groups.
    draws : int
        Of the Dirichlet posterior with Jeffreys' prior.
    random_seed : int
        Makes the draws repeatable.

    Returns
    -------
    tuple of numpy.ndarray and list
        Log odds of detractors, and of detractors and passives, shape (groups, 2, draws); names of
        the groups.
    """
    answers = answers_by_group(counts, by)
    members = answers.scale.nps_values[:, None] == [-1.0, 0.0, 1.0]
    alpha = answers.effective @ members + JEFFREYS
    drawn = np.random.default_rng(random_seed).standard_gamma(alpha, (draws, *alpha.shape))
    below = np.cumsum(drawn, axis=-1)[..., :2] / drawn.sum(axis=-1, keepdims=True)
    return special.logit(np.moveaxis(below, 0, -1)), list(answers.groups)


@viewed
class NonParallel(NamedTuple):
    """Whether groups differ by more than one shift of all their thresholds.

    Attributes
    ----------
    statistic : float
        Twice the gain in log-likelihood when every group has shares of its own.
    degrees_of_freedom : int
        Parameters that this takes beyond one shift a group.
    p_value, mcse : float
        Share of simulated surveys without such a difference whose statistic is as large, counting
        the observed one, and its Monte Carlo error.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    mcse: float


def threshold_test(
    counts: pd.DataFrame,
    by: str,
    *,
    replicates: int = 99,
    random_seed: int,
    progressbar: bool | None = None,
) -> NonParallel:
    """Test whether the thresholds of groups differ by anything but a common shift.

    This is the only difference of thresholds that scores can show. A small p value says that the
    groups cannot be compared by one number; a large one does not say that they use the scale alike.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str
        Column with the groups.
    replicates : int
        Simulated surveys (parametric bootstrap: scores that few give make the chi-squared
        distribution unreliable).
    random_seed : int
        Makes them repeatable.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    NonParallel

    Examples
    --------
    >>> import nps_research as npsr
    >>> halves = npsr.random_split(npsr.load_counts("sfo_airport"), random_seed=3)
    >>> bool(threshold_test(halves, "lot", replicates=19, random_seed=1).p_value > 0.05)
    True
    """
    answers = answers_by_group(counts, by)
    given = answers.effective.sum(axis=0) > 0
    n = answers.effective[:, given]
    design = _design(n)
    observed, fitted = _gain(n, design)
    generator = np.random.default_rng(random_seed)
    surveys = (
        _gain(generator.multinomial(answers.n, fitted).astype(float), design)[0]
        for _ in range(replicates)
    )
    simulated = list(progress(surveys, replicates, "simulated surveys", progressbar=progressbar))
    p = (1 + sum(each >= observed for each in simulated)) / (1 + replicates)
    error = math.sqrt(p * (1 - p) / replicates)
    return NonParallel(observed, (len(n) - 1) * (n.shape[1] - 2), p, error)


def anchored_difference(
    score: pd.DataFrame, anchor: pd.DataFrame, by: str, *, level: float = 0.95
) -> pd.DataFrame:
    """Take the reporting shift that an anchor shows off the difference between two groups.

    The anchor is a question about the same object, put to both groups: a vignette that everybody
    reads. What differs in its ratings is reporting. Ratings of own experience are no anchor.

    Parameters
    ----------
    score, anchor : pandas.DataFrame
        Count tables of the score and of the anchor, with the column `by` of two groups; answers of
        different people, or the interval is too wide or narrow by their correlation.
    by : str
        Column with the groups: the later less the earlier.
    level : float
        Of the confidence intervals.

    Returns
    -------
    pandas.DataFrame
        Rows ``score``, ``anchor`` and ``real``: `shift` in latent standard deviations with `lower`
        and `upper`.

    Raises
    ------
    ValueError
        If there are not two groups.
    """
    parts = [_latent_difference(table, by) for table in (score, anchor)]
    (first, first_se), (second, second_se) = parts
    parts.append((first - second, math.hypot(first_se, second_se)))
    shift, se = np.array(parts).T / LOGISTIC_SD
    margin = normal_quantile(level) * se
    table = pd.DataFrame(
        {"shift": shift, "lower": shift - margin, "upper": shift + margin},
        index=["score", "anchor", "real"],
    )
    table.attrs["interval"] = f"{100 * level:g} % confidence interval, Wald"
    return table


def _latent_difference(counts: pd.DataFrame, by: str) -> tuple[float, float]:
    model = OrdinalModel(f"score ~ {by}", counts)
    if len(model.design.terms) != 1:
        raise ValueError(
            f"an anchor compares two groups; {by!r} has {len(model.design.terms) + 1}. Keep two."
        )
    estimates = model.maximum_likelihood().estimates
    estimate, se = estimates.loc[model.design.terms, ["estimate", "se"]].to_numpy(float)[0]
    return estimate, se


def _nps(cuts: Array) -> Array:
    """Return NPS in points from the log odds below its two cuts, shape (2, draws)."""
    detractors, others = special.expit(cuts)
    nps: Array = 100.0 * (1.0 - others - detractors)
    return nps


def _explaining_shift(cuts: Array, target: Array) -> Array:
    """Return how much lower the thresholds are that would turn a target into the NPS of `cuts`."""
    limits = np.full_like(target, LARGEST_SHIFT)
    return falling_root(lambda shift: _nps(cuts + LOGISTIC_SD * shift) - target, -limits, limits)


def _design(n: Array) -> Design:
    """Return the design of groups that differ by a shift each, of scores numbered from 0."""
    scores, groups = np.arange(n.shape[1]), np.arange(len(n)).astype(str)
    cells = {"group": np.repeat(groups, n.shape[1]), "score": np.tile(scores, len(n))}
    counts = pd.DataFrame(cells | {"n": n.ravel().astype(np.int64)})
    scale = RatingScale(0, n.shape[1] - 1, 0, n.shape[1] - 1)
    return build_design("score ~ group", counts, scale)


def _gain(n: Array, design: Design) -> tuple[float, Array]:
    """Return the likelihood-ratio statistic of own shares, and the shares without.

    Scores that nobody gave this time are left out: they have no part in either likelihood.
    """
    given = n.sum(axis=0) > 0
    kept = n[:, given]
    known = replace(design, counts=kept) if given.all() else _design(kept)
    found = maximise(known, Family("cumulative", "logit"), "flexible", 1)
    own = special.xlogy(kept, kept / kept.sum(axis=1, keepdims=True)).sum()
    shares = np.zeros_like(n)
    shares[:, given] = _fitted_shares(found.estimates["estimate"].to_numpy(), int(given.sum()) - 1)
    return float(2 * (own - found.log_likelihood)), shares


def _fitted_shares(estimates: Array, cuts: int) -> Array:
    moved = np.append(0.0, estimates[cuts:])
    below = special.expit(estimates[:cuts] - moved[:, None])
    return np.diff(below, prepend=0.0, append=1.0, axis=1)
