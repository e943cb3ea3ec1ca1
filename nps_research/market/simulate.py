"""The market: who is in it, where the incentives come, and how to let it run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from nps_research.market.agents import DESK, AgentMonths
from nps_research.market.defaults import as_record
from nps_research.market.mechanisms import NEEDS_THE_SURVEY_IN_HAND, Mechanisms
from nps_research.market.months import MONEY, PERSON, SUMS, CustomerMonths, Setting, run_months
from nps_research.market.parameters import Parameters
from nps_research.market.population import Population, draw_population, survey_cycle
from nps_research.market.regimes import MONTHS_A_WINDOW, POINTS, Pay
from nps_research.market.runs import NEVER, Run
from nps_research.market.shocks import check_seed, is_whole
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from nps_research.market.mechanisms import Incentives
    from nps_research.market.regimes import Regime

    Array = NDArray[np.float64]


SIZES = ("customers", "agents", "teams", "months", "rollout", "third_party_collection")


@dataclass(frozen=True, repr=False)
class Market:
    """A firm with customers, agents in teams, a survey, and perhaps incentives.

    Parameters
    ----------
    customers, agents, teams, months : int
        Sizes. Customer i is in the portfolio of agent i modulo `agents`, agent j in team j modulo
        `teams`. Who leaves is not replaced.
    rollout : int, or sequence of int or None, optional
        First month with incentives, of all teams or of each (None = never), counted from 0. By
        default every second team gets them, in turn after a quarter and after three eighths of
        the months, the others never.
    third_party_collection : bool
        Whether somebody else sends the survey and keeps the answers. Gating, withholding, editing
        and bribing then do not happen, and a case passed on is surveyed all the same.
    mechanisms : Mechanisms
        How each mechanism works.
    parameters : Parameters
        All other numbers.

    Raises
    ------
    ValueError
        If a size or rollout is impossible; the message has the range.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> world = Market(customers=400, agents=8, teams=2, months=12)
    >>> run = world.simulate(Incentives.none(), random_seed=1)
    >>> run.observed_nps == run.honest_nps
    True
    >>> Market().with_values({"begging.shift": 0.6}).mechanisms.begging.shift
    0.6
    """

    customers: int = 4000
    agents: int = 40
    teams: int = 8
    months: int = 24
    rollout: int | Sequence[int | None] | None = None
    third_party_collection: bool = False
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
    parameters: Parameters = field(default_factory=Parameters)

    def __post_init__(self) -> None:
        if isinstance(self.rollout, Iterable):
            object.__setattr__(self, "rollout", tuple(self.rollout))
        self._check_sizes()
        self._check_rollout()

    def __repr__(self) -> str:
        own = {name: getattr(self, name) for name in SIZES} | self._changed_numbers()
        return f"Market({', '.join(f'{name}={value!r}' for name, value in own.items())})"

    def _changed_numbers(self) -> dict[str, float]:
        """Return the numbers that are not those of `defaults()`."""
        groups = ((self.mechanisms, Mechanisms()), (self.parameters, Parameters()))
        return {
            f"{section}.{name}": value
            for group, usual in groups
            for section, numbers in vars(group).items()
            for name, value in vars(numbers).items()
            if value != getattr(getattr(usual, section), name)
        }

    def _check_sizes(self) -> None:
        for name in ("customers", "agents", "teams", "months"):
            value = getattr(self, name)
            if not is_whole(value) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1 on; found {value}.")
        for inner, outer, name in (("agents", "teams", "team"), ("customers", "agents", "agent")):
            if getattr(self, inner) < getattr(self, outer):
                raise ValueError(
                    f"every {name} needs {inner}: {inner} must be {getattr(self, outer)} or more, "
                    f"the number of {outer}; found {getattr(self, inner)}."
                )

    def _check_rollout(self) -> None:
        months = self.rollout_months
        if len(months) != self.teams:
            raise ValueError(
                f"rollout must have one month for each of the {self.teams} teams; found "
                f"{len(months)}."
            )
        for team, month in enumerate(months):
            if month is not None and not (is_whole(month) and 0 <= month < self.months):
                raise ValueError(
                    f"rollout must be a month from 0 to {self.months - 1}, or None for a team "
                    f"that never gets incentives; found {month} for team {team}."
                )
        if all(month is None for month in months):
            raise ValueError(
                "rollout must name a month for one team at least. Simulate Incentives.none() for "
                "a market without incentives."
            )

    @property
    def rollout_months(self) -> tuple[int | None, ...]:
        """First month with incentives of each team; None for never."""
        if isinstance(self.rollout, Sequence):
            return tuple(self.rollout)
        if self.rollout is not None:
            return (self.rollout,) * self.teams
        waves = (self.months // 4, None, 3 * self.months // 8, None)
        return tuple(waves[team % 4] for team in range(self.teams))

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return a market with some numbers changed.

        Parameters
        ----------
        values : mapping
            By name: those of `defaults()`, such as "begging.shift", and the arguments of
            `Market`, such as "customers".

        Raises
        ------
        ValueError
            If there is no such number, or it is outside its range.
        """
        sections: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            section, _, number = name.rpartition(".")
            sections.setdefault(section, {})[number] = value
        own = _known_fields(type(self), sections.pop("", {}))
        for group in ("mechanisms", "parameters"):
            here = {name: sections.pop(name) for name in list(sections) if _has(self, group, name)}
            own[group] = _replaced(own.get(group, getattr(self, group)), here)
        if sections:
            known = [each.name for group in (Mechanisms, Parameters) for each in fields(group)]
            raise ValueError(unknown_name("section", next(iter(sections)), known))
        return replace(self, **own)

    def simulate(
        self,
        incentives: Incentives,
        *,
        regime: Regime | None = None,
        random_seed: int,
        replicate: int = 0,
        record: bool = False,
    ) -> Run:
        """Let the market run once.

        Parameters
        ----------
        incentives : Incentives
            How strongly each mechanism is at work.
        regime : Regime, optional
            What agents are paid for: they then choose how much to serve and to game. Without one,
            they game with their propensity.
        random_seed, replicate : int
            Every random number is a function of these two and of what it is for: markets with
            other incentives have the same shocks.
        record : bool
            Whether to keep loyalty, experience and sentiment of every customer and month.

        Returns
        -------
        Run
            Scores and events of every customer and month, and sums of every month.

        Raises
        ------
        ValueError
            If a seed is not a whole number from 0 to 4,294,967,295.
        """
        check_seed("random_seed", random_seed)
        check_seed("replicate", replicate)
        if self.third_party_collection:
            incentives = incentives.without(*NEEDS_THE_SURVEY_IN_HAND)
        run = self._blank_run(incentives, regime, (int(random_seed), int(replicate)), record)
        rules = vars(self.parameters) | vars(self.mechanisms) | {"incentives": incentives}
        run_months(
            as_record(rules),
            tuple(thresholds(self.parameters)),
            Pay() if regime is None else regime.pay(),
            Setting(run.random_seed, run.replicate, bool(self.third_party_collection)),
            _people(run.population),
            _desks(self, run),
            run.rows,
            run.agents,
            run.sums.view(SUMS)[:, 0],
        )
        return run

    def _blank_run(
        self, incentives: Incentives, regime: Regime | None, seed: tuple[int, int], record: bool
    ) -> Run:
        sizes = self.customers, self.agents, self.teams
        population = draw_population(self.parameters, sizes, seed)
        return Run(
            market=self,
            incentives=incentives,
            regime=regime,
            random_seed=seed[0],
            replicate=seed[1],
            population=population,
            rows=_empty_rows(self.months, self.customers, record),
            agents=_empty_agent_months(self.months, self.agents),
            sums=np.zeros((self.months, len(MONEY)), np.int64),
            since=self._since(population),
        )

    def _since(self, population: Population) -> NDArray[np.int64]:
        months = [NEVER if month is None else month for month in self.rollout_months]
        return np.array(months, np.int64)[population.team]


