"""Simulated answers of customers of agents in teams, with the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.people.units import metric_values
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nps_research.people.units import Units

    type Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CaseMix:
    """Kinds of customers or cases, and how unevenly agents get them.

    Attributes
    ----------
    effects : mapping of str to float
        Latent effect of each kind on the answer, in units of the link.
    shares : mapping of str to float
        Share of each kind among all customers.
    unevenness : float
        0 if every agent has the same mix, towards 1 if an agent has one kind only: mixes are
        Dirichlet with concentration (1 - unevenness) / unevenness.

    Raises
    ------
    ValueError
        If kinds differ, shares do not add up to 1, or the unevenness is not in its range.

    Examples
    --------
    >>> CaseMix({"new": 0.0, "old": -0.8}, {"new": 0.7, "old": 0.3}, 0.1).kinds
    ['new', 'old']
    """

    effects: Mapping[str, float]
    shares: Mapping[str, float]
    unevenness: float

    def __post_init__(self) -> None:
        if set(self.effects) != set(self.shares):
            raise ValueError(
                f"effects and shares must be of the same kinds; found {sorted(self.effects)} and "
                f"{sorted(self.shares)}."
            )
        if not np.isclose(sum(self.shares.values()), 1.0):
            raise ValueError(f"shares must add up to 1; found {sum(self.shares.values()):g}.")
        if not 0 <= self.unevenness < 1:
            raise ValueError(f"unevenness must be 0 or more and below 1; found {self.unevenness}.")

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds."""
        return list(self.effects)

    def drawn(self, agents: int, generator: np.random.Generator) -> Array:
        """Draw the mix of each agent, shape (agents, kinds)."""
        shares = np.array([self.shares[kind] for kind in self.kinds])
        if self.unevenness == 0:
            return np.tile(shares, (agents, 1))
        concentration = (1 - self.unevenness) / self.unevenness
        return generator.dirichlet(concentration * shares, agents)


@viewed
@dataclass(frozen=True, eq=False)
class SimulatedUnits:
    """Answers of simulated customers, and what is true of their agents.

    Attributes
    ----------
    counts : pandas.DataFrame
        Count table with the columns team, agent, kind (with a case mix), score and n.
    truth : pandas.DataFrame
        Indexed by agent: `team`; `effect`, latent, of team and agent; `nps`, the expected score of
        the agent's own customers; `adjusted`, that with the customers of the whole company.
    """

    counts: pd.DataFrame
    truth: pd.DataFrame


def simulate_answers(
    units: Units,
    *,
    teams: int,
    agents: int,
    answers: int | Sequence[int],
    case_mix: CaseMix | None = None,
    random_seed: int,
) -> SimulatedUnits:
    """Draw agents, their customers and their answers.

    Parameters
    ----------
    units : Units
        The population.
    teams, agents : int
        Teams, and agents in each.
    answers : int or sequence of int
        Answers of every agent, or of each.
    case_mix : CaseMix, optional
        Kinds of customers; without it they are all alike.
    random_seed : int
        Makes the draws repeatable.

    Returns
    -------
    SimulatedUnits

    Raises
    ------
    ValueError
        If a number is below 1, or there is not one number of answers an agent.

    Examples
    --------
    >>> from nps_research.people.units import units_like
    >>> units = units_like(pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]}), 0.05)
    >>> made = simulate_answers(units, teams=2, agents=3, answers=50, random_seed=1)
    >>> made.counts["n"].sum(), made.truth.shape
    (np.int64(300), (6, 4))
    """
    everybody = teams * agents
    each = _checked(teams, agents, answers)
    generator = np.random.default_rng(random_seed)
    team = np.repeat(np.arange(teams), agents)
    effect = units.team_sd * generator.standard_normal(teams)[team]
    effect += units.agent_sd * generator.standard_normal(everybody)
    kinds = case_mix or CaseMix({"all": 0.0}, {"all": 1.0}, 0.0)
    mix = kinds.drawn(everybody, generator)
    shifts = np.array([kinds.effects[kind] for kind in kinds.kinds])
    shares = units.probabilities(effect[:, None] + shifts)
    drawn = generator.multinomial(generator.multinomial(each, mix), shares)
    counts = _count_table(drawn, team, kinds.kinds, units)
    truth = _truth(shares, mix, np.array([kinds.shares[kind] for kind in kinds.kinds]), units)
    truth.insert(0, "team", _names("team", team, teams))
    truth.insert(1, "effect", effect)
    truth = truth.set_axis(_names("agent", np.arange(everybody), everybody)).rename_axis("agent")
    if case_mix is None:
        counts = counts.drop(columns="kind")
    return SimulatedUnits(counts, truth)


def _checked(teams: int, agents: int, answers: int | Sequence[int]) -> NDArray[np.int64]:
    """Return the number of answers of each agent."""
    given = np.atleast_1d(np.asarray(answers))
    for name, value in (("teams", teams), ("agents", agents), ("answers", given.min())):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more; found {value}.")
    if len(given) not in (1, teams * agents):
        raise ValueError(
            f"answers must be one number, or one for each of the {teams * agents} agents; found "
            f"{len(given)}."
        )
    return np.broadcast_to(given, teams * agents)


def _names(what: str, number: NDArray[np.int64], many: int) -> list[str]:
    width = len(str(many))
    return [f"{what} {each + 1:0{width}}" for each in number]


def _count_table(
    drawn: NDArray[np.int64], team: NDArray[np.int64], kinds: list[str], units: Units
) -> pd.DataFrame:
    agent, kind, score = np.nonzero(drawn)
    counts = pd.DataFrame(
        {
            "team": np.array(_names("team", team, int(team.max()) + 1))[agent],
            "agent": np.array(_names("agent", np.arange(len(team)), len(team)))[agent],
            "kind": np.array(kinds)[kind],
            "score": pd.array(units.rating_scale.scores[score], "Int64"),
            "n": drawn[agent, kind, score],
        }
    )
    counts.attrs["rating_scale"] = units.rating_scale
    return counts


def _truth(shares: Array, mix: Array, everybody: Array, units: Units) -> pd.DataFrame:
    """Return the expected scores of agents with their own customers, and with everybody's."""
    scores = shares @ metric_values("nps", units.rating_scale)
    return pd.DataFrame({"nps": (mix * scores).sum(axis=1), "adjusted": scores @ everybody})
