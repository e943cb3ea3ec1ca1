"""What a firm would hand to the inflation model, and what is true, of a simulated market.

The market knows more than any firm: what its customers would have said had nobody leaned on them,
and how loyal they are. The counts hold what a firm can see; the truth says how far off it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nps_research.market.events import Event
from nps_research.market.runs import SURVEYS, crosses
from nps_research.market.surveys import NO_ANSWER, TEN
from nps_research.metrics import nps
from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.market.runs import Run, Survey

    type Integers = NDArray[np.int64]

AUDITS = SURVEYS[1:]
KEYS = ("treated", "post")


@dataclass(frozen=True)
class Window:
    """Which of the sampled customers of a run are counted, and for how long they are followed.

    Attributes
    ----------
    months : tuple of int, optional
        First month, and the month after the last; by default all.
    washout : int
        Months after a team's rollout that are left out, while loyalty still moves.
    follow_up : int, optional
        `churned` is 1 for customers who leave within so many months, that of the survey being the
        first. By default the market's gap between two surveys, so that nobody's leaving is counted
        twice. Customers who cannot be followed for so long are left out, and so are those whom the
        rollout reaches in between.
    """

    months: tuple[int, int] | None = None
    washout: int = 0
    follow_up: int | None = None


@dataclass(frozen=True)
class Audit:
    """Whom a third party asks instead of the firm, so that nobody can lean on them.

    Attributes
    ----------
    share : float
        Share of the exposed customers, drawn at random.
    answers : {"shadow", "census"}
        Who answers: those who would answer the firm if nobody gained from it, or all.
    random_seed : int
        Of the draw.
    """

    share: float
    answers: Literal["shadow", "census"] = "shadow"
    random_seed: int = 0


def market_counts(
    run: Run,
    *,
    by: Sequence[str] = (),
    window: Window | None = None,
    answers: Survey = "recorded",
    sentiment_classes: int = 0,
    audit: Audit | None = None,
    months_a_period: int = 3,
) -> pd.DataFrame:
    """Tabulate the sampled customers of a run as `InflationModel` reads them.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`, with some teams that are never paid for the score.
    by : sequence of str
        Further columns, of agent, team and period.
    window : Window, optional
        Which months.
    answers : {"recorded", "shadow", "census"}
        What the firm recorded; what those who would answer if nobody gained from it would say; or
        what everyone sampled would say then.
    sentiment_classes : int
        If not 0, a column `sentiment` has the class of the comment, from 0 (worst) on: as many
        classes as this, of equal size among comments of customers whose agent is not paid. The
        run must have been simulated with ``record=True``.
    audit : Audit, optional
        Whom a third party asks.
    months_a_period : int
        Months in a `period`.

    Returns
    -------
    pandas.DataFrame
        `treated` (1 in teams that are ever paid), `post` (1 from the team's own rollout on, in
        other teams from the first one on), the columns of `by`, `sentiment` and `audit` if asked
        for, `score` (Int64; missing = no answer), `churned` and `n`.

    Raises
    ------
    ValueError
        If a column is unknown, all teams or none are paid, the follow-up does not fit into the
        run, or there is no sentiment.

    Examples
    --------
    >>> from nps_research.market.mechanisms import Incentives
    >>> from nps_research.market.simulate import Market
    >>> market = Market(customers=400, agents=8, teams=4, months=12, rollout=(6, None, 6, None))
    >>> table = market_counts(market.simulate(Incentives.only("begging"), random_seed=1))
    >>> table.columns.tolist(), table.groupby(["treated", "post"]).ngroups
    (['treated', 'post', 'score', 'churned', 'n'], 4)
    """
    if answers not in SURVEYS:
        raise ValueError(unknown_name("survey", answers, SURVEYS))
    rows = _sampled(run, window or Window())
    rows["score"] = getattr(run, answers)[rows["month"], rows["customer"]]
    columns = [*KEYS, *by]
    for name in by:
        rows[name] = _column(run, rows, name, months_a_period)
    if sentiment_classes:
        columns.append("sentiment")
        rows["sentiment"] = _classes(run, rows, sentiment_classes)
    if audit:
        columns.append("audit")
        rows = _audited(run, rows, audit)
    return _tabulated(rows, [*columns, "score", "churned"])


def market_retest(
    run: Run, *, within: int = 9, months: tuple[int, int] | None = None
) -> pd.DataFrame:
    """Pair successive answers of customers of never paid teams before the first rollout.

    What firms have for a retest. It is not a perfect one: loyalty drifts between two surveys, which
    makes the score look less reliable than it is, and a customer's way of using the scale stays,
    which makes it look more reliable.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`.
    within : int
        Most months between the two answers.
    months : tuple of int, optional
        First month, and the month after the last; by default all.

    Returns
    -------
    pandas.DataFrame
        `first`, `second` (scores) and `n`.
    """
    rows = _sampled(run, Window(months, follow_up=1))
    rows["score"] = run.recorded[rows["month"], rows["customer"]]
    rows = rows[(rows["treated"] == 0) & (rows["post"] == 0) & (rows["score"] != NO_ANSWER)]
    rows = rows.sort_values(["customer", "month"])
    later = rows.groupby("customer")[["score", "month"]].shift(-1)
    pairs = pd.DataFrame({"first": rows["score"], "second": later["score"]})
    pairs = pairs[later["month"] - rows["month"] <= within].astype(np.int64)
    return pairs.groupby(["first", "second"]).size().rename("n").reset_index()


def market_truth(run: Run, baseline: Run, *, window: Window | None = None) -> pd.Series:
    """Tell what is true of the customers whom `market_counts` counts as exposed.

    Parameters
    ----------
    run : Run
        Of `Market.simulate`, with ``record=True``.
    baseline : Run
        The same market and seed without incentives, with ``record=True``.
    window : Window, optional
        That of the counts.

    Returns
    -------
    pandas.Series
        `improvement`, what the incentives did to the mean loyalty of the exposed, in standard
        deviations of loyalty in never paid teams before; `reported_nps`; `honest_nps`, of those
        who would answer if nobody gained from it; `honest_nps_everybody`; and `inflation`, reported
        less honest. Points but for the first.

    Raises
    ------
    ValueError
        If a run holds no loyalty.
    """
    chosen = window or Window()
    rows = _sampled(run, chosen)
    exposed = rows[(rows["treated"] == 1) & (rows["post"] == 1)]
    truth = {
        "improvement": _improvement(run, baseline, chosen),
        "reported_nps": _nps(run, exposed, "recorded"),
        "honest_nps": _nps(run, exposed, "shadow"),
        "honest_nps_everybody": _nps(run, exposed, "census"),
    }
    truth["inflation"] = truth["reported_nps"] - truth["honest_nps"]
    return pd.Series(truth, name="truth")


def _sampled(run: Run, window: Window) -> pd.DataFrame:
    """List the sampled customers: month, customer, treated, post, churned."""
    _check_teams(run)
    follow_up = _follow_up(run, window)
    first, last = window.months or (0, len(run.events))
    month, customer = np.nonzero((run.events & Event.FRAME) > 0)
    start = run.post_since[run.population.agent[customer]]
    crossing = crosses(month, start, follow_up)
    settling = (month >= start) & (month < start + window.washout)
    known = (month >= first) & (month + follow_up <= last)
    kept = known & ~crossing & ~settling
    month, customer, start = month[kept], customer[kept], start[kept]
    paid = run.treated[run.population.agent[customer]]
    return pd.DataFrame(
        {
            "month": month,
            "customer": customer,
            "treated": paid.astype(np.int64),
            "post": (month >= start).astype(np.int64),
            "churned": (run.left_in[customer] < month + follow_up).astype(np.int64),
        }
    )


def _check_teams(run: Run) -> None:
    paid = run.treated
    if paid.all() or not paid.any():
        raise ValueError(
            "a comparison needs teams that are paid for the score and teams that never are; found "
            f"{'all' if paid.all() else 'none'} of the {run.market.teams} teams paid. Pass Market "
            "a rollout with None for some teams, such as rollout=(12, None, 12, None)."
        )


def _follow_up(run: Run, window: Window) -> int:
    usual = int(run.market.parameters.survey.gap)
    follow_up = usual if window.follow_up is None else window.follow_up
    if not 1 <= follow_up <= len(run.events):
        raise ValueError(
            f"follow_up must be from 1 to the {len(run.events)} months of the run; found "
            f"{follow_up}."
        )
    return follow_up


def _column(run: Run, rows: pd.DataFrame, name: str, months_a_period: int) -> Integers:
    agent = run.population.agent[rows["customer"]].astype(np.int64)
    if name == "agent":
        return agent
    if name == "team":
        return run.population.team[agent].astype(np.int64)
    if name == "period":
        return rows["month"].to_numpy() // months_a_period
    raise ValueError(unknown_name("column", name, ("agent", "team", "period")))


def _recorded(kept: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return what the run keeps of every customer and month, if it does."""
    if len(kept) == 0:
        raise ValueError(f"the run holds no {name}: simulate it with record=True.")
    return kept


