"""Preparation of terms: what they take from the respondents of the count table."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulae.terms.call import Call
from formulae.terms.call_resolver import LazyCall
from formulae.terms.terms import Intercept, Model
from formulae.transforms import TRANSFORMS

from nps_research.ordinal.formulas import component_names, is_monotonic, variables, walk
from nps_research.ordinal.terms import (
    ENVIRONMENT,
    Columns,
    Factor,
    Offset,
    Ordered,
    Slopes,
    evaluated,
    is_numeric,
    keys_of,
    matrix,
    raw_levels,
    with_numbers,
)
from nps_research.survey_files import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nps_research.ordinal.cells import Array, Integers

# Rows on which a transform with a memory is set up: one a respondent up to here. Beyond, cells are
# repeated in proportion, so that means and quantiles are those of the respondents to about one
# part in as many. A thin-plate spline compares each row with up to 2,000 others.
MOST_ROWS = 1_000_000
MOST_ROWS_OF_THIN_PLATES = 10_000

# Beyond, whole numbers are a measurement rather than levels, and the steps would fill the memory.
MOST_STEPS = 200


def prepared(table: pd.DataFrame) -> pd.DataFrame:
    """Make formulae keep the order of levels, and only of those that somebody has.

    It sorts the levels of a categorical that is not ordered. The first is the reference, and a
    level that nobody has would give a column of zeros.
    """
    factors = table.select_dtypes("category")
    used = {str(k): factors[k].cat.remove_unused_categories().cat.as_ordered() for k in factors}
    return with_numbers(table).assign(**used)


def set_up_terms(terms: Sequence[Any], table: pd.DataFrame, sizes: Array) -> list[Columns]:
    """Set up common terms on the respondents.

    Parameters
    ----------
    terms : sequence of formulae terms
        In the order wanted.
    table : pandas.DataFrame
        Prepared cells that somebody is in.
    sizes : numpy.ndarray, shape (cells,)
        Respondents in every cell.

    Returns
    -------
    list of Columns
        One for each term. A factor is coded in full where lower terms leave room for it.

    Raises
    ------
    ValueError
        If a term cannot be evaluated, or has nothing to tell the respondents apart by.
    """
    plain = [deepcopy(term) for term in terms if not is_monotonic(term)]
    for term in plain:
        _set_up(term, table, sizes)
    # Main effects go first: formulae decides on the coding of a factor in the order of terms.
    model = Model(Intercept(), *sorted(plain, key=lambda term: len(term.components)))
    evaluated("the formula", lambda: model.eval(table, ENVIRONMENT))
    owned = _owned(model.common_terms[1:], {term.name for term in plain})
    columns = [_columns(term, owned.get(term.name, ())) for term in terms]
    for each in columns:
        if each.parts:
            _refuse_constant(matrix([each], table), each.labels)
    return columns


def set_up_offset(component: Any, table: pd.DataFrame, sizes: Array) -> Offset:
    """Set up a term offset(x) on the respondents."""
    found = deepcopy(component)
    _remember(found, table, sizes)
    return Offset(found)


def set_up_slopes(terms: Sequence[Any], table: pd.DataFrame, sizes: Array) -> list[Slopes]:
    """Set up group-level terms on the respondents."""
    factors = {names: set_up_factor(names, table) for names in dict.fromkeys(map(_names, terms))}
    with_intercepts = {_names(term) for term in terms if isinstance(term.expr, Intercept)}
    slopes = [
        Slopes(
            factors[_names(term)],
            _slope_columns(term.expr, table, sizes, full=_names(term) not in with_intercepts),
        )
        for term in terms
    ]
    for slope in slopes:
        _refuse_slashes(slope.labels)
    return slopes


def set_up_factor(names: tuple[str, ...], table: pd.DataFrame) -> Factor:
    """Find the groups that somebody is in."""
    _refuse_slashes(names)
    grouped = table.groupby(list(names), observed=True, sort=True).size()
    known = keys_of(grouped.index.to_frame(index=False), names).drop_duplicates()
    factor = Factor(names, known)
    if len(known) < 2:
        raise ValueError(
            f"groups need at least two levels; found only {factor.levels[0]!r} in "
            f"{factor.label!r}. Leave {factor.label!r} out."
        )
    return factor


def set_up_ordered(
    terms: Sequence[Any], columns: Sequence[Columns], table: pd.DataFrame
) -> list[Ordered]:
    """Find the levels of the terms mo(x): those declared, or all whole numbers in the range.

    Parameters
    ----------
    terms : sequence of formulae terms
        All terms of the formula.
    columns : sequence of Columns
        The same, set up.
    table : pandas.DataFrame
        Cells that somebody is in, with categories as they were declared.

    Returns
    -------
    list of Ordered
        One for each mo(x) among `terms`.

    Raises
    ------
    ValueError
        If x has no order, or one value only.
    """
    positions = np.cumsum([0, *(len(each.labels) for each in columns)])
    return [
        _ordered(term.components[0], int(position), table)
        for term, position in zip(terms, positions[:-1], strict=True)
        if is_monotonic(term)
    ]


def _ordered(component: Any, position: int, table: pd.DataFrame) -> Ordered:
    name = component.call.args[0].name
    _refuse_slashes([name])
    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        levels = column.cat.categories
    elif is_numeric(column) and (column % 1 == 0).all():
        levels = pd.RangeIndex(int(column.min()), int(column.max()) + 1)
        _refuse_many_steps(component.name, len(levels) - 1)
    else:
        raise ValueError(
            f"{component.name} needs an ordered predictor; found {shown(column.iloc[0])} in "
            f"{name!r}. Give whole numbers, or counts[{name!r}] = pd.Categorical(counts[{name!r}], "
            "['low', 'high'], ordered=True) with your levels in order."
        )
    if column.nunique() < 2:
        raise ValueError(_constant(component.name))
    return Ordered(component.name, name, position, pd.Index(levels, dtype=object))


def _refuse_many_steps(term: str, steps: int) -> None:
    if steps > MOST_STEPS:
        raise ValueError(
            f"{term} would have {steps:,} steps, one for each whole number between the lowest and "
            f"the highest; at most {MOST_STEPS} are possible. Use a spline, as in bs(x, df=5), or "
            "classes of x."
        )


def _names(term: Any) -> tuple[str, ...]:
    return tuple(component.name for component in term.factor.components)


def _slope_columns(expr: Any, table: pd.DataFrame, sizes: Array, *, full: bool) -> Columns | None:
    if isinstance(expr, Intercept):
        return None
    term = deepcopy(expr)
    _set_up(term, table, sizes)
    evaluated(term.name, lambda: term.set_data(full))
    columns = _columns(term, (term,))
    _refuse_constant(matrix([columns], table), columns.labels)
    return columns


def _columns(term: Any, parts: tuple[Any, ...]) -> Columns:
    labels = [label for part in parts for label in part.labels] if parts else [term.name]
    return Columns(component_names(term), parts, labels)


def _owned(parts: Iterable[Any], names: set[str]) -> dict[str, tuple[Any, ...]]:
    """Give each term the parts that formulae put before it to make its columns complete."""
    owned: dict[str, tuple[Any, ...]] = {}
    waiting: tuple[Any, ...] = ()
    for part in parts:
        waiting += (part,)
        if part.name in names:
            owned[part.name], waiting = waiting, ()
    return owned


def _set_up(term: Any, table: pd.DataFrame, sizes: Array) -> None:
    for component in term.components:
        _remember(component, table, sizes)
    evaluated(term.name, lambda: term.set_type(table, ENVIRONMENT))
    for component in term.components:
        if component.kind == "categoric":
            _refuse_one_level(component, table)


def _refuse_one_level(component: Any, table: pd.DataFrame) -> None:
    levels = pd.unique(raw_levels(component, table))
    if len(levels) < 2:
        raise ValueError(
            f"a factor needs at least two levels; found only {shown(levels[0])} in "
            f"{component.name!r} among those who answered. Leave {component.name!r} out."
        )


def _remember(component: Any, table: pd.DataFrame, sizes: Array) -> None:
    """Let transforms with a memory see every respondent once.

    What scale(x) remembers is the mean over respondents, not over cells.
    """
    if not isinstance(component, Call):
        return
    calls = {part.callee for part in walk(component.call) if isinstance(part, LazyCall)}
    if any(hasattr(TRANSFORMS.get(name), "__stateful_transform__") for name in calls):
        most = MOST_ROWS_OF_THIN_PLATES if "tp" in calls else MOST_ROWS
        used = table[[name for name in table if name in variables(component)]]
        rows = used.iloc[np.repeat(np.arange(len(used)), _repeats(sizes, most))]
        evaluated(component.name, lambda: component.call.eval(rows, ENVIRONMENT))


def _repeats(sizes: Array, most: int) -> Integers:
    share = min(1.0, most / sizes.sum())
    return np.maximum(np.rint(sizes * share), 1).astype(np.int64)


def _refuse_slashes(names: Iterable[str]) -> None:
    for name in names:
        if "/" in name:
            raise ValueError(
                f"{name!r} names a variable or a dimension of the results, which may hold no '/'. "
                "Rename the column or the level, as in counts.rename(columns={'a/b': 'a_b'})."
            )


def _refuse_constant(values: Array, labels: Sequence[str]) -> None:
    for label, column in zip(labels, values.T, strict=True):
        if np.ptp(column) == 0:
            raise ValueError(_constant(label))


def _constant(label: str) -> str:
    return (
        f"predictor {label!r} has the same value for everybody who answered, so its effect cannot "
        "be seen. Leave it out, or merge levels that nobody combines."
    )
