"""What agents are paid for, and the effort that follows from it.

An agent chooses effort on service and on gaming. The score is worth `psi` a unit to the agent; the
regimes differ in what makes it worth something, and everything else, such as bunching at a target,
the ratchet, or surveys withheld to keep the next target low, follows from the first-order
conditions (Holmström and Milgrom 1991, "Multitask Principal-Agent Analyses").
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from nps_research.market.compilation import compiled
from nps_research.market.defaults import as_record
from nps_research.market.parameters import Agency
from nps_research.views import viewed

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

# Pay is settled at the end of every quarter; windows begin with the first month.
MONTHS_A_WINDOW = 3
PROPENSITY, NORTH_STAR, PER_POINT, LEVEL, DELTA, ACTIONS = range(6)
POINTS = 100.0


@viewed
class Pay(NamedTuple):
    """A regime in numbers, for compiled functions; scores are from -1 to 1.

    Attributes
    ----------
    kind : int
        PROPENSITY stands for agents who do not optimise.
    strength, worth, target, improvement, foresight, bonus : float
        As in the regimes; 0 where a regime has no such number.
    """

    kind: int = PROPENSITY
    strength: float = 0.0
    worth: float = 0.0
    target: float = math.inf
    improvement: float = 0.0
    foresight: float = 0.0
    bonus: float = 0.0


class Belief(NamedTuple):
    """What an agent thinks of the window, scores from -1 to 1.

    Attributes
    ----------
    score, error : float
        Projected score at the end of the window, and its standard error.
    target : float
        Score to be reached.
    usual, usual_error : float
        Score of an ordinary window, and the standard error of a whole one.
    """

    score: float
    error: float
    target: float
    usual: float
    usual_error: float


@viewed
class Effort(NamedTuple):
    """What agents do, shape of the agents.

    Attributes
    ----------
    service, gaming : numpy.ndarray
        Effort on service, and on raising the score by other means.
    restraint : numpy.ndarray
        Effort on holding the score down, which pays when a good score raises the next target.
    """

    service: Array
    gaming: Array
    restraint: Array


# Range of each number of the regimes.
_RANGES = {
    "strength": (0.0, 1.0),
    "worth": (0.0, 5.0),
    "target": (-100.0, 100.0),
    "improvement": (-20.0, 20.0),
    "foresight": (0.0, 1.0),
    "bonus": (0.0, 1e5),
}


@dataclass(frozen=True)
class Regime:
    """What agents are paid for: one of the subclasses."""

    kind: ClassVar[int] = PROPENSITY

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            low, high = _RANGES[name]
            if not low <= value <= high:
                raise ValueError(
                    f"{type(self).__name__}({name}=) must be from {low:g} to {high:g}; "
                    f"found {value}."
                )

    def pay(self) -> Pay:
        """Return the regime in numbers."""
        numbers = asdict(self)
        for name in ("target", "improvement"):
            if name in numbers:
                numbers[name] /= POINTS
        return Pay(kind=self.kind, **{name: float(value) for name, value in numbers.items()})


@dataclass(frozen=True)
class NorthStar(Regime):
    """Show the score and pay nobody for it.

    Examples
    --------
    >>> NorthStar().pay().bonus
    0.0
    """

    kind: ClassVar[int] = NORTH_STAR


@dataclass(frozen=True)
class PayPerPoint(Regime):
    """Pay in proportion to the score of the quarter.

    Parameters
    ----------
    strength : float
        How far the regime is put into practice, from 0 to 1.
    worth : float
        What a unit of score (100 points) is worth to the agent at full strength, in the units of
        the costs of effort.
    bonus : float
        EUR a quarter for a score of 100 at full strength; nothing below 0.

    Examples
    --------
    >>> PayPerPoint(bonus=500)
    PayPerPoint(strength=1.0, worth=0.5, bonus=500)
    """

    strength: float = 1.0
    worth: float = 0.5
    bonus: float = 1000.0
    kind: ClassVar[int] = PER_POINT


@dataclass(frozen=True)
class LevelTarget(Regime):
    """Pay for reaching a score.

    Parameters
    ----------
    target : float
        NPS of the quarter to be reached, in points.
    strength : float
        How far the regime is put into practice, from 0 to 1.
    worth : float
        What the bonus is worth to the agent at full strength, in the units of the costs of effort.
    bonus : float
        EUR a quarter at full strength.

    Examples
    --------
    >>> LevelTarget(50).pay().target
    0.5
    """

    target: float = 40.0
    strength: float = 1.0
    worth: float = 0.2
    bonus: float = 1000.0
    kind: ClassVar[int] = LEVEL


@dataclass(frozen=True)
class DeltaTarget(Regime):
    """Pay for beating the previous quarter, so that each good score raises the next target.

    Parameters
    ----------
    improvement : float
        Points by which the previous quarter is to be beaten.
    strength, worth, bonus : float
        As in `LevelTarget`.
    foresight : float
        Weight that the agent gives to the next quarter, from 0 to 1.

    Examples
    --------
    >>> DeltaTarget(3).pay().improvement
    0.03
    """

    improvement: float = 2.0
    strength: float = 1.0
    worth: float = 0.2
    foresight: float = 0.9
    bonus: float = 1000.0
    kind: ClassVar[int] = DELTA


@dataclass(frozen=True)
class PayForActions(Regime):
    """Pay for problems solved and customers called back, whatever the score.

    Parameters
    ----------
    strength : float
        How far the regime is put into practice, from 0 to 1.
    worth : float
        What that pay is worth to the agent a unit of effort on service, at full strength.
    bonus : float
        EUR a call back at full strength.

    Examples
    --------
    >>> PayForActions(strength=0.5)
    PayForActions(strength=0.5, worth=0.25, bonus=40.0)
    """

    strength: float = 1.0
    worth: float = 0.25
    bonus: float = 40.0
    kind: ClassVar[int] = ACTIONS


@compiled
def marginal_value(pay: Pay, belief: Belief) -> float:
    """Return what a unit of score is worth to the agent now: psi."""
    if pay.kind == PER_POINT:
        return pay.strength * pay.worth
    if pay.kind == LEVEL:
        return pay.strength * pay.worth * _hit_density(belief)
    if pay.kind == DELTA:
        loss = pay.foresight * _ratchet_density(pay, belief)
        return pay.strength * pay.worth * (_hit_density(belief) - loss)
    return 0.0


@compiled
def _hit_density(belief: Belief) -> float:
    """Return the slope of the probability of reaching the target."""
    return _normal_density(belief.score - belief.target, belief.error)


@compiled
def _ratchet_density(pay: Pay, belief: Belief) -> float:
    """Return how fast a better score lowers the probability of reaching the next target."""
    next_target = belief.score + pay.improvement
    return _normal_density(next_target - belief.usual, math.hypot(belief.error, belief.usual_error))


@compiled
def _normal_density(distance: float, sd: float) -> float:
    z = distance / sd
    return math.exp(-0.5 * z * z) / (sd * math.sqrt(2.0 * math.pi))


@compiled
def best_efforts(
    agency: Any, psi: float, motive: float, propensity: float
) -> tuple[float, float, float]:
    """Return the efforts on service, gaming and restraint that the agent likes best.

    The maximum over e_S, e_G >= 0 of b_S e_S + b_G e_G - c_S e_S**2 / 2 - c_G e_G**2 / 2
    - chi e_S e_G: a concave problem, so that the edge that the free maximum lies beyond has the
    answer. Restraint e_W has the gain -psi of a lower score in place of psi, and costs of its own.

    Parameters
    ----------
    agency : numpy.void
        Numbers of `Agency`.
    psi : float
        Worth of a unit of score.
    motive : float
        Worth of service apart from the score: the agent's own wish to serve and pay for actions.
    propensity : float
        Gaming propensity.
    """
    service = psi * agency.score_service + motive
    gaming = propensity * psi * agency.score_gaming - agency.scruple
    restraint = -propensity * psi * agency.score_gaming - agency.scruple
    cross = agency.cost_both
    determinant = agency.cost_service * agency.cost_gaming - cross * cross
    e_service = (agency.cost_gaming * service - cross * gaming) / determinant
    e_gaming = (agency.cost_service * gaming - cross * service) / determinant
    e_restraint = max(restraint / agency.cost_restraint, 0.0)
    if e_gaming < 0.0:
        return max(service / agency.cost_service, 0.0), 0.0, e_restraint
    if e_service < 0.0:
        return 0.0, max(gaming / agency.cost_gaming, 0.0), e_restraint
    return e_service, e_gaming, e_restraint


@compiled
def at_stake(pay: Pay) -> bool:
    """Return whether anybody is paid for the score.

    If not, customers have nothing to demand for it, and nobody is told off for it.
    """
    return pay.kind not in (NORTH_STAR, ACTIONS)


@compiled
def motive_under(pay: Pay, agency: Any, morale: float, crowding: float) -> float:
    """Return the worth of service apart from the score.

    Parameters
    ----------
    pay : Pay
        What the agent is paid for.
    agency : numpy.void
        Numbers of `Agency`.
    morale : float
        From 0 to 1.
    crowding : float
        Share of the wish to serve that full pay for the score crowds out.
    """
    if pay.kind == ACTIONS:
        return float(agency.intrinsic * morale + pay.strength * pay.worth)
    return float(agency.intrinsic * morale * (1.0 - crowding * pay.strength))


def effort(  # noqa: PLR0913  (an agent's situation; all but two have defaults)
    regime: Regime,
    propensity: ArrayLike,
    *,
    score: ArrayLike = 40.0,
    error: ArrayLike = 10.0,
    target: ArrayLike | None = None,
    usual: ArrayLike = 40.0,
    usual_error: ArrayLike = 15.0,
    morale: ArrayLike = 1.0,
    crowding_out: float = 0.3,
    agency: Agency | None = None,
) -> Effort:
    """Return the effort of agents who optimise.

    Parameters
    ----------
    regime : Regime
        What they are paid for.
    propensity : array-like
        Gaming propensity, from 0 to 1.
    score, error : array-like
        Projected score at the end of the quarter and its standard error, in points.
    target : array-like, optional
        Score to be reached, in points, in place of the regime's own: that of `LevelTarget`, or
        `usual` and the improvement of `DeltaTarget`.
    usual, usual_error : array-like
        Score of an ordinary quarter, and its standard error, in points.
    morale : array-like
        From 0 to 1.
    crowding_out : float
        Share of the wish to serve that full pay for the score crowds out.
    agency : Agency, optional
        Motives and costs.

    Returns
    -------
    Effort
        Arrays of the common shape of the arguments.

    Examples
    --------
    >>> service, gaming, _ = effort(PayPerPoint(), [0.1, 0.9])
    >>> service.round(2), gaming.round(2)
    (array([0.46, 0.22]), array([0.  , 0.49]))
    """
    pay = regime.pay()
    if target is None:
        own = np.asarray(usual) / POINTS + pay.improvement if pay.kind == DELTA else pay.target
        target = POINTS * np.asarray(own)
    columns = np.broadcast_arrays(propensity, morale, score, error, target, usual, usual_error)
    rows = np.array([np.ravel(each) for each in columns], dtype=float)
    rows[2:] /= POINTS
    efforts = _efforts(
        pay, as_record({"agency": agency or Agency()}), crowding_out, np.ascontiguousarray(rows.T)
    )
    return Effort(*efforts.T.reshape(3, *columns[0].shape))


@compiled
def _efforts(pay: Pay, record: NDArray[Any], crowding: float, rows: Array) -> Array:
    efforts = np.empty((len(rows), 3))
    agency = record[0].agency
    for row in range(len(rows)):
        propensity, morale, score, error, target, usual, usual_error = rows[row]
        psi = marginal_value(pay, Belief(score, error, target, usual, usual_error))
        motive = motive_under(pay, agency, morale, crowding)
        efforts[row] = best_efforts(agency, psi, motive, propensity)
    return efforts
