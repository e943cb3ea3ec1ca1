"""Customers who leave although their scores say that they would stay: observed over expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from nps_research.counts import as_counts, declared_scale, group_rows
from nps_research.detection.agent_answers import indicator, treated_agents
from nps_research.detection.honest_change import t_as_normal
from nps_research.intervals import normal_quantile, tail_probabilities
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# Expected departures below which a unit says nothing: observed over expected is then known to no
# better than plus or minus 20 percent.
LEAST_EXPECTED = 100.0
# Departures before, without which no score has an expectation.
LEAST_BEFORE = 20
# Customers of average risk added to every score before: a score that is rare has a risk too.
PRIOR_CASES = 1.0
# Fewer units than this say nothing about how far they vary beyond chance.
LEAST_FREEDOM = 4
EXPLANATIONS = (
    "a market that changed for the customers of paid teams and not for those of the others",
    "prices, outages or moves that make content customers leave",
    "service that really got worse: expectations from a score with noise in it lag behind",
    "other customers who answer: those without an answer are a class of their own, not one people",
)


@viewed
@dataclass(frozen=True)
class ChurnGap:
    """Departures of customers of teams that are paid for the score, against expectation.

    Attributes
    ----------
    observed, expected : float
        Departures after, and what their scores said before pay began.
    observed_control, expected_control : float
        The same of the others; 0 without them.
    ratio, lower, upper : float
        Observed over expected, over the same of the others, with an interval.
    interval : str
        Its kind and mass.
    p_value : float
        Probability of so high a ratio if scores mean what they meant, one-sided.
    dispersion : float
        How far agents' departures vary, times chance; 1 without agents.
    explanations : tuple of str
        What else makes the ratio high.
    """

    observed: float
    expected: float
    observed_control: float
    expected_control: float
    ratio: float
    lower: float
    upper: float
    interval: str
    p_value: float
    dispersion: float
    explanations: tuple[str, ...] = EXPLANATIONS

    @property
    def text(self) -> str:
        """The finding in words."""
        control = f"{self.observed_control:,.0f} left of {self.expected_control:,.0f} expected"
        others = control if self.expected_control else "nobody to compare with"
        few = self.expected < LEAST_EXPECTED
        return (
            f"{self.observed:,.0f} customers left where their scores said {self.expected:,.0f}; "
            f"without pay: {others}. Ratio {self.ratio:.2f} ({self.lower:.2f} to "
            f"{self.upper:.2f}), p = {self.p_value:.3f}. A high ratio is compatible with scores "
            f"that are kinder than customers are, and with: {'; '.join(self.explanations)}."
            + (" Fewer than 100 expected: too few for a firm conclusion." if few else "")
        )

    def _view(self) -> View:
        return View(f"ChurnGap({self.text})", {"interval": self.interval})


class _Departures(NamedTuple):
    """Customers and departures by unit, period and class of score; the last class: no answer."""

    units: pd.Index
    n: Array  # (units, 2, classes)
    left: Array
    treated: NDArray[np.bool_]

    @property
    def rates(self) -> tuple[Array, Array]:
        """Share that left at each score before, and its variance."""
        n, left = self.n[:, 0].sum(axis=0), self.left[:, 0].sum(axis=0)
        share = (left + PRIOR_CASES * left.sum() / n.sum()) / (n + PRIOR_CASES)
        return share, share * (1 - share) / (n + PRIOR_CASES)


def churn_gap(
    counts: pd.DataFrame,
    *,
    agent: str = "agent",
    level: float = 0.9,
    rating_scale: RatingScale | None = None,
) -> ChurnGap:
    """Compare departures with what scores said about them before, for the firm as a whole.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `post`, `score` (missing = no answer), `churned` (0 or 1), `n`, and optionally
        `treated` and `agent`. Every customer once a period: surveys of one customer that share a
        departure are not independent.
    agent : str
        Column of units whose departures may vary together; without it chance alone is assumed.
    level : float
        Mass of the interval.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    ChurnGap

    Raises
    ------
    ValueError
        If a column is missing or holds something else, fewer than 20 customers left before, or
        nobody left after.

    Notes
    -----
    The expected share that leaves is that of the class of score before, in all teams. The ratio is
    adjusted by that of untreated teams. Its logarithm has the variance of two counts, of the shares
    before, and a factor for agents (Pearson's dispersion, at least 1).

    Examples
    --------
    >>> rows = [(t, p, 9, c, n) for t in (0, 1) for p in (0, 1) for c, n in ((0, 900), (1, 100))]
    >>> rows += [(1, 1, 9, 1, 60)]
    >>> counts = pd.DataFrame(rows, columns=["treated", "post", "score", "churned", "n"])
    >>> found = churn_gap(counts)
    >>> round(found.ratio, 2), round(found.p_value, 3)
    (1.51, 0.001)
    """
    held = _departures(counts, agent if agent in counts else "treated", rating_scale)
    treated = _group(held, held.treated)
    control = _group(held, ~held.treated)
    variance, log = _variance(held, treated, control), math.log(treated.ratio)
    if control.n.any():
        log -= math.log(control.ratio)
    freedom, dispersion = _dispersion(held)
    se = math.sqrt(variance * dispersion)
    margin = float(stats.t.ppf(tail_probabilities(level)[1], freedom)) * se
    return ChurnGap(
        observed=treated.observed,
        expected=treated.expected,
        observed_control=control.observed,
        expected_control=control.expected,
        ratio=math.exp(log),
        lower=math.exp(log - margin),
        upper=math.exp(log + margin),
        interval=f"{100 * level:g} % confidence interval, Student's t of the log ratio",
        p_value=float(stats.t.sf(log / se, freedom)),
        dispersion=dispersion,
    )


def churn_gaps(
    counts: pd.DataFrame,
    unit: str,
    *,
    agent: str = "agent",
    least: float = LEAST_EXPECTED,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare departures with expectation for units that are large enough, such as teams.

    Parameters
    ----------
    counts, agent, rating_scale
        As in `churn_gap`.
    unit : str
        Column of the units; those of `agent` lie within them.
    least : float
        Departures that must be expected of a unit after.

    Returns
    -------
    pandas.DataFrame
        Indexed by unit: `estimate` (logarithm of observed over expected, less that of the untreated
        together), `se` (about 1 / sqrt(expected), with what is uncertain before and about the
        untreated, and how far agents vary beyond chance), `z` and `n` (customers after); missing
        for units with too few. ``attrs`` as those of every
        detector.

    Raises
    ------
    ValueError
        As in `churn_gap`, or if no unit has so many: for single agents that is the rule.

    Examples
    --------
    >>> rows = [(u, p, 9, c, n) for u in "ab" for p in (0, 1) for c, n in ((0, 900), (1, 100))]
    >>> rows += [("a", 1, 9, 1, 60)]
    >>> counts = pd.DataFrame(rows, columns=["team", "post", "score", "churned", "n"])
    >>> counts["treated"] = (counts["team"] == "a").astype(int)
    >>> churn_gaps(counts, "team", least=90)["z"].round(1)
    team
    a    3.1
    b    0.0
    Name: z, dtype: float64
    """
    held = _departures(counts, unit, rating_scale)
    groups = [_group(held, np.arange(len(held.units)) == each) for each in range(len(held.units))]
    enough = np.array([group.expected >= least for group in groups])
    if not enough.any():
        largest = max(group.expected for group in groups)
        raise ValueError(
            f"no {unit} has {least:g} expected departures after; the largest number is "
            f"{largest:.1f}. Below that the ratio is known to no better than 20 percent. Compare "
            "teams or the whole firm (churn_gap), or follow customers for longer."
        )
    control = _group(held, ~held.treated)
    centre = math.log(control.ratio) if control.n.any() else 0.0
    freedom, dispersion = math.inf, 1.0
    if agent in counts:
        freedom, dispersion = _dispersion(_departures(counts, agent, rating_scale))
    columns = np.full((2, len(groups)), np.nan)
    for place in np.flatnonzero(enough):
        group = groups[place]
        columns[:, place] = (
            math.log(group.ratio) - centre,
            math.sqrt(_variance(held, group, control) * dispersion),
        )
    table = pd.DataFrame({"estimate": columns[0], "se": columns[1]}, index=held.units)
    table["z"] = t_as_normal((table["estimate"] / table["se"]).to_numpy(), freedom)
    table["n"] = held.n[:, 1].sum(axis=1).astype(np.int64)
    table.attrs = {
        "signature": "churn above expectation",
        "too_few": int((~enough).sum()),
        "reference": "untreated units" if control.n.any() else "none",
        "honest_sd": 0.0,
        "innocent": f"Units also differ in this with {'; '.join(EXPLANATIONS)}.",
    }
    return table


def expected_departures(half_width: float, level: float = 0.95) -> int:
    """Return the departures that an interval of observed over expected needs.

    Parameters
    ----------
    half_width : float
        Half the width of the interval, as a share: 0.2 for plus or minus 20 percent.
    level : float
        Its confidence level.

    Raises
    ------
    ValueError
        If one of them is not above 0, or the level not below 1.

    Examples
    --------
    >>> expected_departures(0.2)
    97
    """
    if not 0 < half_width < math.inf:
        raise ValueError(f"half_width must be a positive share; found {half_width}. Pass 0.2.")
    return math.ceil((normal_quantile(level) / half_width) ** 2)


class _Group(NamedTuple):
    """Units taken together, after: customers by class, departures, and what was expected."""

    n: Array
    observed: float
    expected: float

    @property
    def ratio(self) -> float:
        # Half a departure, so that none is not less than any number.
        return (self.observed + 0.5) / (self.expected + 0.5)


def _departures(counts: pd.DataFrame, unit: str, rating_scale: RatingScale | None) -> _Departures:
    if "treated" not in counts:
        counts = counts.assign(treated=1)
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale, by=[unit, "post", "churned"])
    units, row = group_rows(table, unit)
    silent = scale.n_categories
    place = (table["score"] - scale.minimum).fillna(silent).to_numpy(dtype=np.int64)
    period, n = indicator(table, "post").to_numpy(), table["n"].to_numpy(dtype=float)
    cells = np.zeros((2, len(units), 2, silent + 1))
    np.add.at(cells[0], (row, period, place), n)
    np.add.at(cells[1], (row, period, place), n * indicator(table, "churned").to_numpy())
    treated = treated_agents(table, unit)
    held = _Departures(units, cells[0], cells[1], np.ones(len(units), bool) & treated)
    _check_departures(held)
    return held


