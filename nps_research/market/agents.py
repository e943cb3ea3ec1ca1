"""The agents' month: effort, acts against the score, and the settlement of each quarter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.compilation import compiled
from nps_research.market.regimes import (
    ACTIONS,
    DELTA,
    LEVEL,
    MONTHS_A_WINDOW,
    PER_POINT,
    POINTS,
    PROPENSITY,
    Belief,
    Pay,
    at_stake,
    best_efforts,
    marginal_value,
    motive_under,
)
from nps_research.market.shocks import Purpose, normal_and_uniform, normal_pair
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.shocks import When, Where

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Probabilities of acts, given the occasion. `restrain` withholds surveys that look good, `withhold`
# those of a window that has reached its target; `reward` (of completed surveys, either sign) and
# `demand` (at full bargaining power) are the firm's and the customers'.
ACTS = np.dtype(
    [
        (name, float)
        for name in (
            *("dodge", "give", "promise", "gate", "withhold", "restrain", "beg", "bribe", "edit"),
            *("reward", "demand"),
        )
    ]
)
# An agent's place, with the state of who sits there. Whoever quits is replaced: another quality,
# full morale, the same propensity and, in the books of the firm, the same history of scores.
DESK = np.dtype(
    [
        *((name, float) for name in ("quality", "propensity", "morale")),
        ("since", np.int64),  # first month with incentives
        *((name, float) for name in ("service", "gaming", "loop")),  # efforts; P(call back)
        ("acts", ACTS),
        *((name, np.int64) for name in ("experience_sum", "experience_n")),  # of the month
        *((name, np.int64) for name in ("answers", "net", "closed")),  # of the quarter so far
        *((name, float) for name in ("target", "previous", "usual", "usual_answers")),
    ],
    align=True,
)


@viewed
class AgentMonths(NamedTuple):
    """What agents did in every month; arrays of shape (months, agents).

    Attributes
    ----------
    experience_sum, experience_n : numpy.ndarray of int64
        Sum, in millionths, and number of the true experiences of the agent's customers, with those
        of cases that the agent passed on.
    service, gaming, morale : numpy.ndarray
        Effort on service and on gaming (0 for agents who do not optimise), and morale.
    answers, net : numpy.ndarray of int64
        Recorded answers of the quarter up to this month, and promoters less detractors among them.
    target : numpy.ndarray
        Score that the quarter was to reach, in points; infinite without one.
    quit : numpy.ndarray of bool
        Whether the agent left at the end of the month.
    bonus : numpy.ndarray of int64
        Cents, paid at the end of each quarter.
    """

    experience_sum: Integers
    experience_n: Integers
    service: Array
    gaming: Array
    morale: Array
    answers: Integers
    net: Integers
    target: Array
    quit: NDArray[np.bool_]
    bonus: Integers


@compiled
def begin_month(rules: Any, pay: Pay, when: When, desks: NDArray[Any]) -> None:
    """Set the efforts and acts of all agents."""
    for agent in range(len(desks)):
        desk = desks[agent]
        desk.experience_sum, desk.experience_n = 0, 0
        if when[2] < desk.since:
            _serve(rules, desk)
        elif pay.kind == PROPENSITY:
            _follow_propensity(rules, desk)
        else:
            _optimise(rules, pay, (*when, agent), desk)


@compiled
def _serve(rules: Any, desk: Any) -> None:
    """Work without incentives."""
    desk.service = rules.staff.effort * desk.morale
    desk.gaming = 0.0
    desk.loop = rules.recovery.close_the_loop
    desk.target = math.inf
    _set_acts(rules.incentives, desk.acts, 0.0, 0.0)
    desk.acts.reward = 0.0
    desk.acts.demand = 0.0


@compiled
def _follow_propensity(rules: Any, desk: Any) -> None:
    """Act with the probability of intensity times propensity."""
    kept = 1.0 - rules.crowding_out.effort * rules.incentives.crowding_out
    desk.service = rules.staff.effort * desk.morale * kept
    desk.gaming = 0.0
    desk.loop = rules.recovery.close_the_loop
    desk.target = rules.withholding.target / POINTS
    _set_acts(rules.incentives, desk.acts, desk.propensity, 0.0)


@compiled
def _optimise(rules: Any, pay: Pay, where: Where, desk: Any) -> None:
    """Choose the efforts that the agent likes best."""
    agency = rules.agency
    belief = _belief(rules, pay, where, desk)
    crowding = rules.crowding_out.motive * rules.incentives.crowding_out
    motive = motive_under(pay, agency, desk.morale, crowding)
    psi = marginal_value(pay, belief)
    service, gaming, restraint = best_efforts(agency, psi, motive, desk.propensity)
    desk.service, desk.gaming = service, gaming
    desk.loop = rules.recovery.close_the_loop * service / rules.staff.effort
    desk.target = belief.target
    frequency = -math.expm1(-agency.act_rate * gaming)
    held_back = -math.expm1(-agency.act_rate * restraint)
    _set_acts(rules.incentives, desk.acts, frequency, held_back)
    if not at_stake(pay):
        desk.acts.demand = 0.0


@compiled
def _set_acts(incentives: Any, acts: Any, frequency: float, held_back: float) -> None:
    acts.dodge = incentives.case_dodging * frequency
    acts.give = incentives.giveaways * frequency
    acts.promise = incentives.false_promises * frequency
    acts.gate = incentives.gating * frequency
    acts.withhold = incentives.withholding * frequency
    acts.restrain = incentives.withholding * held_back
    acts.beg = incentives.begging * frequency
    acts.bribe = incentives.bribing * frequency
    acts.edit = incentives.editing * frequency
    acts.reward = incentives.completion_incentive
    acts.demand = incentives.concessions


@compiled
def _belief(rules: Any, pay: Pay, where: Where, desk: Any) -> Belief:
    """Project the score of the window: what is in it, and an ordinary score for the rest."""
    sd = rules.agency.item_sd
    usual, usual_answers = desk.usual, desk.usual_answers
    left = usual_answers * (MONTHS_A_WINDOW - where[2] % MONTHS_A_WINDOW) / MONTHS_A_WINDOW
    answers = desk.answers + left
    error = sd * math.sqrt(left) / answers
    noise = rules.agency.belief_noise * normal_and_uniform(where, Purpose.BELIEF)[0]
    score = (desk.net + left * usual) / answers + noise * error
    target = desk.previous + pay.improvement if pay.kind == DELTA else pay.target
    return Belief(score, error, target, usual, sd / math.sqrt(usual_answers))


@compiled
def note_month(desks: NDArray[Any], months: AgentMonths, month: int) -> None:
    """Write down what the agents did and saw."""
    months.experience_sum[month] = desks["experience_sum"]
    months.experience_n[month] = desks["experience_n"]
    months.service[month] = desks["service"]
    months.gaming[month] = desks["gaming"]
    months.morale[month] = desks["morale"]
    months.answers[month] = desks["answers"]
    months.net[month] = desks["net"]
    months.target[month] = POINTS * desks["target"]


@compiled
def reached(rules: Any, desk: Any) -> bool:
    """Return whether the window has reached its target, with enough answers."""
    enough = desk.answers >= rules.withholding.answers
    return bool(enough and desk.net >= desk.target * desk.answers)


@compiled
def settle_quarter(
    rules: Any, pay: Pay, when: When, desks: NDArray[Any], months: AgentMonths
) -> tuple[int, int]:
    """Pay, tell off and replace agents; return the cents paid for bonuses and replacements."""
    bonuses, replacements = 0, 0
    for agent in range(len(desks)):
        desk = desks[agent]
        paid = when[2] >= desk.since
        bonus = _bonus(pay, desk) if paid else 0
        months.bonus[when[2], agent] = bonus
        bonuses += bonus
        _move_morale(rules, desk, paid and at_stake(pay))
        _remember(rules, desk)
        if _quits(rules, (*when, agent), desk):
            months.quit[when[2], agent] = True
            replacements += round(POINTS * rules.staff.replacement_cost)
    return bonuses, replacements


@compiled
def _bonus(pay: Pay, desk: Any) -> int:
    """Return the cents that the agent's quarter earns."""
    full, earned = POINTS * pay.strength * pay.bonus, 0.0
    if pay.kind == ACTIONS:
        earned = full * desk.closed
    elif desk.answers > 0 and pay.kind == PER_POINT:
        earned = full * max(desk.net, 0) / desk.answers
    elif desk.answers > 0 and pay.kind in (LEVEL, DELTA):
        earned = full if desk.net >= desk.target * desk.answers else 0.0
    return round(earned)


