"""How much of a score is the unit that it is given to: variance components and reliability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nps_research.diagnostics import INTERVAL_KIND, INTERVAL_MASS
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.people.units import Units, metric_values, normal_nodes
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from nps_research.ordinal.draws import ScoreDraws
    from nps_research.people.units import Metric

    type Array = NDArray[np.float64]
    type Level = Literal["agent", "agent within team", "team"]

LEVELS: tuple[Level, ...] = ("agent", "agent within team", "team")
# Nunnally's rule of thumb for decisions about groups; he asks for more for decisions about people
# (Nunnally and Bernstein 1994, "Psychometric Theory").
RELIABLE = 0.8


@viewed
@dataclass(frozen=True, eq=False)
class Components:
    """Variance of one answer by where it comes from, numbers or arrays of draws.

    Attributes
    ----------
    team, agent, answer : float or numpy.ndarray
        Variance between teams, between the agents of a team, and between the customers of an
        agent, in squared units of the metric.
    """

    team: Array
    agent: Array
    answer: Array

    @property
    def total(self) -> Array:
        """Variance of one answer."""
        return np.asarray(self.team + self.agent + self.answer)

    def share(self, level: Level = "agent") -> Array:
        """Return the intraclass correlation: the share of the variance that is the unit's.

        For the level "agent within team", of the variance within a team.
        """
        unit, rest = self._signal_and_noise(level, 1.0, 1)
        return np.asarray(unit / (unit + rest))

    def reliability(self, n: ArrayLike, level: Level = "agent", *, agents: int = 1) -> Array:
        """Return the reliability of the score of a unit: its squared correlation with the truth.

        Parameters
        ----------
        n : array_like
            Answers of each agent.
        level : {"agent", "agent within team", "team"}
            All agents of a company; the agents of one team; teams as they are staffed.
        agents : int
            Agents in a team, for the level "team".

        Returns
        -------
        numpy.ndarray
            Spearman and Brown's n r / (1 + (n - 1) r), with r the intraclass correlation. It holds
            exactly, whatever the distribution of the answers.

        Raises
        ------
        ValueError
            If the level is unknown.

        Examples
        --------
        >>> Components(0.0, 5.0, 95.0).reliability([19, 76])
        array([0.5, 0.8])
        """
        signal, noise = self._signal_and_noise(level, n, agents)
        return np.asarray(signal / (signal + noise))

    def answers_needed(
        self, reliability: float = RELIABLE, level: Level = "agent", *, agents: int = 1
    ) -> Array:
        """Return how many answers of each agent give a reliability; infinite without differences.

        Parameters
        ----------
        reliability : float
            Between 0 and 1.
        level, agents
            As in `reliability`.

        Raises
        ------
        ValueError
            If the reliability is not between 0 and 1.

        Examples
        --------
        >>> Components(0.0, 5.0, 95.0).answers_needed()
        np.float64(76.0)
        """
        if not 0 < reliability < 1:
            raise ValueError(
                f"reliability must be between 0 and 1; found {reliability}. 0.8 is usual."
            )
        signal, noise = self._signal_and_noise(level, 1.0, agents)
        with np.errstate(divide="ignore"):
            needed = np.asarray(reliability / (1 - reliability) * noise / signal)
        # Rounding must not ask for one answer more than a whole number.
        return np.ceil(needed * (1 - 1e-12))

    def _signal_and_noise(self, level: Level, n: ArrayLike, agents: int) -> tuple[Array, Array]:
        if level not in LEVELS:
            raise ValueError(unknown_name("level", level, LEVELS))
        noise = np.asarray(self.answer) / np.asarray(n, dtype=float)
        if level == "agent":
            return np.asarray(self.team + self.agent), noise
        if level == "team":
            return np.asarray(self.team + self.agent / agents), noise / agents
        return np.asarray(self.agent), noise


def components(units: Units, metric: Metric = "nps") -> Components:
    """Return the variance components of a metric.

    Parameters
    ----------
    units : Units
        The population of agents and teams.
    metric : {"nps", "mean_score", "top_box", "bottom_box", "latent"} or array_like
        What is averaged: a named metric in its own unit, one value a score, or the latent answer
        itself, in units of the link.

    Returns
    -------
    Components
        Exact: moments of the cumulative model integrated over normal effects (Gauss and Hermite).

    Examples
    --------
    >>> from nps_research.people.units import units_like
    >>> counts = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
    >>> units = units_like(counts, agent_share=0.05)
    >>> components(units, "latent").share().round(4), components(units).share().round(4)
    (np.float64(0.05), np.float64(0.0447))
    """
    if isinstance(metric, str) and metric == "latent":
        squares = units.team_sd**2, units.agent_sd**2, units.residual_sd**2
        return Components(*map(np.asarray, squares))
    values = metric_values(metric, units.rating_scale)
    at, weights = normal_nodes()
    team_at, team_weights = (at, weights) if units.team_sd else (np.zeros(1), np.ones(1))
    effects = units.team_sd * team_at[:, None] + units.agent_sd * at
    mean, variance = units.moments(values, effects)
    team_means = mean @ weights
    team = team_weights @ (team_means - team_weights @ team_means) ** 2
    agent = team_weights @ ((mean - team_means[:, None]) ** 2 @ weights)
    return Components(*map(np.asarray, (team, agent, team_weights @ variance @ weights)))


def reliability_bound(units: Units, n: ArrayLike) -> Array:
    """Return what no score of n answers can exceed: the reliability of the best use of all scores.

    Parameters
    ----------
    units : Units
        The population; agents over all teams are compared.
    n : array_like
        Answers of each agent.

    Returns
    -------
    numpy.ndarray
        Largest possible squared correlation of anything computed from n answers with the agent's
        latent level: one less the van Trees bound on the error, in units of the variance of agents
        (Gill and Levit 1995, "Applications of the van Trees Inequality: A Bayesian Cramer-Rao
        Bound").
    """
    at, weights = normal_nodes()
    information = weights @ _information(units, units.total_sd * at)
    signal = np.asarray(n, dtype=float) * information * units.total_sd**2
    return np.asarray(signal / (1 + signal))


def months_needed(answers: ArrayLike, contacts_per_month: float, response_rate: float) -> Array:
    """Return how many months it takes to collect answers.

    Parameters
    ----------
    answers : array_like
        How many an agent needs.
    contacts_per_month : float
        Customers of the agent who are asked each month.
    response_rate : float
        Share of them who answer, above 0 and at most 1.

    Returns
    -------
    numpy.ndarray
        Months, shape of `answers`.

    Raises
    ------
    ValueError
        If nobody is asked, or the rate is no share.

    Examples
    --------
    >>> months_needed([76, 200], contacts_per_month=40, response_rate=0.25)
    array([ 7.6, 20. ])
    """
    if not (contacts_per_month > 0 and 0 < response_rate <= 1):
        raise ValueError(
            f"contacts_per_month must be above 0 and response_rate above 0 and at most 1; found "
            f"{contacts_per_month} and {response_rate}."
        )
    return np.asarray(answers, dtype=float) / (contacts_per_month * response_rate)


def components_of_fit(
    fit: ScoreDraws, agent: str, team: str | None = None, metric: Metric = "nps"
) -> Components:
    """Return posterior draws of the variance components of a fitted model.

    Parameters
    ----------
    fit : OrdinalFit
        Of ``score ~ 1 + (1 | team) + (1 | agent)`` or ``score ~ 1 + (1 | agent)``, cumulative, with
        agents of different teams named differently. Other terms of the formula stay at the
        average respondent, whom the cutpoints describe.
    agent, team : str
        Columns of the group terms.
    metric : str or array_like
        As in `components`.

    Returns
    -------
    Components
        Arrays of shape (chains, draws).

    Raises
    ------
    ValueError
        If the family is not cumulative, or a column is no group term of the model.
    """
    parameters = fit.parameters.transpose(*SAMPLE_DIMS, ...)
    if fit.family.name != "cumulative":
        raise ValueError(
            f"variance components need the cumulative family; found {fit.family.name!r}."
        )
    agent_sd = _group_sd(parameters, agent)
    team_sd = _group_sd(parameters, team) if team else np.zeros_like(agent_sd)
    cutpoints = parameters["cutpoints"].to_numpy()
    drawn = [
        components(
            Units(cuts, float(own), float(other), fit.family.link, fit.design.rating_scale), metric
        )
        for cuts, own, other in zip(
            cutpoints.reshape(-1, cutpoints.shape[-1]),
            agent_sd.ravel(),
            team_sd.ravel(),
            strict=True,
        )
    ]
    parts = (np.array([getattr(each, name) for each in drawn]) for name in _PARTS)
    return Components(*(part.reshape(agent_sd.shape) for part in parts))


def component_table(
    drawn: Components, answers: Sequence[int] = (30, 100, 300), mass: float = INTERVAL_MASS
) -> pd.DataFrame:
    """Summarise draws of variance components: shares, reliability and answers needed.

    Parameters
    ----------
    drawn : Components
        From `components_of_fit`.
    answers : sequence of int
        Numbers of answers of an agent whose reliability is wanted.
    mass : float
        Probability inside the interval.

    Returns
    -------
    pandas.DataFrame
        `median`, `lower` and `upper` of the shares of variance, of the reliability of an agent's
        score among all agents, and of the answers needed for a reliability of 0.8: a median, since
        the mean is infinite where differences may be none.
    """
    rows = {
        "share of variance: team": drawn.share("team"),
        "share of variance: agent and team": drawn.share("agent"),
        **{f"reliability of {n} answers": drawn.reliability(n) for n in answers},
        f"answers needed for {RELIABLE:g}": drawn.answers_needed(),
    }
    tails = [0.5, (1 - mass) / 2, (1 + mass) / 2]
    # Quantiles that are draws themselves: between infinite ones there is no interpolation.
    table = pd.DataFrame(
        {name: np.quantile(values, tails, method="inverted_cdf") for name, values in rows.items()},
        index=["median", "lower", "upper"],
    ).T
    table.attrs["interval"] = f"{100 * mass:.0f} % {INTERVAL_KIND}"
    return table


_PARTS = ("team", "agent", "answer")


def _group_sd(parameters: xr.Dataset, column: str) -> Array:
    known = [str(name)[3:] for name in parameters if str(name).startswith("sd_")]
    if column not in known:
        raise ValueError(unknown_name("group term", column, known))
    return np.asarray(parameters[f"sd_{column}"].to_numpy())


def _information(units: Units, effects: Array) -> Array:
    """Return Fisher's information of one answer on the latent level, by central differences."""
    step = 1e-5
    slope = (units.probabilities(effects + step) - units.probabilities(effects - step)) / (2 * step)
    shares = units.probabilities(effects)
    terms = np.divide(slope**2, shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(terms.sum(axis=-1))
