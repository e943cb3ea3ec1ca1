"""Count tables and draws as bytes, with what their formats do not keep described beside them."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.scale import RatingScale

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

COUNTS = "counts.parquet"
STORABLE: dict[str, type] = {
    "string": np.str_,
    "empty": np.str_,
    "integer": np.int64,
    "floating": np.float64,
    "boolean": np.bool_,
}


def stored_counts(counts: pd.DataFrame) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return tables as parquet, and a description of what parquet does not keep.

    Parquet keeps the levels of a categorical only if they are text, so that all are stored as
    codes, with a table of levels beside them.

    Raises
    ------
    ValueError
        If a column has values of several types.
    """
    categories = counts.select_dtypes("category")
    codes = {str(name): column.cat.codes for name, column in categories.items()}
    members = {COUNTS: _parquet(counts.assign(**codes))}
    ordered = {}
    for name, column in categories.items():
        members[_levels_member(str(name))] = _parquet(column.cat.categories.to_frame(name="level"))
        ordered[str(name)] = bool(column.cat.ordered)
    attrs = {name: value for name, value in counts.attrs.items() if name != "rating_scale"}
    return members, {
        "attrs": _attributes(attrs, "the count table"),
        "rating_scale": scale_fields(counts),
        "ordered_by_categorical": ordered,
    }


def loaded_counts(members: Mapping[str, bytes], described: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table that `stored_counts` stored."""
    counts = pd.read_parquet(io.BytesIO(members[COUNTS]))
    for name, ordered in described["ordered_by_categorical"].items():
        levels = pd.read_parquet(io.BytesIO(members[_levels_member(name)]))["level"]
        dtype = pd.CategoricalDtype(pd.Index(levels).rename(None), ordered)
        counts[name] = pd.Categorical.from_codes(counts[name], dtype=dtype)
    counts.attrs = dict(described["attrs"])
    if described["rating_scale"] is not None:
        counts.attrs["rating_scale"] = RatingScale(**described["rating_scale"])
    return counts


def stored_draws(idata: xr.DataTree) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return every variable as .npy, and a description of dims, coordinates and attrs.

    Raises
    ------
    ValueError
        If groups are nested, or a variable holds neither text (some of it None), numbers,
        booleans nor dates.
    """
    members: dict[str, bytes] = {}
    groups = []
    for group, node in idata.children.items():
        if node.children:
            raise ValueError(
                f"groups of draws are stored one level deep; found {min(node.children)!r} in "
                f"{group!r}. Move it to the top."
            )
        dataset = node.to_dataset()
        described = [_described_variable(dataset, str(name)) for name in dataset.variables]
        for name, variable in dataset.variables.items():
            where = f"{name!r} in {group!r}"
            members |= _stored_array(np.asarray(variable.values), _draws_member(group, name), where)
        attrs = _attributes(dataset.attrs, f"group {group!r}")
        groups.append({"name": group, "attrs": attrs, "variables": described})
    return members, {"attrs": _attributes(idata.attrs, "the draws"), "groups": groups}


def loaded_draws(members: Mapping[str, bytes], described: Mapping[str, Any]) -> xr.DataTree:
    """Return the draws that `stored_draws` stored."""
    groups = {group["name"]: _loaded_group(members, group) for group in described["groups"]}
    idata = xr.DataTree.from_dict(groups)
    idata.attrs = dict(described["attrs"])
    return idata


def plain_json(value: Any, where: str) -> Any:
    """Return a value as JSON has it: arrays as lists, dataclasses as dicts.

    Parameters
    ----------
    value : object
        Anything.
    where : str
        Where it is, for the error.

    Raises
    ------
    ValueError
        If JSON has nothing for it, such as for an infinite number.

    Examples
    --------
    >>> plain_json({"sd": np.float64(2.5), "n": (1, 2)}, "priors")
    {'sd': 2.5, 'n': [1, 2]}
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain_json(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, where) for item in value]
    if value is None or isinstance(value, str | int) or _is_finite(value):
        return value
    raise ValueError(
        f"{where} is {value!r}, which a file cannot hold. Use text, finite numbers, lists or dicts."
    )


def scale_fields(counts: pd.DataFrame) -> dict[str, Any] | None:
    """Return the rating scale that the table carries, for JSON."""
    scale = counts.attrs.get("rating_scale")
    return None if scale is None else asdict(scale)


def column_kind(column: pd.Series) -> str:
    """Name the type of a column, as far as it survives storage: there is one kind of text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [str(level) for level in column.dtype.categories]
        return f"{'ordered ' if column.dtype.ordered else ''}categories {levels}"
    return "text" if pd.api.types.is_string_dtype(column.dtype) else str(column.dtype)


def _levels_member(column: str) -> str:
    return f"levels/{quote(column, safe='')}.parquet"


def _parquet(table: pd.DataFrame) -> bytes:
    bare = table.reset_index(drop=True)
    bare.attrs = {}
    buffer = io.BytesIO()
    try:
        bare.to_parquet(buffer, index=False)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"the count table cannot be stored: {error}. Give every column one type, such as "
            f"text: counts[name] = counts[name].astype(str)."
        ) from error
    return buffer.getvalue()


