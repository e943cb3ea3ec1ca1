"""From timed runs to a table: medians over runs, ratios to this package, one file for readers."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
OURS = "nps_research"
# Significant digits of the file: runs do not repeat more of them.
DIGITS = 4
# Columns of the printed table; every row of the file has those that apply to it.
SHOWN = {
    "import_seconds": "import",
    "compile_seconds": "compile",
    "sample_seconds": "sample",
    "seconds": "total",
    "ess_bulk_min": "ESS",
    "ess_per_second": "ESS/s",
    "times_our_seconds": "x total",
    "our_times_ess_per_second": "x ESS/s",
    "gradient_microseconds": "gradient, us",
    "times_our_gradient": "x gradient",
}


def row(case: str, route: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of the table: the median of every figure over the runs.

    Parameters
    ----------
    case, route : str
        What was estimated, and with what.
    runs : list of dict
        What the timed program wrote, one a run.
    """
    figures = pd.DataFrame([_figures(run) for run in runs])
    values: dict[Any, float] = figures.median().to_dict()
    if "seconds" in figures:
        values |= {"seconds_min": figures["seconds"].min(), "seconds_max": figures["seconds"].max()}
    kept = {name: rounded(value) for name, value in values.items()}
    return {"case": case, "route": route, "runs": len(runs)} | kept


def rounded(value: float) -> float:
    """Return a figure with as many digits as the file keeps."""
    return float(f"{value:.{DIGITS}g}")


def with_ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to every row how it compares with this package in the same case.

    ``times_our_seconds`` and ``times_our_gradient`` are its time as a multiple of ours,
    ``our_times_ess_per_second`` is our effective draws a second as a multiple of its own.
    """
    ours = {each["case"]: each for each in rows if each["route"] == OURS}
    return [each | _ratios(each, ours.get(each["case"], {})) for each in rows]


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the columns to print, indexed by case and route."""
    frame = pd.DataFrame(rows).set_index(["case", "route"])
    return frame[[name for name in SHOWN if name in frame]].rename(columns=SHOWN)


def setting(versions: dict[str, str]) -> dict[str, Any]:
    """Return what the figures depend on: date, processor and versions."""
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": dict(sorted((versions | {"Python": platform.python_version()}).items())),
    }


def calibration_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the options that every recorded calibration has.

    Parameters
    ----------
    name : str
        Of its folder in build and of its file in data.
    description : str
        What the script does.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--replicates", type=int, default=200, help="data sets of every truth")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / name)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / f"{name}.json")
    return parser


def seed_of(root: int, name: str) -> int:
    """Return a seed of its own for everything that has a name."""
    return int.from_bytes(hashlib.sha256(f"{root} {name}".encode()).digest()[:4])


def one_line_a_row(content: dict[str, Any]) -> str:
    """Return JSON in which every row of a list has a line of its own."""
    parts = [f"{json.dumps(name)}: {_part(value)}" for name, value in content.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def other_rows(path: Path, planned: set[tuple[str, str]]) -> dict[str, Any]:
    """Return the content of a results file without the rows that are to be measured again."""
    if not path.exists():
        return {"setting": {}, "rows": []}
    content = json.loads(path.read_text())
    rows = [each for each in content["rows"] if (each["case"], each["route"]) not in planned]
    return {"setting": content["setting"] if rows else {}, "rows": rows}


def combined(
    others: dict[str, Any], rows: list[dict[str, Any]], versions: dict[str, str]
) -> dict[str, Any]:
    """Return the content of a results file: these rows beside others.

    Raises
    ------
    ValueError
        If the others were measured on another processor or with other versions.
    """
    now = setting(others["setting"].get("versions", {}) | versions)
    changed = _changed(others["setting"], now)
    if changed:
        raise ValueError(
            f"the results file has rows measured with another {', '.join(changed)}. "
            "Run all cases with all peers, or write to another file with --out."
        )
    return {"setting": now, "rows": with_ratios([*others["rows"], *rows])}


def _part(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    lines = ",\n".join(json.dumps(row) for row in value)
    return f"[\n{lines}\n]"


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    if not before:
        return []
    old, new = (each["versions"] | {"processor": each["processor"]} for each in (before, now))
    return [name for name in old if old[name] != new[name]]


def _figures(run: dict[str, Any]) -> dict[str, float]:
    """Return the figures of one run as a flat row; the total leaves out imports."""
    kept = {name: value for name, value in run.items() if isinstance(value, float)}
    stages = {f"{stage}_seconds": value for stage, value in run["seconds"].items()}
    if not stages:
        return kept
    total = sum(stages.values()) - stages.get("import_seconds", 0.0)
    kept |= stages | {"seconds": total}
    if "ess_bulk_min" in kept:
        kept["ess_per_second"] = kept["ess_bulk_min"] / total
    return kept


def _ratios(each: dict[str, Any], ours: dict[str, Any]) -> dict[str, float]:
    quotients = {
        "times_our_seconds": (each, ours, "seconds"),
        "our_times_ess_per_second": (ours, each, "ess_per_second"),
        "times_our_gradient": (each, ours, "gradient_microseconds"),
    }
    return {
        ratio: rounded(above[name] / below[name])
        for ratio, (above, below, name) in quotients.items()
        if name in above and name in below
    }


def _processor() -> str:
    """Return the name of the processor; only this file has it on Linux."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1] for line in lines if line.startswith("model name")]
    return " ".join([*names, platform.processor()][0].split())
