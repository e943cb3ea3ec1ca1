"""The compiled course of events: every month, every customer, in the order of the specification.

Only whole numbers are added up: cents, millionths of referrals and of experience, and counts. So
sums do not depend on the order of customers, on the processor, or on how many work.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.agents import (
    AgentMonths,
    begin_month,
    note_month,
    settle_quarter,
)
from nps_research.market.compilation import compiled
from nps_research.market.contacts import Visit, no_visit, visit
from nps_research.market.draws import BATCH, Batch, Draws, draws_of, empty_batch, fill
from nps_research.market.events import Event
from nps_research.market.regimes import MONTHS_A_WINDOW, Pay
from nps_research.market.shocks import Purpose, uniform_pair
from nps_research.market.surveys import (
    HIGHEST_DETRACTOR,
    LOWEST_PROMOTER,
    NO_ANSWER,
    Asked,
    ask,
    happens,
    not_asked,
    sentiment,
)
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.shocks import When, Where
    from nps_research.market.surveys import Thresholds

_ACTIVE, _CONTACT, _DODGED = int(Event.ACTIVE), int(Event.CONTACT), int(Event.DODGED)
_GIVEN, _BROKEN, _WITHHELD = int(Event.GIVEN), int(Event.BROKEN), int(Event.WITHHELD)
_FRAME, _PAID, _CONCEDED = int(Event.FRAME), int(Event.BRIBE_PAID), int(Event.CONCEDED)
_VERBATIM, _CHURNED = int(Event.VERBATIM), int(Event.CHURNED)
_RECOVERED, _THANKED = int(Event.RECOVERED), int(Event.THANKED)
_CLOSED = _RECOVERED | _THANKED

# Sums of a month, in cents but for referrals.
MONEY = ("revenue", "referrals", "bribes", "giveaways", "concessions", "attrition", "bonuses")
# Referrals are expected numbers, and experiences latent ones: both are added up in millionths.
MILLION = 1_000_000
CENTS = 100.0
# Promises that break in k months are counted in four bits, from the 4k-th on.
PROMISE_BITS, PROMISE_MASK = 4, 15
# Months since the last sampling are not counted further.
OLDEST = 127


# A customer: the state first, then what stays.
PERSON = np.dtype(
    [
        *((name, float) for name in ("loyalty", "base_loyalty", "shift", "stretch")),
        *((name, float) for name in ("compliance", "power")),
        *((name, np.int64) for name in ("value", "promises")),  # promises still to be broken
        ("agent", np.int32),
        ("age", np.int8),  # months since the last sampling
        ("present", np.bool_),
    ],
    align=True,
)
SUMS = np.dtype([(name, np.int64) for name in MONEY])


class Setting(NamedTuple):
    """What is fixed for a run besides the rules.

    Attributes
    ----------
    root, replicate : int
        Seed.
    third_party : bool
        Whether surveys reach customers whatever the agents do with their cases.
    """

    root: int
    replicate: int
    third_party: bool


@viewed
class CustomerMonths(NamedTuple):
    """What happened to customers; arrays of shape (months, customers).

    Attributes
    ----------
    recorded, shadow, census : numpy.ndarray of int8
        Scores; -1 for none.
    events : numpy.ndarray of uint32
        Bits of `Event`; 0 for customers who have left.
    loyalty, experience, sentiment : numpy.ndarray of float32
        Loyalty at the end of the month, experience of the contact, sentiment of the comment; NaN
        where there is none. No rows unless they are asked for.
    """

    recorded: NDArray[np.int8]
    shadow: NDArray[np.int8]
    census: NDArray[np.int8]
    events: NDArray[np.uint32]
    loyalty: NDArray[np.float32]
    experience: NDArray[np.float32]
    sentiment: NDArray[np.float32]


class Firm(NamedTuple):
    """The firm in a month.

    Attributes
    ----------
    learnt : float
        Experience that it has added to every contact.
    programme : float
        Share of the effect of call backs, thanks and learning that comes about.
    third_party : bool
        Whether surveys go out without the agents.
    """

    learnt: float
    programme: float
    third_party: bool


class Lived(NamedTuple):
    """A customer's month, and the state at its end.

    Attributes
    ----------
    events : int
        Bits of `Event`.
    loyalty : float
        True loyalty.
    promises : int
        Promises to be broken, by month.
    met : Visit
        The contact.
    asked : Asked
        The survey.
    """

    events: int
    loyalty: float
    promises: int
    met: Visit
    asked: Asked


@compiled
def run_months(  # noqa: PLR0913, PLR0917  (compiled functions take structures apart)
    rules_of: NDArray[Any],
    thresholds: Thresholds,
    pay: Pay,
    setting: Setting,
    people: NDArray[Any],
    desks: NDArray[Any],
    rows: CustomerMonths,
    agents: AgentMonths,
    money: NDArray[Any],
) -> None:
    """Let the market run, from the first month to the last.

    Parameters
    ----------
    rules_of : numpy.ndarray
        Numbers of the market, of the mechanisms and of the incentives, shape (1,).
    thresholds : tuple of float
        Ten, increasing.
    pay : Pay
        What agents are paid for.
    setting : Setting
        Seed and collection.
    people, desks : numpy.ndarray
        State of the customers and of the agents, of `PERSON` and `DESK`: changed.
    rows, agents, money : CustomerMonths, AgentMonths, numpy.ndarray
        What is written, and the sums of the months, of `SUMS`, shape (months,).
    """
    rules = rules_of[0]
    learnt = 0.0
    for month in range(len(money)):
        when = (setting.root, setting.replicate, month)
        begin_month(rules, pay, when, desks)
        firm = Firm(learnt, _programme(rules.recovery, month), setting.third_party)
        row = rows.events[month], rows.recorded[month], rows.shadow[month], rows.census[month]
        seen = rows.loyalty[month:], rows.experience[month:], rows.sentiment[month:]
        complaints = _live_month(
            rules, thresholds, firm, when, people, desks, money[month], row, seen
        )
        learnt += rules.recovery.learning * firm.programme * complaints / len(people)
        note_month(desks, agents, month)
        if (month + 1) % MONTHS_A_WINDOW == 0:
            bonuses, replacements = settle_quarter(rules, pay, when, desks, agents)
            money[month].bonuses = bonuses
            money[month].attrition = replacements


@compiled
def _live_month(  # noqa: PLR0913, PLR0917
    rules: Any,
    thresholds: Thresholds,
    firm: Firm,
    when: When,
    people: NDArray[Any],
    desks: NDArray[Any],
    sums: Any,
    rows: tuple[Any, Any, Any, Any],
    seen: tuple[Any, Any, Any],
) -> int:
    """Let all customers live one month; return the complaints that the firm can read."""
    complaints = 0
    batch = empty_batch()
    _clear(rows)
    for first in range(0, len(people), BATCH):
        present = fill(rules, people, when, first, batch)
        complaints += _live_batch(
            rules, thresholds, firm, when, people, desks, sums, rows, seen, batch, present
        )
    return complaints


@compiled
def _clear(rows: tuple[Any, Any, Any, Any]) -> None:
    """Write what holds for customers who have left."""
    events, recorded, shadow, census = rows
    events[:] = 0
    recorded[:] = NO_ANSWER
    shadow[:] = NO_ANSWER
    census[:] = NO_ANSWER


@compiled
def _live_batch(  # noqa: PLR0913, PLR0917
    rules: Any,
    thresholds: Thresholds,
    firm: Firm,
    when: When,
    people: NDArray[Any],
    desks: NDArray[Any],
    sums: Any,
    rows: tuple[Any, Any, Any, Any],
    seen: tuple[Any, Any, Any],
    batch: Batch,
    present: int,
) -> int:
    events, recorded, shadow, census = rows
    loyalty, experience, sentiments = seen
    complaints, visitor, answerer = 0, 0, 0
    for place in range(present):
        customer = batch.present[place]
        person = people[customer]
        desk = desks[person.agent]
        where = (*when, customer)
        draws = draws_of(batch, place, visitor, answerer)
        visitor, answerer = visitor + int(draws.meets), answerer + int(draws.is_asked)
        lived = live(rules, thresholds, firm, desk, person, draws, where)
        _carry(person, desk, lived)
        _add(rules, sums, desk, person.value, lived)
        complaints += _complains(lived)
        events[customer] = lived.events
        recorded[customer] = lived.asked.recorded
        shadow[customer] = lived.asked.shadow
        census[customer] = lived.asked.census
        if len(loyalty):
            loyalty[0, customer] = lived.loyalty
            if draws.meets:
                experience[0, customer] = lived.met.experience
            if lived.events & _VERBATIM:
                sentiments[0, customer] = sentiment(rules.survey, lived.asked, draws.sentiment)
    return complaints


@compiled
def _programme(recovery: Any, month: int) -> float:
    """Return the share of the effect of call backs, thanks and learning that comes about."""
    share = 1.0
    if recovery.months_to_maturity > 0.0:
        share = -math.expm1(-(month + 1) / recovery.months_to_maturity)
    return float(share * recovery.executive_buy_in)


@compiled
def live(  # noqa: PLR0917
    rules: Any,
    thresholds: Thresholds,
    firm: Firm,
    desk: Any,
    person: Any,
    draws: Draws,
    where: Where,
) -> Lived:
    """Live one month of one customer, in the order of the specification.

    Parameters
    ----------
    rules : numpy.void
        Numbers of the market.
    thresholds : tuple of float
        Ten, increasing.
    firm : Firm
        The firm in this month.
    desk, person : numpy.void
        The agent, a `DESK`, and the customer, a `PERSON`, at the beginning of the month.
    draws : Draws
        What was drawn for the customer.
    where : tuple of int
        Address of the customer and month.
    """
    met = no_visit()
    if draws.meets:
        met = visit(rules, desk, firm.learnt, draws, where)
    loyalty = person.loyalty + met.loyalty
    asked = not_asked()
    if draws.is_asked:
        within_reach = firm.third_party or not met.events & _DODGED
        feeling = loyalty + met.mood
        asked = ask(rules, thresholds, desk, person, feeling, draws, within_reach, where)
    events, gain = _followed_up(rules.recovery, firm.programme, desk.loop, asked.recorded, where)
    promises, broken = _promises(person.promises, met.lag)
    loyalty += gain - rules.false_promises.disappointment * broken
    events |= _ACTIVE | met.events | asked.events | (_BROKEN if broken else 0)
    loyalty += rules.loyalty.reversion * (person.base_loyalty - loyalty)
    loyalty += rules.loyalty.noise * draws.loyalty
    leaving = rules.loyalty.churn_intercept - rules.loyalty.churn_slope * loyalty
    if happens(draws.churn, leaving):
        events |= _CHURNED
    return Lived(events, loyalty, promises, met, asked)


@compiled
def _followed_up(
    recovery: Any, programme: float, loop: float, recorded: int, where: Where
) -> tuple[int, float]:
    """Call back recorded detractors and thank promoters; return the events and loyalty gained."""
    if recorded == NO_ANSWER or HIGHEST_DETRACTOR < recorded < LOWEST_PROMOTER:
        return 0, 0.0
    recovery_draw, thanks_draw = uniform_pair(where, Purpose.RECOVERY)
    if recorded <= HIGHEST_DETRACTOR and recovery_draw < loop:
        return _RECOVERED, recovery.effect * programme
    if recorded >= LOWEST_PROMOTER and thanks_draw < recovery.thank_promoters:
        return _THANKED, recovery.thanks_effect * programme
    return 0, 0.0


@compiled
def _promises(before: int, lag: int) -> tuple[int, int]:
    """Let a month pass; return the promises still to be broken, and how many break now."""
    now = before >> PROMISE_BITS
    broken = now & PROMISE_MASK
    return now + ((1 << (PROMISE_BITS * lag)) if lag else 0), broken


@compiled
def _complains(lived: Lived) -> int:
    """Return 1 if the firm can read what a recorded detractor has to say."""
    detractor = NO_ANSWER < lived.asked.recorded <= HIGHEST_DETRACTOR
    return 1 if detractor and lived.events & _VERBATIM else 0


@compiled
def _carry(person: Any, desk: Any, lived: Lived) -> None:
    """Carry the state of the customer, and of the agent's window, to the next month."""
    person.loyalty = lived.loyalty
    person.promises = lived.promises
    person.age = 1 if lived.events & _FRAME else min(person.age + 1, OLDEST)
    person.present = not lived.events & _CHURNED
    recorded = lived.asked.recorded
    if recorded != NO_ANSWER and not lived.events & _DODGED:
        desk.answers += 1
        desk.net += int(recorded >= LOWEST_PROMOTER) - int(recorded <= HIGHEST_DETRACTOR)
        desk.closed += 1 if lived.events & _CLOSED else 0


@compiled
def _add(rules: Any, sums: Any, desk: Any, value: int, lived: Lived) -> None:
    """Add a customer's month to the sums."""
    events, loyalty = lived.events, rules.loyalty
    referrals = math.exp(loyalty.referral_intercept + loyalty.referral_slope * lived.loyalty)
    sums.referrals += round(MILLION * referrals)
    sums.revenue += value
    if events & _CONTACT:
        desk.experience_sum += round(MILLION * lived.met.experience)
        desk.experience_n += 1
    if events & _GIVEN:
        sums.giveaways += round(rules.giveaways.cost * value)
    if events & _WITHHELD:
        sums.revenue -= round(rules.withholding.declined * value)
    if events & _PAID:
        sums.bribes += round(CENTS * rules.bribing.amount)
    if events & _CONCEDED:
        sums.concessions += round(rules.concessions.cost * value)