def _described_variable(dataset: xr.Dataset, name: str) -> dict[str, Any]:
    variable = dataset.variables[name]
    return {
        "name": name,
        "dims": [str(dim) for dim in variable.dims],
        "coordinate": name in dataset.coords,
        "attrs": _attributes(variable.attrs, repr(name)),
    }


def _stored_array(values: NDArray[Any], member: str, where: str) -> dict[str, bytes]:
    """Return the array and, where text is missing, which elements are."""
    if values.dtype.kind not in "OT":
        return {member: _npy(values)}
    objects = values.astype(object)
    missing = pd.isna(objects)
    if not missing.any():
        return {member: _npy(_typed(objects, where))}
    text = _typed(np.where(missing, "", objects), where)
    return {member: _npy(text), _missing_member(member): _npy(missing)}


def _loaded_array(members: Mapping[str, bytes], member: str) -> NDArray[Any]:
    values = np.load(io.BytesIO(members[member]), allow_pickle=False)
    if _missing_member(member) not in members:
        return np.asarray(values)
    missing = np.load(io.BytesIO(members[_missing_member(member)]), allow_pickle=False)
    return np.asarray(np.where(missing, None, values.astype(object)))


def _missing_member(member: str) -> str:
    return f"{member.removesuffix('.npy')}/missing.npy"


def _loaded_group(members: Mapping[str, bytes], described: Mapping[str, Any]) -> xr.Dataset:
    variables = {}
    for each in described["variables"]:
        values = _loaded_array(members, _draws_member(described["name"], each["name"]))
        variables[each["name"]] = (each["dims"], values, each["attrs"])
    coordinates = [each["name"] for each in described["variables"] if each["coordinate"]]
    return xr.Dataset(variables, attrs=described["attrs"]).set_coords(coordinates)


def _draws_member(group: str, name: object) -> str:
    return f"idata/{quote(group, safe='')}/{quote(str(name), safe='')}.npy"


def _npy(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(values, order="C"), allow_pickle=False)
    return buffer.getvalue()


def _typed(objects: NDArray[Any], where: str) -> NDArray[Any]:
    """Return objects as text, or as the one kind of number that they are."""
    kind = pd.api.types.infer_dtype(objects.ravel(), skipna=False)
    if kind not in STORABLE:
        raise ValueError(
            f"{where} holds {kind} values, which cannot be stored. Make them all text or numbers."
        )
    return np.asarray(objects.astype(STORABLE[kind]))


def _attributes(attrs: Mapping[Any, Any], where: str) -> dict[str, Any]:
    kept = {}
    for name, value in attrs.items():
        try:
            kept[str(name)] = plain_json(value, repr(name))
        except ValueError as error:
            warnings.warn(f"an attr of {where} is not saved: {error}", stacklevel=4)
    return kept


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
