"""A joint model of answering, scoring and leaving: one loyalty behind all three.

Every customer has a loyalty, standard normal. It moves the score (with a stated reliability), the
odds of answering and the odds of leaving; given loyalty the three are independent. Leaving is
known of everybody, so it tells how loyal the silent are, and with that how they would have scored.

What this rests on: the reliability of the score, which one score a customer cannot show; the normal
distribution; and that nothing but loyalty makes both silent and leave. `ChurnEvidence.bounds` says
what remains without the last two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, special

from nps_research.counts import declared_scale
from nps_research.diagnostics import INTERVAL_KIND, LaplaceReport, draws_view
from nps_research.importance import resampled, standard_t
from nps_research.intervals import tail_probabilities
from nps_research.silence.churn_bounds import joint_counts
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# Points of the distribution of loyalty.
NODES = 40
# Degrees of freedom of the proposal: heavier tails than the normal approximation.
PROPOSAL_DF = 8.0
# Step of the differences that give the curvature at the mode.
STEP = 1e-3
# Smallest share of a score: keeps cutpoints finite.
SMALLEST = 1e-12
SLOPES = ("response_intercept", "response_slope", "churn_intercept", "churn_slope")
# Normal priors, on the scale of log odds a standard deviation of loyalty: an odds ratio of 7 is two
# standard deviations away. Intercepts are wide around even odds of answering and a tenth leaving.
PRIOR_MEAN = np.array([0.0, 0.0, -2.0, 0.0])
PRIOR_SD = np.array([2.0, 1.0, 2.0, 1.0])


@viewed
class JointResponse:
    """Joint model of a table of scores, silence and churn.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `score` (missing for the silent), `churned` (0 or 1) and `n`.
    reliability : float
        Share of the variance of a customer's (latent) score that is loyalty, between 0 and 1. An
        assumption: compare several.
    churned : str
        Name of the column that says who left.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Raises
    ------
    ValueError
        If the reliability is not between 0 and 1, the outcome is not 0 or 1, or nobody is silent.

    Examples
    --------
    >>> stayed = pd.DataFrame({"score": [3, 8, 10, None], "n": [80, 90, 195, 680]})
    >>> left = stayed.assign(n=[20, 10, 5, 120])
    >>> counts = pd.concat([stayed.assign(churned=0), left.assign(churned=1)])
    >>> fit = JointResponse(counts, reliability=0.7).fit(random_seed=1)
    >>> fit.draws["silent"].mean() < fit.draws["answering"].mean()
    np.True_
    """

    def __init__(
        self,
        counts: pd.DataFrame,
        *,
        reliability: float = 0.7,
        churned: str = "churned",
        rating_scale: RatingScale | None = None,
    ) -> None:
        if not 0 < reliability < 1:
            raise ValueError(
                f"reliability must be between 0 and 1; found {reliability!r}. Pass several in "
                "turn, such as 0.5, 0.7 and 0.9."
            )
        self.scale = declared_scale(counts, rating_scale)
        self.reliability = reliability
        self.answered, self.silent = joint_counts(counts, churned, self.scale)
        if self.silent.sum() == 0:
            raise ValueError("nobody is silent: no row has a missing score. Use the scores alone.")

    def __str__(self) -> str:
        people = self.answered.sum() + self.silent.sum()
        return (
            f"JointResponse: {people:,.0f} people, {self.answered.sum():,.0f} answered; "
            f"reliability {self.reliability:g}"
        )

    def _view(self) -> View:
        return View(str(self), {"scale": self.scale})

    @property
    def concentration(self) -> Array:
        """Prior answers of every score: one for each class, spread evenly over its scores."""
        _, place, sizes = np.unique(self.scale.nps_values, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / sizes[place])

    def log_density(self, free: Array) -> Array:
        """Return the log posterior density, up to a constant.

        Parameters
        ----------
        free : numpy.ndarray, shape (points, scores + 3)
            Log shares of the scores among everybody against the last one, then intercepts and
            slopes of answering and leaving.
        """
        log_shares, slopes = self._split(free)
        cells = self._cells(log_shares, slopes)
        known = self.answered * np.log(cells["answered"]), self.silent * np.log(cells["silent"])
        likelihood = known[0].sum(axis=(1, 2)) + known[1].sum(axis=1)
        prior = log_shares @ self.concentration
        prior -= 0.5 * (((slopes - PRIOR_MEAN) / PRIOR_SD) ** 2).sum(axis=1)
        return np.asarray(likelihood + prior)

    def fit(self, draws: int = 4000, *, random_seed: int | None = None) -> JointResponseFit:
        """Draw from the posterior by importance resampling around its mode.

        Parameters
        ----------
        draws : int
            Number of draws.
        random_seed : int, optional
            Makes the draws repeatable.

        Returns
        -------
        JointResponseFit
        """
        generator = np.random.default_rng(random_seed)
        mode = self._mode()
        root = np.linalg.cholesky(np.linalg.inv(self._curvature(mode)))
        standard, log_proposal = standard_t(draws, len(mode), PROPOSAL_DF, generator)
        proposed = mode + standard @ root.T
        kept = resampled(self.log_density(proposed) - log_proposal, generator)
        report = LaplaceReport(kept.pareto_k, kept.ess, draws)
        return JointResponseFit(self, proposed[kept.chosen], report, random_seed)

    def functionals(self, free: Array) -> dict[str, Array]:
        """Return what the parameters say of everybody, of those who answer and of the silent."""
        log_shares, slopes = self._split(free)
        cells = self._cells(log_shares, slopes)
        values = 100 * self.scale.nps_values
        everybody = np.exp(log_shares)
        answered, silent = cells["answered"].sum(axis=2), cells["silent"].sum(axis=1)
        found = {"everybody": everybody @ values}
        found |= {"answering": answered @ values / answered.sum(axis=1)}
        found |= {"silent": (everybody - answered) @ values / silent}
        risk = cells["answered"][..., 1].sum(axis=1) / answered.sum(axis=1)
        found |= {"churn_ratio": cells["silent"][:, 1] / silent / risk}
        return found | dict(zip(SLOPES, slopes.T, strict=True))

    def _split(self, free: Array) -> tuple[Array, Array]:
        logits = np.concatenate([free[:, :-4], np.zeros((len(free), 1))], axis=1)
        return np.asarray(special.log_softmax(logits, axis=1)), free[:, -4:]

    def _cells(self, log_shares: Array, slopes: Array) -> Mapping[str, Array]:
        """Return the probability of every score and outcome, and of silence and outcome."""
        loyalty, mass = special.roots_hermitenorm(NODES)
        mass = mass / mass.sum()
        below = np.cumsum(np.exp(log_shares), axis=1)[:, :-1].clip(SMALLEST, 1 - SMALLEST)
        signal, noise = np.sqrt(self.reliability), np.sqrt(1 - self.reliability)
        reached = special.ndtr((special.ndtri(below)[:, None] - signal * loyalty[:, None]) / noise)
        scores = np.diff(reached, axis=2, prepend=0.0, append=1.0)
        answers = special.expit(slopes[:, [0]] + slopes[:, [1]] * loyalty)
        leaves = special.expit(slopes[:, [2]] - slopes[:, [3]] * loyalty)
        outcomes = np.stack([1 - leaves, leaves], axis=2)
        spoke = np.einsum("dqk,dqo,dq->dko", scores, outcomes, answers * mass)
        kept_silent = np.einsum("dqo,dq->do", outcomes, (1 - answers) * mass)
        return {"answered": spoke.clip(SMALLEST), "silent": kept_silent.clip(SMALLEST)}

    def _mode(self) -> Array:
        total, left = self.answered.sum(), self.answered[:, 1].sum() + self.silent[1]
        shares = self.answered.sum(axis=1) + self.concentration
        everybody = total + self.silent.sum()
        start = np.log(shares[:-1] / shares[-1])
        rates = special.logit(np.clip([total / everybody, left / everybody], 0.001, 0.999))
        first = np.concatenate([start, [rates[0], 0.3, rates[1], 0.3]])
        found = optimize.minimize(self._lacking, first, jac=self._slope, method="BFGS")
        return np.asarray(found.x)

    def _lacking(self, free: Array) -> float:
        return float(-self.log_density(free[None])[0])

    def _slope(self, free: Array) -> Array:
        steps = 1e-5 * np.eye(len(free))
        return np.asarray(
            (self.log_density(free - steps) - self.log_density(free + steps)) / (2 * 1e-5)
        )

    def _curvature(self, mode: Array) -> Array:
        steps = STEP * np.eye(len(mode))
        slopes = [self._slope(mode + step) - self._slope(mode - step) for step in steps]
        found = np.array(slopes) / (2 * STEP)
        return np.asarray((found + found.T) / 2)


@viewed
@dataclass(frozen=True, eq=False)
class JointResponseFit:
    """Posterior draws of a `JointResponse`.

    Attributes
    ----------
    model : JointResponse
        The model.
    free : numpy.ndarray, shape (draws, parameters)
        Draws of its parameters.
    convergence : LaplaceReport
        Whether the draws can be trusted.
    random_seed : int or None
        Of the draws.
    """

    model: JointResponse
    free: Array
    convergence: LaplaceReport
    random_seed: int | None = None

    @cached_property
    def draws(self) -> dict[str, Array]:
        """Draws by quantity.

        `everybody`, `answering` and `silent` are NPS in points; `churn_ratio` is how many times as
        likely the silent are to leave; the slopes are log odds a standard deviation of loyalty.
        """
        return self.model.functionals(self.free)

    def summary(self, level: float = 0.9) -> pd.DataFrame:
        """Summarise the draws: mean, sd and an equal-tailed interval, one row a quantity."""
        tails = tail_probabilities(level)
        rows = {
            name: [each.mean(), each.std(ddof=1), *np.quantile(each, tails)]
            for name, each in self.draws.items()
        }
        table = pd.DataFrame(rows, index=["mean", "sd", "lower", "upper"]).T
        table["mcse_mean"] = table["sd"] / np.sqrt(self.convergence.ess)
        table.attrs["interval"] = f"{100 * level:g} % {INTERVAL_KIND}"
        return table

    def _view(self) -> View:
        level = 0.9
        return draws_view(
            f"JointResponseFit of {self.model}",
            self.convergence,
            random_seed=self.random_seed,
            numbers=self.summary(level),
            mass=level,
            advice="raise draws=.",
        )


def simulated_counts(
    customers: int,
    shares: Array,
    *,
    reliability: float = 0.7,
    response: tuple[float, float, float] = (-0.6, 0.5, 0.0),
    churn: tuple[float, float] = (-2.5, 0.8),
    direct: float = 0.0,
    rating_scale: RatingScale | None = None,
    random_seed: int | None = None,
) -> tuple[pd.DataFrame, float]:
    """Simulate customers, some of whom answer and some of whom leave.

    Parameters
    ----------
    customers : int
        How many.
    shares : numpy.ndarray, shape (scores,)
        Of the scores of everybody.
    reliability : float
        As in `JointResponse`.
    response : tuple of float
        Log odds of answering: at average loyalty, added by each standard deviation of it, and added
        by its distance from the average (people with strong feelings answer).
    churn : tuple of float
        Log odds of leaving: at average loyalty, and taken away by each standard deviation.
    direct : float
        Log odds of leaving added by silence itself: not part of `JointResponse`.
    rating_scale : RatingScale, optional
        0 to 10 by default.
    random_seed : int, optional
        Seed.

    Returns
    -------
    tuple of pandas.DataFrame and float
        The count table as `JointResponse` reads it, and the NPS that everybody would have given.

    Examples
    --------
    >>> counts, nps = simulated_counts(1000, np.full(11, 1 / 11), random_seed=1)
    >>> counts["n"].sum(), -60 < nps < -20
    (np.int64(1000), True)
    """
    scale = declared_scale(pd.DataFrame(), rating_scale)
    generator = np.random.default_rng(random_seed)
    loyalty, noise = generator.standard_normal((2, customers))
    latent = np.sqrt(reliability) * loyalty + np.sqrt(1 - reliability) * noise
    cuts = special.ndtri(np.cumsum(shares)[:-1].clip(0, 1))
    score = scale.minimum + np.searchsorted(cuts, latent)
    drawn = generator.uniform(size=(2, customers))
    odds = response[0] + response[1] * loyalty + response[2] * np.abs(loyalty)
    silent = drawn[0] >= special.expit(odds)
    left = drawn[1] < special.expit(churn[0] - churn[1] * loyalty + direct * silent)
    people = pd.DataFrame({"score": pd.array(score, dtype="Int64"), "churned": left.astype(int)})
    people["score"] = people["score"].mask(silent)
    counts = people.groupby(["score", "churned"], dropna=False).size().rename("n").reset_index()
    nps = 100 * float(scale.nps_values[score - scale.minimum].mean())
    return counts, nps
