"""What real scores look like: shapes, heaps and weights of one survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.datasets import load_counts
from nps_research.intervals import normal_quantile
from nps_research.metrics import mean_score, nps, shares, top_box
from nps_research.own_data.findings import Finding, listed, named, span

if TYPE_CHECKING:
    from nps_research.own_data.study import Study

LEVEL = 0.95
# Below so many answers at a score and beside it, the logarithm of their ratio is far from normal.
FEWEST_ANSWERS = 5


def group_table(study: Study, *, weighted: bool = False) -> pd.DataFrame:
    """Estimate the NPS of everybody, and of the groups of every column.

    Returns
    -------
    pandas.DataFrame
        As `nps`, indexed by `column` and `group`.
    """
    tables = {"all": nps(study.answered, weighted=weighted)}
    for column in study.by:
        tables[column] = nps(study.answered, by=column, weighted=weighted)
    table = pd.concat(
        {name: part.rename_axis("group") for name, part in tables.items()}, names=["column"]
    )
    table = table.rename(index={"all": ""}, level="group")
    table.attrs = tables["all"].attrs
    return table


def shape(study: Study) -> Finding:
    """Say where answers crowd."""
    found = shares(study.answered)["share"]
    by_score = found.to_numpy()
    scores = study.rating_scale.scores
    mode = int(by_score.argmax())
    row = nps(study.answered).loc["all"]
    mean = mean_score(study.answered)["mean_score"].iloc[0]
    empty = [int(score) for score, share in zip(scores, by_score, strict=True) if share == 0]
    never = f" Nobody gave {listed(empty)}." if empty else ""
    return Finding(
        f"**The NPS is {row['nps']:.1f}** ({span(row)}, 95 % confidence interval), the mean "
        f"{mean:.2f}, of {study.answers:,} answers. The most frequent answer is {scores[mode]} "
        f"({by_score[mode]:.0%}); the highest three scores have {by_score[-3:].sum():.0%} of all "
        f"answers.{never}"
    )


def extremes(table: pd.DataFrame) -> Finding:
    """Say which groups of `group_table` stand apart from everybody's NPS, by their intervals."""
    total, groups = table["nps"].iloc[0], table.iloc[1:]
    if groups.empty:
        return Finding("No column was named whose groups could be compared.")
    above = [named(group) for group in groups.index[groups["lower"] > total]]
    below = [named(group) for group in groups.index[groups["upper"] < total]]
    return Finding(
        f"Of {len(groups)} groups, {len(above)} lie with their whole interval above the NPS of "
        f"all ({listed(above)}) and {len(below)} below it ({listed(below)}). By chance alone about "
        f"{0.05 * len(groups):.1f} would."
    )


def heaps(study: Study) -> pd.DataFrame:
    """Compare the answers at every inner score with the mean of its two neighbours.

    Returns
    -------
    pandas.DataFrame
        Indexed by `score`: `ratio`, and limits that hold for all scores together with 95 %
        confidence (log-normal, Bonferroni); `heap`, whether the lower one is above 1. Scores with
        fewer than five answers, or as few beside them, are left out.
    """
    sizes = study.answered.groupby("score")["n"].sum()
    sizes = sizes.reindex(study.rating_scale.scores, fill_value=0)
    inner = study.rating_scale.scores[1:-1]
    at = sizes[inner].to_numpy()
    beside = sizes[inner - 1].to_numpy() + sizes[inner + 1].to_numpy()
    enough = (at >= FEWEST_ANSWERS) & (beside >= FEWEST_ANSWERS)
    at, beside = at[enough], beside[enough]
    ratio = 2 * at / beside
    quantile = normal_quantile(1 - (1 - LEVEL) / max(len(ratio), 1))
    spread = np.exp(quantile * np.sqrt(1 / at + 1 / beside))
    index = pd.Index(inner[enough], name="score")
    columns = {"ratio": ratio, "lower": ratio / spread, "upper": ratio * spread}
    return pd.DataFrame(columns, index).assign(heap=ratio / spread > 1)


def heaping(table: pd.DataFrame) -> Finding:
    """Say which scores of `heaps` are heaps."""
    found = table.index[table["heap"]]
    if len(found) == 0:
        return Finding("No score has clearly more answers than its neighbours.")
    largest = table["ratio"].idxmax()
    return Finding(
        f"**More answers than their neighbours have the scores {listed(found)}**, with 95 % "
        f"confidence for all scores together; most of all {largest}, with "
        f"{table['ratio'].max():.1f} times the mean of its neighbours. Such a score is a "
        "favourite number, or the place where the distribution has its peak."
    )


def weighting(study: Study) -> Finding:
    """Say how far the weights move the NPS, and what they cost."""
    if not study.weighted:
        return Finding("No column of weights was named: every answer counts as one.")
    plain, weighted = nps(study.answered).loc["all"], nps(study.answered, weighted=True).loc["all"]
    return Finding(
        f"**With weights the NPS is {weighted['nps']:.1f}** ({span(weighted)}), without them "
        f"{plain['nps']:.1f} ({span(plain)}). By Kish's rule {study.answers:,} weighted answers "
        f"are worth about {weighted['n_effective']:,.0f} equal ones."
    )


def beside_published(study: Study) -> pd.DataFrame:
    """List this survey among the seventeen distributions that ship with the package.

    Returns
    -------
    pandas.DataFrame
        Indexed by `distribution`, lowest NPS first: `nps`, `mean_score`, `top_score` (share of the
        highest score) and `n`.
    """
    published = load_counts("published_distributions")
    own = study.answered.assign(id="this survey")
    tables = []
    for counts in (published, own):
        table = nps(counts, by="id")[["nps", "n"]]
        table.insert(1, "mean_score", mean_score(counts, by="id")["mean_score"])
        table.insert(2, "top_score", top_box(counts, by="id", k=1)["top_box"])
        tables.append(table)
    return pd.concat(tables).sort_values("nps").rename_axis("distribution")


def place(table: pd.DataFrame) -> Finding:
    """Say where this survey stands in `beside_published`."""
    position = table.index.get_loc("this survey")
    return Finding(
        f"{position} of {len(table) - 1} distributions have a lower NPS. Other questions, scales "
        "and ways of asking: this is a sense of proportion, not a benchmark."
    )
