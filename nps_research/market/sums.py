"""One run of the market in a few hundred whole numbers, from which every estimand follows.

Only whole numbers are added up, and only they travel between processes: sums do not depend on who
adds them, or in which order.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.months import MILLION, MONEY
from nps_research.market.ranks import kendall, shared_at_top, spearman
from nps_research.market.regimes import MONTHS_A_WINDOW
from nps_research.market.tallies import (
    ANSWERED,
    CLASSES,
    EXPOSED,
    HONEST,
    LEFT,
    OWN,
    RECORDED,
    RESPONDENTS,
    SCORES,
    SURVEYS,
    Rows,
    tallied,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nps_research.market.runs import Run

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

# Months, from that of an answer on, within which leaving counts as foretold by the score.
HORIZON = 6
# Bins of scores beside the target have this width in points; windows with fewer answers are left
# out.
WIDTH, LEAST_ANSWERS = 6, 5
EVENT_BITS = 32
# Bits of every value of a byte.
BITS = (np.arange(256)[:, None] >> np.arange(8)) & 1
TENTH = 10
# A target of 7 points must not become 7.000000000000001 on its way through shares.
TARGET_DECIMALS = 9

# Name and shape of every group of sums, in the order in which they are stored.
LAYOUT: dict[str, tuple[int, ...]] = {
    "scores": (SURVEYS, SCORES),
    "leaving": (ANSWERED, RESPONDENTS, SCORES, 2),
    "events": (EVENT_BITS,),
    "detractors": (3,),
    "kendall": (ANSWERED, 3),  # agents' scores beside their true experience
    "spearman": (2, ANSWERED, RESPONDENTS, 3),  # agents, teams: scores beside staying customers
    "top": (3,),  # best tenth of agents: truly and by recorded score, truly and honestly, size
    "windows": (ANSWERED, 4),  # just below the target, just above, at or above, all
    "bonuses": (2,),  # cents to agents below the median true experience, to all
    "money": (len(MONEY),),
}
SIZE = sum(prod(shape) for shape in LAYOUT.values())


class Sums:
    """Sums of one run or of many, by name.

    Parameters
    ----------
    numbers : numpy.ndarray
        Shape (..., SIZE), in the order of `LAYOUT`.
    """

    def __init__(self, numbers: Integers) -> None:
        self.numbers = numbers

    def __getitem__(self, name: str) -> Integers:
        """Return one group of sums, shape (..., *LAYOUT[name])."""
        start = 0
        for each, shape in LAYOUT.items():
            if each == name:
                part = self.numbers[..., start : start + prod(shape)]
                return part.reshape(*self.numbers.shape[:-1], *shape)
            start += prod(shape)
        raise KeyError(f"{name!r} is not one of {', '.join(LAYOUT)}.")


class Staff(NamedTuple):
    """What agents did in the months in which they were paid for the score, shape (agents,) each.

    Whoever quits is replaced in the same place.

    Attributes
    ----------
    team : numpy.ndarray
        Team of each agent, from 0.
    experience : numpy.ndarray
        Mean true experience of the contacts handled, NaN without any.
    bonus : numpy.ndarray
        Cents.
    target : numpy.ndarray
        Score in points at which windows may bunch, shape (complete quarters, agents).
    """

    team: NDArray[Any]
    experience: Array
    bonus: Integers
    target: Array


def sums(run: Run) -> Sums:
    """Add up a run of the market.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    Sums
        Of the months in which agents were paid for the score, and their customers; money of all
        months, which incentives change in those alone.
    """
    rows, since = run.rows, run.since
    found = Rows(rows.recorded, rows.shadow, rows.census, rows.events, run.population.agent, since)
    return summed(found, _staff(run), run.sums.sum(axis=0))


def _staff(run: Run) -> Staff:
    paid = np.arange(len(run.sums))[:, None] >= run.since
    with np.errstate(invalid="ignore"):
        experience = np.divide(
            np.where(paid, run.agents.experience_sum, 0).sum(axis=0),
            np.where(paid, run.agents.experience_n, 0).sum(axis=0),
        )
    # Where there is no target, bunching is looked for at the one of the mechanism.
    target = run.agents.target[MONTHS_A_WINDOW - 1 :: MONTHS_A_WINDOW]
    usual = run.market.mechanisms.withholding.target
    return Staff(
        team=run.population.team,
        experience=experience / MILLION,
        bonus=run.agents.bonus.sum(axis=0),
        target=np.where(np.isfinite(target), target, usual).round(TARGET_DECIMALS),
    )


def summed(rows: Rows, staff: Staff, money: Integers) -> Sums:
    """Add up a run.

    Parameters
    ----------
    rows : Rows
        What happened to customers.
    staff : Staff
        What agents did.
    money : numpy.ndarray
        In the order of `MONEY`.
    """
    tallies = tallied(rows, HORIZON)
    scores = unit_scores(tallies.agents)
    teams = np.zeros((staff.team.max() + 1, tallies.agents.shape[1]), np.int64)
    np.add.at(teams, staff.team, tallies.agents)
    parts: dict[str, ArrayLike] = {
        "scores": tallies.scores,
        "leaving": tallies.leaving,
        "events": tallies.event_bytes @ BITS,
        "detractors": tallies.detractors,
        "kendall": [_order(scores[:, survey, OWN], staff) for survey in (RECORDED, HONEST)],
        "spearman": [_staying(tallies.agents), _staying(teams)],
        "top": _top(scores[:, :, OWN], staff),
        "windows": _windows(tallies.windows, rows.since, staff.target),
        "bonuses": _bonuses(staff),
        "money": money,
    }
    return Sums(np.concatenate([np.ravel(parts[name]) for name in LAYOUT]))


def unit_scores(units: Integers) -> Array:
    """Return the net promoter score of units, NaN without answers.

    Parameters
    ----------
    units : numpy.ndarray
        Columns as in `Tallies.agents`, shape (units, columns).

    Returns
    -------
    numpy.ndarray
        From -1 to 1, shape (units, ANSWERED, RESPONDENTS). Equal shares give equal numbers:
        division is rounded correctly.
    """
    classes = units[:, :EXPOSED].reshape(-1, ANSWERED, RESPONDENTS, CLASSES)
    with np.errstate(invalid="ignore"):
        return np.asarray((classes[..., 2] - classes[..., 0]) / classes.sum(axis=-1))


def _order(scores: Array, staff: Staff) -> tuple[int, int, int]:
    """Compare agents' scores with the experience that they gave."""
    known = np.isfinite(scores) & np.isfinite(staff.experience)
    return kendall(scores[known], staff.experience[known])


