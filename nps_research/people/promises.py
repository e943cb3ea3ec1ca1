"""Two agents, one of whom promises what will not be kept: the score now, the customers later.

Both have the same customers at the start. A customer has a loyalty, normal with standard deviation
1, and carries the broken promises that are not forgotten yet. In each month, in this order: the
customer may have a contact, and the promising agent may promise; answers to a survey show loyalty,
disappointment and the good mood of a fresh promise; last month's promise breaks; customers leave,
the less loyal the sooner; broken promises are forgotten. No month is simulated: the shares of
customers in every state are computed, for any number of customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special
from scipy.signal import fftconvolve
from scipy.stats import binom

from nps_research.answers import answers_by_group
from nps_research.market.defaults import default_values
from nps_research.ordinal.families import Family
from nps_research.people.score_sums import score_sums
from nps_research.people.units import averaging_cutpoints, normal_nodes
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

_promise, _loyalty = default_values("false_promises"), default_values("loyalty")
_service, _survey = default_values("service"), default_values("survey")
POINTS = 100.0
# More broken promises than these are not told apart.
MOST_BROKEN = 30
LOYALTIES = 31


@dataclass(frozen=True)
class PromiseRules:
    """How promises work, by default with the numbers of the simulated market.

    Attributes
    ----------
    contact : float
        Probability of a contact in a month.
    made : float
        Probability that the promising agent promises at a contact.
    mood : float
        What a fresh promise adds to the latent answer, in standard deviations of loyalty.
    disappointment : float
        Loyalty lost when a promise breaks.
    forgotten : float
        Probability that a broken promise is forgotten in a month.
    churn_intercept, churn_slope : float
        Logit of leaving in a month at loyalty 0, and a unit of loyalty lost.
    noise : float
        Standard deviation of the latent answer around loyalty.
    after_contact : bool
        Whether the survey follows a contact. If not, all customers are asked.
    own : float
        Share of an agent's contacts with customers of the own portfolio: 1 if customers stay with
        their agent, 0.5 if the two agents share one queue.
    """

    contact: float = _service["contact"]
    made: float = _promise["made"]
    mood: float = _promise["mood"]
    disappointment: float = _promise["disappointment"]
    forgotten: float = _loyalty["reversion"]
    churn_intercept: float = _loyalty["churn_intercept"]
    churn_slope: float = _loyalty["churn_slope"]
    noise: float = _survey["noise"]
    after_contact: bool = True
    own: float = 1.0

    def __post_init__(self) -> None:
        for name in ("contact", "made", "forgotten", "own"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"{name} is a probability from 0 to 1; found {getattr(self, name)}."
                )
        if not self.noise > 0:
            raise ValueError(f"noise must be above 0; found {self.noise}.")


@viewed
@dataclass(frozen=True, eq=False)
class TwoAgents:
    """An agent who promises and an honest one, followed for some months.

    Attributes
    ----------
    rules : PromiseRules
        How promises work.
    cutpoints : numpy.ndarray, shape (cuts,)
        On the scale of loyalty, in units of the noise.
    rating_scale : RatingScale
        Scale of the answers.
    months : int
        How long.
    """

    rules: PromiseRules
    cutpoints: Array
    rating_scale: RatingScale
    months: int

    @cached_property
    def _months(self) -> tuple[Array, Array]:
        """Shares of answers (months, agents, scores) and of customers left (months, agents)."""
        state, answers, left = self._start(), [], []
        for _ in range(self.months):
            answers.append(self._answers(state))
            state = self._next(state)
            left.append(1 - state.sum(axis=(1, 2, 3)))
        return np.array(answers), np.array(left)

    @property
    def shares(self) -> Array:
        """Shares of the scores, shape (months, agents, scores); the first agent promises."""
        return self._months[0]

    def course(self) -> pd.DataFrame:
        """Return what happens month by month.

        Returns
        -------
        pandas.DataFrame
            Indexed by month from 1: `promising` and `honest` NPS in points, `lead` of the promising
            agent, and the shares `promising_left` and `honest_left` of the customers of the start
            who have left the portfolio's firm.
        """
        nps = POINTS * self.shares @ self.rating_scale.nps_values
        left = self._months[1]
        table = pd.DataFrame(
            {
                "promising": nps[:, 0],
                "honest": nps[:, 1],
                "lead": nps[:, 0] - nps[:, 1],
                "promising_left": left[:, 0],
                "honest_left": left[:, 1],
            }
        )
        return table.set_axis(pd.RangeIndex(1, self.months + 1, name="month"))

    def promotion(self, answers: int) -> pd.Series:
        """Return the probability that the promising agent has the better score so far.

        Parameters
        ----------
        answers : int
            Of each agent in a month. The score is that of all answers since the first month.

        Returns
        -------
        pandas.Series
            By month of the decision. Equal scores count one half. Exact.
        """
        values = self.rating_scale.nps_values
        monthly = score_sums(self.shares, values, answers).probabilities
        both, found = [np.ones(1), np.ones(1)], []
        for month in monthly:
            both = [np.clip(fftconvolve(*pair), 0, None) for pair in zip(both, month, strict=True)]
            below = np.cumsum(both[1]) - both[1] / 2
            found.append(float(both[0] @ below))
        return pd.Series(
            found, pd.RangeIndex(1, self.months + 1, name="month"), name="promising promoted"
        )

    def _start(self) -> Array:
        share = np.zeros((2, LOYALTIES, MOST_BROKEN + 1, 2))
        share[:, :, 0, 0] = normal_nodes(LOYALTIES)[1]
        return share

    @cached_property
    def _loyalty(self) -> Array:
        """Loyalty left, shape (loyalties, broken promises, 1)."""
        broken = np.arange(MOST_BROKEN + 1)
        base = normal_nodes(LOYALTIES)[0]
        return np.asarray(base[:, None] - self.rules.disappointment * broken)[..., None]

    @cached_property
    def _met_promiser(self) -> Array:
        """Probability that a contact of each portfolio is with the promising agent."""
        return np.array([self.rules.own, 1 - self.rules.own])

    def _answers(self, state: Array) -> Array:
        """Return shares of the scores of the answers that count for each agent."""
        told = np.einsum("plb,hlbs->hps", state.sum(axis=3), self._scores)
        answers = np.einsum("ahp,hps->as", self._weights(), told)
        return np.asarray(answers / answers.sum(axis=1, keepdims=True))

    @cached_property
    def _scores(self) -> Array:
        """Probabilities of the scores, without and with a fresh promise, by loyalty left."""
        moods = np.array([0.0, self.rules.mood])[:, None, None, None]
        positions = self.cutpoints - (self._loyalty + moods) / self.rules.noise
        return np.exp(Family("cumulative", "probit").log_probabilities(positions))

    def _weights(self) -> Array:
        """Return how answers count: (agent, without and with a fresh promise, portfolio)."""
        rules = self.rules
        met = np.stack([self._met_promiser, 1 - self._met_promiser])  # agent, portfolio
        if rules.after_contact:
            fresh = np.array([rules.made, 0.0])[:, None]
            return np.stack([met * (1 - fresh), met * fresh], axis=1)
        promised = rules.contact * rules.made * self._met_promiser
        own = np.eye(2)
        return np.stack([own * (1 - promised), own * promised], axis=1)

    def _next(self, state: Array) -> Array:
        """Let a month pass: promise, break, leave, forget."""
        rules = self.rules
        promised = (rules.contact * rules.made * self._met_promiser)[:, None, None]
        broken = state[..., 0].copy()
        broken[..., 1:] += state[..., :-1, 1]
        broken[..., -1] += state[..., -1, 1]
        logit = rules.churn_intercept - rules.churn_slope * self._loyalty[..., 0]
        stay = broken * special.expit(-logit)
        kept = stay @ self._remembered
        return np.stack([kept * (1 - promised), kept * promised], axis=-1)

    @cached_property
    def _remembered(self) -> Array:
        """Probability of each number of broken promises remembered, by their number before."""
        number = np.arange(MOST_BROKEN + 1)
        return np.asarray(binom.pmf(number, number[:, None], 1 - self.rules.forgotten))


def two_agents(
    counts: pd.DataFrame | Survey,
    rules: PromiseRules = PromiseRules(),
    *,
    months: int = 24,
    rating_scale: RatingScale | None = None,
) -> TwoAgents:
    """Set an agent who promises beside an honest one.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table: its shares are those of the honest agent's answers in the first month.
    rules : PromiseRules
        How promises work.
    months : int
        How long both are followed.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    TwoAgents

    Raises
    ------
    ValueError
        If there is no month.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
    >>> course = two_agents(counts, months=12).course()
    >>> bool(course["lead"].iloc[0] > 0 > course["lead"].iloc[-1])
    True
    """
    if months < 1:
        raise ValueError(f"months must be 1 or more; found {months}.")
    answers = answers_by_group(counts, None, rating_scale)
    below = np.cumsum(answers.effective[0])[:-1] / answers.n[0]
    cutpoints = averaging_cutpoints(below, 1 / rules.noise, "probit")
    return TwoAgents(rules, cutpoints, answers.scale, months)


def first_reversal(lead: pd.Series) -> float:
    """Return the first month in which a lead is gone, infinite if it lasts.

    Parameters
    ----------
    lead : pandas.Series
        Points by month, in order.

    Returns
    -------
    float
        A month of the index.

    Examples
    --------
    >>> first_reversal(pd.Series([4.0, 1.0, -2.0], index=[1, 2, 3]))
    3.0
    """
    gone = lead.index[lead < 0]
    return float(gone[0]) if len(gone) else float("inf")