def _classes(run: Run, rows: pd.DataFrame, classes: int) -> pd.Series:
    """Return the class of each comment, missing where there is none."""
    tone = _recorded(run.rows.sentiment, "sentiment")[rows["month"], rows["customer"]]
    unpaid = (rows["treated"] * rows["post"] == 0).to_numpy() & np.isfinite(tone)
    borders = np.quantile(tone[unpaid], np.arange(1, classes) / classes)
    found = pd.Series(np.searchsorted(borders, tone), rows.index, dtype="Int64")
    return found.mask(~np.isfinite(tone))


def _audited(run: Run, rows: pd.DataFrame, audit: Audit) -> pd.DataFrame:
    """Let a third party ask a random share of the exposed customers."""
    if audit.answers not in AUDITS:
        raise ValueError(unknown_name("answers of the audit", audit.answers, AUDITS))
    draws = np.random.default_rng(audit.random_seed).random(len(rows))
    asked = ((rows["treated"] * rows["post"] == 1) & (draws < audit.share)).to_numpy()
    honest = getattr(run, audit.answers)[rows["month"], rows["customer"]]
    score = np.where(asked, honest, rows["score"])
    audited = rows.assign(score=score, audit=asked.astype(np.int64))
    if "sentiment" in rows:
        audited["sentiment"] = rows["sentiment"].mask(asked)
    return audited


def _tabulated(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    score = rows["score"].astype("Int64")
    table = rows.assign(score=score.mask(score == NO_ANSWER)).groupby(columns, dropna=False).size()
    counts: pd.DataFrame = table.rename("n").reset_index()
    counts.attrs = {"rating_scale": RatingScale(0, TEN)}
    return counts


def _nps(run: Run, rows: pd.DataFrame, answers: Survey) -> float:
    scores = getattr(run, answers)[rows["month"], rows["customer"]]
    answered = pd.DataFrame({"score": scores[scores != NO_ANSWER].astype(np.int64)})
    return float(nps(answered.assign(n=1))["nps"].iloc[0])


def _improvement(run: Run, baseline: Run, window: Window) -> float:
    means: list[float] = []
    for each in (run, baseline):
        rows = _sampled(each, window)
        loyalty = _recorded(each.rows.loyalty, "loyalty")[rows["month"], rows["customer"]]
        exposed = (rows["treated"] * rows["post"] == 1).to_numpy()
        means.append(float(loyalty[exposed].mean(dtype=float)))
    before = (rows["treated"] + rows["post"] == 0).to_numpy()
    return (means[0] - means[1]) / float(loyalty[before].std(dtype=float))
