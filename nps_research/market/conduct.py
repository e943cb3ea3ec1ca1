"""What agents do under a regime, as planned and as done, and whether their scores last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.market.defaults import defaults
from nps_research.market.estimands import values
from nps_research.market.events import Event
from nps_research.market.parameters import Agency
from nps_research.market.regimes import MONTHS_A_WINDOW, POINTS, effort
from nps_research.market.sums import LEAST_ANSWERS, sums
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.regimes import Regime
    from nps_research.market.runs import Run

    type Array = NDArray[np.float64]

# Quantiles of the gaming propensity over which an average is taken.
QUANTILES = (np.arange(50) + 0.5) / 50


def planned_service(regime: Regime, points: pd.DataFrame | None = None) -> pd.Series:
    """Return the effort that agents mean to put into service, on average over their propensities.

    Parameters
    ----------
    regime : Regime
        What they are paid for.
    points : pandas.DataFrame, optional
        From `latin_hypercube`: numbers of `defaults()`, of which those of "agency",
        "staff.gaming_shape" and "crowding_out.motive" matter here. Numbers that do not vary keep
        their defaults; without points, all do.

    Returns
    -------
    pandas.Series
        One effort a point, by the first-order conditions of `effort` for an agent who expects 40
        points.

    Examples
    --------
    >>> from nps_research.market.regimes import NorthStar, PayPerPoint
    >>> motives = pd.DataFrame({"agency.intrinsic": [0.0, 0.6]})
    >>> planned_service(NorthStar(), motives).round(2).tolist()
    [0.0, 0.6]
    >>> planned_service(PayPerPoint(), motives).round(2).tolist()
    [0.19, 0.67]
    """
    table = pd.DataFrame(index=[0]) if points is None else points
    usual = {str(name): float(value) for name, value in defaults()["value"].items()}
    rows = (dict(zip(map(str, table), row, strict=True)) for row in table.to_numpy())
    found = [_planned(regime, usual | row) for row in rows]
    return pd.Series(found, index=table.index, name="service")


def _planned(regime: Regime, numbers: dict[str, float]) -> float:
    parts = {name.removeprefix("agency."): name for name in numbers if name.startswith("agency.")}
    propensity = 1.0 - (1.0 - QUANTILES) ** (1.0 / numbers["staff.gaming_shape"])
    planned = effort(
        regime,
        propensity,
        crowding_out=numbers["crowding_out.motive"],
        agency=Agency(**{part: numbers[name] for part, name in parts.items()}),
    )
    return float(planned.service.mean())


def conduct(run: Run) -> dict[str, float]:
    """Add what agents did to the estimands of a run: a measure for `side_by_side`.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    dict of str to float
        All estimands, and of the months in which agents were paid: mean `service`, `gaming` and
        `morale`; `quits`; `withheld`, the share of sampled customers whose survey was held back;
        `thanked` promoters. `customer_months` are of all months.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.regimes import NorthStar
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=400, agents=8, teams=2, months=12, rollout=3)
    >>> run = market.simulate(Incentives(), regime=NorthStar(), random_seed=1)
    >>> round(conduct(run)["service"], 2)
    0.3
    """
    agents, events = run.agents, run.events
    paid, exposed = run.paid, np.where(run.exposed, events, 0)
    sampled = _count(exposed, Event.FRAME)
    return {name: float(value) for name, value in values(sums(run)).items()} | {
        "service": float(agents.service[paid].mean()),
        "gaming": float(agents.gaming[paid].mean()),
        "morale": float(agents.morale[paid].mean()),
        "quits": float(agents.quit[paid].sum()),
        "withheld": _count(exposed, Event.WITHHELD) / max(sampled, 1),
        "thanked": _count(exposed, Event.THANKED),
        "customer_months": _count(events, Event.ACTIVE),
    }


def endurance(run: Run, target: float = 40.0) -> dict[str, float]:
    """Tell how much of agents' quarterly scores the next quarter shows again.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.
    target : float
        NPS in points.

    Returns
    -------
    dict of str to float
        Of pairs of successive quarters of an agent with enough answers: mean `answers`;
        `reliability`, the correlation of the two scores; `reached`, the share of quarters at the
        target; `reached_again`, that share among those that follow a quarter at the target; and
        `excess_kept`, the share of the points above the agents' mean that is there in the next
        quarter, of quarters at the target.
    """
    last = slice(MONTHS_A_WINDOW - 1, None, MONTHS_A_WINDOW)
    answers, net = run.agents.answers[last], run.agents.net[last]
    known = (answers[:-1] >= LEAST_ANSWERS) & (answers[1:] >= LEAST_ANSWERS)
    scores = POINTS * net / np.maximum(answers, 1)
    now, later = scores[:-1][known], scores[1:][known]
    hit = now >= target
    return {
        "answers": float(answers[:-1][known].mean()),
        "reliability": float(np.corrcoef(now, later)[0, 1]),
        "reached": float(hit.mean()),
        "reached_again": float((later[hit] >= target).mean()),
        "excess_kept": float((later[hit] - later.mean()).mean() / (now[hit] - now.mean()).mean()),
    }


def next_scores(run: Run, *, happy: bool) -> dict[str, float]:
    """Compare the next answers of customers who were called back or thanked, and who were not.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.
    happy : bool
        Whether promoters and thanks are meant, or detractors and call backs.

    Returns
    -------
    dict of str to float
        Mean change of the score to the customer's next recorded answer: `seen_to` and `left_alone`.
        Who is seen to is decided by lot, so that their difference is the effect of it.
    """
    scores, after = run.recorded.astype(np.int64), _next_answers(run.recorded)
    group = scores >= LOWEST_PROMOTER if happy else (scores >= 0) & (scores <= HIGHEST_DETRACTOR)
    seen_to = (run.events & (Event.THANKED if happy else Event.RECOVERED)) > 0
    change = (after - scores).astype(float)
    both = group & (after >= 0)
    return {
        "seen_to": float(change[both & seen_to].mean()),
        "left_alone": float(change[both & ~seen_to].mean()),
    }


def _next_answers(scores: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the next answer of each customer after each month, -1 for none."""
    found = np.full(scores.shape, -1, np.int64)
    for month in range(len(scores) - 2, -1, -1):
        found[month] = np.where(scores[month + 1] >= 0, scores[month + 1], found[month + 1])
    return found


def _count(events: NDArray[np.uint32], event: Event) -> float:
    return float(((events & event) > 0).sum())
