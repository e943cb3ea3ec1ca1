"""The twelve ways in which pay for the score changes the score, and their switches.

Units, ranges and sources of all numbers are in `defaults()`. "Full propensity" is an agent whose
gaming propensity is 1; the probability of an act is its intensity times the propensity.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Self

import numpy as np

from nps_research.market.defaults import Section, default_values
from nps_research.survey_files import unknown_name

# What an agent can do to a survey only if it passes through the agent's hands: choose whom it is
# sent to, change what came back, or check a 10 before paying for it. Pleading, presents, promises
# and passing cases on need no survey in hand; demands, rewards and morale are no acts of agents.
NEEDS_THE_SURVEY_IN_HAND = ("bribing", "gating", "editing", "withholding")


_begging = default_values("begging")


@dataclass(frozen=True)
class Begging(Section, section="begging"):
    """The agent asks for a 10: a softer answer, some tens, more answers."""

    shift: float = _begging["shift"]
    shift_compliance: float = _begging["shift_compliance"]
    response: float = _begging["response"]
    ten_intercept: float = _begging["ten_intercept"]
    ten_compliance: float = _begging["ten_compliance"]
    lowest: float = _begging["lowest"]


_bribing = default_values("bribing")


@dataclass(frozen=True)
class Bribing(Section, section="bribing"):
    """The agent pays for a 10."""

    offered: float = _bribing["offered"]
    response: float = _bribing["response"]
    ten_intercept: float = _bribing["ten_intercept"]
    ten_distance: float = _bribing["ten_distance"]
    ten_compliance: float = _bribing["ten_compliance"]
    amount: float = _bribing["amount"]


_gating = default_values("gating")


@dataclass(frozen=True)
class Gating(Section, section="gating"):
    """The agent sends no survey to customers who look unhappy."""

    cut: float = _gating["cut"]
    signal_noise: float = _gating["signal_noise"]


_editing = default_values("editing")


@dataclass(frozen=True)
class Editing(Section, section="editing"):
    """Bad answers are deleted, or altered, after they came in."""

    delete: float = _editing["delete"]
    alter: float = _editing["alter"]
    highest: float = _editing["highest"]
    altered_to: float = _editing["altered_to"]
    logged: float = _editing["logged"]


_completion_incentive = default_values("completion_incentive")


@dataclass(frozen=True)
class CompletionIncentive(Section, section="completion_incentive"):
    """The firm rewards completed surveys: other people answer, and kinder or harsher."""

    response: float = _completion_incentive["response"]
    response_extremity: float = _completion_incentive["response_extremity"]
    courtesy: float = _completion_incentive["courtesy"]


_concessions = default_values("concessions")


@dataclass(frozen=True)
class Concessions(Section, section="concessions"):
    """Powerful business customers demand something for their score, and retaliate when refused."""

    granted: float = _concessions["granted"]
    response: float = _concessions["response"]
    retaliation: float = _concessions["retaliation"]
    raised_to: float = _concessions["raised_to"]
    cost: float = _concessions["cost"]


_giveaways = default_values("giveaways")


@dataclass(frozen=True)
class Giveaways(Section, section="giveaways"):
    """The agent gives away what the firm pays for."""

    offered: float = _giveaways["offered"]
    mood: float = _giveaways["mood"]
    loyalty: float = _giveaways["loyalty"]
    cost: float = _giveaways["cost"]


_false_promises = default_values("false_promises")


@dataclass(frozen=True)
class FalsePromises(Section, section="false_promises"):
    """The agent promises what will not be kept."""

    made: float = _false_promises["made"]
    mood: float = _false_promises["mood"]
    disappointment: float = _false_promises["disappointment"]
    longest_lag: float = _false_promises["longest_lag"]


_case_dodging = default_values("case_dodging")


@dataclass(frozen=True)
class CaseDodging(Section, section="case_dodging"):
    """The agent passes difficult cases on, so that no survey is his."""

    difficulty: float = _case_dodging["difficulty"]


_withholding = default_values("withholding")


@dataclass(frozen=True)
class Withholding(Section, section="withholding"):
    """The agent stops sending surveys once the window has reached its target."""

    target: float = _withholding["target"]
    answers: float = _withholding["answers"]
    declined: float = _withholding["declined"]


_demotivation = default_values("demotivation")


@dataclass(frozen=True)
class Demotivation(Section, section="demotivation"):
    """Good agents who are told off for a bad score lose heart."""

    score: float = _demotivation["score"]
    quality: float = _demotivation["quality"]
    morale: float = _demotivation["morale"]


_crowding_out = default_values("crowding_out")


@dataclass(frozen=True)
class CrowdingOut(Section, section="crowding_out"):
    """Pay for the score replaces the wish to serve."""

    effort: float = _crowding_out["effort"]
    motive: float = _crowding_out["motive"]


@dataclass(frozen=True)
class Mechanisms:
    """How each mechanism works; `Incentives` says how strongly each is at work."""

    begging: Begging = Begging()
    bribing: Bribing = Bribing()
    gating: Gating = Gating()
    editing: Editing = Editing()
    completion_incentive: CompletionIncentive = CompletionIncentive()
    concessions: Concessions = Concessions()
    giveaways: Giveaways = Giveaways()
    false_promises: FalsePromises = FalsePromises()
    case_dodging: CaseDodging = CaseDodging()
    withholding: Withholding = Withholding()
    demotivation: Demotivation = Demotivation()
    crowding_out: CrowdingOut = CrowdingOut()


@dataclass(frozen=True)
class Incentives:
    """How strongly each mechanism is at work in teams that have incentives.

    Acts of agents happen as often as this intensity times the agent's propensity, or, if agents
    optimise, times what their effort on gaming brings about.

    Parameters
    ----------
    begging, bribing, gating, editing, concessions, giveaways, false_promises, case_dodging, \
