"""What a firm would believe that reads its recorded scores as they stand, and what is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.inflation.market_counts import market_counts
from nps_research.market.surveys import HIGHEST_DETRACTOR

if TYPE_CHECKING:
    import pandas as pd

    from nps_research.inflation.market_counts import Window
    from nps_research.market.runs import Run, Survey


def beliefs(run: Run, *, window: Window | None = None) -> dict[str, float]:
    """Compare what recorded scores foretell with what happens.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`, with some teams that are never paid for the score.
    window : Window, optional
        As in `market_counts`.

    Returns
    -------
    dict of str to float
        `observed_nps`, `honest_nps` and `inflation` in points, in teams and months with incentives.
        `departures`: leavers among the exposed who answered, over those that their scores foretell
        by what scores foretold before, over the same ratio in never paid teams; above 1 for a firm
        that believes too well of itself. `honest_departures`, the same with honest answers.
        `unseen`: share of honest detractors that are not recorded as detractors. Missing where
        nobody answered or left.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=800, agents=8, teams=4, months=18, rollout=(9, None, 9, None))
    >>> found = beliefs(market.simulate(Incentives(), random_seed=1))
    >>> found["inflation"], found["unseen"], found["departures"] == found["honest_departures"]
    (0.0, 0.0, True)
    """
    counts = run.score_counts
    detractors = counts.loc[:, :HIGHEST_DETRACTOR].sum(axis=1)
    recorded, honest = detractors["recorded"], detractors["shadow"]
    return {
        "observed_nps": run.observed_nps,
        "honest_nps": run.honest_nps,
        "inflation": run.observed_nps - run.honest_nps,
        "departures": _departures(run, "recorded", window),
        "honest_departures": _departures(run, "shadow", window),
        "unseen": float(1 - recorded / honest) if honest else np.nan,
    }


def _departures(run: Run, answers: Survey, window: Window | None) -> float:
    counts = market_counts(run, answers=answers, window=window).dropna(subset=["score"])
    before, after = counts[counts["post"] == 0], counts[counts["post"] == 1]
    risk = _left(before, "score") / before.groupby("score")["n"].sum()
    expected = (after["score"].map(risk).fillna(0.0) * after["n"]).groupby(after["treated"]).sum()
    ratio = _left(after, "treated") / expected
    return float(ratio[1] / ratio[0])


def _left(counts: pd.DataFrame, by: str) -> pd.Series:
    return (counts["churned"] * counts["n"]).groupby(counts[by]).sum()