def _staying(units: Integers) -> list[tuple[int, int, int]]:
    """Compare the scores of units with the share of their customers who stay."""
    with np.errstate(invalid="ignore"):
        staying = -(units[:, LEFT] / units[:, EXPOSED])
    columns = unit_scores(units).reshape(len(units), -1).T
    known = np.isfinite(columns) & np.isfinite(staying)
    return [spearman(each[at], staying[at]) for each, at in zip(columns, known, strict=True)]


def _top(scores: Array, staff: Staff) -> tuple[int, int, int]:
    """Look for the truly best tenth of agents among those with the highest scores."""
    known = np.isfinite(scores).all(axis=1) & np.isfinite(staff.experience)
    experience, size = staff.experience[known], -(-int(known.sum()) // TENTH)
    recorded, honest = (
        shared_at_top(scores[known, survey], experience, size) for survey in (RECORDED, HONEST)
    )
    return recorded, honest, size


def _windows(windows: Integers, since: Integers, target: Array) -> Integers:
    """Place the scores of complete quarters around their targets."""
    paid = MONTHS_A_WINDOW * np.arange(len(target))[:, None] >= since
    classes = windows[: len(target)][paid]
    n = classes.sum(axis=-1)
    # Points times answers: n answers have scores in steps of 100 / n, and these are whole numbers.
    score, least = 100 * (classes[..., 2] - classes[..., 0]), target[paid][:, None] * n
    above, counted = score >= least, n >= LEAST_ANSWERS
    groups = [
        ~above & (score >= least - WIDTH * n),
        above & (score < least + WIDTH * n),
        above,
        counted,
    ]
    return (np.stack(groups, axis=-1) & counted[..., None]).sum(axis=0)


def _bonuses(staff: Staff) -> tuple[int, int]:
    known = np.isfinite(staff.experience)
    below = staff.experience < np.median(staff.experience[known]) if known.any() else ~known
    return int(staff.bonus[below].sum()), int(staff.bonus.sum())