withholding, demotivation, crowding_out : float
        Intensities from 0, none, to 1, full.
    completion_incentive : float
        From -1 to 1: its size draws people into answering, its sign makes answers kinder (above
        0) or harsher (below).

    Raises
    ------
    ValueError
        If an intensity is not in its range.

    Examples
    --------
    >>> Incentives(begging=1, gating=0.5)
    Incentives(begging=1, gating=0.5)
    >>> Incentives.all().without("begging").begging
    0.0
    """

    begging: float = 0.0
    bribing: float = 0.0
    gating: float = 0.0
    editing: float = 0.0
    completion_incentive: float = 0.0
    concessions: float = 0.0
    giveaways: float = 0.0
    false_promises: float = 0.0
    case_dodging: float = 0.0
    withholding: float = 0.0
    demotivation: float = 0.0
    crowding_out: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            lowest = -1.0 if name == "completion_incentive" else 0.0
            number = isinstance(value, int | float | np.number)
            if not number or not lowest <= value <= 1.0:
                raise ValueError(
                    f"the intensity of {name} must be from {lowest:g} to 1; found {value}."
                )

    @classmethod
    def all(cls) -> Self:
        """Return every mechanism at full intensity."""
        return cls(**dict.fromkeys(MECHANISMS, 1.0))

    @classmethod
    def none(cls) -> Self:
        """Return no mechanism at all."""
        return cls()

    @classmethod
    def only(cls, *names: str, intensity: float = 1.0) -> Self:
        """Return some mechanisms at one intensity, and no other.

        Raises
        ------
        ValueError
            If there is no such mechanism.
        """
        return cls(**{_known(name): intensity for name in names})

    def without(self, *names: str) -> Self:
        """Return these incentives with some mechanisms switched off.

        Raises
        ------
        ValueError
            If there is no such mechanism.
        """
        return replace(self, **{_known(name): 0.0 for name in names})

    def as_dict(self) -> dict[str, float]:
        """Return the intensity of every mechanism by its name."""
        return asdict(self)

    def __repr__(self) -> str:
        active = ", ".join(f"{name}={value:g}" for name, value in asdict(self).items() if value)
        return f"Incentives({active})"


MECHANISMS = tuple(each.name for each in fields(Incentives))


def _known(name: str) -> str:
    if name not in MECHANISMS:
        raise ValueError(unknown_name("mechanism", name, MECHANISMS))
    return name
