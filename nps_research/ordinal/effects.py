"""Effects: who is compared with whom, as tables of people and as differences of draws."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nps_research.ordinal.cells import Cells
    from nps_research.ordinal.design import Design

    type Array = NDArray[np.float64]

# A numeric predictor with more values than this gets as many, equally spaced.
MOST_VALUES = 20
CONTRAST = "contrast"


def differences(draws: xr.DataArray, dim: str, reference: object = None) -> xr.DataArray:
    """Subtract the levels of a dimension from each other, draw by draw.

    Parameters
    ----------
    draws : xarray.DataArray
        Draws of a quantity by group, such as ``fit.nps(by="year")`` or
        ``fit.marginal_effect("year")``.
    dim : str
        The dimension with the levels.
    reference : optional
        Level that is subtracted from all others. Without it, every pair: later minus earlier.

    Returns
    -------
    xarray.DataArray
        With a reference, dim `dim` without that level; else dim ``contrast`` in its place, with
        labels such as ``"2018 - 2017"``. The name gets the suffix ``_difference``.

    Raises
    ------
    ValueError
        If there is no such dimension or level, or only one level.

    Examples
    --------
    >>> draws = xr.DataArray([1.0, 4.0, 9.0], {"year": [2016, 2017, 2018]}, name="nps")
    >>> differences(draws, "year", reference=2016).to_series().to_dict()
    {2017: 3.0, 2018: 8.0}
    >>> differences(draws, "year").to_series().to_dict()
    {'2017 - 2016': 3.0, '2018 - 2016': 8.0, '2018 - 2017': 5.0}
    """
    if dim not in draws.dims:
        raise ValueError(unknown_name("dimension", dim, draws.dims))
    levels = draws[dim].to_numpy().tolist()
    if len(levels) < 2:
        raise ValueError(
            f"a contrast needs two groups; {dim!r} has only {levels}. Choose another column."
        )
    result = _pairs(draws, dim, levels) if reference is None else _from(draws, dim, reference)
    return result.rename(f"{draws.name}_difference")


def level_position(draws: xr.DataArray, dim: str, level: object) -> int:
    """Return the position of a level, or say which levels exist."""
    levels = list(draws[dim].to_numpy().tolist())
    if level not in levels:
        raise ValueError(unknown_name(f"level of {dim!r}:", level, levels))
    return levels.index(level)


def effect_values(design: Design, column: str, values: Iterable[Any] | None) -> list[Any]:
    """Return the values at which an effect is shown, each once.

    Parameters
    ----------
    design : Design
        Cells of the respondents.
    column : str
        A predictor.
    values : iterable, optional
        The values. Without them, those that respondents have; for a numeric predictor with more
        than 20 of these, 20 equally spaced ones.

    Raises
    ------
    ValueError
        If `column` is no predictor, or there is no value.
    """
    known = _predictor(design, column)
    if values is not None:
        several = [values] if pd.api.types.is_scalar(values) else values
        given = list(dict.fromkeys(several))
        if not given:
            raise ValueError(f"values= of {column!r} is empty. Leave it out, or name a value.")
        return given
    distinct = known.drop_duplicates().sort_values()
    if len(distinct) > MOST_VALUES and column in averaged_columns(design):
        return list(np.linspace(distinct.iloc[0], distinct.iloc[-1], MOST_VALUES))
    return list(distinct)


def everybody_at(
    cells: Cells, column: str, values: Iterable[Any], *, invited: bool = False
) -> pd.DataFrame:
    """Return the respondents once for every value of `column`, with that value.

    Parameters
    ----------
    cells : Cells
        Cells of the respondents.
    column : str
        A predictor.
    values : iterable
        Its values.
    invited : bool
        Whether those without a score take part.
    """
    people = cells.sizes + cells.unanswered if invited else cells.sizes
    return _at_values(cells.table.assign(n=people)[people > 0], column, values)


def typical_person(
    design: Design, column: str, values: list[Any], at: Mapping[str, Any]
) -> pd.DataFrame:
    """Return one person for every value of `column`, with given or typical other predictors.

    Parameters
    ----------
    design : Design
        Cells of the respondents.
    column : str
        A predictor.
    values : list
        Its values.
    at : mapping of str to scalar
        Values of other predictors. The rest are at the mean of the respondents if the model uses
        them as numbers, else at their most common value.

    Raises
    ------
    ValueError
        If `at` names `column`, names no predictor, or has several values for one.
    """
    for name, value in at.items():
        _predictor(design, name)
        if name == column or not pd.api.types.is_scalar(value):
            raise ValueError(
                f"at= holds one value for each of the other predictors; found {name!r}: {value!r}. "
                f"Pass values= for the values of {column!r}."
            )
    averaged = averaged_columns(design)
    typical = {
        str(name): at.get(str(name), _typical(cells, design.cells.sizes, averaged=name in averaged))
        for name, cells in design.cells.table.items()
    }
    return _at_values(pd.DataFrame([typical]).assign(n=1), column, values)


def averaged_columns(design: Design) -> set[str]:
    """Return the predictors that the model uses as numbers: a mean of them is a possible value.

    Numbers that stand for levels are not among them: of groups, ``mo(x)``, ``C(x)`` and the like.
    """
    table = design.cells.table
    numeric = {
        str(name)
        for name, column in table.items()
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    }
    groups = {part for term in design.cells.group_terms for part in term.factor.split(":")}
    return numeric - groups - {design.cutpoints_by} - _levels_by_formula(design)


def _levels_by_formula(design: Design) -> set[str]:
    formulas = (
        design.formula,
        design.scale_formula,
        design.category_specific,
        design.nps_cuts,
        design.no_answer,
    )
    text = " ".join(formula for formula in formulas if formula)
    return {name.strip("` ") for name in re.findall(r"\b(?:mo|C|S|T)\(\s*(`[^`]+`|\w+)", text)}


def _predictor(design: Design, column: str) -> pd.Series:
    table = design.cells.table
    if column not in table:
        raise ValueError(unknown_name("predictor", column, table.columns))
    return table[column]


def _typical(cells: pd.Series, sizes: Array, *, averaged: bool) -> object:
    if averaged:
        return float(np.average(cells.astype(float), weights=sizes))
    people = pd.Series(sizes).groupby(cells.to_numpy(), sort=True).sum()
    return people.idxmax()


def _at_values(table: pd.DataFrame, column: str, values: Iterable[Any]) -> pd.DataFrame:
    return pd.concat([table.assign(**{column: value}) for value in values], ignore_index=True)


def _from(draws: xr.DataArray, dim: str, reference: object) -> xr.DataArray:
    position = level_position(draws, dim, reference)
    others = [place for place in range(draws.sizes[dim]) if place != position]
    return draws.isel({dim: others}) - draws.isel({dim: position}, drop=True)


def _pairs(draws: xr.DataArray, dim: str, levels: list[Any]) -> xr.DataArray:
    earlier, later = np.triu_indices(len(levels), 1)
    labels = [f"{levels[j]} - {levels[i]}" for i, j in zip(earlier, later, strict=True)]
    first, second = (
        draws.isel({dim: xr.DataArray(places, dims=CONTRAST)}).drop_vars(dim)
        for places in (earlier, later)
    )
    return (second - first).assign_coords({CONTRAST: labels})
