"""What each way of gaming leaves behind in the firm's own records, and in its answers.

The traces are rates that a firm could compute if its records are honest. The fates of answers, and
how well other measures than the net promoter score serve, need the honest survey, which only a
simulation has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.market.estimands import CENTS, NPS_VALUES, auc, happened, ratio
from nps_research.market.events import Event
from nps_research.market.population import SEGMENTS
from nps_research.market.sums import sums
from nps_research.market.surveys import HIGHEST_DETRACTOR, LOWEST_PROMOTER, TEN
from nps_research.market.tallies import HONEST, OWN, RECORDED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.runs import Run
    from nps_research.market.sums import Sums

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

SCORES = np.arange(TEN + 1)
MONTHS_A_YEAR = 12
# What can be targeted in place of the net promoter score, as the worth of each score.
MEASURES: dict[str, Integers] = {
    "nps": NPS_VALUES,
    "mean": SCORES,
    "top_box": (SCORES == TEN).astype(np.int64),
    "csat": (SCORES >= LOWEST_PROMOTER).astype(np.int64),
}
# Events and what they are counted among.
_RATES: dict[str, tuple[tuple[Event, ...], Event]] = {
    "survey_rate": ((Event.SENT,), Event.FRAME),
    "answer_rate": ((Event.ANSWERED,), Event.SENT),
    "edit_rate": ((Event.DELETED, Event.ALTERED), Event.ANSWERED),
    "transfer_rate": ((Event.DODGED,), Event.CONTACT),
    "gift_rate": ((Event.GIVEN,), Event.CONTACT),
    "promise_rate": ((Event.PROMISED,), Event.CONTACT),
    "demand_rate": ((Event.CONCEDED, Event.REFUSED), Event.SENT),
}


def traces(of: Sums) -> dict[str, Array]:
    """Compute rates that the firm's records would show.

    Parameters
    ----------
    of : Sums
        Of any number of runs.

    Returns
    -------
    dict of str to numpy.ndarray
        Shares of the shape of the runs: `survey_rate` of sampled customers who were sent a survey;
        `answer_rate` of surveys that were answered; `edit_rate` of answers that were deleted or
        altered; `transfer_rate`, `gift_rate` and `promise_rate` of contacts; `demand_rate` of
        surveys met by a demand; `ten_share` of recorded answers from 6 up that are 10, and
        `low_share` of recorded answers that are 6 or less, with their honest values.
    """
    rates = {
        name: ratio(happened(of, *counted), happened(of, among))
        for name, (counted, among) in _RATES.items()
    }
    for survey, prefix in ((RECORDED, ""), (HONEST, "honest_")):
        answers = of["scores"][..., survey, :]
        rates[f"{prefix}ten_share"] = ratio(answers[..., TEN], answers[..., 6:].sum(axis=-1))
        rates[f"{prefix}low_share"] = ratio(answers[..., :7].sum(axis=-1), answers.sum(axis=-1))
    return rates


def measures(of: Sums) -> dict[str, Array]:
    """Compute other measures of the same answers, recorded and honest.

    Parameters
    ----------
    of : Sums
        Of any number of runs.

    Returns
    -------
    dict of str to numpy.ndarray
        For `nps` (from -1 to 1), `mean`, `top_box` (share of 10) and `csat` (share of 9 and 10):
        the `inflation` of each, recorded less honest, in standard deviations of an honest answer;
        and `auc`, the probability that a customer who leaves within six months scored below one
        who stays, as far as the measure tells their scores apart.
    """
    found: dict[str, Array] = {}
    for name, worth in MEASURES.items():
        recorded, honest = (_mean(of["scores"][..., each, :], worth) for each in (RECORDED, HONEST))
        second = _mean(of["scores"][..., HONEST, :], worth**2)
        sd = np.sqrt(np.maximum(second - honest**2, 0.0))
        found[f"{name}_inflation"] = ratio(recorded - honest, sd)
        for survey, prefix in ((RECORDED, ""), (HONEST, "honest_")):
            leaving = of["leaving"][..., survey, OWN, :, :]
            levels = [leaving[..., worth == each, :].sum(axis=-2) for each in np.unique(worth)]
            found[f"{prefix}{name}_auc"] = auc(np.stack(levels, axis=-2))
    return found


def fates(run: Run) -> dict[str, float]:
    """Tell what became of honest answers, and where the inflation of the score comes from.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    dict of str to float
        Of the months with incentives. Numbers of honest answers: `kept` as they are, `raised`,
        `lowered`, `silenced` (not recorded); `recruited`, recorded answers of customers who would
        not have answered; `untrue`, recorded answers that differ from the honest one. In points,
        `rescoring`: recorded score less what the same people would honestly say; `reselection`:
        that less the honest score. The two add up to the inflation. `mix_shift`: honest score of
        the recruited less that of honest answers. Shares: `sent_unhappy` and `sent_happy` of
        sampled detractors and promoters who were sent a survey, `bribe_offers` of sampled
        customers, `bribes_wasted` of the bribes paid to customers who would honestly give a 10.
        Missing without answers.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=200, agents=4, teams=2, months=12, rollout=3)
    >>> found = fates(market.simulate(Incentives(gating=1), random_seed=1))
    >>> found["silenced"] > 0, found["raised"], found["recruited"], found["rescoring"]
    (True, 0.0, 0.0, 0.0)
    """
    recorded, honest, census = _paid(run)
    both, asked = (recorded >= 0) & (honest >= 0), recorded >= 0
    people = _nps(census[asked])
    recruits = asked & (honest < 0)
    return {
        "honest_answers": float((honest >= 0).sum()),
        "kept": float((both & (recorded == honest)).sum()),
        "raised": float((both & (recorded > honest)).sum()),
        "lowered": float((both & (recorded < honest)).sum()),
        "silenced": float(((honest >= 0) & ~asked).sum()),
        "recruited": float(recruits.sum()),
        "untrue": float((asked & (recorded != census)).sum()),
        "rescoring": _nps(recorded[asked]) - people,
        "reselection": people - _nps(honest[honest >= 0]),
        "mix_shift": _nps(census[recruits]) - _nps(honest[honest >= 0]),
        **_sending(run),
        **_bribes(run),
    }


def _sending(run: Run) -> dict[str, float]:
    """Return who was sent a survey, by what they would honestly say."""
    events, census = run.events[run.exposed], _paid(run)[2]
    sent = (events & Event.SENT) > 0
    unhappy, happy = (census >= 0) & (census <= HIGHEST_DETRACTOR), census >= LOWEST_PROMOTER
    return {"sent_unhappy": _share(sent[unhappy]), "sent_happy": _share(sent[happy])}


def _bribes(run: Run) -> dict[str, float]:
    """Return how many sampled customers were offered a bribe, and which bribes bought nothing."""
    events, census = run.events[run.exposed], _paid(run)[2]
    offered = (events[census >= 0] & Event.BRIBED) > 0
    tens = census[(events & Event.BRIBE_PAID) > 0] == TEN
    return {"bribe_offers": _share(offered), "bribes_wasted": _share(tens)}


def _share(true: NDArray[np.bool_]) -> float:
    return float(true.mean()) if len(true) else float("nan")


def agreement(run: Run) -> dict[str, float]:
    """Tell how well agents' scores order them by true experience, with all of `measures`.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    dict of str to float
        Kendall's tau-b of each of `MEASURES`, recorded and (`honest_...`) honest, in the months
        with incentives; and `measures` of the run.
    """
    agent = np.broadcast_to(run.population.agent, run.recorded.shape)[run.exposed]
    truth = _experience(run)
    recorded, honest, _ = _paid(run)
    found = {name: float(each) for name, each in measures(sums(run)).items()}
    for prefix, scores in (("", recorded), ("honest_", honest)):
        counts = np.zeros((len(truth), len(SCORES)))
        np.add.at(counts, (agent[scores >= 0], scores[scores >= 0]), 1)
        for name, worth in MEASURES.items():
            tau = stats.kendalltau(_mean(counts, worth), truth, nan_policy="omit")
            found[f"{prefix}{name}_agreement"] = float(tau.statistic)
    return found


def _experience(run: Run) -> Array:
    """Return the mean true experience of each agent's contacts in months with incentives."""
    total, contacts = (
        np.where(run.paid, each, 0).sum(axis=0)
        for each in (run.agents.experience_sum, run.agents.experience_n)
    )
    return ratio(total, contacts)


