"""How much a score says of a customer by itself, and beside the comment and the segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.market.events import Event
from nps_research.market.surveys import NO_ANSWER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.runs import Run

    type Array = NDArray[np.float64]


def context(run: Run) -> dict[str, float]:
    """Tell how much of the differences in loyalty a score, a comment and a segment explain.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`, with ``record=True``.

    Returns
    -------
    dict of str to float
        Among recorded answers with a comment, the share of the variance of true loyalty that a
        linear regression explains with the `score`, the sentiment of the `comment`, the `segment`,
        or `all` three; and `score_share`, that of the score over that of all.

    Raises
    ------
    ValueError
        If the run holds no loyalty.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=800, agents=8, teams=4, months=18)
    >>> found = context(market.simulate(Incentives(), random_seed=1, record=True))
    >>> found["segment"] < found["score"] < found["comment"] < found["all"]
    True
    """
    if len(run.rows.loyalty) == 0:
        raise ValueError("the run holds no loyalty: simulate it with record=True.")
    answered = (run.recorded != NO_ANSWER) & ((run.events & Event.VERBATIM) > 0)
    month, customer = np.nonzero(answered)
    loyalty = run.rows.loyalty[month, customer].astype(float)
    known = {
        "score": run.recorded[month, customer][:, None].astype(float),
        "comment": run.rows.sentiment[month, customer][:, None].astype(float),
        "segment": run.population.segment[customer][:, None] == np.array([1, 2]),
    }
    found = {name: _explained(loyalty, each) for name, each in known.items()}
    found["all"] = _explained(loyalty, np.hstack(list(known.values())))
    return found | {"score_share": found["score"] / found["all"]}


def _explained(outcome: Array, known: Array) -> float:
    centred = outcome - outcome.mean()
    predictors = known - known.mean(axis=0)
    fitted = predictors @ np.linalg.lstsq(predictors, centred)[0]
    return float(fitted @ fitted / (centred @ centred))
