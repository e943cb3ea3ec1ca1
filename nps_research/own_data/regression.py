"""What moves the whole distribution of scores: ordinal regression of one survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.diagnostics import interval_table
from nps_research.metrics import nps
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.parallelism import parallelism
from nps_research.own_data.findings import Finding, listed, named, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nps_research.ordinal.fit import OrdinalFit
    from nps_research.own_data.study import Study

# Columns with more groups than this enter as draws from one population, which pulls small groups
# towards the others.
MOST_FIXED = 4


def formula(study: Study) -> str:
    """Return the formula with every column: few groups by a coefficient each, many pooled.

    Examples
    --------
    >>> from nps_research.own_data.study import read_study
    >>> formula(read_study("sfo_airport", score="score", by=["year", "language"]))
    'score ~ year + language'
    """
    terms = [
        column if len(study.groups(column)) <= MOST_FIXED else f"(1 | {column})"
        for column in study.by
    ]
    return f"score ~ {' + '.join(terms) or '1'}"


def separable(study: Study, columns: Sequence[str]) -> list[str]:
    """Return the columns whose coefficients answers can tell from those of the columns before.

    Two columns that mean the same, or a group of one that is a group of the other, cannot be told
    apart by maximum likelihood.
    """
    kept: list[str] = []
    for column in columns:
        model = OrdinalModel(f"score ~ {' + '.join([*kept, column])}", study.answered)
        try:
            model.maximum_likelihood()
        except ValueError:
            continue
        kept.append(column)
    return kept


def candidates(study: Study) -> pd.DataFrame:
    """Compare models of one column each, and of all, by maximum likelihood.

    Returns
    -------
    pandas.DataFrame
        Indexed by formula, best first: `aic` and `difference` to the best. Every column has a
        coefficient for each of its groups here; of columns that cannot be told apart the formula
        with all has the one that predicts best by itself.
    """
    alone = {f"score ~ {each}": _aic(study, each) for each in ("1", *study.by)}
    columns = sorted(study.by, key=lambda column: alone[f"score ~ {column}"])
    together = " + ".join(separable(study, columns)) or "1"
    aic = alone | {f"score ~ {together}": _aic(study, together)}
    table = pd.Series(aic, name="aic").rename_axis("formula").sort_values().to_frame()
    return table.assign(difference=table["aic"] - table["aic"].min())


def _aic(study: Study, terms: str) -> float:
    return OrdinalModel(f"score ~ {terms}", study.answered).maximum_likelihood().aic


def best_candidate(table: pd.DataFrame) -> Finding:
    """Say which formula of `candidates` predicts best, and which columns help by themselves."""
    aic = table["aic"]
    better = aic.index[aic < aic["score ~ 1"] - 2]
    helping = [name.removeprefix("score ~ ") for name in better if "+" not in name]
    return Finding(
        f"`{table.index[0]}` has the lowest AIC. By themselves, {len(helping)} columns promise "
        f"better predictions than none, by more than 2: {listed(helping)}."
    )


def fitted_table(study: Study, fit: OrdinalFit) -> pd.DataFrame:
    """Set the raw NPS of every group beside its posterior.

    Returns
    -------
    pandas.DataFrame
        Indexed by `column` and `group`: `nps` (posterior mean), `lower`, `upper` (95 % credible
        interval), `raw`, and `n`.
    """
    tables = {}
    for column in study.by:
        raw = nps(study.answered, by=column)
        table = interval_table(fit.nps(column)).join(
            raw[["nps", "n"]].rename(columns={"nps": "raw"})
        )
        tables[column] = table.rename_axis("group")
    if not tables:
        return interval_table(fit.nps()).assign(
            raw=nps(study.answered)["nps"].iloc[0], n=study.answers
        )
    result = pd.concat(tables, names=["column"])
    result.attrs["interval"] = "95 % credible interval, equal-tailed"
    return result


def largest_gaps(study: Study, fit: OrdinalFit) -> pd.DataFrame:
    """Compare the best with the worst group of every column, others held as they are.

    Returns
    -------
    pandas.DataFrame
        Indexed by `column`: the groups `lowest` and `highest` by posterior mean, `nps` (points
        between them), `lower`, `upper` (95 % credible interval) and `settled`.
    """
    rows = {}
    for column in study.by:
        draws = fit.nps(column)
        means = draws.mean(("chain", "draw")).to_series().dropna()
        low, high = means.idxmin(), means.idxmax()
        gap = (draws.sel({column: high}) - draws.sel({column: low})).rename("nps")
        row = interval_table(gap.drop_vars(column, errors="ignore")).iloc[0]
        rows[column] = {"lowest": low, "highest": high, **row, "settled": bool(row["lower"] > 0)}
    columns = ["lowest", "highest", "nps", "lower", "upper", "settled"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("column")


def widest(table: pd.DataFrame) -> Finding:
    """Say which column of `largest_gaps` goes with the scores most, by the lower limit."""
    if table.empty:
        return Finding("No column was named whose groups could be compared.")
    settled = table.index[table["settled"].astype(bool)]
    column = table["lower"].astype(float).idxmax()
    row = table.loc[[column]].iloc[0]
    note = (
        "The best and the worst of several groups were picked for being so, which widens the gap "
        "between them."
    )
    return Finding(
        f"**Most with the scores goes {column}: group {row['highest']} lies {row['nps']:.1f} "
        f"points of NPS above group {row['lowest']}** ({span(row)}, 95 % credible). Columns with a "
        f"settled gap: {listed(settled)}. {note}"
    )


def outside(study: Study, fit: OrdinalFit, column: str | None, random_seed: int = 1) -> Finding:
    """Say how many observed shares lie outside 95 % of replicated surveys."""
    replicates = fit.posterior_predictive(column, random_seed=random_seed)
    seen = fit.observed_counts(column)
    low, high = replicates.quantile([0.025, 0.975], ("chain", "draw"))
    wrong = int(((seen < low) | (seen > high)).sum())
    groups = len(study.groups(column)) if column else 1
    bars = groups * study.rating_scale.n_categories
    verdict = (
        "no more than chance allows"
        if wrong <= 0.05 * bars + 3 * (0.05 * bars) ** 0.5
        else ("more than chance allows: the model misses something about these groups")
    )
    return Finding(f"{wrong} of {bars} bars lie outside, {verdict}.")


def cut_slopes(study: Study) -> pd.DataFrame:
    """Estimate every coefficient at the two borders of the NPS and at all cuts together.

    Returns
    -------
    pandas.DataFrame
        Indexed by term: a column a border, `all_cuts`, and `differs`: whether the two borders
        disagree by more than 1.96 standard errors, taken as independent. Empty if no column has
        few enough groups.
    """
    few = [column for column in study.by if len(study.groups(column)) <= MOST_FIXED]
    fixed = separable(study, few)
    if not fixed:
        return pd.DataFrame()
    long = parallelism(f"score ~ {' + '.join(fixed)}", study.answered).set_index("term")
    lower, upper = study.rating_scale.cuts
    borders = [f"{lower}|{lower + 1}", f"{upper - 1}|{upper}"]
    first, second = (long[long["cut"] == border] for border in borders)
    table = pd.DataFrame({border: long[long["cut"] == border]["estimate"] for border in borders})
    table["all_cuts"] = first["proportional"]
    spread = np.hypot(first["se"], second["se"])
    return table.assign(differs=(first["estimate"] - second["estimate"]).abs() > 1.96 * spread)


def proportionality(table: pd.DataFrame) -> Finding:
    """Say whether one shift serves both borders of the NPS."""
    if table.empty:
        return Finding("No column has few enough groups to be looked at cut by cut.")
    differing = [named(term) for term in table.index[table["differs"]]]
    return Finding(
        f"{len(differing)} of {len(table)} coefficients clearly differ between the two borders of "
        f"the NPS: {listed(differing)}. Where one does, trust the NPS of the groups rather than "
        "the single shift."
    )