def _paid(run: Run) -> tuple[NDArray[np.int8], ...]:
    exposed = run.exposed
    return run.recorded[exposed], run.shadow[exposed], run.census[exposed]


def _nps(scores: NDArray[np.int8]) -> float:
    return 100.0 * float(NPS_VALUES[scores].mean()) if len(scores) else float("nan")


def _mean(counts: Array | Integers, worth: Integers) -> Array:
    weights = np.asarray(counts, dtype=float)
    return ratio(weights @ worth, weights.sum(axis=-1))


def accounts(run: Run) -> pd.DataFrame:
    """List what each account got out of its score in the months with incentives.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a customer: `segment`, `value` (EUR a month), `power`, `paid` (EUR, what the
        customer paid in those months), `concessions` and `giveaways` (EUR).
    """
    people, rules = run.population, run.market.mechanisms
    exposed = run.exposed & (run.events > 0)
    euros = people.value / CENTS
    conceded, given = (
        (exposed & ((run.events & event) > 0)).sum(axis=0)
        for event in (Event.CONCEDED, Event.GIVEN)
    )
    return pd.DataFrame(
        {
            "segment": np.array(SEGMENTS)[people.segment],
            "value": euros,
            "power": people.power,
            "paid": exposed.sum(axis=0) * euros,
            "concessions": conceded * rules.concessions.cost * euros,
            "giveaways": given * rules.giveaways.cost * euros,
        }
    ).rename_axis("customer")


