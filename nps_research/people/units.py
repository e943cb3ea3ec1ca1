"""Agents in teams whose customers answer on a scale: the model behind every score of a unit.

A customer of agent a in team t answers with P(score <= k) = F(cutpoint_k - team_t - agent_a), where
team and agent are normal around 0: the ordinal model ``score ~ 1 + (1 | team) + (1 | agent)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.answers import answers_by_group
from nps_research.bisection import falling_root
from nps_research.ordinal.families import Family
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.survey import Survey

    type Array = NDArray[np.float64]
    type Metric = str | ArrayLike

METRICS = ("nps", "mean_score", "top_box", "bottom_box")
# Nodes of the quadrature over effects: variances are exact to seven digits for effects that spread
# as far as the answers of one agent's customers.
NODES = 32
# Cutpoints further out than this never matter: a share below 1e-17 in the logistic.
FARTHEST = 40.0


@viewed
@dataclass(frozen=True, eq=False)
class Units:
    """A population of agents in teams.

    Attributes
    ----------
    cutpoints : numpy.ndarray, shape (cuts,)
        Of an agent with effect 0, ascending, in units of the link.
    agent_sd, team_sd : float
        Standard deviations of agents within teams and of teams, in units of the link.
    link : str
        As in `OrdinalModel`.
    rating_scale : RatingScale
        The scale of the answers.
    """

    cutpoints: Array
    agent_sd: float
    team_sd: float = 0.0
    link: str = "logit"
    rating_scale: RatingScale = field(default_factory=RatingScale)

    def __post_init__(self) -> None:
        if len(self.cutpoints) != self.rating_scale.n_categories - 1:
            raise ValueError(
                f"a scale of {self.rating_scale.n_categories} scores has "
                f"{self.rating_scale.n_categories - 1} cutpoints; found {len(self.cutpoints)}."
            )
        for name in ("agent_sd", "team_sd"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more; found {getattr(self, name)}.")

    @property
    def residual_sd(self) -> float:
        """Standard deviation of one customer's latent answer around the agent's level."""
        return self.family.latent_sd

    @property
    def total_sd(self) -> float:
        """Standard deviation of agents over all teams."""
        return math.hypot(self.agent_sd, self.team_sd)

    @property
    def family(self) -> Family:
        """The cumulative family with the link."""
        return Family("cumulative", self.link)

    def probabilities(self, effect: ArrayLike) -> Array:
        """Return the probabilities of the scores for effects, shape (..., scores)."""
        positions = self.cutpoints - np.asarray(effect, dtype=float)[..., None]
        return np.exp(self.family.log_probabilities(positions))

    def moments(self, values: Array, effect: ArrayLike) -> tuple[Array, Array]:
        """Return mean and variance of the value of one answer, for effects."""
        shares = self.probabilities(effect)
        mean = shares @ values
        return mean, shares @ values**2 - mean**2


def units_like(
    counts: pd.DataFrame | Survey,
    agent_share: float,
    team_share: float = 0.0,
    *,
    link: str = "logit",
    rating_scale: RatingScale | None = None,
) -> Units:
    """Return units whose answers, all together, have the distribution of a count table.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table.
    agent_share, team_share : float
        Shares of the latent variance of one answer that lie between agents of a team and between
        teams: intraclass correlations.
    link : str
        As in `OrdinalModel`.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    Units
        Its cutpoints are such that the average over all agents gives the shares of the table, so
        that differing shares of variance leave the company's score where it is.

    Raises
    ------
    ValueError
        If a share is negative, or both together are 1 or more.

    Examples
    --------
    >>> counts = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
    >>> units = units_like(counts, agent_share=0.05)
    >>> round(units.agent_sd, 3)
    0.416
    """
    if agent_share < 0 or team_share < 0 or agent_share + team_share >= 1:
        raise ValueError(
            f"agent_share and team_share must be 0 or more, and below 1 together; found "
            f"{agent_share} and {team_share}."
        )
    answers = answers_by_group(counts, None, rating_scale)
    total = Family("cumulative", link).latent_sd / math.sqrt(1 - agent_share - team_share)
    agent_sd, team_sd = total * math.sqrt(agent_share), total * math.sqrt(team_share)
    below = np.cumsum(answers.effective[0])[:-1] / answers.n[0]
    cutpoints = averaging_cutpoints(below, math.hypot(agent_sd, team_sd), link)
    return Units(cutpoints, agent_sd, team_sd, link, answers.scale)


def metric_values(metric: Metric, rating_scale: RatingScale) -> Array:
    """Return the value of each score in the unit in which a metric is told.

    Parameters
    ----------
    metric : {"nps", "mean_score", "top_box", "bottom_box"} or array_like
        Points, points of the scale, and shares of the two highest or lowest scores; or one value a
        score.
    rating_scale : RatingScale
        The scale.

    Raises
    ------
    ValueError
        If the metric is unknown, or has not one value a score.

    Examples
    --------
    >>> metric_values("nps", RatingScale(1, 5))
    array([-100., -100., -100.,    0.,  100.])
    """
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ValueError(unknown_name("metric", metric, METRICS))
        named = {
            "nps": 100.0 * rating_scale.nps_values,
            "mean_score": rating_scale.scores.astype(float),
            "top_box": rating_scale.box_values(2, "top"),
            "bottom_box": rating_scale.box_values(2, "bottom"),
        }
        return named[metric]
    values = np.asarray(metric, dtype=float)
    if values.shape != (rating_scale.n_categories,):
        raise ValueError(
            f"a metric has one value for each of the {rating_scale.n_categories} scores; found "
            f"shape {values.shape}."
        )
    return values


def normal_nodes(nodes: int = NODES) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss-Hermite quadrature over a standard normal.

    Examples
    --------
    >>> at, weights = normal_nodes()
    >>> round(float(weights @ at**4), 9)
    3.0
    """
    at, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return at, weights / weights.sum()


def averaging_cutpoints(below: Array, sd: float, link: str) -> Array:
    """Find cutpoints whose shares, averaged over normal effects, are those given.

    Parameters
    ----------
    below : numpy.ndarray, shape (cuts,)
        Share of all answers up to each cut.
    sd : float
        Standard deviation of the effects.
    link : str
        As in `OrdinalModel`.

    Examples
    --------
    >>> averaging_cutpoints(np.array([0.6, 0.9]), 1.0, "probit").round(4)
    array([0.3583, 1.8124])
    """
    at, weights = normal_nodes()
    effects = sd * at
    family = Family("cumulative", link)

    def missing(cutpoints: Array) -> Array:
        positions = (cutpoints[:, None] - effects)[..., None]
        shares = np.exp(family.log_probabilities(positions))[..., 0]
        return np.asarray(below - shares @ weights)

    ends = np.full(len(below), FARTHEST)
    return falling_root(missing, -ends, ends)
