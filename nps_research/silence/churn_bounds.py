"""What the churn of the silent says about the scores that they did not give.

If silent people of a given score leave as often as answering people of that score, then their mix
of scores has to produce their churn. That leaves many mixes; the extreme ones bound their NPS. A
factor by which silent people may leave more or less often than answering ones of the same score
loosens the bounds. The answers cannot check the assumption, except where no mix at all fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.bisection import falling_root
from nps_research.churn.outcomes import coded_outcomes
from nps_research.counts import as_counts, cross_tabulate, declared_scale
from nps_research.diagnostics import INTERVAL_KIND, independent_draws
from nps_research.silence.nonresponse import STEEPEST, tilted
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# Answers that the prior of the hazard of every score is worth, at the average churn: little beside
# twenty real answers, and wide for scores that nobody gave.
PRIOR_ANSWERS = 1.0
DRAWS = 2000


def score_mix_bounds(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, target: ArrayLike
) -> tuple[Array, Array]:
    """Bound the mean of values over all mixes of scores that can produce a given churn.

    Parameters
    ----------
    values : array_like, shape (scores,)
        Value of an answer.
    low, high : array_like, shape (draws, scores)
        Between which the hazard of every score may lie.
    target : array_like, shape (draws,)
        The churn to be produced.

    Returns
    -------
    tuple of numpy.ndarray
        Smallest and largest mean, shape (draws,); NaN where no mix produces the target.

    Notes
    -----
    Exact: a linear programme over the simplex with the two constraints ``mix @ low <= target <=
    mix @ high``, of which one at most can bind. So every vertex is one score, or a pair of scores
    with one of them binding, and all vertices are tried.

    Examples
    --------
    >>> hazards = [[0.4, 0.2, 0.1]]
    >>> lower, upper = score_mix_bounds([-100, 0, 100], hazards, hazards, [0.25])
    >>> lower.round(9), upper.round(9)
    (array([-25.]), array([0.]))
    """
    values = np.asarray(values, dtype=float)
    low, high = (np.atleast_2d(np.asarray(each, dtype=float)) for each in (low, high))
    target = np.asarray(target, dtype=float)[:, None]
    alone = np.where((low <= target) & (target <= high), values, np.nan)
    pairs = [_pairs(values, each, target) for each in (low, high)]
    means = np.concatenate([alone, *pairs], axis=1)
    none = np.isnan(means).all(axis=1)
    lowest = np.where(np.isnan(means), np.inf, means).min(axis=1)
    highest = np.where(np.isnan(means), -np.inf, means).max(axis=1)
    return np.where(none, np.nan, lowest), np.where(none, np.nan, highest)


@viewed
@dataclass(frozen=True, eq=False)
class ChurnEvidence:
    """What a table of scores, silence and churn says, as draws from its posterior.

    Attributes
    ----------
    scale : RatingScale
        Possible scores.
    shares : numpy.ndarray, shape (draws, scores)
        Of those who answered.
    hazards : numpy.ndarray, shape (draws, scores)
        Share of those who answered that left, by score.
    silent_churn, response_rate : numpy.ndarray, shape (draws,)
        Share of the silent that left; share of people that answered.

    See Also
    --------
    churn_evidence : makes it from a count table.
    """

    scale: RatingScale
    shares: Array
    hazards: Array
    silent_churn: Array
    response_rate: Array

    def _view(self) -> View:
        mass = 0.9
        draws = {
            "NPS of those who answered": self.nps,
            "share who answered": self.response_rate,
            "share of the silent who left": self.silent_churn,
        }
        return View(
            f"ChurnEvidence: {len(self.silent_churn):,} posterior draws",
            {"intervals": f"{100 * mass:g} % {INTERVAL_KIND}s"},
            table=independent_draws(draws, mass),
        )

    @cached_property
    def nps(self) -> Array:
        """NPS of those who answered, in points, by draw."""
        return np.asarray(self.shares @ self._values)

    def bounds(self, factor: float = 1.0, level: float = 0.9) -> pd.DataFrame:
        """Bound the NPS of the silent and of everybody by the churn of the silent.

        Parameters
        ----------
        factor : float
            Assumption: at every score the hazard of the silent is at most this many times that of
            those who answered, and at least one over it. 1: equal.
        level : float
            Posterior probability that the limits hold both bounds.

        Returns
        -------
        pandas.DataFrame
            Rows `silent` and `everybody`: posterior medians of the bounds, `lower` and `upper`, and
            `lower_limit` and `upper_limit`, which hold both bounds with the stated probability
            (a tail of half the rest on either side); `fits`, the posterior probability that any mix
            of scores produces the churn of the silent. Near 0, the assumption is refuted.

        Raises
        ------
        ValueError
            If `factor` is below 1, or no mix fits in any draw.
        """
        if not factor >= 1:
            raise ValueError(f"factor is 1 or more; found {factor!r}. Pass 1 for equal hazards.")
        hazards = self.hazards
        ends = hazards / factor, np.minimum(hazards * factor, 1.0)
        lower, upper = score_mix_bounds(self._values, *ends, self.silent_churn)
        fits = float(np.mean(~np.isnan(lower)))
        if fits == 0:
            raise ValueError(_no_mix(self, factor))
        everybody = _limits(self._everybody(lower), self._everybody(upper), level)
        rows = [_limits(lower, upper, level), everybody]
        table = pd.DataFrame(rows, index=["silent", "everybody"])
        table["fits"] = fits
        table.attrs["interval"] = f"{100 * level:g} % credible limits of both bounds"
        return table

    def tilted(self, level: float = 0.9) -> pd.DataFrame:
        """Estimate the NPS of the silent if log odds of silence are linear in the score.

        One number remains to be known, the slope, and the churn of the silent gives it.

        Parameters
        ----------
        level : float
            Mass of the intervals.

        Returns
        -------
        pandas.DataFrame
            Rows `silent` and `everybody` (NPS in points) and `odds_ratio`, by which the odds of
            silence are multiplied a score point: `median`, `lower`, `upper`, and `fits` as in
            `bounds`.
        """
        slopes = _slopes(self.shares, self.hazards, self.silent_churn)
        mixes = tilted(self.shares, slopes)
        produced = (mixes * self.hazards).sum(axis=1)
        fits = np.abs(produced - self.silent_churn) < 1e-6
        if not fits.any():
            raise ValueError(_no_mix(self, 1.0))
        silent = np.where(fits, mixes @ self._values, np.nan)
        rows = {"silent": silent, "everybody": self._everybody(silent)}
        rows["odds_ratio"] = np.where(fits, np.exp(slopes), np.nan)
        tails = [0.5, (1 - level) / 2, (1 + level) / 2]
        numbers = {name: np.nanquantile(each, tails) for name, each in rows.items()}
        table = pd.DataFrame(numbers, index=["median", "lower", "upper"]).T
        table["fits"] = float(fits.mean())
        table.attrs["interval"] = f"{100 * level:g} % equal-tailed credible interval"
        return table

    def _everybody(self, silent: Array) -> Array:
        return self.response_rate * self.nps + (1 - self.response_rate) * silent

    @property
    def _values(self) -> Array:
        return 100 * self.scale.nps_values


def churn_evidence(
    counts: pd.DataFrame,
    *,
    churned: str = "churned",
    hazards: ArrayLike | None = None,
    draws: int = DRAWS,
    random_seed: int | None = None,
    rating_scale: RatingScale | None = None,
) -> ChurnEvidence:
    """Draw what can be known of scores and churn of those who answered, and churn of the silent.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `score` (missing for the silent), `churned` (0 or 1) and `n`.
    churned : str
        Name of the column that says who left.
    hazards : array_like, shape (draws, scores), optional
        Draws of the hazard of every score from a model of those who answered, such as a monotone
        one. Without it every score has its own, with a Beta prior worth one answer of average
        churn.
    draws : int
        Number of draws, without `hazards`.
    random_seed : int, optional
        Makes the draws repeatable.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Returns
    -------
    ChurnEvidence

    Raises
    ------
    ValueError
        If the outcome is not 0 or 1, nobody is silent, or a table is not usable.

    Examples
    --------
    >>> stayed = pd.DataFrame({"score": [*range(11), None], "n": [100] * 11 + [1500]})
    >>> left = stayed.assign(n=[*range(33, 0, -3), 250])
    >>> counts = pd.concat([stayed.assign(churned=0), left.assign(churned=1)])
    >>> evidence = churn_evidence(counts, random_seed=1)
    >>> evidence.bounds().loc["everybody", ["lower", "upper"]].round(-1).tolist()
    [-80.0, -10.0]
    """
    scale = declared_scale(counts, rating_scale)
    answered, silent = joint_counts(counts, churned, scale)
    generator = np.random.default_rng(random_seed)
    rows = draws if hazards is None else len(np.asarray(hazards))
    if silent.sum() == 0:
        raise ValueError("nobody is silent: no row has a missing score. There is nothing to bound.")
    average = answered[:, 1].sum() / answered.sum()
    prior = PRIOR_ANSWERS * np.array([1 - average, average]).clip(min=0.01)
    drawn = generator.beta(
        answered[:, 1] + prior[1], answered[:, 0] + prior[0], (rows, len(answered))
    )
    total = answered.sum()
    return ChurnEvidence(
        scale=scale,
        shares=generator.dirichlet(answered.sum(axis=1) + 1 / len(answered), rows),
        hazards=drawn if hazards is None else np.asarray(hazards, dtype=float),
        silent_churn=generator.beta(silent[1] + 0.5, silent[0] + 0.5, rows),
        response_rate=generator.beta(total + 0.5, silent.sum() + 0.5, rows),
    )


def joint_counts(counts: pd.DataFrame, churned: str, scale: RatingScale) -> tuple[Array, Array]:
    """Count who stayed and left: by score, and of the silent.

    Parameters
    ----------
    counts : pandas.DataFrame
        As in `churn_evidence`.
    churned : str
        Column that says who left: 0 or 1, or "no" and "yes".
    scale : RatingScale
        Possible scores.

    Returns
    -------
    tuple of numpy.ndarray
        Shapes (scores, 2) and (2,): stayed, left.

    Raises
    ------
    ValueError
        If the column holds something else: leave people out whose outcome is not known.
    """
    table = as_counts(counts, scale, by=[churned])
    outcome = coded_outcomes(table[churned]).to_numpy()
    place = table["score"].fillna(scale.maximum + 1).to_numpy(dtype=np.int64) - scale.minimum
    shape = (scale.n_categories + 1, 2)
    both = cross_tabulate(place, outcome, table["n"], shape)
    return both[:-1], both[-1]


def _pairs(values: Array, hazards: Array, target: Array) -> Array:
    """Return the mean of values of the mix of every pair that produces the target, or NaN."""
    first, second = np.triu_indices(len(values), 1)
    one, other = hazards[:, first], hazards[:, second]
    gap = one - other
    part = np.divide(target - other, gap, out=np.full_like(gap, np.nan), where=gap != 0)
    means = part * values[first] + (1 - part) * values[second]
    return np.where((part >= 0) & (part <= 1), means, np.nan)


def _slopes(shares: Array, hazards: Array, target: Array) -> Array:
    """Return the slope at which the tilted shares produce the target, row by row.

    Where hazards do not fall with the score there may be several, or none: see `fits`.
    """

    def excess(slopes: Array) -> Array:
        return np.asarray((tilted(shares, slopes) * hazards).sum(axis=1) - target)

    reach = np.full(len(target), STEEPEST)
    return falling_root(excess, -reach, reach)


def _limits(lower: Array, upper: Array, level: float) -> dict[str, float]:
    tail = (1 - level) / 2
    return {
        "lower": float(np.nanmedian(lower)),
        "upper": float(np.nanmedian(upper)),
        "lower_limit": float(np.nanquantile(lower, tail)),
        "upper_limit": float(np.nanquantile(upper, 1 - tail)),
    }


def _no_mix(evidence: ChurnEvidence, factor: float) -> str:
    hazards = np.median(evidence.hazards, axis=0)
    return (
        "no mix of scores produces the churn of the silent, "
        f"{np.median(evidence.silent_churn):.1%}: by score it is {hazards.min():.1%} to "
        f"{hazards.max():.1%}, within a factor of {factor:g}. So silent people leave more or less "
        "often than answering people of the same score: raise factor=."
    )
