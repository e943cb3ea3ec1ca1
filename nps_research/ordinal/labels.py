"""Names for a reader: of parameters, and of groups of respondents as coordinates of results."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design

    type Array = NDArray[np.float64]
    type Labels = NDArray[Any]

MISSING = "<NA>"
# The sampler's form of parameters that are reported under other names.
REPEATED = ("sticks", "shares", "cutpoint_centre", "log_widths", "raw_")
# Names of the numbers of a variable, by their coordinates, if not ``variable[coordinates]``.
NAMES = {
    "cutpoints": "cutpoint[{}]",
    "coefficients": "{}",
    "scale_coefficients": "scale[{}]",
    "cut_coefficients": "{}",
    "group_cutpoints": "cutpoint[{1}]:{0}",
}


def term_names(design: Design) -> dict[str, list[str]]:
    """Return the names of what `Priors` can name, by the fields of `PriorNumbers`."""
    return {
        "coefficients": design.terms,
        "scale_coefficients": [f"scale[{term}]" for term in design.scale_terms],
        "cut_coefficients": design.cut_terms,
        "no_answer": [f"no_answer[{term}]" for term in design.hurdle_terms],
        "group_sd": [f"sd({term.label})" for term in design.cells.group_terms],
        "cutpoint_sd": ["cutpoint_sd"] if design.cutpoint_levels else [],
    }


def reported_variables(parameters: xr.Dataset) -> list[str]:
    """Return the variables that a report shows, without those that say the same as another.

    Examples
    --------
    >>> reported_variables(xr.Dataset({"sticks": 0.1, "cutpoints": 0.2, "sd_store": 0.3}))
    ['cutpoints', 'sd_store']
    """
    return [name for name in map(str, parameters) if not name.startswith(REPEATED)]


def quantity_names(variable: xr.DataArray) -> list[str]:
    """Return the name of every number of one draw, as maximum likelihood has it.

    Parameters
    ----------
    variable : xarray.DataArray
        Draws of a variable, with the dims chain and draw.

    Examples
    --------
    >>> draws = xr.DataArray(np.zeros((1, 1, 2)), dims=("chain", "draw", "term"))
    >>> effects = draws.rename(term="store").assign_coords(store=["a", "b"])
    >>> quantity_names(effects.rename("effect_store")), quantity_names(effects.rename("nps"))
    (['store[a]', 'store[b]'], ['nps[a]', 'nps[b]'])
    >>> quantity_names(draws[..., 0].rename("sd_store"))
    ['sd(store)']
    """
    name, dims = str(variable.name), variable.isel(chain=0, draw=0).dims
    places = itertools.product(*(map(str, variable[dim].to_numpy()) for dim in dims))
    return [_quantity_name(name, place) for place in places]


def column_names(by: str | Sequence[str] | None) -> list[str]:
    """Return the columns whose groups are kept apart, each once.

    Parameters
    ----------
    by : str or sequence of str, optional
        One column, several, or none.

    Raises
    ------
    ValueError
        If a column is named twice.

    Examples
    --------
    >>> column_names("year"), column_names(np.array(["year", "mode"])), column_names(None)
    (['year'], ['year', 'mode'], [])
    """
    if by is None:
        return []
    names = [by] if isinstance(by, str) else np.asarray(by).tolist()
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"by={names} holds {name!r} more than once. Name every column once.")
    return names


def by_groups(
    values: Array,
    groups: pd.Index,
    outer: Mapping[str, Labels],
    inner: Mapping[str, Labels],
) -> xr.DataArray:
    """Name the axes of an array with an axis of groups in its middle.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (outer..., groups, inner...).
    groups : pandas.Index
        Groups as by `nps_research.counts.group_rows`: unnamed if there is only one.
    outer, inner : mapping of str to array_like
        Coordinates of the other axes, in order.

    Returns
    -------
    xarray.DataArray
        With one dim for every column of the groups, in place of their axis. A combination that
        does not exist is NaN. Labels are text, numbers, booleans or dates, so that the array can
        be stored; other values become text, and a missing value ``"<NA>"``.

    Examples
    --------
    >>> groups = pd.MultiIndex.from_tuples([(2017, "a"), (2018, "b")], names=["year", "mode"])
    >>> by_groups(np.array([3.0, 5.0]), groups, {}, {}).to_pandas()
    mode    a    b
    year
    2017  3.0  NaN
    2018  NaN  5.0
    """
    if groups.names == [None]:
        return xr.DataArray(
            np.take(values, 0, len(outer)), dict(outer) | dict(inner), [*outer, *inner]
        )
    codes, coordinates = _factorised(groups)
    shape = [len(labels) for labels in coordinates.values()]
    n_outer = len(outer)
    full = np.full((*values.shape[:n_outer], *shape, *values.shape[n_outer + 1 :]), np.nan)
    full[(slice(None),) * n_outer + tuple(codes)] = values
    coords = dict(outer) | coordinates | dict(inner)
    return xr.DataArray(full, coords, list(coords))


def plain(labels: pd.Index) -> Labels:
    """Return labels as text, numbers, booleans or dates.

    Examples
    --------
    >>> plain(pd.Index(pd.Categorical([3, 1]))), plain(pd.Index(pd.cut([1, 5], [0, 3, 9])))
    (array([3, 1]), array(['(0, 3]', '(3, 9]'], dtype='<U6'))
    """
    values = pd.Index(labels.tolist()).infer_objects() if len(labels) else labels
    if values.dtype.kind in "iufbM":
        return np.asarray(values)
    return np.array([MISSING if pd.isna(value) else str(value) for value in labels], dtype=np.str_)


def _quantity_name(variable: str, place: Sequence[str]) -> str:
    if variable in NAMES:
        return NAMES[variable].format(*place)
    if variable.startswith("sd_"):
        return f"sd({variable.removeprefix('sd_')})"
    name = variable.removeprefix("effect_")
    return f"{name}[{', '.join(place)}]" if place else name


def _factorised(groups: pd.Index) -> tuple[list[Labels], dict[str, Labels]]:
    codes: list[Labels] = []
    coordinates: dict[str, Labels] = {}
    for name, column in groups.to_frame(index=False).items():
        position, labels = pd.factorize(column, sort=True)
        if (position < 0).any():
            position = np.where(position < 0, len(labels), position)
            labels = pd.Index([*labels, None], dtype=object)
        codes.append(position)
        coordinates[str(name)] = plain(pd.Index(labels))
    return codes, coordinates
