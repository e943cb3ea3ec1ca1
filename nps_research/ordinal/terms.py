"""Terms as they were set up on the respondents: what makes the columns for any table."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulae.categorical import ENCODINGS, CategoricalBox
from formulae.environment import Environment
from formulae.terms.variable import Variable
from formulae.transforms import TRANSFORMS

from nps_research.ordinal.cells import Cells, GroupTerm, Monotonic
from nps_research.survey_files import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nps_research.ordinal.cells import Array, Integers

ENVIRONMENT = Environment([{**TRANSFORMS, **ENCODINGS, "np": np}])


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of one term.

    Attributes
    ----------
    components : frozenset of str
        What the term is made of, which is how terms are compared.
    parts : tuple of formulae terms
        The term, after those that make it complete where lower terms are left out; none for mo(x).
    labels : list of str
        Names of the columns.
    """

    components: frozenset[str]
    parts: tuple[Any, ...]
    labels: list[str]

    def values(self, table: pd.DataFrame) -> Array:
        """Return the columns for the rows of `table`, shape (rows, labels)."""
        if not self.parts:
            return np.zeros((len(table), 1))
        return np.column_stack([_term_values(part, table) for part in self.parts])


@dataclass(frozen=True, eq=False)
class Offset:
    """A term offset(x)."""

    component: Any

    def values(self, table: pd.DataFrame) -> Array:
        """Return x for the rows of `table`, shape (rows,)."""
        name = self.component.name
        values = evaluated(name, lambda: self.component.call.args[0].eval(table, ENVIRONMENT))
        if not is_numeric(values):
            raise ValueError(f"{name} needs numbers; found text or categories.")
        found = np.broadcast_to(np.asarray(values, dtype=float), len(table))
        _refuse_infinite(found[:, None], [name], table)
        return found


