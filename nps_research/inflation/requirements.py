"""What a count table must hold before anything can be identified, and what to collect if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nps_research.survey_files import shown, unknown_name

if TYPE_CHECKING:
    import pandas as pd

AUDIT_RESPONSES = ("baseline", "own", "complete")
GROUPS = ("control group", "treated group")
TIMES = ("before", "after")


def check_design(table: pd.DataFrame) -> None:
    """Refuse a table without a comparison: paid and unpaid, before and after.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns treated, post, exposed, period_place, cohort_place, audit, score and n; optionally
        agent.
    """
    _check_contradictions(table)
    if not (table["treated"] == 1).any():
        raise ValueError(
            "no group is ever paid for the score: treated is 0 in every row. There is nothing to "
            "estimate; set treated = 1 for the groups whose pay depends on the score."
        )
    if not (table["exposed"] == 1).any():
        raise ValueError(
            "no period after the roll-out: no row has treated = 1 and post = 1. Nothing can be "
            "said before the groups that are paid have been paid; collect a period after it."
        )
    if not ((table["treated"] == 1) & (table["post"] == 0)).any():
        raise ValueError(
            "all treated from the start: no row has treated = 1 and post = 0. Without a period "
            "before the roll-out a difference between groups cannot be told from its effect. "
            "Collect one (archived surveys of the paid groups), or wait for groups yet to start."
        )
    _check_comparison(table)
    _check_answers(table)


def check_churn(table: pd.DataFrame) -> None:
    """Refuse outcomes that are known, but all alike, in a group before or after."""
    known = table[table["churned"].isin([0, 1]) & (table["audit"] == 0)]
    if known.empty:
        return
    for name, rows in _quarters(table).items():
        held = known.loc[known.index.intersection(rows)]
        left, people = held.loc[held["churned"] == 1, "n"].sum(), held["n"].sum()
        if not 0 < left < people:
            found = "nobody's outcome is known" if not people else f"{left:,} of {people:,} left"
            raise ValueError(
                f"churn cannot anchor loyalty: in the {name}, {found}. It needs some who left and "
                "some who stayed there: collect outcomes of everybody over a longer window, or "
                "drop the column churned, with which scores alone remain."
            )


def check_agents(table: pd.DataFrame, *, agents: bool) -> None:
    """Refuse agents who are on both sides, unknown, or asked for and not there."""
    if not agents:
        return
    if "agent" not in table:
        raise ValueError("agent_effects=True needs a column agent; not found. Add it, or drop it.")
    if table["agent"].isna().any():
        people = table.loc[table["agent"].isna(), "n"].sum()
        raise ValueError(
            f"agent must be known; found {people:,} people without one. Leave them out, or pass "
            "agent_effects=False."
        )


def check_audit(table: pd.DataFrame, response: str) -> None:
    """Refuse an audit that nobody answered, and an unknown process of answering it."""
    if response not in AUDIT_RESPONSES:
        raise ValueError(unknown_name("audit_response", response, AUDIT_RESPONSES))
    audit = table[table["audit"] == 1]
    if audit.empty:
        return
    if audit["score"].isna().all():
        raise ValueError(
            "the audit has no answers: every row with audit = 1 lacks a score. Drop these rows, or "
            "add the scores."
        )
    if not ((audit["exposed"] == 1) & audit["score"].notna()).any():
        raise ValueError(
            "the audit has no answers of customers whose agents are paid for the score (treated = "
            "1, post = 1). Only those tell what their scores would have been: audit them too."
        )
    if response == "complete" and audit["score"].isna().any():
        silent = audit.loc[audit["score"].isna(), "n"].sum()
        raise ValueError(
            f"audit_response='complete' says that everybody audited answered; found {silent:,} "
            "people who did not. Pass audit_response='own' or 'baseline'."
        )


def check_indicator(table: pd.DataFrame, name: str) -> None:
    """Refuse an indicator that says nothing before, or nothing after, the roll-out."""
    held = table[table[name].notna()]
    if held[name].nunique() < 2:
        raise ValueError(
            f"{name} needs at least two classes that occur; found {held[name].nunique()}. Leave it "
            "out of indicators=."
        )
    for quarter, rows in _quarters(table).items():
        if not held.index.isin(rows).any():
            raise ValueError(
                f"{name} is missing for everybody in the {quarter}. An indicator anchors loyalty "
                "only where it is known in both groups, before and after: collect it there, or "
                "leave it out of indicators=."
            )


def _check_contradictions(table: pd.DataFrame) -> None:
    unit = "agent" if "agent" in table else "treated"
    if unit == "agent":
        sides = table.groupby("agent")["treated"].nunique()
        both = sides[sides > 1].index
        if len(both):
            raise ValueError(
                f"an agent must be in one group; found {len(both)} in both, first "
                f"{shown(both[0])}. treated says whether the agent's group is ever "
                "paid, not whether it is paid already: that is post."
            )
    times = table.groupby([unit, "period_place"])["post"].nunique()
    if (times > 1).any():
        who, place = times[times > 1].index[0]
        period = table.attrs["periods"][place]
        raise ValueError(
            f"post must be one value in every period of a unit; found 0 and 1 for {unit} "
            f"{shown(who)} in the period {shown(period)}. With a staggered roll-out, give the "
            "column agent: post is 1 after the agent's own roll-out."
        )
    order = table.sort_values("period_place").groupby(unit)["post"]
    falls = order.apply(lambda post: bool((post.diff() < 0).any()))
    if falls.any():
        raise ValueError(
            f"post must stay 1 once it is 1; it falls back for {unit} {shown(falls.idxmax())}. "
            "Leave out the periods after pay for the score was ended."
        )


def _check_comparison(table: pd.DataFrame) -> None:
    per_period = table[table["audit"] == 0].groupby("period_place")["exposed"].agg(["min", "max"])
    compared = (per_period["min"] == 0) & (per_period["max"] == 1)
    if not compared.any():
        raise ValueError(
            "no control group: in no period is one group paid for its score and another not. What "
            "the market did to loyalty cannot be told from the programme. Collect groups that are "
            "never paid (treated = 0), or roll it out at different times (columns agent, period)."
        )
    if table["period_place"].max() == 0:
        raise ValueError("no post period: there is only one period. Collect one before and after.")


def _check_answers(table: pd.DataFrame) -> None:
    for name, rows in _quarters(table).items():
        held = table.loc[rows]
        answers = held.loc[held["score"].notna() & (held["audit"] == 0), "n"].sum()
        if answers == 0:
            raise ValueError(
                f"no answers in the {name}. A change cannot be told without them: collect scores "
                "of both groups, before and after."
            )


def _quarters(table: pd.DataFrame) -> dict[str, pd.Index]:
    """Return the rows of both groups, before and after; the reference is the control group."""
    start = table.loc[table["exposed"] == 1, "period_place"].min()
    after = table["post"].where(table["cohort_place"] > 0, table["period_place"] >= start) == 1
    return {
        f"{group} {time}": table.index[((table["cohort_place"] > 0) == side) & (after == late)]
        for side, group in enumerate(GROUPS)
        for late, time in enumerate(TIMES)
    }
