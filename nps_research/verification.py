"""The report of a rerun: every recorded number beside its rerun, and what both depend on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from nps_research import claims, provenance, records
from nps_research.datasets import data_path, registry
from nps_research.pages import cards, page
from nps_research.records import errors_apart
from nps_research.reproduction import gathered, recorded_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from nps_research.records import Record
    from nps_research.reproduction import Execution

NAME = "verification"
RULE = (
    "A number with a Monte Carlo error (after ±) agrees if it and its limits lie at most "
    f"{records.AGREEMENT_ERRORS:g} combined errors from what is recorded. A number without one is "
    f"exact: {records.EXACT_DIGITS} digits have to come back. Units, kinds of intervals and "
    "verdicts have to be the same. The cell is given by its notebook and execution count."
)
OTHER_DATA = ("claims.csv", "recorded_results.json")


@dataclass(frozen=True)
class Verification:
    """What a rerun gave back.

    Attributes
    ----------
    executions : list of Execution
        The notebooks that ran.
    recorded, rerun : dict of str to Record
        Numbers by key: as they are kept, and as the rerun gave them.
    table : pandas.DataFrame
        As `nps_research.records.verify` compares them.
    ended : str
        Date and time in UTC.
    """

    executions: Sequence[Execution]
    recorded: dict[str, Record]
    rerun: dict[str, Record]
    table: pd.DataFrame
    ended: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))

    @property
    def agrees(self) -> bool:
        """Whether every notebook ran to its end and every number came back."""
        return self.reproduced == len(self.table) and not self.failed

    @property
    def reproduced(self) -> int:
        """Numbers that came back."""
        return int(self.table["agrees"].sum())

    @property
    def failed(self) -> list[Execution]:
        """Notebooks that ended in an error."""
        return [execution for execution in self.executions if execution.error]

    def numbers_of(self, notebook: str) -> pd.DataFrame:
        """Return the rows of the table that belong to one notebook."""
        return self.table[[self._entry(key).notebook == notebook for key in self.table.index]]

    def agreement_of(self, notebook: str) -> str:
        """Return how many numbers of a notebook agree, such as ``3 of 4``."""
        agreed = self.numbers_of(notebook)["agrees"]
        return f"{int(agreed.sum())} of {len(agreed)}"

    def rows(self, *, disagreeing_first: bool = False) -> list[dict[str, str]]:
        """Return one row a number, as it is shown to readers."""
        table = self.table
        if disagreeing_first:
            table = table.sort_values("agrees", kind="stable")
        return [self._row(str(key)) for key in table.index]

    def _row(self, key: str) -> dict[str, str]:
        recorded, rerun = self.recorded.get(key), self.rerun.get(key)
        return {
            "number": key,
            "recorded": _shown(recorded),
            "rerun": _shown(rerun),
            "errors apart": _apart(recorded, rerun),
            "agrees": "yes" if self.table.loc[key, "agrees"] else "NO",
            "cell": _place(self.rerun.get(key) or self.recorded[key]),
        }

    def _entry(self, key: Any) -> Record:
        return self.recorded.get(key) or self.rerun[key]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON can hold."""
        notebooks = [execution.notebook for execution in self.executions]
        data = [*(each.file for each in registry().values()), *OTHER_DATA]
        return {
            "agrees": self.agrees,
            "reproduced": self.reproduced,
            "numbers": len(self.table),
            "tolerance": f"{records.AGREEMENT_ERRORS:g} combined Monte Carlo errors",
            "ended": self.ended,
            "machine": provenance.machine(),
            "versions": provenance.versions(),
            "sha256": {
                "code": provenance.code_hash(),
                "data": provenance.hashes(data_path(name) for name in data),
                "notebooks": provenance.hashes(notebooks),
            },
            "notebooks": {
                execution.notebook.stem: {
                    "seconds": round(execution.seconds, 1),
                    "error": execution.error,
                }
                for execution in self.executions
            },
            "results": {str(key): self._result(str(key)) for key in self.table.index},
        }

    def _result(self, key: str) -> dict[str, Any]:
        row = self.table.loc[key]
        recorded, rerun = self.recorded.get(key), self.rerun.get(key)
        apart = errors_apart(recorded, rerun) if recorded and rerun else math.nan
        return {
            "recorded": asdict(recorded) if recorded else None,
            "rerun": asdict(rerun) if rerun else None,
            "errors_apart": None if math.isnan(apart) else apart,
            "agrees": bool(row["agrees"]),
            "why_not": row["reason"],
        }


