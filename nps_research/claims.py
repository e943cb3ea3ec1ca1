"""The ledger: each number that a notebook records, and whether a rerun gives it back."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nps_research.datasets import data_path
from nps_research.records import VERDICTS, Record, disagreements, read_results, write_results
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.records import Verdict

# Set by `nps-research reproduce` and `refresh` for the notebooks that they run.
SINK, REFRESH = "NPS_RESEARCH_RESULTS", "NPS_RESEARCH_REFRESH"

# Of n independent draws without a success, the probability of a success is below 3 / n with 95 %.
RULE_OF_THREE = 3

# Texts that the claims come from.
SOURCES = {
    "S0": 'Maz Iqbal, "The Dark Side of Using NPS as a Performance Management Tool"',
    "S1": 'Kushal Dev, "3 undeniable reasons why you can\'t make NPS work as a KPI", Customer Guru',
    "S2": 'Elizabeth Clor, "Is your business too obsessed with NPS?", Clarabridge, 2016',
    "S3": (
        'Raj Sivasubramanian, "Avoiding Setting Performance Goals Against CX Metrics", QuestionPro'
    ),
    "S4": 'Chad Keck, "Debunking 5 Misconceptions about Net Promoter" and other posts, Promoter',
}
# How intervals begin that show what other assumptions make of a number, and what the unit of a
# number says that is a share of such assumptions.
RANGES = ("middle 90 %", "range", "smallest and largest")
SHARE_OF_RANGES = "points at which"

UNITS = {"nps": "points", "difference": "points", "mean_score": "points of the scale"}


@viewed
@dataclass(frozen=True)
class Comparison:
    """A recorded number beside its rerun; shows the recorded digits, the same on every machine."""

    key: str
    recorded: Record | None
    rerun: Record

    @property
    def agrees(self) -> bool:
        """Whether the rerun gives the recorded number, interval and verdict back."""
        return self.recorded is not None and not disagreements(self.recorded, self.rerun)

    def _view(self) -> View:
        return View(str(self))

    def __str__(self) -> str:
        if self.recorded is None:
            return f"{self.key}: {self.rerun}; not recorded yet, run `make refresh`"
        verdict = f"; {self.recorded.verdict}" if self.recorded.verdict else ""
        if self.agrees:
            return f"{self.key}: {self.recorded}{verdict}; reproduced"
        reasons = "; ".join(disagreements(self.recorded, self.rerun))
        return f"{self.key}: {self.recorded}{verdict}; NOT REPRODUCED: {reasons}"


def record(
    claim: str,
    value: float,
    mcse: float = 0.0,
    verdict: Verdict | None = None,
    *,
    unit: str = "",
    interval: tuple[float, float] | None = None,
    kind: str = "",
    reason: str = "",
) -> Comparison:
    """Record the number that settles a claim, and compare it with the recorded one.

    Parameters
    ----------
    claim : str
        Key of the number: a claim of data/claims.csv such as ``C41``, a claim and a part such as
        ``C41.all_sixes``, or a name for a result that settles no claim. ``C41.sensitivity`` is
        what the ledger shows as the sensitivity of the claim: the number under other assumptions,
        the range over them as its interval, and in `kind` which they are.
    value : float
        The number.
    mcse : float
        Its Monte Carlo standard error, 0 if it involves no randomness.
    verdict : {"supported", "refuted", "depends", "not testable here"}, optional
        What the number says about the claim.
    unit : str
        Unit of the number.
    interval : tuple of float, optional
        Lower and upper bound.
    kind : str
        Kind and mass of the interval; required with `interval`.
    reason : str
        Why the claim is not testable here, or what its verdict depends on.

    Returns
    -------
    Comparison
        Shows the recorded number and whether this run agrees with it.

    Raises
    ------
    ValueError
        If the verdict or claim is unknown, a number is not finite, or an interval has no kind.

    Examples
    --------
    >>> record("an_example", 30.98113, unit="points")
    an_example: 30.98 points; not recorded yet, run `make refresh`
    """
    _check(claim, value, mcse, verdict)
    lower, upper = map(float, interval) if interval else (None, None)
    if interval and not kind:
        raise ValueError(
            f"the interval of {claim!r} needs a kind, as kind='95 % credible interval'"
        )
    made = Record(float(value), float(mcse), unit, lower, upper, kind, verdict, reason=reason)
    if SINK in os.environ:
        _append(Path(os.environ[SINK]), claim, made)
    known = made.rounded() if os.environ.get(REFRESH) else recorded_results().get(claim)
    return Comparison(claim, known, made)


def record_estimate(
    claim: str,
    table: pd.DataFrame,
    row: Hashable = "all",
    verdict: Verdict | None = None,
    *,
    unit: str = "",
) -> Comparison:
    """Record one row of a table of estimates, such as `nps` returns, with its interval.

    Parameters
    ----------
    claim : str
        Key, as for `record`.
    table : pandas.DataFrame
        First column the estimate, then ``lower`` and ``upper``; attrs say which ``interval``.
    row : hashable
        Label of the row.
    verdict : str, optional
        As for `record`.
    unit : str, optional
        By default that of the metric, such as points for ``nps``.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import nps_research as npsr
    >>> record_estimate("example", npsr.nps(npsr.load_counts("sfo_airport"), by="year"), "2018")
    example: 30.98 points, 95 % confidence interval, adjusted Wald 28.12 to 33.77;
    not recorded yet, run `make refresh`
    """
    name, numbers = str(table.columns[0]), table.loc[[row]].iloc[0]
    return record(
        claim,
        numbers.iloc[0],
        verdict=verdict,
        unit=unit or UNITS.get(name, ""),
        interval=(numbers["lower"], numbers["upper"]),
        kind=table.attrs["interval"],
    )


def record_posterior(
    claim: str,
    draws: xr.DataArray,
    verdict: Verdict | None = None,
    *,
    unit: str = "",
    reason: str = "",
) -> Comparison:
    """Record the posterior mean of a quantity with its Monte Carlo error and interval.

    Parameters
    ----------
    claim : str
        Key, as for `record`.
    draws : xarray.DataArray
        One number a draw: dims chain and draw. Draws of true and false give the probability of
        true, which has no interval of its own. Its Monte Carlo error is at least 3 / (effective
        draws): draws that are all true do not make a probability of 1 certain (the rule of three,
        Hanley and Lippman-Hand 1983, "If Nothing Goes Wrong, Is Everything All Right?").
    verdict : str, optional
        As for `record`.
    unit : str, optional
        By default that of the functional, such as points for ``nps``.
    reason : str
        As for `record`.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> values = np.random.default_rng(1).normal(40.0, 2.0, (4, 500))
    >>> draws = xr.DataArray(values, dims=("chain", "draw"), name="nps")
    >>> made = record_posterior("an_example", draws).rerun
    >>> made.unit, made.interval
    ('points', '95 % credible interval')
    """
    numbers = draws.transpose("chain", "draw").astype(float)
    lower, upper = numbers.quantile([0.025, 0.975]).to_numpy()
    event = draws.dtype == bool
    return record(
        claim,
        float(numbers.mean()),
        _monte_carlo_error(numbers.to_numpy(), event=event),
        verdict,
        unit=unit or ("probability" if event else UNITS.get(str(draws.name), "")),
        interval=None if event else (float(lower), float(upper)),
        kind="95 % credible interval",
        reason=reason,
    )


def claims() -> pd.DataFrame:
    """Return the claims that the project settles: id, source, theme, claim, evidence, notebook.

    Returns
    -------
    pandas.DataFrame
        Indexed by `id`.
    """
    return pd.read_csv(data_path("claims.csv"), dtype=str).set_index("id")


def ledger() -> pd.DataFrame:
    """Return the claims with the numbers that settle them.

    Returns
    -------
    pandas.DataFrame
        Indexed by claim: ``theme``, ``claim``, ``source`` (whose claim it is), ``verdict``
        (``open`` while no notebook has settled it), ``number`` with unit and interval, ``reason``
        where a notebook gives one, ``sensitivity`` (what the number becomes under other
        assumptions), ``notebook`` and ``cell`` (execution count of the cell that shows it).

    Examples
    --------
    >>> ledger().loc["C41", ["verdict", "source", "notebook"]].tolist()
    ['supported', 'Keck', '02_nps_as_a_statistic']
    """
    known, results = claims(), recorded_results()
    entries = [results.get(claim) for claim in known.index]
    table = known[["theme", "claim"]].assign(
        source=[_authors(codes) for codes in known["source"]],
        verdict=[(entry and entry.verdict) or "open" for entry in entries],
        number=[entry.brief() if entry else "" for entry in entries],
        reason=[entry.reason if entry else "" for entry in entries],
        sensitivity=[_sensitivity(claim, results) for claim in known.index],
        notebook=known["notebook"],
        cell=pd.array([entry.cell if entry else None for entry in entries], "Int64"),
    )
    return table.rename_axis("id")


def _authors(codes: str) -> str:
    """Return the last names behind codes such as ``S0;S3``."""
    return "; ".join(SOURCES[code].split(",")[0].split()[-1] for code in codes.split(";"))


def _sensitivity(claim: str, results: Mapping[str, Record]) -> str:
    """Return the record kept for it, else the interval if that is a range over assumptions."""
    entry = results.get(claim)
    kept = results.get(f"{claim}.sensitivity")
    if kept:
        return kept.brief()
    if entry and SHARE_OF_RANGES in entry.unit:
        return "the number is a share of the points in the ranges"
    if entry is None or entry.lower is None or entry.upper is None:
        return ""
    if not entry.interval.startswith(RANGES):
        return ""
    return "the interval is the range"


def recorded_results() -> dict[str, Record]:
    """Return the recorded numbers by key.

    Returns
    -------
    dict of str to Record
        By key of the record.
    """
    return read_results(data_path("recorded_results.json"))


def _check(claim: str, value: float, mcse: float, verdict: str | None) -> None:
    if verdict is not None and verdict not in VERDICTS:
        raise ValueError(f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}.")
    if not (math.isfinite(value) and math.isfinite(mcse) and mcse >= 0.0):
        raise ValueError(
            f"{claim!r} needs a finite number and a Monte Carlo error of at least 0; found "
            f"{value} and {mcse}."
        )
    identifier = claim.split(".", maxsplit=1)[0]
    is_claim = identifier[:1] == "C" and identifier[1:].isdigit()
    if is_claim and identifier not in claims().index:
        raise ValueError(f"{identifier!r} is no claim of data/claims.csv, which ends at C66.")


def _monte_carlo_error(numbers: NDArray[np.float64], *, event: bool) -> float:
    from arviz_stats import ess, mcse  # noqa: PLC0415  (slow to import)

    error = float(mcse(numbers))
    return max(error, RULE_OF_THREE / float(ess(numbers, method="mean"))) if event else error


def _append(path: Path, key: str, made: Record) -> None:
    results = read_results(path) if path.exists() else {}
    write_results(path, results | {key: made})
