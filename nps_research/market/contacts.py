"""A contact between customer and agent: what is done, and how it is experienced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from nps_research.market.compilation import compiled
from nps_research.market.events import Event
from nps_research.market.shocks import Purpose, uniform_pair

if TYPE_CHECKING:
    from nps_research.market.draws import Draws
    from nps_research.market.shocks import Where

_CONTACT, _DODGED = int(Event.CONTACT), int(Event.DODGED)
_GIVEN, _PROMISED = int(Event.GIVEN), int(Event.PROMISED)


class Visit(NamedTuple):
    """What a contact leaves behind.

    Attributes
    ----------
    events : int
        Bits of `Event`.
    experience, mood, loyalty : float
        Experience; what it adds to mood, which shows in the answer only, and to loyalty.
    lag : int
        Months until a promise breaks; 0 for none.
    """

    events: int
    experience: float
    mood: float
    loyalty: float
    lag: int


@compiled
def no_visit() -> Visit:
    """Return what a month without contact leaves behind."""
    return Visit(0, 0.0, 0.0, 0.0, 0)


@compiled
def visit(rules: Any, desk: Any, learnt: float, draws: Draws, where: Where) -> Visit:
    """Let a customer meet the agent, or whoever gets the case when the agent passes it on.

    Parameters
    ----------
    rules : numpy.void
        Numbers of the market.
    desk : numpy.void
        The agent, a `DESK`.
    learnt : float
        Experience that the firm has added to every contact.
    draws : Draws
        What was drawn for the customer.
    where : tuple of int
        Address of the customer and month.
    """
    case = rules.service.baseline + learnt + rules.service.noise * draws.experience
    case -= rules.service.difficulty * max(draws.difficulty, rules.service.easiest)
    if _dodges(rules, desk.acts.dodge, draws.difficulty, where):
        experience = case + rules.staff.effort_elsewhere - rules.service.handover
        return _plain(rules, _CONTACT | _DODGED, experience)
    experience = case + desk.quality + desk.service
    return _sweetened(rules, desk.acts, _plain(rules, _CONTACT, experience), where)


@compiled
def _plain(rules: Any, events: int, experience: float) -> Visit:
    mood, loyalty = rules.service.mood * experience, rules.service.loyalty * experience
    return Visit(events, experience, mood, loyalty, 0)


@compiled
def _dodges(rules: Any, probability: float, difficulty: float, where: Where) -> bool:
    if probability == 0.0 or difficulty <= rules.case_dodging.difficulty:
        return False
    return uniform_pair(where, Purpose.DODGE)[0] < probability


@compiled
def _sweetened(rules: Any, acts: Any, plain: Visit, where: Where) -> Visit:
    """Add what the agent gives away or promises."""
    gift = rules.giveaways.offered * acts.give
    promise = rules.false_promises.made * acts.promise
    if gift == 0.0 and promise == 0.0:
        return plain
    gift_draw, promise_draw = uniform_pair(where, Purpose.GIVEAWAY)
    events, experience, mood, loyalty, lag = plain
    if gift_draw < gift:
        events |= _GIVEN
        mood += rules.giveaways.mood
        loyalty += rules.giveaways.loyalty
    if promise_draw < promise:
        events |= _PROMISED
        mood += rules.false_promises.mood
        lag = _lag(rules.false_promises.longest_lag, where)
    return Visit(events, experience, mood, loyalty, lag)


@compiled
def _lag(longest: float, where: Where) -> int:
    return 1 + math.floor(longest * uniform_pair(where, Purpose.DODGE)[1])
