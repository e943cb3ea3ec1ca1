"""Reading count tables, and pairs of answers, for the inflation model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, cross_tabulate, declared_scale, refuse_unknown_columns
from nps_research.inflation.evidence import NEVER, UNKNOWN, Block, Evidence, Outcomes
from nps_research.inflation.requirements import (
    check_agents,
    check_audit,
    check_churn,
    check_design,
    check_indicator,
)
from nps_research.survey_files import numbers, refuse_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nps_research.inflation.evidence import Array, Codes
    from nps_research.scale import RatingScale

    type Classes = Mapping[str, tuple[object, ...]]

type AuditResponse = Literal["baseline", "own", "complete"]

FLAGS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
CELL = ["cohort_place", "period_place", "audit"]


def read_evidence(
    counts: pd.DataFrame,
    *,
    rating_scale: RatingScale | None = None,
    retest: pd.DataFrame | None = None,
    indicators: Sequence[str] = (),
    audit_response: AuditResponse = "baseline",
    agent_effects: bool | None = None,
) -> Evidence:
    """Check a count table and add it up; see `InflationModel` for the parameters.

    Examples
    --------
    >>> rows = [(t, p, s) for t in (0, 1) for p in (0, 1) for s in (3, 9, None)]
    >>> counts = pd.DataFrame(rows, columns=["treated", "post", "score"]).assign(n=100)
    >>> read_evidence(counts).people
    array([300., 300., 300., 300.])
    """
    scale = declared_scale(counts, rating_scale)
    table = _with_cohorts(_table(counts, scale, indicators))
    agents = "agent" in table if agent_effects is None else agent_effects
    _check(table, indicators, audit_response, agents=agents)
    classes = {name: _classes(table[name]) for name in indicators}
    cells = table[CELL].drop_duplicates()
    cells = cells.sort_values(["audit", "cohort_place", "period_place"], ignore_index=True)
    blocks = _blocks(table, cells, *_outcomes(table, scale, classes), agents=agents)
    if audit_response != "complete":
        blocks = [_conditional(block, cells) for block in blocks]
    if retest is not None:
        blocks.append(_retest_block(retest, scale, cells))
    exposed = table.groupby(["cohort_place", "period_place"])["exposed"].max()
    return Evidence(
        scale=scale,
        cohorts=tuple(table.attrs["cohorts"]),
        periods=tuple(table.attrs["periods"]),
        cohort=cells["cohort_place"].to_numpy(),
        period=cells["period_place"].to_numpy(),
        improved=exposed.loc[pd.MultiIndex.from_frame(cells[CELL[:2]])].to_numpy() == 1,
        audit=cells["audit"].to_numpy() == 1,
        blocks=tuple(blocks),
        agents=int(table["agent"].nunique()) if agents else 0,
        has_churn=bool((table["churned"] != UNKNOWN).any()),
        has_silence=bool(table.loc[table["audit"] == 0, "score"].isna().any()),
        has_retest=retest is not None,
        indicators=classes,
    )


def _check(
    table: pd.DataFrame, indicators: Sequence[str], audit_response: str, *, agents: bool
) -> None:
    check_agents(table, agents=agents)
    check_design(table)
    check_churn(table)
    check_audit(table, audit_response)
    for name in indicators:
        check_indicator(table, name)


def flags(cells: pd.Series, *, missing: bool = False) -> pd.Series:
    """Read a column of 0 and 1, however they are stored.

    Parameters
    ----------
    cells : pandas.Series
        Numbers, booleans or text.
    missing : bool
        Whether cells may be missing; they become 2.

    Examples
    --------
    >>> flags(pd.Series(["0", True, 1.0, "yes"], name="post")).tolist()
    [0, 1, 1, 1]
    """
    read = cells.astype(object).map(lambda cell: FLAGS.get(str(cell).strip().lower(), np.nan))
    read = read.astype(float)
    wrong = read.isna() & (cells.notna() | (not missing))
    rule = f"{cells.name} must be 0 or 1" + (", or missing if not known" if missing else "")
    refuse_rows(cells, wrong, rule, "Recode the column, or drop the rows.", verb="are")
    return read.fillna(UNKNOWN).astype(np.int64)


def _table(counts: pd.DataFrame, scale: RatingScale, indicators: Sequence[str]) -> pd.DataFrame:
    """Return the people of a count table, with the columns of the model in standard form."""
    refuse_unknown_columns(indicators, counts.columns)
    table = as_counts(counts, scale, by=["treated", "post"])
    for name, absent in (("treated", None), ("post", None), ("audit", 0), ("churned", pd.NA)):
        cells = table[name] if name in table else pd.Series(absent, table.index, dtype=object)
        table[name] = flags(cells.rename(name), missing=name == "churned")
    if "period" not in table:
        table["period"] = table["post"]
    unknown = table["period"].isna()
    refuse_rows(table["period"], unknown, "period must be known", "Drop the rows.", verb="is")
    return table[table["n"] > 0].reset_index(drop=True)


def _with_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Add the cohort, the period as a position, and whether a row is exposed."""
    table["exposed"] = table["treated"] * table["post"]
    periods = sorted(table["period"].unique())
    table["period_place"] = table["period"].map({each: i for i, each in enumerate(periods)})
    exposed = table[table["exposed"] == 1]
    unit = "agent" if "agent" in table else "treated"
    first = exposed.groupby(unit)["period_place"].min()
    start = table[unit].map(first).where(table["treated"] == 1)
    # Whoever is exposed last, or never, is the reference.
    start = start.fillna(len(periods)) + (table["treated"] == 0)
    order = sorted(start.unique(), reverse=True)
    table["cohort_place"] = start.map({each: i for i, each in enumerate(order)})
    names = [*periods, NEVER, NEVER]
    table.attrs = {"periods": periods, "cohorts": [names[int(each)] for each in order]}
    return table


