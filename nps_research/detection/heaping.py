"""Whether single scores became more frequent than their neighbours explain: digit heaping.

Answers heap at 0, 5, 8 and 10 without anybody's doing, so only contrasts count: after against
before, and treated against untreated agents. Between the periods the distribution may have moved
and spread, as better or worse service makes it: what is left at single digits is heaping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from nps_research.detection.agent_answers import agent_answers
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

DIGITS = (0, 5, 8, 10)
# A cutpoint needs so many answers on either side, in both periods.
LEAST_BEYOND = 5.0
# Of the fit: location, spread and one digit.
COEFFICIENTS = 3
# A spread over agents needs a few of them.
LEAST_AGENTS = 3
INNOCENT = (
    "Heaping also changes with the layout of the questionnaire (labels at some scores, a slider), "
    "with its channel or language, with who answers, and with a product that divides customers."
)


@viewed
@dataclass(frozen=True)
class Heaping:
    """Excess at single scores, after against before.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by score: `whipple_before`, `whipple_after` (answers relative to the mean of the
        neighbours, or to the one neighbour at an end of the scale, treated agents), `estimate`
        (change of the log frequency of the score beyond a change of location and spread, less that
        of untreated agents if there are any), `se`, `z`, `p_value` (of an increase) and `g2`
        (contribution to the likelihood ratio of a fit without heaping).
    p_value : float
        Of all these scores together, against no change of heaping at any of them.
    agents : int
        Agents over whom the errors were computed.
    untreated : int
        Of them, untreated.
    """

    table: pd.DataFrame
    p_value: float
    agents: int
    untreated: int
    innocent: str = INNOCENT

    @property
    def text(self) -> str:
        """What was found, in words."""
        if self.table["z"].isna().all():
            return "No score has enough answers around it for a comparison."
        place = int(np.nanargmax(self.table["z"]))
        row, most = self.table.iloc[place], self.table.index[place]
        beside = " and beside untreated agents" if self.untreated else ""
        return (
            f"The frequency of {most} changed by {np.expm1(row['estimate']):+.0%} beyond what a "
            f"move of all answers explains{beside}, the most of the scores looked at; an increase "
            f"so large has probability {row['p_value']:.3f}. All together: {self.p_value:.3f}. "
            f"{self.innocent}"
        )


class _Contrast(NamedTuple):
    """Excess at scores in one group of agents, and what each agent adds to its error."""

    estimate: Array  # shape (scores,)
    influence: Array  # shape (agents, scores)


def heaping(
    counts: pd.DataFrame,
    agent: str = "agent",
    *,
    digits: Sequence[int] = DIGITS,
    rating_scale: RatingScale | None = None,
) -> Heaping:
    """Test whether single scores became more frequent than a move of all answers explains.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `agent_answers`.
    digits : sequence of int
        The scores.

    Returns
    -------
    Heaping

    Raises
    ------
    ValueError
        As in `agent_answers`, if a digit is not on the scale, or a group has fewer than three
        agents.

    Notes
    -----
    If the distribution after is that before, moved and spread on the scale of a normal latent
    variable, the normal quantiles of its cumulative shares are a linear function of those before
    (the binormal curve). An excess at one score adds a known pattern to them; all are fitted by
    least squares, one score at a time, in the metric of a multinomial. Errors are those over
    agents, with a t distribution, so that the habits of agents' customers are in them.

    Examples
    --------
    >>> from nps_research.detection.simulated_agents import AgentWorld
    >>> found = heaping(AgentWorld(mechanism="bribe").simulate(1).counts)
    >>> found.table["z"].round(1).tolist()
    [-2.8, 2.0, -0.2, 3.6]
    """
    read = agent_answers(counts, agent, rating_scale=rating_scale)
    places = _places(digits, read.scale.scores)
    treated = np.ones(len(read.agents), bool) if read.treated is None else read.treated
    if not treated.any():
        treated = ~treated
    groups = [read.answers[each] for each in (treated, ~treated) if each.any()]
    _check_agents(groups)
    parts = [_contrast(group, places) for group in groups]
    estimate = parts[0].estimate - sum(each.estimate for each in parts[1:])
    covariance = np.sum([_covariance(each.influence) for each in parts], axis=0)
    freedom = min(len(group) for group in groups) - 1
    table = _table(groups[0], places, estimate, np.sqrt(np.diag(covariance)), freedom)
    return Heaping(
        table=table.set_axis(pd.Index(list(digits), name="score")),
        p_value=_joint(estimate, covariance, freedom),
        agents=len(read.agents),
        untreated=len(groups[1]) if len(groups) > 1 else 0,
    )


def _places(digits: Sequence[int], scores: NDArray[np.int64]) -> list[int]:
    for digit in digits:
        if digit not in scores:
            raise ValueError(unknown_name("score", digit, scores))
    return [int(np.flatnonzero(scores == digit)[0]) for digit in digits]


def _check_agents(groups: list[Array]) -> None:
    least = min(len(group) for group in groups)
    if least < LEAST_AGENTS:
        raise ValueError(
            f"errors over agents need {LEAST_AGENTS} of them in each group; found {least}. Name a "
            "finer unit, such as the team and the month, in agent."
        )


def _contrast(answers: Array, places: Sequence[int]) -> _Contrast:
    """Return the excess after against before, from answers of shape (agents, 2, scores)."""
    pooled = answers.sum(axis=0)
    n = pooled.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(pooled, axis=1)[:, :-1]
    usable = ((cumulative >= LEAST_BEYOND) & (n - cumulative >= LEAST_BEYOND)).all(axis=0)
    # Half an answer a score keeps borders of empty scores apart.
    smooth = np.cumsum(pooled + 0.5, axis=1)
    below = smooth[:, :-1] / smooth[:, -1:]
    quantile = special.ndtri(below)
    density = np.exp(-0.5 * quantile**2) / np.sqrt(2 * np.pi)
    own = np.cumsum(answers, axis=2)[:, :, :-1] - answers.sum(axis=2, keepdims=True) * below
    moves = own / n / density
    estimates, influences = [], []
    for place in places:
        line, slope = _line(quantile, below[1], density[1], usable, place)
        estimates.append(line @ quantile[1][usable])
        # The quantiles before are on the other side of the fitted line.
        change = moves[:, 1][:, usable] - slope * moves[:, 0][:, usable]
        influences.append(change @ line)
    return _Contrast(np.array(estimates), np.stack(influences, axis=1))


def _line(
    quantile: Array, below: Array, density: Array, usable: NDArray[np.bool_], place: int
) -> tuple[Array, float]:
    """Return the weights that give the excess at a score, and the slope between the periods.

    The weights are missing if the score's own borders cannot be used.
    """
    cuts = np.arange(len(below))
    bordering = (cuts == place - 1) | (cuts == place)
    excess = np.where(cuts < place, -below, 1 - below) * _share(below, place) / density
    features = np.stack([np.ones(len(cuts)), quantile[0], excess], axis=1)[usable]
    if not usable[bordering].all() or usable.sum() <= COEFFICIENTS:
        return np.full(int(usable.sum()), np.nan), 1.0
    # Inverse of the covariance of the cumulative shares of a multinomial, up to a factor.
    covariance = np.minimum.outer(below, below) - np.outer(below, below)
    scaled = (covariance / np.outer(density, density))[np.ix_(usable, usable)]
    weighted = np.linalg.solve(scaled, features)
    solution = np.linalg.solve(features.T @ weighted, weighted.T)
    return solution[2], float(solution[1] @ quantile[1][usable])


def _share(below: Array, place: int) -> float:
    return float(np.diff(below, prepend=0.0, append=1.0)[place])


def _covariance(influence: Array) -> Array:
    many = len(influence)
    centred = influence - influence.mean(axis=0)
    return np.asarray(centred.T @ centred * many / (many - 1))


def _table(
    answers: Array, places: list[int], estimate: Array, se: Array, freedom: int
) -> pd.DataFrame:
    pooled = answers.sum(axis=0)
    # Without any difference between agents there is no error to compare with.
    ratio = np.divide(estimate, se, out=np.full_like(se, np.nan), where=se > 0)
    p_value = stats.t.sf(ratio, freedom)
    return pd.DataFrame(
        {
            "whipple_before": [whipple_ratio(pooled[0], place) for place in places],
            "whipple_after": [whipple_ratio(pooled[1], place) for place in places],
            "estimate": estimate,
            "se": se,
            "z": -special.ndtri(np.clip(p_value, 1e-15, 1 - 1e-15)),
            "p_value": p_value,
            "g2": [
                _g2(pooled[1], place, each) for place, each in zip(places, estimate, strict=True)
            ],
        }
    )


def whipple_ratio(answers: Array, place: int) -> float:
    """Return answers at one score relative to its neighbours.

    Parameters
    ----------
    answers : numpy.ndarray, shape (scores,)
        Answers by score.
    place : int
        Position of the score.

    Returns
    -------
    float
        2 n / (n before + n after), and n / n of the only neighbour at an end; missing where there
        are no neighbouring answers.

    Examples
    --------
    >>> whipple_ratio(np.array([4.0, 2, 9, 4]), 2), whipple_ratio(np.array([4.0, 2, 9, 4]), 0)
    (3.0, 2.0)
    """
    neighbours = [answers[each] for each in (place - 1, place + 1) if 0 <= each < len(answers)]
    mean = float(np.mean(neighbours))
    return float(answers[place]) / mean if mean > 0 else float("nan")


def _g2(answers: Array, place: int, excess: float) -> float:
    """Return the likelihood ratio of a score's frequency against that without its excess."""
    n, found = float(answers.sum()), float(answers[place])
    odds = found / (n - found) * np.exp(-excess)
    share = odds / (1 + odds)
    return float(
        2 * (special.rel_entr(found, n * share) + special.rel_entr(n - found, n - n * share))
    )


def _joint(estimate: Array, covariance: Array, freedom: int) -> float:
    """Return the p-value of all excesses together (Hotelling's T2 with the smaller group's df)."""
    known = np.isfinite(estimate) & (np.diag(covariance) > 0)
    many = int(known.sum())
    if not 0 < many < freedom:
        return float("nan")
    part = estimate[known]
    square = float(part @ np.linalg.solve(covariance[np.ix_(known, known)], part))
    return float(
        stats.f.sf(square * (freedom - many + 1) / (freedom * many), many, freedom - many + 1)
    )
