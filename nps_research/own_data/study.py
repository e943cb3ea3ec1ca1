"""One survey as the editions for own data see it: counts by the columns that were named."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nps_research.counts import as_counts, tabulate
from nps_research.datasets import load_counts, registry
from nps_research.own_data.findings import listed
from nps_research.scale import RatingScale
from nps_research.survey import read_survey
from nps_research.survey_files import SurveyWarning, read_source, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nps_research.survey import Survey

CHURNED, UNKNOWN, OTHER = "churned", "unknown", "other"
# What stands for leaving and staying when the values that mean leaving are not named.
LEFT, STAYED = {"1", "yes", "true"}, {"0", "no", "false"}
# Names that mean something in a count table, or that Python reserves for formulas.
TAKEN = {"score", "n", "weight", "weight_squared", "date", "respondent", CHURNED, "C", "I", "Q"}
# Of a column with more groups, the smallest are shown together.
MOST_GROUPS = 12


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A survey, counted.

    Attributes
    ----------
    counts : pandas.DataFrame
        Count table with the columns of `by`, `churned` ("yes", "no", "unknown") if leaving is
        known, and the sums of weights if there are weights.
    by : list of str
        Columns whose groups are compared; all are categories.
    rating_scale : RatingScale
        Scores that could be given.
    notes : list of str
        What was read, what is missing, and what was put together.
    """

    counts: pd.DataFrame
    by: list[str]
    rating_scale: RatingScale
    notes: list[str]

    @property
    def weighted(self) -> bool:
        """Whether answers have survey weights."""
        return "weight" in self.counts

    @property
    def answers(self) -> int:
        """Number of people who gave a score."""
        return int(self.answered["n"].sum())

    @property
    def answered(self) -> pd.DataFrame:
        """The counts of those who gave a score, without what is known of their leaving."""
        return self._summed([*self.by, "score"], self.counts[self.counts["score"].notna()])

    @property
    def leaving(self) -> pd.DataFrame:
        """The counts by score and `churned`.

        Raises
        ------
        ValueError
            If nothing is known of leaving.
        """
        if CHURNED not in self.counts:
            raise ValueError(
                "this notebook asks who leaves after which score, and no column says who left. "
                "Name it with --churn (churn= in the notebook), and with --left the values that "
                "mean that somebody left."
            )
        table = self._summed([CHURNED, "score"], self.counts)
        return table[[CHURNED, "score", "n"]]

    def of(self, column: str, group: str) -> pd.DataFrame:
        """Return the answers of one group."""
        table = self.answered[self.answered[column] == group]
        table.attrs = self.counts.attrs
        return table

    def groups(self, column: str) -> list[str]:
        """Return the groups of a column that answered, in their order."""
        held = set(self.answered[column])
        return [each for each in self.counts[column].cat.categories if each in held]

    def _summed(self, keys: list[str], table: pd.DataFrame) -> pd.DataFrame:
        sums = [name for name in ("n", "weight", "weight_squared") if name in table]
        summed = table.groupby(keys, observed=True, dropna=False)[sums].sum().reset_index()
        summed.attrs = self.counts.attrs
        return summed

    def __repr__(self) -> str:
        return "\n".join(self.notes)

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {note}" for note in self.notes)


def read_study(  # noqa: PLR0913  (one argument for each thing that surveys do differently)
    data: str,
    *,
    score: str,
    by: Sequence[str] = (),
    weight: str | None = None,
    missing: Mapping[Any, str] | None = None,
    scale: Sequence[int] = (0, 10),
    churn: str | None = None,
    left: Sequence[object] = (),
    encoding: str = "utf-8",
    decimal: str = ".",
    sheet: str | None = None,
) -> Study:
    """Read a survey and count its answers by the columns that are to be compared.

    Parameters
    ----------
    data : str
        Path of a CSV, TSV, Parquet, Excel or SPSS file, or the name of a count table that ships
        with the package, to try things out.
    score : str
        Column with the answers.
    by : sequence of str
        Columns whose groups are to be compared. Names become identifiers (``region_name``), a
        missing value the group "unknown", and of more than twelve groups the smallest one "other".
    weight : str, optional
        Column with survey weights.
    missing : mapping, optional
        Codes in the score column that mark no answer, to the reason.
    scale : sequence of int
        Lowest and highest score, and where no convention has them the highest score of a detractor
        and the lowest of a promoter.
    churn : str, optional
        Column that says who left.
    left : sequence, optional
        Values of it that mean that somebody left; all others mean that she stayed. By default 1,
        yes and true against 0, no and false. An empty cell is not known.
    encoding, decimal, sheet
        As in `read_survey`.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If the file or a column cannot be used; the message says what to do.

    Examples
    --------
    >>> study = read_study("sfo_airport", score="score", by=["year"])
    >>> study.answers, study.groups("year")
    (5396, ['2017', '2018'])
    """
    rating_scale = RatingScale(*scale)
    source = _source(data)
    _check_columns(score, by, churn)
    names = _names(source, (score, weight), (*by, churn), encoding, decimal, sheet)
    with warnings.catch_warnings():
        # The report of the survey says the same.
        warnings.simplefilter("ignore", SurveyWarning)
        survey = read_survey(
            source,
            score,
            columns=names,
            missing=missing,
            weight=weight,
            rating_scale=rating_scale,
            encoding=encoding,
            decimal=decimal,
            sheet=sheet,
        )
    groups = [names.get(name, name) for name in by]
    return _counted(survey, groups, names.get(churn or "", churn), left)