@compiled
def _move_morale(rules: Any, desk: Any, judged: bool) -> None:
    answers, net, closed = desk.answers, desk.net, desk.closed
    morale = desk.morale
    told_off = answers > 0 and POINTS * net < rules.demotivation.score * answers
    if judged and told_off and desk.quality > rules.demotivation.quality:
        morale -= rules.demotivation.morale * rules.incentives.demotivation
    if answers > 0:
        morale += rules.recovery.morale * closed / answers
    morale += rules.staff.morale_return * (1.0 - morale)
    desk.morale = min(max(morale, 0.0), 1.0)


@compiled
def _remember(rules: Any, desk: Any) -> None:
    """Learn from the window, and open the next."""
    answers, net = desk.answers, desk.net
    memory = rules.agency.memory
    if answers > 0:
        desk.previous = net / answers
        desk.usual += memory * (net / answers - desk.usual)
    more = memory * (answers - desk.usual_answers)
    desk.usual_answers = max(desk.usual_answers + more, 1.0)
    desk.answers, desk.net, desk.closed = 0, 0, 0


@compiled
def _quits(rules: Any, where: Where, desk: Any) -> bool:
    """Let the agent quit or stay, and seat a successor."""
    staff = rules.staff
    logit = staff.quit_intercept + staff.quit_morale * (1.0 - desk.morale)
    leaves = normal_and_uniform(where, Purpose.BELIEF)[1] < 1.0 / (1.0 + math.exp(-logit))
    if leaves:
        quality = normal_pair(where, Purpose.SUCCESSOR)[0]
        desk.quality = staff.successor_mean + staff.quality_sd * quality
        desk.morale = 1.0
    return leaves