def thresholds(parameters: Parameters) -> Array:
    """Return the ten thresholds between the scores of an honest answer, latent.

    Examples
    --------
    >>> thresholds(Parameters())[5:].round(2)
    array([-1.41, -1.1 , -0.6 ,  0.12,  0.75])
    """
    scale = parameters.scale
    shares = np.array([getattr(scale, f"share_{score}") for score in range(11)])
    below = np.cumsum(shares)[:-1] / shares.sum()
    return np.asarray(scale.threshold_sd * ndtri(below) + scale.threshold_mean)


def _known_fields(market: type[Market], values: dict[str, Any]) -> dict[str, Any]:
    known = [each.name for each in fields(market)]
    for name in values:
        if name not in known:
            raise ValueError(unknown_name("number of the market", name, known))
    return values


def _has(market: Market, group: str, section: str) -> bool:
    return hasattr(getattr(market, group), section)


def _replaced(group: Any, sections: Mapping[str, Mapping[str, float]]) -> Any:
    return replace(
        group, **{name: getattr(group, name).replaced(new) for name, new in sections.items()}
    )


def _empty_rows(months: int, customers: int, record: bool) -> CustomerMonths:
    scores = [np.empty((months, customers), np.int8) for _ in range(3)]
    seen = [np.full((months if record else 0, customers), np.nan, np.float32) for _ in range(3)]
    return CustomerMonths(
        recorded=scores[0],
        shadow=scores[1],
        census=scores[2],
        events=np.empty((months, customers), np.uint32),
        loyalty=seen[0],
        experience=seen[1],
        sentiment=seen[2],
    )


def _empty_agent_months(months: int, agents: int) -> AgentMonths:
    kinds = {"service": float, "gaming": float, "morale": float, "target": float, "quit": bool}
    return AgentMonths(
        **{
            name: np.zeros((months, agents), kinds.get(name, np.int64))
            for name in AgentMonths._fields
        }
    )


def _people(population: Population) -> NDArray[Any]:
    """Return the customers as they begin."""
    people = np.zeros(len(population.value), PERSON)
    for name in set(PERSON.names or ()) & set(Population._fields):
        people[name] = getattr(population, name)
    people["loyalty"] = population.base_loyalty
    people["present"] = True
    return people


def _desks(market: Market, run: Run) -> NDArray[Any]:
    """Return the agents as they begin."""
    agency = market.parameters.agency
    portfolio = np.bincount(run.population.agent, minlength=market.agents)
    surveys = portfolio * MONTHS_A_WINDOW / survey_cycle(market.parameters)
    desks = np.zeros(market.agents, DESK)
    desks["quality"], desks["propensity"] = run.population.quality, run.population.propensity
    desks["morale"] = 1.0
    desks["since"] = run.since
    desks["previous"] = desks["usual"] = agency.first_score / POINTS
    desks["usual_answers"] = np.maximum(surveys * agency.first_response, 1.0)
    return desks
