"""What a world did to the score, to what the score is good for, and to the business.

Every estimand is a function of the whole numbers in `nps_research.market.sums`, of one run or of
many at once. Those named ``honest_...`` are of the honest survey inside the same world, whose
respondents are not pressed, paid, chosen or edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.market.events import Event
from nps_research.market.months import MILLION, MONEY
from nps_research.market.sums import Sums, sums
from nps_research.market.tallies import BOTH, CENSUS, HONEST, OWN, RECORDED
from nps_research.scale import RatingScale
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.runs import Run

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

NPS_VALUES = RatingScale().nps_values.astype(np.int64)
CENTS = 100
COSTS = ("bribes", "giveaways", "concessions", "attrition", "bonuses")


class Estimand(NamedTuple):
    """What a number is, in which unit."""

    unit: str
    meaning: str


_STAYING = "correlation of ranks of {} by score and by share of customers who stay"
_BOTH = ", among customers who answer both surveys"

ESTIMANDS: dict[str, Estimand] = {
    "observed_nps": Estimand("points", "recorded score"),
    "honest_nps": Estimand("points", "score of the honest survey"),
    "census_nps": Estimand("points", "score if everyone sampled answered honestly"),
    "inflation": Estimand("points", "recorded less honest score"),
    "selection": Estimand("points", "honest score of those who answer less that of everyone"),
    "answers": Estimand("answers", "recorded"),
    "honest_answers": Estimand("answers", "to the honest survey"),
    "response_rate": Estimand("share", "recorded answers of customers sampled"),
    "churn_auc": Estimand("probability", "a customer who leaves soon scored below one who stays"),
    "honest_churn_auc": Estimand("probability", "as churn_auc, with honest scores"),
    "churn_auc_both": Estimand("probability", f"as churn_auc{_BOTH}"),
    "honest_churn_auc_both": Estimand("probability", f"as honest_churn_auc{_BOTH}"),
    "agent_validity": Estimand("correlation", _STAYING.format("agents")),
    "honest_agent_validity": Estimand("correlation", "as agent_validity, with honest scores"),
    "agent_validity_both": Estimand("correlation", f"as agent_validity{_BOTH}"),
    "honest_agent_validity_both": Estimand("correlation", f"as honest_agent_validity{_BOTH}"),
    "team_validity": Estimand("correlation", _STAYING.format("teams")),
    "honest_team_validity": Estimand("correlation", "as team_validity, with honest scores"),
    "team_validity_both": Estimand("correlation", f"as team_validity{_BOTH}"),
    "honest_team_validity_both": Estimand("correlation", f"as honest_team_validity{_BOTH}"),
    "heard_verbatims": Estimand("answers", "recorded detractors with a comment"),
    "honest_verbatims": Estimand("answers", "honest detractors with a comment"),
    "lost_verbatims": Estimand("answers", "honest less recorded detractors with a comment"),
    "unheard_detractors": Estimand("answers", "honest detractors not recorded as such"),
    "recoveries": Estimand("customers", "recorded detractors whose problem was seen to"),
    "churners": Estimand("customers", "who left"),
    "revenue": Estimand("euros", "paid by customers"),
    "referrals": Estimand("customers", "expected from recommendations"),
    "bribes": Estimand("euros", "paid for scores of 10"),
    "giveaways": Estimand("euros", "services given away"),
    "concessions": Estimand("euros", "price conceded to powerful customers"),
    "attrition": Estimand("euros", "replacing agents who quit"),
    "bonuses": Estimand("euros", "paid to agents"),
    "costs": Estimand("euros", "of bribes, giveaways, concessions, attrition and bonuses"),
    "net_revenue": Estimand("euros", "revenue less costs"),
    "rank_agreement": Estimand("correlation", "Kendall's tau-b of score and true experience"),
    "honest_rank_agreement": Estimand("correlation", "as rank_agreement, with honest scores"),
    "top_precision": Estimand("share", "best-scored tenth of agents who truly belong there"),
    "honest_top_precision": Estimand("share", "as top_precision, with honest scores"),
    "misallocated_bonus": Estimand("share", "bonus of agents below the median true experience"),
    "bunching": Estimand("share", "agents' quarters that end from 0 to 6 points above the target"),
    "honest_bunching": Estimand("share", "as bunching, with honest scores"),
    "just_missed": Estimand("share", "agents' quarters that end up to 6 points below the target"),
    "honest_just_missed": Estimand("share", "as just_missed, with honest scores"),
    "target_excess": Estimand("share", "bunching less just_missed"),
    "honest_target_excess": Estimand("share", "as target_excess, with honest scores"),
    "target_reached": Estimand("share", "agents' quarters that end at the target or above"),
    "honest_target_reached": Estimand("share", "as target_reached, with honest scores"),
}


@viewed
@dataclass(frozen=True)
class Uplift:
    """What incentives did to a score, as exact fractions of points.

    Attributes
    ----------
    gross : fractions.Fraction
        Recorded score with incentives less that without.
    inflation : fractions.Fraction
        Recorded less honest score, both with incentives.
    real : fractions.Fraction
        Honest score with incentives less that without.
    selection : fractions.Fraction
        With incentives, honest score of those who answer less that of everyone.
    """

    gross: Fraction
    inflation: Fraction
    real: Fraction
    selection: Fraction


def uplift(run: Run, baseline: Run) -> Uplift:
    """Split the change of a recorded score into inflation and real change, exactly.

    Parameters
    ----------
    run : Run
        A world with incentives.
    baseline : Run
        The same market and shocks without incentives, where the recorded and the honest survey
        are one.

    Returns
    -------
    Uplift
        ``gross == inflation + real``, without rounding.

    Raises
    ------
    ValueError
        If the baseline is another market or has other shocks, its recorded and honest scores
        differ, or a survey has no answers.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=400, agents=4, teams=2, months=12)
    >>> honest = market.simulate(Incentives.none(), random_seed=1)
    >>> begged = market.simulate(Incentives(begging=1), random_seed=1)
    >>> found = uplift(begged, honest)
    >>> found.gross == found.inflation + found.real, found.real
    (True, Fraction(0, 1))
    """
    same = ("market", "random_seed", "replicate")
    differing = [name for name in same if getattr(run, name) != getattr(baseline, name)]
    if differing:
        raise ValueError(
            f"the baseline differs in {' and '.join(differing)}. Simulate the same market with "
            f"Incentives.none(), random_seed={run.random_seed} and replicate={run.replicate}."
        )
    return exact_uplift(sums(run)["scores"], sums(baseline)["scores"])


def exact_uplift(scores: Integers, before: Integers) -> Uplift:
    """Split a change, as `uplift` does, from answers by survey and score.

    Parameters
    ----------
    scores, before : numpy.ndarray
        With and without incentives, shape (SURVEYS, SCORES).

    Raises
    ------
    ValueError
        As in `uplift`.

    Examples
    --------
    >>> honest = np.eye(11, dtype=int)[[6, 8, 10]].sum(axis=0)
    >>> pressed = np.eye(11, dtype=int)[[9, 10, 10]].sum(axis=0)
    >>> exact_uplift(np.stack([pressed, honest, honest]), np.stack([honest, honest, honest]))
    Uplift
    gross: 100
    inflation: 100
    real: 0
    selection: 0
    """
    if (before[RECORDED] != before[HONEST]).any():
        raise ValueError(
            "the baseline's recorded scores are not its honest ones. Simulate it with "
            "Incentives.none(), and the same market and random_seed."
        )
    recorded, honest, census = (exact_nps(scores[each]) for each in (RECORDED, HONEST, CENSUS))
    base = exact_nps(before[RECORDED])
    return Uplift(recorded - base, recorded - honest, honest - base, honest - census)


def exact_nps(counts: Integers) -> Fraction:
    """Return a net promoter score in points as a fraction.

    Parameters
    ----------
    counts : numpy.ndarray
        Answers by score, shape (11,).

    Raises
    ------
    ValueError
        If there are no answers.

    Examples
    --------
    >>> exact_nps(np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1]))
    Fraction(0, 1)
    """
    answers = int(counts.sum())
    if not answers:
        raise ValueError("a survey without answers has no net promoter score.")
    return Fraction(100 * int(counts @ NPS_VALUES), answers)


def estimands(run: Run) -> pd.DataFrame:
    """Return all estimands of a run.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    pandas.DataFrame
        Indexed by estimand: `value`, `unit`, `meaning`. Of the months in which agents were paid
        for the score, and their customers; money and referrals of all months. A value is missing
        where nothing can be compared.
    """
    found = values(sums(run))
    table = pd.DataFrame.from_dict(ESTIMANDS, orient="index", columns=list(Estimand._fields))
    table.insert(0, "value", pd.Series(found, dtype=float))
    return table.rename_axis("estimand")


def values(of: Sums) -> dict[str, Array]:
    """Compute all estimands.

    Parameters
    ----------
    of : Sums
        Of any number of runs.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `ESTIMANDS`, each of the shape of the runs, NaN where undefined.
    """
    found = {
        **_scores(of),
        **_validity(of),
        **_feedback(of),
        **_business(of),
        **_standing(of),
        **_bunching(of),
    }
    return {name: found[name] for name in ESTIMANDS}


def auc(leaving: Integers) -> Array:
    """Return the probability that one who left had a lower score than one who stayed.

    Parameters
    ----------
    leaving : numpy.ndarray
        How many stayed and left by score, lowest first, shape (..., scores, 2).

    Returns
    -------
    numpy.ndarray
        Equal scores count one half; NaN where nobody stayed or left.

    Examples
    --------
    >>> auc(np.array([[0, 3], [5, 1], [5, 0]]))
    array(0.9375)
    """
    stayed, left = leaving[..., 0], leaving[..., 1]
    above = stayed[..., ::-1].cumsum(axis=-1)[..., ::-1]
    twice_lower = (left * (2 * above - stayed)).sum(axis=-1)
    return ratio(twice_lower, 2 * stayed.sum(axis=-1) * left.sum(axis=-1))


def happened(of: Sums, *events: Event) -> Integers:
    """Return how often events happened, all of them together.

    Parameters
    ----------
    of : Sums
        Of any number of runs.
    *events : Event
        One or more.
    """
    bits = [int(event).bit_length() - 1 for event in events]
    return np.asarray(of["events"][..., bits].sum(axis=-1))


def ratio(numerator: Array | Integers, denominator: Array | Integers) -> Array:
    """Divide, NaN where there is nothing to divide by.

    Examples
    --------
    >>> ratio(np.array([1, 2]), np.array([4, 0]))
    array([0.25,  nan])
    """
    found: Array = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    return np.divide(numerator, denominator, out=found, where=denominator != 0)


def _scores(of: Sums) -> dict[str, Array]:
    answers = of["scores"].sum(axis=-1)
    nps = ratio(100 * (of["scores"] @ NPS_VALUES), answers)
    observed, honest, census = (nps[..., survey] for survey in (RECORDED, HONEST, CENSUS))
    return {
        "observed_nps": observed,
        "honest_nps": honest,
        "census_nps": census,
        "inflation": observed - honest,
        "selection": honest - census,
        "answers": answers[..., RECORDED].astype(float),
        "honest_answers": answers[..., HONEST].astype(float),
        "response_rate": ratio(answers[..., RECORDED], happened(of, Event.FRAME)),
    }


def _validity(of: Sums) -> dict[str, Array]:
    """Return what scores say about leaving, by customer, agent and team."""
    found = {
        "churn_auc": auc(of["leaving"]),
        "agent_validity": _correlation(of["spearman"][..., 0, :, :, :]),
        "team_validity": _correlation(of["spearman"][..., 1, :, :, :]),
    }
    return {
        f"{prefix}{name}{suffix}": each[..., survey, respondents]
        for name, each in found.items()
        for survey, prefix in ((RECORDED, ""), (HONEST, "honest_"))
        for respondents, suffix in ((OWN, ""), (BOTH, "_both"))
    }


def _feedback(of: Sums) -> dict[str, Array]:
    heard, honest, unheard = np.moveaxis(of["detractors"].astype(float), -1, 0)
    return {
        "heard_verbatims": heard,
        "honest_verbatims": honest,
        "lost_verbatims": honest - heard,
        "unheard_detractors": unheard,
        "recoveries": happened(of, Event.RECOVERED).astype(float),
    }


def _business(of: Sums) -> dict[str, Array]:
    cents = dict(zip(MONEY, np.moveaxis(of["money"], -1, 0), strict=True))
    costs = sum(cents[name] for name in COSTS)
    cents |= {"costs": costs, "net_revenue": cents["revenue"] - costs}
    return {name: each / CENTS for name, each in cents.items()} | {
        "referrals": cents["referrals"] / MILLION,
        "churners": happened(of, Event.CHURNED).astype(float),
    }


def _standing(of: Sums) -> dict[str, Array]:
    tau, top = _correlation(of["kendall"]), of["top"]
    bonuses = of["bonuses"]
    return {
        "rank_agreement": tau[..., RECORDED],
        "honest_rank_agreement": tau[..., HONEST],
        "top_precision": ratio(top[..., RECORDED], top[..., -1]),
        "honest_top_precision": ratio(top[..., HONEST], top[..., -1]),
        "misallocated_bonus": ratio(bonuses[..., 0], bonuses[..., 1]),
    }


def _bunching(of: Sums) -> dict[str, Array]:
    """Place quarters around targets.

    Scores of n answers have steps of 100 / n, so that a bin may hold more of them than its
    neighbour where nobody cheats: compare an excess with that of another world, never with 0.
    """
    below, above, reached, quarters = np.moveaxis(of["windows"], -1, 0)
    found = {
        "bunching": above,
        "just_missed": below,
        "target_excess": above - below,
        "target_reached": reached,
    }
    shares = {name: ratio(each, quarters) for name, each in found.items()}
    return {name: each[..., RECORDED] for name, each in shares.items()} | {
        f"honest_{name}": each[..., HONEST] for name, each in shares.items()
    }


def _correlation(parts: Integers) -> Array:
    """Divide a sum of products by the root of the product of sums of squares, last axis."""
    squares = parts[..., 1].astype(float) * parts[..., 2]
    return ratio(parts[..., 0], np.sqrt(squares))