def verification(executions: Sequence[Execution], *, everything: bool) -> Verification:
    """Compare the numbers of executed notebooks with the recorded ones.

    Parameters
    ----------
    executions : sequence of Execution
        What ran.
    everything : bool
        Whether all notebooks ran, so that a recorded number which none of them gave is missing.

    Returns
    -------
    Verification
    """
    rerun = gathered(executions)
    recorded = claims.recorded_results()
    if not everything:
        recorded = recorded_by(executions, recorded, rerun)
    return Verification(executions, recorded, rerun, records.verify(recorded, rerun))


def write_report(found: Verification, folder: Path) -> list[Path]:
    """Write the report as HTML for readers and as JSON for programs.

    Returns
    -------
    list of Path
        ``verification.html`` and ``verification.json`` in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = found.as_dict()
    paths = [folder / f"{NAME}.html", folder / f"{NAME}.json"]
    paths[0].write_text(page("Verification of nps_research", _body(found, content)), "utf-8")
    paths[1].write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return paths


def _shown(entry: Record | None) -> str:
    if entry is None:
        return ""
    if entry.mcse:
        return f"{entry.shown(entry.value)} ± {entry.mcse:.2g}"
    return f"{entry.value:.{records.EXACT_DIGITS}g}"


def _apart(recorded: Record | None, rerun: Record | None) -> str:
    if recorded is None or rerun is None:
        return ""
    apart = errors_apart(recorded, rerun)
    return "exact" if math.isnan(apart) else f"{apart:.1f}"


def _place(entry: Record) -> str:
    return f"{entry.notebook[:2]}, cell {entry.cell}" if entry.cell else entry.notebook[:2]


def _body(found: Verification, content: dict[str, Any]) -> str:
    sections = [
        "<h1>Do the recorded numbers of nps_research come back?</h1>",
        _verdict(found),
        _problems(found),
        "<h2>Numbers</h2>",
        f"<p>{RULE}</p>",
        cards([_marked(row) for row in found.rows(disagreeing_first=True)]),
        "<h2>Notebooks</h2>",
        cards([_notebook_row(found, execution) for execution in found.executions]),
        "<h2>Machine and versions</h2>",
        cards(_pairs(content["machine"], "machine") + _pairs(content["versions"], "machine")),
        "<h2>Hashes (SHA-256)</h2>",
        cards(_hash_rows(content["sha256"])),
    ]
    return "\n".join(filter(None, sections))


def _verdict(found: Verification) -> str:
    number, total = found.reproduced, len(found.table)
    mark = "good" if found.agrees else "bad"
    answer = "Yes" if found.agrees else "Not all"
    seconds = sum(execution.seconds for execution in found.executions)
    return (
        f'<p><span class="{mark}">{answer}: {number} of {total} numbers agree.</span> '
        f"{len(found.executions)} notebooks ran, {len(found.failed)} of them failed. Together they "
        f"took {seconds / 60:.1f} minutes and ended at {found.ended}.</p>"
    )


def _problems(found: Verification) -> str:
    reasons = found.table.loc[~found.table["agrees"], "reason"]
    lines = [f"<li>{escape(str(key))}: {escape(str(why))}</li>" for key, why in reasons.items()]
    lines += [
        f"<li>{execution.notebook.stem} failed<pre>{escape(execution.error)}</pre></li>"
        for execution in found.failed
    ]
    return f"<h2>What differs</h2>\n<ul>{''.join(lines)}</ul>" if lines else ""


def _marked(row: dict[str, str]) -> dict[str, str]:
    mark = "good" if row["agrees"] == "yes" else "bad"
    safe = {name: escape(cell) for name, cell in row.items()}
    return safe | {"agrees": f'<span class="{mark}">{safe["agrees"]}</span>'}


def _notebook_row(found: Verification, execution: Execution) -> dict[str, str]:
    return {
        "notebook": execution.notebook.stem,
        "state": execution.state,
        "seconds": f"{execution.seconds:.0f}",
        "numbers that agree": found.agreement_of(execution.notebook.stem),
    }


def _pairs(values: dict[str, str], name: str) -> list[dict[str, str]]:
    return [{name: escape(key), "is": escape(value)} for key, value in values.items()]


def _hash_rows(hashes: dict[str, Any]) -> list[dict[str, str]]:
    named = {"code of the package": hashes["code"], **hashes["data"], **hashes["notebooks"]}
    return [
        {"file": escape(name), "hash": f"<code>{value}</code>"} for name, value in named.items()
    ]
