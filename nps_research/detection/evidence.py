"""What several detectors found about the same agents, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Where the numbers of a signature come from: those of one source are not independent, because an
# accident in the source shows in all of them. A signature that is not named is a source of its own.
SOURCES = {
    "10-share": "scores",
    "10-share given location": "scores",
    "low-tail deficit": "scores",
    "10-mass": "scores",
    "response rate with 10-share": "scores",
    "score above comments": "comments",
    "edits of low answers": "records of answers",
    "answers not on record": "records of answers",
    "gaps in numbers": "records of answers",
    "surveys not sent": "sending",
    "withholding at the target": "sending",
    "transfers of hard cases": "cases",
    "churn above expectation": "departures",
}


def evidence_table(
    findings: Iterable[pd.DataFrame], *, sources: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Put the z of several detectors beside each other.

    Parameters
    ----------
    findings : iterable of pandas.DataFrame
        What detectors return: indexed by agent, with a column `z`, positive in the direction of
        gaming, and the name of the detector in ``attrs["signature"]``.
    sources : mapping of str to str, optional
        Source of the data of signatures, where it is not the usual one: two signatures are
        independent only if they have different sources.

    Returns
    -------
    pandas.DataFrame
        One row an agent that any detector knows, one column a signature; missing where a detector
        had too little. ``attrs``: `sources` by signature, and `innocent`, what else each of them
        is compatible with.

    Raises
    ------
    ValueError
        If there are no findings, one is not that of a detector, or two have one name.

    Examples
    --------
    >>> tens = pd.DataFrame({"z": [2.1, 0.3]}, index=["a", "b"])
    >>> tens.attrs["signature"] = "10-share"
    >>> sent = pd.DataFrame({"z": [3.0]}, index=["a"])
    >>> sent.attrs["signature"] = "surveys not sent"
    >>> evidence_table([tens, sent])
       10-share  surveys not sent
    a       2.1               3.0
    b       0.3               NaN
    """
    tables = list(findings)
    if not tables:
        raise ValueError("no findings. Pass what two detectors or more return.")
    names = [_name(table) for table in tables]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(
            f"{min(repeated)!r} is among the findings {names.count(min(repeated))} times. Pass "
            "what each detector returns once."
        )
    columns = {name: table["z"] for name, table in zip(names, tables, strict=True)}
    table = pd.DataFrame(columns)
    known = SOURCES | dict(sources or {})
    table.attrs = {
        "sources": {name: known.get(name, name) for name in names},
        "innocent": {
            name: each.attrs.get("innocent", "") for name, each in zip(names, tables, strict=True)
        },
    }
    return table


def _name(table: pd.DataFrame) -> str:
    name = table.attrs.get("signature")
    if name is None or "z" not in table:
        raise ValueError(
            "a finding needs a column 'z' and the name of the detector in attrs['signature']; "
            f"found columns {', '.join(map(str, table.columns))}. Pass what a detector returns "
            "unchanged."
        )
    return str(name)
