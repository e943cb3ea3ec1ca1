"""Which number to track: what NPS, mean and boxes see in one survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from nps_research.comparison.association import metric_correlation
from nps_research.comparison.detection import auc_lost, contrast, sample_ratio
from nps_research.comparison.efficiency import efficacies
from nps_research.own_data.findings import Finding, listed
from nps_research.own_data.study import CHURNED, UNKNOWN

if TYPE_CHECKING:
    from nps_research.own_data.study import Study

OUTCOMES: dict[object, int | None] = {"yes": 1, "no": 0, UNKNOWN: None}
# Groups without which a correlation over them has no limits.
FEWEST_GROUPS = 4
FEWEST_ANSWERS = 30


def association(study: Study) -> pd.DataFrame | None:
    """Correlate NPS and mean over the groups of the column that has most, if they are enough."""
    for column in sorted(study.by, key=lambda name: -len(study.groups(name))):
        if len(study.groups(column)) >= FEWEST_GROUPS:
            return metric_correlation(study.answered, column)
    return None


def same_order(table: pd.DataFrame | None) -> Finding:
    """Say whether NPS and mean tell the same of the groups."""
    if table is None:
        return Finding(f"No column has {FEWEST_GROUPS} groups, which a correlation needs.")
    true = table.loc["true, likelihood"]
    if not true["lower"] > -1:
        return Finding(
            "The groups need not differ at all, so whether NPS and mean rank them alike is open. "
            f"The observed correlation of {table['correlation']['observed']:.2f} is mostly "
            "that of their sampling errors, which come from the same answers."
        )
    return Finding(
        "**Over the groups the true values of NPS and mean correlate by "
        f"{true['correlation']:.2f}** ({true['lower']:.2f} to {true['upper']:.2f}, 95 % "
        "confidence, profile likelihood)."
    )


def first_to_see(study: Study) -> Finding:
    """Say which number needs the fewest answers for each kind of shift."""
    table = efficacies(study.answered)["nps_answers"].drop("best", level="statistic")
    best = table.groupby(level="shift", sort=False).idxmax()
    mean = table.xs("mean_score", level="statistic")
    parts = [f"{shift}: {statistic}" for shift, statistic in best]
    return Finding(
        f"Fewest answers for a small shift of this distribution need {listed(parts)}. For one "
        f"answer of the mean, NPS needs {mean['location']:.2f} if all opinions rise and "
        f"{mean['top threshold']:.2f} if only the border of promoters moves."
    )


def pairs(study: Study) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the two largest groups of every column, with 30 answers or more each.

    Returns
    -------
    dict
        Name of the comparison, such as ``year: 2017 to 2018``, to the answers of both.
    """
    found = {}
    for column in study.by:
        sizes = study.answered.groupby(column, observed=True)["n"].sum()
        sizes = sizes[sizes >= FEWEST_ANSWERS].sort_values(ascending=False, kind="stable")
        order = [group for group in study.groups(column) if group in sizes.index[:2]]
        if len(order) == 2:
            name = f"{column}: {order[0]} to {order[1]}"
            found[name] = (study.of(column, order[0]), study.of(column, order[1]))
    return found


def contrasts(study: Study) -> pd.DataFrame:
    """Say how clearly every number sees each comparison of `pairs`, in standard errors."""
    tables = {name: contrast(*groups)["z"] for name, groups in pairs(study).items()}
    return pd.DataFrame(tables).T.rename_axis("comparison")


def ratios(study: Study) -> pd.DataFrame:
    """Estimate the answers that NPS needs for one of the mean, in each comparison of `pairs`."""
    rows = {}
    for name, groups in pairs(study).items():
        if abs(contrast(*groups)["z"]["nps"]) > 0:
            rows[name] = sample_ratio(*groups).loc["mean_score"]
    columns = ["nps_answers", "lower", "upper"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("comparison")


def better_number(table: pd.DataFrame) -> Finding:
    """Say in how many comparisons of `ratios` one number is clearly the better one."""
    if table.empty:
        return Finding("No column has two groups of 30 answers that could be compared.")
    mean, other = int((table["lower"] > 1).sum()), int((table["upper"] < 1).sum())
    return Finding(
        f"Of {len(table)} comparisons the mean is clearly the better detector in {mean}, NPS in "
        f"{other}; the others do not tell (95 % confidence, Fieller)."
    )


def lost_by_bins(study: Study) -> Finding:
    """Say what three classes lose of the score's power to tell who left."""
    if CHURNED not in study.counts:
        return Finding("No column says who left, so what three classes lose cannot be seen here.")
    row = auc_lost(study.leaving, CHURNED, outcomes=OUTCOMES).iloc[0]
    clear = "clearly" if row["lower"] > 0 else "not clearly"
    return Finding(
        f"The whole scale tells those who left from those who stayed with an area of "
        f"{row['auc_second']:.3f}, three classes with {row['auc_first']:.3f}: {clear} less (a "
        f"difference of {row['lower']:.3f} to {row['upper']:.3f}, 95 % confidence, DeLong; "
        f"{row['left']:.0f} left)."
    )
