"""The survey: who is sent one, who answers, what they answer, and what is recorded.

Every survey has a shadow that is honest and has the same shocks: same people, same mood, nobody
leaning on them. Without incentives the two are the same, row by row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from nps_research.market.agents import reached
from nps_research.market.compilation import compiled
from nps_research.market.events import Event
from nps_research.market.shocks import Purpose, uniform_pair

if TYPE_CHECKING:
    from nps_research.market.draws import Draws
    from nps_research.market.shocks import Where

    type Thresholds = tuple[float, ...]

NO_ANSWER = -1
HIGHEST_DETRACTOR, LOWEST_PROMOTER, TEN = 6, 9, 10
_FRAME, _SENT, _GATED, _WITHHELD = (
    int(each) for each in (Event.FRAME, Event.SENT, Event.GATED, Event.WITHHELD)
)
_BEGGED, _BRIBED, _PAID = int(Event.BEGGED), int(Event.BRIBED), int(Event.BRIBE_PAID)
_CONCEDED, _REFUSED, _ANSWERED = int(Event.CONCEDED), int(Event.REFUSED), int(Event.ANSWERED)
_DELETED, _ALTERED, _LOGGED = int(Event.DELETED), int(Event.ALTERED), int(Event.EDIT_LOGGED)
_VERBATIM, _SHADOW_VERBATIM = int(Event.VERBATIM), int(Event.SHADOW_VERBATIM)


class Asked(NamedTuple):
    """What a survey brought.

    Attributes
    ----------
    events : int
        Bits of `Event`.
    recorded, shadow, census : int
        Scores; -1 for none.
    felt : float
        Loyalty and mood at the time.
    lean : float
        How far pressure, reward or a refusal shifted the answer, latent.
    """

    events: int
    recorded: int
    shadow: int
    census: int
    felt: float
    lean: float


@compiled
def not_asked() -> Asked:
    """Return what a month without survey brings."""
    return Asked(0, NO_ANSWER, NO_ANSWER, NO_ANSWER, 0.0, 0.0)


@compiled
def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x))


@compiled
def happens(draw: float, logit: float) -> bool:
    """Return whether draw < logistic(logit), where unlikely without the exponential.

    Since exp(m) is above its Taylor polynomials for m > 0, the probability is below the bound.
    """
    if logit < 0.0:
        m = -logit
        if draw * (2.0 + m * (1.0 + m * (0.5 + m / 6.0))) > 1.0:
            return False
    return draw < logistic(logit)


@compiled
def score_of(thresholds: Thresholds, latent: float) -> int:
    """Return the number of thresholds below a latent answer."""
    score = 0
    for threshold in thresholds:
        score += int(latent > threshold)
    return score


@compiled
def ask(  # noqa: PLR0917  (compiled functions take structures apart)
    rules: Any,
    thresholds: Thresholds,
    desk: Any,
    person: Any,
    feeling: float,
    draws: Draws,
    within_reach: bool,
    where: Where,
) -> Asked:
    """Ask a customer of the sampling frame, and the shadow of the same customer honestly.

    Parameters
    ----------
    rules : numpy.void
        Numbers of the market.
    thresholds : tuple of float
        Ten, increasing.
    desk, person : numpy.void
        The agent, a `DESK`, and the customer, a `PERSON`.
    feeling : float
        Loyalty, and what the contact did to mood.
    draws : Draws
        What was drawn for the customer.
    within_reach : bool
        Whether a survey is sent unless the agent stops it.
    where : tuple of int
        Address of the customer and month.
    """
    honest = _honest(rules, thresholds, person, feeling, draws)
    answers = happens(honest.draw, honest.willingness)
    shadow = honest.score if answers else NO_ANSWER
    events = _FRAME | (_SHADOW_VERBATIM if answers and honest.comments else 0)
    if within_reach:
        events |= _sending(rules, desk, honest, where)
    if not events & _SENT:
        return Asked(events, NO_ANSWER, shadow, honest.score, honest.felt, 0.0)
    events |= _pressure(rules, desk.acts, person.power, where)
    events, recorded, lean = _answer(
        rules, thresholds, desk.acts, person.compliance, honest, events, where
    )
    return Asked(events, recorded, shadow, honest.score, honest.felt, lean)


class _Honest(NamedTuple):
    """The honest survey: feeling, latent answer and score, willingness, signal, comment."""

    felt: float
    latent: float
    score: int
    willingness: float
    draw: float
    signal: float
    comments: bool


@compiled
def _honest(
    rules: Any, thresholds: Thresholds, person: Any, feeling: float, draws: Draws
) -> _Honest:
    survey = rules.survey
    felt = feeling + rules.service.mood_noise * draws.mood
    latent = person.stretch * felt + person.shift + survey.noise * draws.score
    willingness = survey.response_intercept + survey.response_loyalty * felt
    willingness += survey.response_extremity * abs(felt)
    comments = draws.verbatim < survey.verbatim
    score = score_of(thresholds, latent)
    return _Honest(felt, latent, score, willingness, draws.response, draws.signal, comments)


@compiled
def sentiment(survey: Any, asked: Asked, noise: float) -> float:
    """Return the sentiment of a comment, which may share in the lean of the answer."""
    tone = survey.sentiment * asked.felt + survey.sentiment_leak * asked.lean
    return float(tone + survey.sentiment_noise * noise)


@compiled
def _sending(rules: Any, desk: Any, honest: _Honest, where: Where) -> int:
    """Return SENT, or what stopped the survey."""
    gate, restrain, withhold = desk.acts.gate, desk.acts.restrain, desk.acts.withhold
    if gate == 0.0 and restrain == 0.0 and withhold == 0.0:
        return _SENT
    seen = honest.felt + rules.gating.signal_noise * honest.signal
    looks_bad = seen < rules.gating.cut
    gate_draw, withhold_draw = uniform_pair(where, Purpose.GATE)
    if looks_bad and gate_draw < gate:
        return _GATED
    if not looks_bad and withhold_draw < restrain:
        return _WITHHELD
    if withhold_draw < withhold and reached(rules, desk):
        return _WITHHELD
    return _SENT


@compiled
def _pressure(rules: Any, acts: Any, power: float, where: Where) -> int:
    """Return who leans on whom: the agent on the customer, or the customer on the firm."""
    events = 0
    beg, bribe = acts.beg, rules.bribing.offered * acts.bribe
    if beg > 0.0 or bribe > 0.0:
        beg_draw, bribe_draw = uniform_pair(where, Purpose.BEG)
        events |= (_BEGGED if beg_draw < beg else 0) | (_BRIBED if bribe_draw < bribe else 0)
    demand = acts.demand * power
    if demand > 0.0:
        demand_draw, granting = uniform_pair(where, Purpose.DEMAND)
        if demand_draw < demand:
            events |= _CONCEDED if granting < rules.concessions.granted else _REFUSED
    return events


@compiled
def _answer(  # noqa: PLR0917
    rules: Any,
    thresholds: Thresholds,
    acts: Any,
    compliance: float,
    honest: _Honest,
    events: int,
    where: Where,
) -> tuple[int, int, float]:
    """Return the events, the recorded score, and how far the answer leant."""
    pull = _pull(rules, events, acts.reward, abs(honest.felt))
    if not happens(honest.draw, honest.willingness + pull):
        return events, NO_ANSWER, 0.0
    lean = _lean(rules, events, acts.reward, compliance)
    score = score_of(thresholds, honest.latent + lean) if lean != 0.0 else honest.score
    score = _yielded(rules, events, score, compliance, where)
    events |= _ANSWERED | (_PAID if events & _BRIBED and score == TEN else 0)
    if acts.edit > 0.0 and score <= rules.editing.highest:
        events |= _edits(rules.editing, acts.edit, where)
    if events & _DELETED:
        return events, NO_ANSWER, lean
    events |= _VERBATIM if honest.comments else 0
    return events, int(rules.editing.altered_to) if events & _ALTERED else score, lean


@compiled
def _pull(rules: Any, events: int, reward: float, extremity: float) -> float:
    """Return what pressure and reward add to the logit of answering."""
    pull = 0.0
    if events & _BEGGED:
        pull += rules.begging.response
    if events & _BRIBED:
        pull += rules.bribing.response
    if events & (_CONCEDED | _REFUSED):
        pull += rules.concessions.response
    if reward != 0.0:
        incentive = rules.completion_incentive
        pull += abs(reward) * (incentive.response - incentive.response_extremity * extremity)
    return pull


@compiled
def _lean(rules: Any, events: int, reward: float, compliance: float) -> float:
    """Return how far pressure, reward and refusal shift the latent answer."""
    lean = reward * rules.completion_incentive.courtesy
    if events & _BEGGED:
        lean += rules.begging.shift + rules.begging.shift_compliance * compliance
    if events & _REFUSED:
        lean -= rules.concessions.retaliation
    return float(lean)


@compiled
def _yielded(rules: Any, events: int, score: int, compliance: float, where: Where) -> int:
    """Return the score after those who were begged, bribed or conceded to have given way."""
    if score < TEN and events & (_BEGGED | _BRIBED):
        begged, bribed = uniform_pair(where, Purpose.BEGGED_TEN)
        begging, bribing = rules.begging, rules.bribing
        if events & _BEGGED and score >= begging.lowest:
            logit = begging.ten_intercept + begging.ten_compliance * compliance
            score = TEN if happens(begged, logit) else score
        if events & _BRIBED and score < TEN:
            logit = bribing.ten_intercept + bribing.ten_compliance * compliance
            logit -= bribing.ten_distance * (TEN - score)
            score = TEN if happens(bribed, logit) else score
    return max(score, int(rules.concessions.raised_to)) if events & _CONCEDED else score


@compiled
def _edits(editing: Any, probability: float, where: Where) -> int:
    """Return what is done to a bad answer, and whether it leaves a trace."""
    delete, alter = uniform_pair(where, Purpose.DELETE)
    if delete < editing.delete * probability:
        edit = _DELETED
    elif alter < editing.alter * probability:
        edit = _ALTERED
    else:
        return 0
    logged = uniform_pair(where, Purpose.EDIT_LOG)[0] < editing.logged
    return edit | (_LOGGED if logged else 0)
