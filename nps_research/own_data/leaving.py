"""Who leaves after which score: findings about one survey with a column that says who left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nps_research.churn.lifetimes import lifetimes
from nps_research.own_data.findings import Finding
from nps_research.own_data.numbers import OUTCOMES
from nps_research.own_data.study import CHURNED

if TYPE_CHECKING:
    import xarray as xr

    from nps_research.churn.borders import Borders
    from nps_research.churn.codings import CodingComparison
    from nps_research.churn.hazard_draws import HazardDraws
    from nps_research.churn.lifetimes import Lifetimes
    from nps_research.own_data.study import Study


def followed(study: Study) -> Lifetimes:
    """Return who left, as the models of leaving read it: without dates, in one period."""
    return lifetimes(
        study.leaving,
        months=None,
        churned=CHURNED,
        outcomes=OUTCOMES,
        rating_scale=study.rating_scale,
    )


def rates(people: Lifetimes) -> pd.DataFrame:
    """Return how many left after every score.

    Returns
    -------
    pandas.DataFrame
        Indexed by `score`: `left`, `people` and `percent`.
    """
    table = people.counts.assign(left=people.counts["churned"] * people.counts["n"])
    sums = table.groupby("score")[["left", "n"]].sum()
    sums = sums.rename(columns={"n": "people"})
    return sums.assign(percent=100 * sums["left"] / sums["people"])


def halves(people: Lifetimes) -> tuple[tuple[int, int], tuple[int, int]]:
    """Split the detractors into the lower and the upper part of their scores.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3, 9], "churned": [1, 0]})
    >>> halves(lifetimes(table, months=None))
    ((0, 4), (5, 6))
    """
    lowest, highest = people.rating_scale.minimum, people.rating_scale.cuts[0]
    middle = max(highest - 2, lowest)
    return (lowest, middle), (min(middle + 1, highest), highest)


def ratio(fit: HazardDraws, people: Lifetimes) -> xr.DataArray:
    """Return draws of how many times as often the lowest detractors leave as the highest ones."""
    low, high = halves(people)
    return fit.hazard_ratio(of=low, to=high)


def within_detractors(draws: xr.DataArray, people: Lifetimes) -> Finding:
    """Say whether all detractors are alike."""
    lower, middle, upper = draws.quantile([0.025, 0.5, 0.975]).to_numpy()
    (a, b), (c, d) = halves(people)
    verdict = "more often" if lower > 1 else "less often" if upper < 1 else "possibly as often"
    return Finding(
        f"**Scores of {a} to {b} leave {middle:.1f} times as often as {c} to {d}** ({lower:.1f} to "
        f"{upper:.1f}, 95 % credible): {verdict}."
    )


def conventional_cuts(found: Borders) -> Finding:
    """Say how likely the borders of detractors, passives and promoters are."""
    low, high = found.rating_scale.cuts
    table = found.borders()["probability"]
    names = list(dict.fromkeys([f"{low}|{low + 1}", f"{high - 1}|{high}"]))
    own = " and ".join(f"{name} has a probability of {table[name]:.2f}" for name in names)
    best = found.partitions(1).iloc[0]
    return Finding(
        f"**Of the conventional borders, {own}.** The most probable way to cut the scale is "
        f"{best.name} ({best['probability']:.2f}; before the data {best['prior']:.4f})."
    )


def lost_by_steps(compared: CodingComparison) -> Finding:
    """Say whether three steps predict worse than a curve that only has to fall."""
    table = compared.scores("monotone")
    highest = table.xs("three steps", level="model")["difference_upper"]
    parts = [
        f"{'clearly' if highest[name] < 0 else 'not clearly'} worse in {words}"
        for name, words in (("auc", "ranking people (AUC)"), ("log_score", "the log score"))
    ]
    return Finding(
        f"For people who were left out of the fit, three steps are {' and '.join(parts)} than a "
        "curve that may fall at every score."
    )


def account(people: Lifetimes) -> Finding:
    """Say how many people left, and who is left out."""
    return Finding(
        f"{people.report}. **{people.report.churned:,} people who left carry everything below**; "
        "its intervals say how far."
    )