def _classes(cells: pd.Series) -> tuple[object, ...]:
    """Return the classes of an indicator, lowest first."""
    if isinstance(cells.dtype, pd.CategoricalDtype) and cells.cat.ordered:
        return tuple(cells.cat.categories)
    held = cells.dropna()
    values = numbers(held)
    if values.isna().any():
        raise ValueError(
            f"{cells.name} must have ordered classes; found text without an order, first "
            f"{held[values.isna()].iloc[0]!r}. Make it an ordered categorical, lowest first, as in "
            'pd.Categorical(cells, ["negative", "neutral", "positive"], ordered=True).'
        )
    return tuple(sorted(held.unique()))


def _outcomes(table: pd.DataFrame, scale: RatingScale, classes: Classes) -> tuple[Outcomes, Codes]:
    """Return the kinds of people that occur, and the kind of every row."""
    kinds = pd.DataFrame({"answered": table["score"].notna().astype(np.int64)})
    kinds["score"] = (table["score"] - scale.minimum).fillna(scale.n_categories).astype(np.int64)
    kinds["churned"] = table["churned"]
    for name, held in classes.items():
        places = table[name].map({each: i for i, each in enumerate(held)}).astype(float)
        kinds[f"indicator {name}"] = places.fillna(len(held)).astype(np.int64)
    # First those who are only known to have answered, on which an audit without silence conditions.
    known = [1, scale.n_categories, UNKNOWN, *(len(held) for held in classes.values())]
    everything = pd.concat([pd.DataFrame([known], columns=kinds.columns), kinds])
    grouped = everything.groupby(list(kinds.columns), sort=False)
    place, unique = np.asarray(grouped.ngroup(), dtype=np.int64), everything.drop_duplicates()
    outcomes = Outcomes(
        answered=unique["answered"].to_numpy(),
        score=unique["score"].to_numpy(),
        again=np.full(len(unique), scale.n_categories),
        churned=unique["churned"].to_numpy(),
        indicators=tuple(unique[f"indicator {name}"].to_numpy() for name in classes),
    )
    return outcomes, place[1:]


def _blocks(
    table: pd.DataFrame, cells: pd.DataFrame, outcomes: Outcomes, kind: Codes, *, agents: bool
) -> list[Block]:
    """Return one block a cohort."""
    wide = len(outcomes.score)
    condition = table[CELL].merge(cells.reset_index(), how="left")["index"].to_numpy()
    blocks = []
    for cohort in range(len(table.attrs["cohorts"])):
        conditions = np.flatnonzero(cells["cohort_place"] == cohort)
        mine = (table["cohort_place"] == cohort).to_numpy()
        unit = pd.factorize(table.loc[mine, "agent"])[0] if agents else np.zeros(mine.sum(), int)
        column = np.searchsorted(conditions, condition[mine]) * wide + kind[mine]
        shape = int(unit.max()) + 1, len(conditions), wide
        held = cross_tabulate(unit, column, table.loc[mine, "n"], (shape[0], shape[1] * wide))
        blocks.append(Block(conditions, outcomes, held.reshape(shape)))
    return blocks


def _conditional(block: Block, cells: pd.DataFrame) -> Block:
    """Condition an audit that knows nobody who was silent on having answered."""
    counts = block.counts.copy()
    silent = counts[:, :, block.outcomes.answered == 0].sum(axis=(0, 2))
    audit = cells["audit"].to_numpy()[block.conditions] == 1
    for i in np.flatnonzero(audit & (silent == 0)):
        counts[:, i, 0] = -counts[:, i].sum(axis=1)
    return replace(block, counts=counts)


def _retest_block(retest: pd.DataFrame, scale: RatingScale, cells: pd.DataFrame) -> Block:
    """Return pairs of answers: what the second says, given the first."""
    pairs = _pairs(retest, scale)
    width = scale.n_categories
    first, again = (each.ravel() for each in np.indices((width, width + 1)))
    counts = np.concatenate([pairs, -pairs.sum(axis=1, keepdims=True)], axis=1).ravel()
    held = np.flatnonzero(counts)
    ones = np.ones(len(held), dtype=np.int64)
    outcomes = Outcomes(ones, first[held], again[held], UNKNOWN * ones)
    reference = np.flatnonzero((cells["cohort_place"] == 0) & (cells["audit"] == 0))[:1]
    return Block(reference, outcomes, counts[None, None, held], pooled=True)


def _pairs(retest: pd.DataFrame, scale: RatingScale) -> Array:
    """Return the number of pairs by first and second score."""
    refuse_unknown_columns(("first", "second"), retest.columns)
    first, second = (
        as_counts(retest.rename(columns={name: "score"}), scale) for name in ("first", "second")
    )
    both = (first["score"].notna() & second["score"].notna()).to_numpy()
    places = [
        each.loc[both, "score"].to_numpy(dtype=np.int64) - scale.minimum for each in (first, second)
    ]
    size = scale.n_categories
    return cross_tabulate(places[0], places[1], first.loc[both, "n"], (size, size))