def concession_gaps(run: Run) -> dict[str, float]:
    """Compare what the powerful and the large get out of their score with what others get.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    dict of str to float
        Among business customers, mean of the upper half less mean of the lower half, halves by
        `power` and by `size` (EUR a month): concessions in EUR a year (`..._euros`) and in percent
        of what the customer paid (`..._percent`).
    """
    table = accounts(run)
    table = table[(table["segment"] != SEGMENTS[0]) & (table["paid"] > 0)]
    years = table["paid"] / table["value"] / MONTHS_A_YEAR
    found = {
        "euros": table["concessions"] / years,
        "percent": 100 * table["concessions"] / table["paid"],
    }
    halves = {
        name: table[column] > table[column].median()
        for name, column in (("power", "power"), ("size", "value"))
    }
    return {
        f"{half}_{unit}": float(each[upper].mean() - each[~upper].mean())
        for half, upper in halves.items()
        for unit, each in found.items()
    }


def monthly(run: Run) -> pd.DataFrame:
    """List the scores, answers and departures of each month, over all teams.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.

    Returns
    -------
    pandas.DataFrame
        One row a month: `recorded` and `honest` score in points, and `churners` up to the end of
        the month.
    """
    rows = {
        survey: [_nps(scores[scores >= 0]) for scores in each]
        for survey, each in (("recorded", run.recorded), ("honest", run.shadow))
    }
    left = ((run.events & Event.CHURNED) > 0).sum(axis=1).cumsum()
    return pd.DataFrame(rows | {"churners": left.astype(float)}).rename_axis("month")


def presents(run: Run, baseline: Run) -> dict[str, float]:
    """Tell how many presents anybody could have seen in the score.

    Parameters
    ----------
    run : Run
        With give-aways and no other mechanism.
    baseline : Run
        The same market and shocks without incentives.

    Returns
    -------
    dict of str to float
        Shares of the presents: `answered`, the customer answered a survey in that month, and
        `moved`, the answer was of a higher class (detractor, passive, promoter) than the one
        without presents, or there would have been none.
    """
    given = (run.events & Event.GIVEN) > 0
    now, before = run.shadow[given], baseline.shadow[given]
    answered = now >= 0
    higher = answered & (before >= 0) & (NPS_VALUES[now] > NPS_VALUES[before])
    return {"answered": _share(answered), "moved": _share(higher | (answered & (before < 0)))}