def _check_departures(held: _Departures) -> None:
    before, after = held.left[:, 0].sum(), held.left[held.treated, 1].sum()
    if before < LEAST_BEFORE:
        raise ValueError(
            f"{before:g} customers left before scores began to be paid for (post = 0): what a "
            f"score says about leaving is not known. {LEAST_BEFORE} at least are needed: add "
            "months, or follow customers for longer."
        )
    if after == 0 and held.n[held.treated, 1].sum() == 0:
        raise ValueError(
            "no customers of treated units after scores began to be paid for (post = 1): there is "
            "nothing to compare. Add them."
        )


def _group(held: _Departures, members: NDArray[np.bool_]) -> _Group:
    n = held.n[members, 1].sum(axis=0)
    return _Group(n, float(held.left[members, 1].sum()), float(n @ held.rates[0]))


def _variance(held: _Departures, group: _Group, control: _Group) -> float:
    """Return the variance of the logarithm of the ratio of a group, less that of the control."""
    share, room = held.rates
    parts = [each for each in (group, control) if each.n.any()]
    chance = sum(each.n @ (share * (1 - share)) / each.expected**2 for each in parts)
    first, *others = (each.n / each.expected for each in parts)
    weight = first - others[0] if others else first
    return float(chance + weight**2 @ room)


def _dispersion(held: _Departures) -> tuple[float, float]:
    """Return the degrees of freedom, and how far units vary beyond chance, at least 1."""
    share, _ = held.rates
    groups = _group(held, held.treated), _group(held, ~held.treated)
    expected, chance = (held.n[:, 1] @ each for each in (share, share * (1 - share)))
    ratio = np.where(held.treated, groups[0].ratio, groups[1].ratio)
    seen = expected > 0
    freedom = int(seen.sum()) - len(np.unique(held.treated[seen]))
    if freedom < LEAST_FREEDOM:
        return math.inf, 1.0
    misfit = (held.left[seen, 1].sum(axis=1) - (ratio * expected)[seen]) ** 2
    return float(freedom), max(1.0, float((misfit / (ratio * chance)[seen]).sum() / freedom))