@dataclass(frozen=True, eq=False)
class Factor:
    """Groups, by one column or by the combinations of several that somebody has."""

    names: tuple[str, ...]
    known: pd.MultiIndex

    @property
    def label(self) -> str:
        """Name of the dimension."""
        return ":".join(self.names)

    @property
    def levels(self) -> list[str]:
        """Names of the groups."""
        return [":".join(key) for key in self.known]

    def index(self, table: pd.DataFrame) -> Integers:
        """Return the position of the group of every row, -1 for one that is not known."""
        return np.asarray(self.known.get_indexer(keys_of(table, self.names)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Slopes:
    """Effects of a factor: intercepts without `columns`, else one set of effects a column."""

    factor: Factor
    columns: Columns | None

    @property
    def labels(self) -> list[str]:
        """Names of the sets of effects."""
        factor = self.factor.label
        return [f"{name}|{factor}" for name in self.columns.labels] if self.columns else [factor]

    def at(self, table: pd.DataFrame) -> list[GroupTerm]:
        """Return the group terms for the rows of `table`."""
        values = matrix([self.columns], table) if self.columns else np.ones((len(table), 1))
        index = self.factor.index(table)
        return [
            GroupTerm(label, self.factor.label, self.factor.levels, index, column)
            for label, column in zip(self.labels, values.T, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Ordered:
    """A term mo(x) with the levels of x."""

    term: str
    name: str
    position: int
    levels: pd.Index

    def at(self, table: pd.DataFrame) -> Monotonic:
        """Return the codes for the rows of `table`."""
        codes = self.levels.get_indexer(pd.Index(table[self.name].astype(object)))
        _refuse_unknown(self.name, table[self.name], codes < 0, self.levels)
        return Monotonic(self.term, self.position, len(self.levels) - 1, codes.astype(np.int64))


@dataclass(frozen=True, eq=False)
class Recipe:
    """What makes cells of a table: the terms of all formulas."""

    names: list[str]
    location: list[Columns]
    offsets: list[Offset]
    ordered: list[Ordered]
    slopes: list[Slopes]
    scale: list[Columns]
    specific: list[Columns]
    nps: list[Columns]
    cutpoints: Factor | None
    hurdle: list[Columns] | None

    def cells(self, table: pd.DataFrame, sizes: Array, unanswered: Array) -> Cells:
        """Return the cells, one for each row of `table`."""
        ready = with_numbers(table).astype(dict.fromkeys(table.select_dtypes("category"), object))
        return Cells(
            table=table,
            sizes=sizes,
            predictors=matrix(self.location, ready),
            offset=sum((each.values(ready) for each in self.offsets), np.zeros(len(table))),
            monotonic=tuple(each.at(ready) for each in self.ordered),
            scale_predictors=matrix(self.scale, ready),
            cut_predictors=matrix([*self.specific, *self.nps], ready),
            group_terms=tuple(term for each in self.slopes for term in each.at(ready)),
            cutpoint_group=None if self.cutpoints is None else self.cutpoints.index(ready),
            hurdle_predictors=self._hurdle(ready),
            unanswered=unanswered,
        )

    def _hurdle(self, table: pd.DataFrame) -> Array:
        if self.hurdle is None:
            return np.zeros((len(table), 0))
        return np.column_stack([np.ones(len(table)), matrix(self.hurdle, table)])


def with_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Replace True and False by 1 and 0, so that they can be added and multiplied."""
    return table.astype(dict.fromkeys(table.select_dtypes(bool), np.int64))


def matrix(columns: Iterable[Columns], table: pd.DataFrame) -> Array:
    """Return the columns of several terms side by side, shape (rows, columns)."""
    columns = list(columns)
    blocks = [np.zeros((len(table), 0)), *(each.values(table) for each in columns)]
    found = np.column_stack(blocks)
    _refuse_infinite(found, labels_of(columns), table)
    return found


def labels_of(columns: Iterable[Columns]) -> list[str]:
    """Return the names of the columns of several terms."""
    return [label for each in columns for label in each.labels]


def evaluated(name: str, function: Callable[[], Any]) -> Any:
    """Call a function of formulae, and say which term it was when it fails."""
    # formulae prints before it raises.
    try:
        with redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            return function()
    except Exception as error:
        raise ValueError(
            f"cannot evaluate {name!r}: {error}. Check the function, its arguments and the column."
        ) from error


def _term_values(part: Any, table: pd.DataFrame) -> Array:
    for component in part.components:
        _check_kind(component, table)
    values = evaluated(part.name, lambda: part.eval_new_data(table))
    return np.asarray(values, dtype=float).reshape(len(table), -1)


def _check_kind(component: Any, table: pd.DataFrame) -> None:
    if component.kind == "categoric":
        raw = raw_levels(component, table)
        unknown = ~pd.Series(raw, index=table.index).isin(component.levels).to_numpy()
        _refuse_unknown(component.name, raw, unknown, component.levels)
    elif isinstance(component, Variable) and not is_numeric(table[component.name]):
        value = table[component.name].iloc[0]
        raise ValueError(
            f"predictor {component.name!r} was a number when the model was built; found "
            f"{shown(value)}. Convert it with pd.to_numeric."
        )


def raw_levels(component: Any, table: pd.DataFrame) -> Any:
    """Return the categories of the rows of `table`, before they are coded."""
    if isinstance(component, Variable):
        return table[component.name]
    values = evaluated(component.name, lambda: component.call.eval(table, ENVIRONMENT))
    return values.data if isinstance(values, CategoricalBox) else values


def is_numeric(values: Any) -> bool:
    """Tell whether values are numbers."""
    return isinstance(values, int | float) or bool(pd.api.types.is_numeric_dtype(values))


def keys_of(table: pd.DataFrame, names: Sequence[str]) -> pd.MultiIndex:
    """Return the groups of the rows as text, so that 3 in one table is 3.0 in another."""
    return pd.MultiIndex.from_arrays([table[name].astype(object).map(_text) for name in names])


def _text(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]


def _refuse_unknown(name: str, values: Any, unknown: Any, levels: Iterable[object]) -> None:
    if not unknown.any():
        return
    found = ", ".join(shown(level) for level in pd.unique(np.asarray(values)[unknown])[:10])
    known = ", ".join(shown(level) for level in levels)
    raise ValueError(
        f"nobody who answered has {found} in {name!r}, so the effect is not known. Known levels: "
        f"{known}. Leave these rows out, or merge their level with a known one."
    )


def _refuse_infinite(values: Array, labels: Sequence[str], table: pd.DataFrame) -> None:
    rows, columns = np.nonzero(~np.isfinite(values))
    if len(rows):
        row, column = int(rows[0]), int(columns[0])
        place = ", ".join(f"{name}={shown(table[name].iloc[row])}" for name in table)
        raise ValueError(
            f"{labels[column]!r} is {values[row, column]} for {len(np.unique(rows))} of "
            f"{len(table)} combinations of predictors, first at {place}. Correct the column "
            "or the function: np.log(x) needs numbers above 0, scale(x) a column that varies."
        )
