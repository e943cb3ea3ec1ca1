"""Latent positions: where the cuts lie for the respondents of every cell, draw by draw."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import special

from nps_research.ordinal.coordinates import step_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.ordinal.cells import GroupTerm, Monotonic
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family

    type Array = NDArray[np.float64]
    type Integers = NDArray[np.int64]

SAMPLE_DIMS = ("chain", "draw")

# Bytes. Whatever has a number for every draw, cell and score is made for so many draws (or cells)
# at a time that it stays below this. Three or four such arrays exist at once.
LARGEST_TEMPORARY = 2**25


def chunks(length: int, each: int) -> Iterator[slice]:
    """Cut an axis into pieces, so that an array with `each` numbers for each place stays small.

    Parameters
    ----------
    length : int
        Length of the axis: draws or cells.
    each : int
        Numbers of eight bytes that one place takes.

    Examples
    --------
    >>> list(chunks(3000, 4000))
    [slice(0, 1048, None), slice(1048, 2096, None), slice(2096, 3000, None)]
    """
    step = max(1, LARGEST_TEMPORARY // (8 * max(1, each)))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def flat_draws(parameters: xr.Dataset) -> dict[str, Array]:
    """Return the draws of every parameter, chain after chain, shape (draws, ...) each.

    Examples
    --------
    >>> shares = xr.DataArray(np.zeros((4, 500, 11)), dims=("chain", "draw", "score"))
    >>> flat_draws(shares.to_dataset(name="shares"))["shares"].shape
    (2000, 11)
    """
    return {str(name): _flat(array) for name, array in parameters.data_vars.items()}


def positions(design: Design, draws: Mapping[str, Array]) -> Array:
    """Return the latent position of every cut, which a `Family` turns into probabilities.

    z = (cutpoint - eta - cut shift) exp(-scale), with the terms that the model has.

    Parameters
    ----------
    design : Design
        Cells, all of whose groups have draws: see `with_new_levels`.
    draws : mapping of str to numpy.ndarray
        Draws of the parameters, as by `flat_draws`, or some of them.

    Returns
    -------
    numpy.ndarray
        Shape (draws, cells, cuts).
    """
    z = _cutpoints(design, draws) - _linear_predictor(design, draws)[..., None]
    for column in np.unique(design.cut_columns):
        z -= _cut_shift(design, draws, column)
    if design.scale_terms:
        scale = draws["scale_coefficients"] @ design.cells.scale_predictors.T
        z *= np.exp(-scale)[..., None]
    return z


def no_answer_probabilities(design: Design, draws: Mapping[str, Array]) -> Array:
    """Return the probability of not answering, shape (draws, cells)."""
    return np.asarray(special.expit(draws["no_answer"] @ design.cells.hurdle_predictors.T))


def with_cells(design: Design, part: slice) -> Design:
    """Return the design with some of its cells; rows and counts stay those of all cells."""
    cells = design.cells
    arrays = ("sizes", "predictors", "offset", "scale_predictors", "cut_predictors")
    few = {
        name: getattr(cells, name)[part] for name in (*arrays, "hurdle_predictors", "unanswered")
    }
    groups = cells.cutpoint_group
    return replace(
        design,
        cells=replace(
            cells,
            table=cells.table.iloc[part],
            monotonic=tuple(replace(term, codes=term.codes[part]) for term in cells.monotonic),
            group_terms=tuple(
                replace(term, index=term.index[part], values=term.values[part])
                for term in cells.group_terms
            ),
            cutpoint_group=None if groups is None else groups[part],
            **few,
        ),
    )


def with_new_levels(
    parameters: xr.Dataset, design: Design, family: Family, random_seed: int | None
) -> tuple[xr.Dataset, Design]:
    """Draw the effects of groups that estimation has not seen, from the population of groups.

    An effect is Normal(0, sd) with the standard deviation of the draw. Cells of the same new group
    share it; it depends on the seed and on the names of term and group, not on the other cells.

    Parameters
    ----------
    parameters : xarray.Dataset
        Draws of the parameters.
    design : Design
        Cells; groups without draws have the index -1.
    family : Family
        Turns the sticks of a new group into its cutpoints.
    random_seed : int, optional
        Makes the effects repeatable.

    Returns
    -------
    parameters : xarray.Dataset
        With the new groups after the known ones, in the order of their names.
    design : Design
        With an index for every group.
    """
    seed = np.random.SeedSequence().entropy if random_seed is None else random_seed
    for factor, index in _group_indices(design).items():
        names = level_names(design.cells.table, factor)
        known = [str(level) for level in parameters[factor].to_numpy()]
        new = sorted(set(names[index < 0].tolist()) - set(known))
        if new:
            effects = {
                f"effect_{term.label}": _new_effects(parameters, term, new, seed)
                for term in design.cells.group_terms
                if term.factor == factor
            }
            if design.cutpoints_by == factor:
                effects["group_cutpoints"] = _new_cutpoints(parameters, family, factor, new, seed)
            parameters = _with_effects(parameters, factor, effects)
        levels = [*known, *new]
        found = [levels.index(name) for name in names[index < 0]]
        design = _with_index(design, factor, levels, _filled(index, found))
    return parameters, design


def level_names(table: pd.DataFrame, factor: str) -> NDArray[np.str_]:
    """Return the level of every row: of a column, or of several joined by colons.

    Examples
    --------
    >>> import pandas as pd
    >>> level_names(pd.DataFrame({"store": [4, 7], "till": ["a", "b"]}), "store:till")
    array(['4:a', '7:b'], dtype='<U3')
    """
    columns = [factor] if factor in table else factor.split(":")
    rows = zip(*(table[column] for column in columns), strict=True)
    return np.array([":".join(map(_text, row)) for row in rows], dtype=np.str_)


def _text(level: object) -> str:
    # Missing values elsewhere in a column of whole numbers make decimal ones of them.
    whole = isinstance(level, float) and level.is_integer()
    return f"{level:.0f}" if whole else str(level)


def _flat(array: xr.DataArray) -> Array:
    values = np.asarray(array.transpose(*SAMPLE_DIMS, ...))
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def _cutpoints(design: Design, draws: Mapping[str, Array]) -> Array:
    """Return the cutpoints, shape (draws, cells, cuts); one cell stands for all that share them."""
    groups = design.cells.cutpoint_group
    if groups is None:
        return draws["cutpoints"][:, None, :]
    return draws["group_cutpoints"][:, groups]


def _linear_predictor(design: Design, draws: Mapping[str, Array]) -> Array:
    cells = design.cells
    n_draws = len(draws["cutpoints"])
    eta = np.broadcast_to(cells.offset, (n_draws, len(cells))).copy()
    if design.terms:
        eta += draws["coefficients"] @ cells.predictors.T
    for monotonic in cells.monotonic:
        eta += _monotonic_effect(monotonic, draws)
    for term in cells.group_terms:
        eta += term.values * draws[f"effect_{term.label}"][:, term.index]
    return eta


def _monotonic_effect(monotonic: Monotonic, draws: Mapping[str, Array]) -> Array:
    steps = draws[step_name(monotonic)]
    cumulated = np.cumsum(np.insert(steps, 0, 0.0, axis=1), axis=1)
    return draws["coefficients"][:, [monotonic.position]] * cumulated[:, monotonic.codes]


def _cut_shift(design: Design, draws: Mapping[str, Array], column: int) -> Array:
    """Return what one predictor adds to the linear predictor of every cut."""
    rows = np.flatnonzero(design.cut_columns == column)
    slopes = draws["cut_coefficients"][:, rows] @ design.cut_loadings[rows]
    return np.asarray(design.cells.cut_predictors[:, [column]] * slopes[:, None, :])


def _group_indices(design: Design) -> dict[str, Integers]:
    """Return the index of the group of every cell, for the factors with a group not seen."""
    indices = {term.factor: term.index for term in design.cells.group_terms}
    if design.cutpoints_by is not None and design.cells.cutpoint_group is not None:
        indices[design.cutpoints_by] = design.cells.cutpoint_group
    return {factor: index for factor, index in indices.items() if (index < 0).any()}


def _with_effects(
    parameters: xr.Dataset, factor: str, effects: Mapping[str, xr.DataArray]
) -> xr.Dataset:
    longer = {
        name: xr.concat([parameters[name], effect], factor).transpose(*parameters[name].dims)
        for name, effect in effects.items()
    }
    return parameters.drop_dims(factor).assign(longer)


def _new_effects(
    parameters: xr.Dataset, term: GroupTerm, new: Sequence[str], seed: object
) -> xr.DataArray:
    sd = parameters[f"sd_{term.label}"]
    effects = [
        sd.copy(data=sd * _standard_normal(sd.shape, (term.label, level), seed)) for level in new
    ]
    return xr.concat(effects, _names(term.factor, new))


def _new_cutpoints(
    parameters: xr.Dataset, family: Family, factor: str, new: Sequence[str], seed: object
) -> xr.DataArray:
    """Draw the sticks of new groups, and move their cutpoints as those of the known ones."""
    cutpoints, sticks, sd = (
        parameters[name].transpose(*SAMPLE_DIMS, ...)
        for name in ("cutpoints", "sticks", "cutpoint_sd")
    )
    offset = cutpoints - family.cutpoints(sticks.to_numpy())
    drawn = [
        offset + family.cutpoints(np.asarray(sticks + sd * noise))
        for noise in (
            sticks.copy(data=_standard_normal(sticks.shape, ("cutpoints", factor, level), seed))
            for level in new
        )
    ]
    return xr.concat(drawn, _names(factor, new))


def _standard_normal(shape: tuple[int, ...], address: tuple[str, ...], seed: object) -> Array:
    digest = hashlib.sha256("\0".join((str(seed), *address)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32)).standard_normal(shape)


def _names(factor: str, new: Sequence[str]) -> xr.DataArray:
    return xr.DataArray(list(new), dims=factor, name=factor)


def _filled(index: Integers, found: Sequence[int]) -> Integers:
    filled = index.copy()
    filled[index < 0] = found
    return filled


def _with_index(design: Design, factor: str, levels: list[str], index: Integers) -> Design:
    terms = tuple(
        replace(term, levels=levels, index=index) if term.factor == factor else term
        for term in design.cells.group_terms
    )
    cells = replace(design.cells, group_terms=terms)
    if design.cutpoints_by != factor:
        return replace(design, cells=cells)
    cells = replace(cells, cutpoint_group=index)
    return replace(design, cells=cells, cutpoint_levels=levels)
