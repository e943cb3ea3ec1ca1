"""Recorded numbers: what is kept of a number, and when a rerun counts as giving it back.

A sampled number comes with its Monte Carlo error: two runs agree when they differ by at most four
combined errors. A number without Monte Carlo error has to come back to its last stored digit.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

import pandas as pd

from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Verdict = Literal["supported", "refuted", "depends", "not testable here"]
VERDICTS: tuple[Verdict, ...] = ("supported", "refuted", "depends", "not testable here")

AGREEMENT_ERRORS = 4.0
EXACT_DIGITS = 8
# Rounding hides up to half a unit of the last digit; the rest is for the sum of two such errors.
HALF_UNIT = 0.5 + 1e-6
# Monte Carlo error of a 2.5 % quantile relative to that of the mean, for normal draws:
# sqrt(0.025 * 0.975) / normal density at 1.96.
QUANTILE_ERROR = 2.67
# Monte Carlo errors of honest runs differ by a few per cent; of stuck chains by far more.
MCSE_RATIO = 2.5
NUMBERS = {"value": 1.0, "lower": QUANTILE_ERROR, "upper": QUANTILE_ERROR}


@viewed
@dataclass(frozen=True)
class Record:
    """One recorded number.

    Attributes
    ----------
    value : float
        The number.
    mcse : float
        Its Monte Carlo standard error; 0 for a number that any machine computes alike.
    unit : str
        Such as ``points``.
    lower, upper : float or None
        Bounds of the interval.
    interval : str
        Kind and mass of the interval, such as ``95 % credible interval``.
    verdict : str or None
        What the number says about the claim.
    notebook : str
        The notebook that recorded it.
    cell : int or None
        Execution count of the cell that shows it.
    reason : str
        Why the number settles the claim so far only, or not at all.
    """

    value: float
    mcse: float = 0.0
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    interval: str = ""
    verdict: Verdict | None = None
    notebook: str = ""
    cell: int | None = None
    reason: str = ""

    def _view(self) -> View:
        where = f"{self.notebook}, cell {self.cell}" if self.notebook else ""
        named = {"verdict": self.verdict, "reason": self.reason, "recorded in": where}
        return View(f"Record: {self}", {label: value for label, value in named.items() if value})

    def rounded(self) -> Record:
        """Keep the digits that another run can give back.

        Examples
        --------
        >>> Record(39.38546, mcse=0.0113).rounded()
        Record: 39.385 (Monte Carlo error 0.011)
        """
        return replace(
            self,
            value=_rounded(self.value, self.mcse),
            mcse=float(f"{self.mcse:.2g}"),
            lower=None if self.lower is None else _rounded(self.lower, self.mcse),
            upper=None if self.upper is None else _rounded(self.upper, self.mcse),
        )

    def __str__(self) -> str:
        return self._written(self.shown)

    def brief(self) -> str:
        """Write it without digits that mean nothing beside the width of the interval.

        Two digits of the width are kept, without an interval three of the number; of each number
        two digits if they are not beyond the second decimal; and no digit of the Monte Carlo error.

        Examples
        --------
        >>> Record(772.79, unit="answers", lower=6.2733, upper=1425.47, interval="range").brief()
        '773 answers, range 6.3 to 1425'
        >>> Record(0.063182).brief()
        '0.0632'
        """
        width = 0.0 if self.lower is None or self.upper is None else self.upper - self.lower
        least = _digits(width, 2) if width else _digits(self.value, 3)
        most = _decimals(self.value, self.mcse)

        def shown(number: float) -> str:
            decimals = min(max(least, min(2, _digits(number, 2))), most)
            rounded = round(number, decimals) + 0.0  # no sign of a zero
            return f"{rounded:.{decimals}f}" if width else _plain(rounded, decimals)

        return self._written(shown)

    def _written(self, shown: Callable[[float], str]) -> str:
        text = f"{shown(self.value)} {self.unit}".strip()
        if self.mcse:
            text += f" (Monte Carlo error {self.mcse:g})"
        if self.lower is not None and self.upper is not None:
            text += f", {self.interval} {shown(self.lower)} to {shown(self.upper)}"
        return text

    def shown(self, number: float) -> str:
        """Write a number with the digits that the Monte Carlo error leaves, or with two decimals.

        Examples
        --------
        >>> Record(39.385, mcse=0.011).shown(40.0), Record(39.385).shown(40.0)
        ('40.000', '40')
        """
        if self.mcse:
            return f"{number:.{_decimals(number, self.mcse)}f}"
        return _plain(number, 2)


def disagreements(recorded: Record, rerun: Record) -> list[str]:
    """Say in words where a rerun differs from what is recorded; empty if it agrees.

    Examples
    --------
    >>> disagreements(Record(30.981132), Record(30.98))
    ['value 30.981132, rerun 30.98']
    """
    differing = [name for name in NUMBERS if not _agree(name, recorded, rerun)]
    differing += [
        name
        for name in ("unit", "interval", "verdict", "reason")
        if getattr(recorded, name) != getattr(rerun, name)
    ]
    if not _alike(recorded.mcse, rerun.mcse):
        differing.append("mcse")
    return [f"{name} {getattr(recorded, name)}, rerun {getattr(rerun, name)}" for name in differing]


def verify(recorded: Mapping[str, Record], rerun: Mapping[str, Record]) -> pd.DataFrame:
    """Compare recorded numbers with those of a rerun.

    Parameters
    ----------
    recorded, rerun : mapping of str to Record
        Numbers by key.

    Returns
    -------
    pandas.DataFrame
        One row a key of either: ``recorded``, ``rerun``, ``tolerance`` (largest difference that
        counts as agreement), ``errors_apart`` (see `errors_apart`), ``agrees`` and ``reason``. A
        key that is missing on one side does not agree.
    """
    keys = sorted({*recorded, *rerun})
    rows = [_compared(recorded.get(key), rerun.get(key)) for key in keys]
    columns = ["recorded", "rerun", "tolerance", "errors_apart", "agrees", "reason"]
    return pd.DataFrame(rows, index=pd.Index(keys, name="key"), columns=columns)


def errors_apart(recorded: Record, rerun: Record) -> float:
    """Return how many combined Monte Carlo errors lie between two runs.

    Returns
    -------
    float
        The largest of the number and its limits, each in errors of its own; NaN for numbers
        without Monte Carlo error, which have to come back exactly.

    Examples
    --------
    >>> errors_apart(Record(2.0, mcse=0.3), Record(3.0, mcse=0.4))
    2.0
    >>> errors_apart(Record(2.0), Record(2.0))
    nan
    """
    combined = math.hypot(recorded.mcse, rerun.mcse)
    if combined == 0.0:
        return math.nan
    pairs = [(getattr(recorded, name), getattr(rerun, name), NUMBERS[name]) for name in NUMBERS]
    return max(
        float(abs(before - after)) / (factor * combined)
        for before, after, factor in pairs
        if before is not None and after is not None
    )


def read_results(path: Path) -> dict[str, Record]:
    """Read a file of recorded numbers."""
    entries = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {key: Record(**entry) for key, entry in entries.items()}


def write_results(path: Path, results: Mapping[str, Record]) -> None:
    """Write recorded numbers, sorted by key."""
    entries = {key: asdict(results[key]) for key in sorted(results)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"results": entries}, indent=1) + "\n", encoding="utf-8")


def _digits(number: float, digits: int) -> int:
    """Return the decimals that show so many digits of a number; 0 for large ones."""
    return max(0, _decimals_of(number, digits)) if number else 0


def _decimals_of(number: float, digits: int) -> int:
    """Return the decimals with so many digits of a number; below 0 where it has more before."""
    return digits - 1 - (math.floor(math.log10(abs(number))) if number else 0)


def _plain(number: float, decimals: int) -> str:
    """Write a number without zeros at the end."""
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _alike(before: float, after: float) -> bool:
    """Tell a rerun whose own error shows that it did not converge."""
    return before == after or before / MCSE_RATIO <= after <= before * MCSE_RATIO


def _agree(name: str, recorded: Record, rerun: Record) -> bool:
    before, after = getattr(recorded, name), getattr(rerun, name)
    if before is None or after is None:
        return before is after
    return bool(abs(before - after) <= _tolerance(name, recorded, rerun))


def _tolerance(name: str, recorded: Record, rerun: Record) -> float:
    """Monte Carlo error of both runs, and the rounding of the recorded number."""
    sampling = NUMBERS[name] * AGREEMENT_ERRORS * math.hypot(recorded.mcse, rerun.mcse)
    return sampling + HALF_UNIT * 10.0 ** -_decimals(getattr(recorded, name), recorded.mcse)


def _compared(recorded: Record | None, rerun: Record | None) -> tuple[object, ...]:
    if recorded is None:
        value = rerun.value if rerun else math.nan
        return math.nan, value, 0.0, math.nan, False, "not recorded"
    if rerun is None:
        return recorded.value, math.nan, 0.0, math.nan, False, "no notebook gave it"
    reasons = disagreements(recorded, rerun)
    tolerance = _tolerance("value", recorded, rerun)
    apart = errors_apart(recorded, rerun)
    return recorded.value, rerun.value, tolerance, apart, not reasons, "; ".join(reasons)


def _decimals(number: float, mcse: float) -> int:
    """Decimals kept: two digits of the Monte Carlo error, or eight of an exact number."""
    return max(0, _decimals_of(mcse, 2)) if mcse > 0.0 else _decimals_of(number, EXACT_DIGITS)


def _rounded(number: float, mcse: float) -> float:
    return round(float(number), _decimals(number, mcse))
