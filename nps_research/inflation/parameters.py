"""Parameters of the inflation model: free numbers, and what they mean condition by condition.

Shares of scores, the standard deviation of agents and the mass on the highest score are quantiles
of their priors at the place of a standard normal number. So where the data cannot tell them from 0
the free numbers have normal tails, which is what a proposal that is nearly normal needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nps_research.inflation.evidence import Evidence
    from nps_research.inflation.priors import InflationPriors

    type Array = NDArray[np.float64]
    type Values = dict[str, Array]

# A logistic curve over a normal variable is flatter by the root of 1 + this * slope^2 * variance.
FLATTENED = (16 * np.sqrt(3) / (15 * np.pi)) ** 2
# Smallest share of a score: keeps cutpoints finite.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Assumptions:
    """What the data do not say; see `InflationModel`.

    Attributes
    ----------
    trend_gap : float
        Log odds of leaving that pay for the score adds by itself, or that the paid groups had in
        store anyway.
    surrogacy : float
        Share of the improvement that leaving reacts to.
    reliability : float or tuple of float, optional
        Known, or mean and standard deviation.
    leak : dict of str to float
        Share of the reporting shift that reaches an indicator.
    audit_response : str
        How an audit is answered.
    ten_inflation : bool
        Whether some answers become the highest score, whatever the loyalty.
    """

    trend_gap: float = 0.0
    surrogacy: float = 1.0
    reliability: float | tuple[float, float] | None = None
    leak: Mapping[str, float] | None = None
    audit_response: str = "baseline"
    ten_inflation: bool = False


@dataclass(frozen=True, eq=False)
class Parameters:
    """Names and places of the free numbers.

    Attributes
    ----------
    evidence : Evidence
        Conditions.
    priors : InflationPriors
        Prior distributions.
    assumptions : Assumptions
        What is not estimated.
    """

    evidence: Evidence
    priors: InflationPriors
    assumptions: Assumptions

    @cached_property
    def places(self) -> dict[str, slice]:
        """Place of every group of free numbers."""
        ends = np.cumsum([0, *self._sizes.values()])
        return {
            name: slice(int(start), int(end))
            for name, start, end in zip(self._sizes, ends[:-1], ends[1:], strict=True)
            if end > start
        }

    @property
    def size(self) -> int:
        """How many free numbers there are."""
        return sum(self._sizes.values())

    @cached_property
    def _sizes(self) -> dict[str, int]:
        evidence, cohorts = self.evidence, len(self.evidence.cohorts)
        periods, churn = len(evidence.periods), int(evidence.has_churn)
        sizes: dict[str, int] = {
            "improvement": 1,
            "shift": 1,
            "ten": int(self.assumptions.ten_inflation),
            "group": cohorts - 1,
            "trend": periods - 1,
            "noise": int(not isinstance(self.assumptions.reliability, float)),
            "agents": int(evidence.agents > 0),
            "response_intercept": int(self.response[0].max()) + 1,
            "response_slope": int(evidence.has_silence),
            "response_change": int(self.response[1].max()) + 1,
            "churn_intercept": churn,
            "churn_slope": churn,
            "churn_group": churn * (cohorts - 1),
            "churn_trend": churn * (periods - 1),
            "shares": evidence.scale.n_categories - 1,
        }
        for name, classes in evidence.indicators.items():
            sizes |= {f"loading {name}": 1, f"shares {name}": len(classes) - 1}
        return sizes

    @cached_property
    def response(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Place of the intercept and of the slope of answering of every condition; -1 for all."""
        evidence = self.evidence
        intercept = np.arange(len(evidence.cohort))
        if not evidence.has_silence:
            return np.full_like(intercept, -1), np.full_like(intercept, -1)
        slope = intercept.copy()
        for condition in np.flatnonzero(evidence.audit):
            intercept[condition], slope[condition] = self._audit_response(int(condition))
        used = [np.unique(each[each >= 0], return_inverse=True)[1] for each in (intercept, slope)]
        for each, place in zip((intercept, slope), used, strict=True):
            each[each >= 0] = place
        return intercept, slope

    def _audit_response(self, condition: int) -> tuple[int, int]:
        """Return the conditions whose intercept and slope an audited condition has."""
        kind, evidence = self.assumptions.audit_response, self.evidence
        if kind == "complete":
            return -1, -1
        same = (evidence.cohort == evidence.cohort[condition]) & ~evidence.audit
        before = np.flatnonzero(same & ~evidence.improved)
        earlier = before[evidence.period[before] < max(evidence.period[condition], 1)]
        base = int((earlier if len(earlier) else before)[-1])
        if kind == "own":
            return condition, condition
        return (condition if self._counts_silent(condition) else base), base

    def _counts_silent(self, condition: int) -> bool:
        for block in self.evidence.blocks:
            if not block.pooled and condition in block.conditions:
                held = block.counts[:, list(block.conditions).index(condition)]
                return bool(held[:, block.outcomes.answered == 0].sum() > 0)
        return False

    def values(self, free: Array) -> Values:
        """Return what the likelihood needs.

        Parameters
        ----------
        free : numpy.ndarray, shape (points, size)
            Free numbers.

        Returns
        -------
        dict of numpy.ndarray
            First axis points; second axis conditions for `mean`, `answer_intercept`,
            `answer_slope` and `leave_intercept`, cutpoints for `cuts`.
        """
        evidence, spread = self.evidence, self._agent_spread(free)
        moved = self.get(free, "improvement") * evidence.improved
        trend = self._by_place(free, "trend", evidence.period)
        mean = self._by_place(free, "group", evidence.cohort) + trend + moved
        values = {"mean": mean, "shift": self.get(free, "shift"), "ten": self._ten(free)}
        values |= {"noise": self.noise(free) * np.sqrt(1 + spread**2), "spread": spread}
        if evidence.has_silence:
            values |= self._response_values(free, mean, 1 + spread**2)
        if evidence.has_churn:
            values |= self._churn_values(free, moved)
        return values | self._cutpoints(free, values)

    def _cutpoints(self, free: Array, values: Values) -> Values:
        """Return cutpoints of the score and of the indicators.

        The free numbers are the shares of the scores of those who answer at first, which the data
        tell: cutpoints are where a normal variable with their mean has these shares.
        """
        variance, answering = 1 + values["spread"] ** 2, self._answering(values)
        width = np.sqrt(variance + values["noise"] ** 2)
        found = {"cuts": answering + width * self._quantiles(free, "shares", self.concentration)}
        for name, classes in self.evidence.indicators.items():
            loading = np.exp(self.get(free, f"loading {name}"))
            places = self._quantiles(free, f"shares {name}", self._even(len(classes)))
            width = np.sqrt(1 + loading**2 * variance)
            found |= {
                f"loading {name}": loading,
                f"cuts {name}": loading * answering + width * places,
            }
        return found

    def _answering(self, values: Values) -> Array:
        """Return about how loyal those are who answer in the first condition."""
        if "answer_slope" not in values:
            return np.zeros_like(values["spread"])
        variance, slope = 1 + values["spread"] ** 2, values["answer_slope"][:, :1]
        flat = np.sqrt(1 + FLATTENED * slope**2 * variance)
        silent = special.expit(-values["answer_intercept"][:, :1] / flat)
        return np.asarray(slope * variance * silent / flat)

    def _response_values(self, free: Array, mean: Array, variance: Array) -> Values:
        """Return intercepts and slopes of answering.

        The free numbers are log odds of the share who answer, which the data tell whatever the
        slope. That of a logistic curve over a normal loyalty: Zeger, Liang and Albert 1988, "Models
        for Longitudinal Data: A Generalized Estimating Equation Approach".
        """
        intercept, slope = self.response
        tilt = self.get(free, "response_slope") + self.get(free, "response_change")[:, slope]
        tilt = np.where(slope < 0, 0.0, tilt)
        share = self.get(free, "response_intercept")[:, intercept]
        base = share * np.sqrt(1 + FLATTENED * tilt**2 * variance)
        base -= (tilt * mean)[:, self._asked_like]
        return {"answer_intercept": np.where(intercept < 0, 0.0, base), "answer_slope": tilt}

    @cached_property
    def _asked_like(self) -> NDArray[np.int64]:
        """Condition whose share an intercept is about: of those that have it, the survey's."""
        place = self.response[0]
        first = np.argsort(self.evidence.audit, kind="stable")
        return np.array([next(other for other in first if place[other] == own) for own in place])

    def _churn_values(self, free: Array, moved: Array) -> Values:
        evidence, slope = self.evidence, np.exp(self.get(free, "churn_slope"))
        base = self.get(free, "churn_intercept")
        base = base + self._by_place(free, "churn_group", evidence.cohort)
        base = base + self._by_place(free, "churn_trend", evidence.period)
        unfelt = (1 - self.assumptions.surrogacy) * slope * moved
        gap = self.assumptions.trend_gap * evidence.improved
        return {"leave_intercept": base + gap + unfelt, "leave_slope": slope}

    def _ten(self, free: Array) -> Array:
        if "ten" not in self.places:
            return np.zeros((len(free), 1))
        below = special.ndtr(self.get(free, "ten")).clip(max=1 - SMALLEST)
        return np.asarray(special.betaincinv(*self.priors.ten_inflation, below))

    def _agent_spread(self, free: Array) -> Array:
        if "agents" not in self.places:
            return np.zeros((len(free), 1))
        above = special.ndtr(-self.get(free, "agents"))
        return np.asarray(-self.priors.agents * special.ndtri(above / 2))

    def noise(self, free: Array) -> Array:
        """Return the noise of a score in total standard deviations of loyalty."""
        known = self.assumptions.reliability
        if isinstance(known, float):
            return np.full((len(free), 1), np.sqrt(1 / known - 1))
        return np.exp(self.get(free, "noise"))

    def get(self, free: Array, name: str, absent: float = 0.0) -> Array:
        """Return the free numbers of a name, or a column of one value if there are none."""
        if name not in self.places:
            return np.full((len(free), 1), absent)
        return free[:, self.places[name]]

    def _by_place(self, free: Array, name: str, place: NDArray[np.int64]) -> Array:
        """Return the free numbers by condition; the first cohort or period has 0."""
        held = free[:, self.places.get(name, slice(0, 0))]
        return np.concatenate([np.zeros((len(free), 1)), held], axis=1)[:, place]

    def _quantiles(self, free: Array, name: str, prior: Array) -> Array:
        """Return the standard normal quantiles of cumulated Dirichlet shares."""
        below = special.ndtr(self.get(free, name))
        rest = special.betaincinv(*_sticks(prior)[::-1], 1 - below)
        return np.asarray(-special.ndtri(np.cumprod(rest, axis=1).clip(SMALLEST, 1 - SMALLEST)))

    def log_prior(self, free: Array) -> Array:
        """Return the log prior density of the free numbers, up to a constant."""
        total = np.zeros(len(free))
        for name, (mean, sd) in self._normals().items():
            if name in self.places:
                total -= 0.5 * (((self.get(free, name) - mean) / sd) ** 2).sum(axis=1)
        return total + self._log_reliability(free)

    def _log_reliability(self, free: Array) -> Array:
        known = self.assumptions.reliability
        if not isinstance(known, tuple):
            return np.zeros(len(free))
        mean, sd = known
        size = mean * (1 - mean) / sd**2 - 1
        # The share is 1 / (1 + noise^2), so its logit is -2 log noise.
        logit = -2 * self.get(free, "noise")[:, 0]
        agrees, not_so = special.log_expit(logit), special.log_expit(-logit)
        return np.asarray(mean * size * agrees + (1 - mean) * size * not_so)

    @property
    def concentration(self) -> Array:
        """Prior answers of every score."""
        values = self.evidence.scale.nps_values
        _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
        return np.asarray(self.priors.class_answers / sizes[place])

    def _even(self, classes: int) -> Array:
        """Return prior answers to the classes of an indicator: one in all."""
        return np.full(classes, self.priors.class_answers / classes)

    def _normals(self) -> dict[str, tuple[float, float]]:
        priors = self.priors
        known = {
            "improvement": (0.0, priors.improvement),
            "shift": (0.0, priors.reporting_shift),
            "group": (0.0, priors.group),
            "trend": (0.0, priors.trend),
            "response_intercept": priors.response_intercept,
            "response_slope": priors.response_slope,
            "response_change": (0.0, priors.response_change),
            "churn_intercept": priors.churn_intercept,
            "churn_slope": priors.churn_slope,
            "churn_group": (0.0, priors.churn_group),
            "churn_trend": (0.0, priors.churn_trend),
            "ten": (0.0, 1.0),
            "agents": (0.0, 1.0),
            "shares": (0.0, 1.0),
        }
        for name in self.evidence.indicators:
            known |= {f"loading {name}": priors.loading, f"shares {name}": (0.0, 1.0)}
        if self.assumptions.reliability is None:
            known["noise"] = priors.noise
        return known

    def start(self) -> Array:
        """Return free numbers from which the mode can be sought."""
        free = np.zeros(self.size)
        starts = {"noise": np.log(0.7), "ten": -1.0, "churn_intercept": -2.0}
        for name, value in starts.items():
            if name in self.places:
                free[self.places[name]] = value
        if "response_intercept" in self.places:
            free[self.places["response_intercept"]] = self._start_of_response()
        free[self.places["shares"]] = _stick_places(self._first_scores(), self.concentration)
        return free

    def _start_of_response(self) -> Array:
        place = self.response[0]
        silent, answered = (
            np.bincount(place[place >= 0], self._people(code)[place >= 0]) for code in (0, 1)
        )
        return np.asarray(np.log((answered + 1) / (silent + 1)))

    def _people(self, answered: int) -> Array:
        """Return who was silent (0) or answered (1), by condition."""
        found = np.zeros(len(self.evidence.cohort))
        for block in self.evidence.blocks:
            if not block.pooled:
                held = block.counts[:, :, block.outcomes.answered == answered].clip(min=0)
                found[block.conditions] += held.sum(axis=(0, 2))
        return found

    def _first_scores(self) -> Array:
        """Return the scores of the reference in the first period."""
        block, found = self.evidence.blocks[0], np.zeros(self.evidence.scale.n_categories + 1)
        np.add.at(found, block.outcomes.score, block.counts[:, 0].clip(min=0).sum(axis=0))
        return found[:-1]


def _sticks(prior: Array) -> tuple[Array, Array]:
    """Return the Beta parameters of the share of each class but the last among those left."""
    left = np.cumsum(prior[::-1])[::-1]
    return prior[:-1], left[1:]


def _stick_places(counts: Array, prior: Array) -> Array:
    """Return the free numbers of the shares of some answers."""
    held = counts + prior
    own, left = _sticks(held)
    return np.asarray(special.ndtri(special.betainc(*_sticks(prior), own / (own + left))))