def label(value: object) -> str:
    """Write the value of a group as a person would: whole numbers without decimals.

    Examples
    --------
    >>> label(2018.0), label(" North "), label(2.5)
    ('2018', 'North', '2.5')
    """
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()  # type: ignore[call-overload]


def _source(data: str) -> str | pd.DataFrame:
    """Return the path, or the rows of a shipped table, one a person."""
    known = [name for name, each in registry().items() if each.kind == "counts"]
    if data in known:
        counts = load_counts(data).drop(columns=["weight", "weight_squared"], errors="ignore")
        return counts.loc[counts.index.repeat(counts["n"])].drop(columns="n")
    if not Path(data).is_file():
        raise ValueError(
            f"there is no file {data}. Check the path. Tables to try with, which ship with the "
            f"package: {', '.join(known)}."
        )
    return data


def _check_columns(score: str, by: Sequence[str], churn: str | None) -> None:
    used = [score, *by, *([churn] if churn else [])]
    repeated = [name for name in used if used.count(name) > 1]
    if repeated:
        raise ValueError(f"column {repeated[0]!r} is named twice. Name it for one purpose.")


def _names(
    source: str | pd.DataFrame,
    roles: Sequence[str | None],
    groups: Sequence[str | None],
    *reading: Any,
) -> dict[str, str]:
    """Return identifiers for the groups, and other names for columns whose name is taken."""
    encoding, decimal, sheet = reading
    needed = [name for name in (*roles, *groups) if name]
    table = read_source(source, needed=needed, encoding=encoding, decimal=decimal, sheet=sheet)
    held = table.frame.columns
    for name in needed:
        if name not in held:
            raise ValueError(f"{table.name}: {unknown_name('column', name, held)}")
    wanted = {name: _identifier(name) for name in groups if name}
    others = {name: f"{name}_column" for name in held if name in TAKEN}
    names = others | wanted
    return {old: new for old, new in names.items() if old not in roles and old != new}


def _identifier(name: str) -> str:
    plain = re.sub(r"\W+", "_", name).strip("_") or "column"
    plain = f"_{plain}" if plain[0].isdigit() else plain
    return f"{plain}_column" if plain in TAKEN else plain


def _counted(survey: Survey, by: list[str], churn: str | None, left: Sequence[object]) -> Study:
    notes = [str(survey.report), f"{survey.rating_scale!r}"[len("RatingScale(") : -1]]
    frame = survey.frame.copy()
    for name in by:
        frame[name], put_together = _groups(frame[name])
        if put_together:
            notes.append(f"{name}: {put_together} small groups are together as {OTHER!r}.")
    if churn:
        frame[CHURNED] = _leaving(frame[churn], left)
        known = frame[CHURNED].value_counts()
        notes.append(
            f"{known.get('yes', 0):,} left, {known.get('no', 0):,} stayed, "
            f"{known.get(UNKNOWN, 0):,} unknown."
        )
    alone = [name for name in by if frame[name].nunique() < 2]
    if alone:
        notes.append(f"Without a second group, and so not compared: {listed(alone)}.")
    compared = [name for name in by if name not in alone]
    columns = [*compared, *([CHURNED] if churn else [])]
    weight = "weight" if "weight" in frame else None
    counts = as_counts(
        tabulate(frame[[*columns, "score", *filter(None, [weight])]], columns, weight=weight),
        survey.rating_scale,
    )
    counts.attrs = {"rating_scale": survey.rating_scale}
    return Study(counts, compared, survey.rating_scale, notes)


def _groups(cells: pd.Series) -> tuple[pd.Series, int]:
    """Return cells as ordered labels, and how many small groups were put together."""
    ranked = cells.dropna().drop_duplicates().sort_values(key=_comparable)
    order = list(dict.fromkeys(label(value) for value in ranked))
    labels = _texts(cells).fillna(UNKNOWN).astype(str)
    order += [UNKNOWN] if UNKNOWN not in order and (labels == UNKNOWN).any() else []
    small = []
    if len(order) > MOST_GROUPS:
        kept = set(labels.value_counts().index[: MOST_GROUPS - 1])
        small = [label for label in order if label not in kept]
        labels = labels.mask(labels.isin(small), OTHER)
        order = [label for label in order if label in kept] + [OTHER]
    return labels.astype(pd.CategoricalDtype(order, ordered=False)), len(small)


def _texts(cells: pd.Series) -> pd.Series:
    return cells.map({value: label(value) for value in cells.dropna().unique()})


def _comparable(values: pd.Series) -> pd.Series:
    as_numbers = pd.to_numeric(values, errors="coerce")
    return as_numbers if as_numbers.notna().all() else values.astype(str)


def _leaving(cells: pd.Series, left: Sequence[object]) -> pd.Series:
    values = _texts(cells).fillna("").astype(str).str.strip()
    gone = {label(value) for value in left}
    lower = values.str.lower()
    unnamed = lower[(lower != "") & ~lower.isin(LEFT | STAYED)]
    if not gone and len(unnamed):
        raise ValueError(
            f"column {cells.name!r} holds {unnamed.iloc[0]!r}, which does not say whether somebody "
            "left. Name the values that mean that somebody left, with --left (left= in the "
            "notebook)."
        )
    if gone and not values.isin(gone).any():
        raise ValueError(
            f"nobody left: column {cells.name!r} never holds {listed(sorted(gone))}; it holds "
            f"{listed(sorted(set(values) - {''})[:MOST_GROUPS])}."
        )
    yes = values.isin(gone) if gone else lower.isin(LEFT)
    outcome = pd.Series("no", cells.index).mask(yes, "yes").mask(values == "", UNKNOWN)
    return outcome.astype(pd.CategoricalDtype(["yes", "no", UNKNOWN]))
