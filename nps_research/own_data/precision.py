"""How precise an NPS is, and what it throws away: findings about one survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import random_split
from nps_research.coverage import METHODS
from nps_research.differences import nps_difference
from nps_research.metrics import nps, shares
from nps_research.own_data.findings import Finding, listed, named, span
from nps_research.planning import nps_precision_sample_size, nps_sample_size

if TYPE_CHECKING:
    from nps_research.own_data.study import Study

POINTS = (2, 3, 5, 10, 20)
LEVEL, POWER = 0.95, 0.8


def standard_deviation(study: Study) -> float:
    """Return the standard deviation of one answer in points of NPS."""
    values = 100 * study.rating_scale.nps_values
    share = shares(study.answered)["share"].to_numpy()
    return float(np.sqrt(share @ values**2 - (share @ values) ** 2))


def intervals(study: Study) -> pd.DataFrame:
    """Put every interval that has no random part around the NPS.

    Returns
    -------
    pandas.DataFrame
        Indexed by `method`: `nps`, `lower`, `upper`.
    """
    rows = {
        method: nps(study.answered, method=method).loc["all", ["nps", "lower", "upper"]]
        for method in METHODS
    }
    return pd.DataFrame(rows).T.astype(float).rename_axis("method")


def needed(study: Study) -> pd.DataFrame:
    """Return the answers that take an NPS to a precision, or find a difference.

    Returns
    -------
    pandas.DataFrame
        Indexed by `points`: `for_the_interval`, answers for a 95 % interval of so many points
        either way; `for_the_difference`, answers in each of two groups to find a difference of so
        many (80 % power, two-sided 5 %).
    """
    sd = standard_deviation(study)
    columns = {
        "for_the_interval": [nps_precision_sample_size(p, standard_deviation=sd) for p in POINTS],
        "for_the_difference": [nps_sample_size(p, standard_deviation=sd) for p in POINTS],
    }
    return pd.DataFrame(columns, pd.Index(POINTS, name="points"))


def reach(study: Study) -> Finding:
    """Say what this survey can see."""
    sd, n = standard_deviation(study), study.answers
    half = 1.96 * sd / np.sqrt(n)
    smallest = (1.96 + 0.84) * sd * np.sqrt(2 / (n / 2))
    return Finding(
        f"**{n:,} answers leave the NPS uncertain by {half:.1f} points either way** (95 %). Two "
        f"halves of them would show a difference of {smallest:.1f} points with a probability of "
        "80 %, and smaller ones less often."
    )


def lot_alarms(study: Study, splits: int = 200) -> Finding:
    """Deal the answers into two heaps by lot, again and again, and count false alarms."""
    alarms = 0
    for seed in range(splits):
        halves = random_split(study.answered, random_seed=seed)
        first, second = (halves[halves["lot"] == lot] for lot in ("a", "b"))
        for half in (first, second):
            half.attrs = study.counts.attrs
        alarms += int(nps_difference(first, second)["p_value"].iloc[0] < 1 - LEVEL)
    return Finding(
        f"{alarms} of {splits} pairs of heaps differ at the 5 % level, where nothing distinguishes "
        f"them; about {splits * (1 - LEVEL):.0f} would by chance."
    )


def gaps(study: Study) -> pd.DataFrame:
    """Compare every group with all who are not in it.

    Returns
    -------
    pandas.DataFrame
        Indexed by `column` and `group`: `difference` of the group less the others in points,
        `lower`, `upper` (95 %, adjusted Wald), `p_value`, `p_holm` (corrected for the number of
        groups of all columns together), `n`.
    """
    rows = {}
    for column in study.by:
        for group in study.groups(column):
            inside = study.of(column, group)
            outside = study.answered[study.answered[column] != group]
            outside.attrs = study.counts.attrs
            rows[column, group] = nps_difference(outside, inside).iloc[0]
    if not rows:
        return pd.DataFrame(columns=["difference", "lower", "upper", "p_value", "p_holm", "n"])
    table = pd.DataFrame(rows).T.rename_axis(["column", "group"])
    table["p_holm"] = holm(table["p_value"])
    table["n"] = table["n_second"].astype(int)
    return table[["difference", "lower", "upper", "p_value", "p_holm", "n"]]


def holm(p_values: pd.Series) -> pd.Series:
    """Correct p-values for their number.

    Notes
    -----
    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    Examples
    --------
    >>> holm(pd.Series([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    ordered = p_values.sort_values()
    factors = np.arange(len(ordered), 0, -1)
    corrected = (ordered * factors).cummax().clip(upper=1.0)
    return corrected.reindex(p_values.index)


def settled_gaps(table: pd.DataFrame) -> Finding:
    """Say which groups of `gaps` differ from the others."""
    if table.empty:
        return Finding("No column was named whose groups could be compared.")
    alone = table.index[table["p_value"] < 1 - LEVEL]
    together = table.index[table["p_holm"] < 1 - LEVEL]
    sentence = (
        f"Taken one at a time, {len(alone)} of {len(table)} groups differ from the others at the "
        f"5 % level; with a correction for looking at {len(table)} of them, {len(together)} do"
    )
    if len(together) == 0:
        return Finding(f"{sentence}.")
    largest = table.loc[together, "difference"].abs().idxmax()
    return Finding(
        f"{sentence}: {listed(named(group) for group in together)}. **The largest of these gaps is "
        f"that of {named(largest)}: {table.loc[largest, 'difference']:+.1f} points** "
        f"({span(table.loc[largest])})."
    )


def below_a_border(study: Study) -> Finding:
    """Say how many people stand where one point more would move the NPS."""
    scale = study.rating_scale
    share = shares(study.answered)["share"].to_numpy()
    steps = np.diff(scale.nps_values) > 0
    room = share[:-1].sum()
    if room == 0:
        return Finding("Everybody gave the highest score: nobody has room to rise.")
    visible = share[:-1][steps].sum() / room
    at = listed(int(score) for score in scale.scores[:-1][steps])
    return Finding(
        f"**Of those who have room to rise, {visible:.0%} stand just below a border** (at {at}), "
        f"where one more point moves the NPS; spread evenly it would be {steps.mean():.0%}. The "
        f"other {1 - visible:.0%} of rises by one point would leave no trace."
    )


def all_promoters(study: Study) -> Finding:
    """Say from how many answers on a score of 100 is rarer than one in a hundred."""
    promoters = float(
        shares(study.answered)["share"].to_numpy() @ (study.rating_scale.nps_values > 0)
    )
    if not 0 < promoters < 1:
        return Finding("All answers are promoters, or none: a score of 100 says nothing here.")
    size = int(np.ceil(np.log(0.01) / np.log(promoters)))
    return Finding(
        f"With {promoters:.0%} promoters, {size} answers or more are all promoters in fewer than "
        f"one sample of a hundred. A team with five answers reaches 100 with a probability of "
        f"{promoters**5:.0%}."
    )
