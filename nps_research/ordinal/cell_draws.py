"""Draws of the probabilities of the scores: cell by cell, and mixed over groups of people."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from nps_research.counts import cross_tabulate, group_rows
from nps_research.ordinal.labels import by_groups, column_names
from nps_research.ordinal.latent import (
    SAMPLE_DIMS,
    chunks,
    flat_draws,
    no_answer_probabilities,
    positions,
    with_cells,
)
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family

    type Array = NDArray[np.float64]

# Rounding moves the sum of the probabilities of the scores by less than this.
LARGEST_EXCESS = 1e-9


class NegativeProbabilityWarning(UserWarning):
    """Draws in which a score has a negative probability: its upper cut is below its lower one."""


class CellDraws:
    """Draws of the parameters of an ordinal model, and what follows for its cells.

    Everything that has a number for every draw, cell and score is made in chunks of draws
    (`nps_research.ordinal.latent.LARGEST_TEMPORARY`), so memory does not grow with their product.

    Parameters
    ----------
    parameters : xarray.Dataset
        Draws of the parameters, with the dims chain and draw.
    design : Design
        Cells of the count table, or of the table to predict for.
    family : Family
        How latent positions become probabilities.
    """

    def __init__(self, parameters: xr.Dataset, design: Design, family: Family) -> None:
        self.parameters = parameters
        self.design = design
        self.family = family

    def log_probabilities(self) -> xr.DataArray:
        """Return the log probability of every score in every cell: dims chain, draw, cell, score.

        It takes 8 bytes for each of them: `log_probability_blocks` and `iter_log_probabilities` go
        through it in pieces. A score with a negative probability has minus infinity.
        """
        return self._log_probabilities_of(slice(0, len(self.design.cells)))

    def log_probability_blocks(self) -> Iterator[xr.DataArray]:
        """Go through `log_probabilities`, as many cells at a time as memory allows.

        Yields
        ------
        xarray.DataArray
            Dims chain, draw, cell, score: all draws of some cells.
        """
        per_cell = self._n_draws * self.design.rating_scale.n_categories
        for cells in chunks(len(self.design.cells), per_cell):
            yield self._log_probabilities_of(cells)

    def iter_log_probabilities(self) -> Iterator[tuple[slice, Array]]:
        """Go through `log_probabilities`, as many draws at a time as memory allows.

        Yields
        ------
        draws : slice
            Positions of the draws, counted through all chains.
        values : numpy.ndarray
            All cells of these draws, shape (draws, cells, scores).
        """
        return self._log_probability_chunks(0)

    def no_answer_rate(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the probability of giving no score (0..1): dims chain, draw and the groups.

        Parameters
        ----------
        by : str or sequence of str, optional
            Predictors of the model whose groups are kept apart.

        Raises
        ------
        ValueError
            If the model has no part for people without a score, or `by` names no predictor.
        """
        if self.design.no_answer is None:
            raise ValueError(
                "this model says nothing about people who give no score. Ask for it with "
                "OrdinalModel(..., no_answer='~ 1'), or with predictors of not answering."
            )
        groups, mix = self._everybody(by)
        draws = self._draws
        rates = np.empty((self._n_draws, len(groups)))
        for chunk in chunks(self._n_draws, len(self.design.cells)):
            part = {"no_answer": draws["no_answer"][chunk]}
            rates[chunk] = no_answer_probabilities(self.design, part) @ mix.T
        return self._labelled(rates, groups, []).rename("no_answer_rate")

    def replicated_counts(
        self, by: str | Sequence[str] | None = None, random_seed: int | None = None
    ) -> xr.DataArray:
        """Draw the count table again, as large as the observed one, from every draw.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns of the count table whose groups are kept apart.
        random_seed : int, optional
            Makes the replicates repeatable.

        Returns
        -------
        xarray.DataArray
            Number of answers: dims chain, draw, the groups, score. The observed counterpart is
            `observed_counts`.

        Raises
        ------
        ValueError
            If a score has a negative probability in some draw.
        """
        groups, sizes = self.design.group_sizes(column_names(by))
        # Groups without people in a cell are left out: they would take most of the space.
        group, cell = np.nonzero(sizes)
        generator = np.random.default_rng(random_seed)
        answers = np.zeros((self._n_draws, len(groups), self.design.rating_scale.n_categories))
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        for chunk, cells in self._probability_chunks(len(group)):
            shares = cells[:, cell]
            _refuse_missing(shares)
            drawn = generator.multinomial(sizes[group, cell].astype(int), shares)
            answers[chunk, group[starts]] = np.add.reduceat(drawn, starts, axis=1)
        return self._labelled(answers, groups, ["score"]).rename("answers")

    def observed_counts(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the observed number of answers with one exact score: dims the groups, score.

        Raises
        ------
        ValueError
            If the draws are predictions: nobody has answered.
        """
        if "score" not in self.design.rows:
            raise ValueError(
                "these are predictions, so there are no observed answers. Ask the fit for them."
            )
        groups, counts = self.design.group_counts(column_names(by))
        return by_groups(counts, groups, {}, self._coords(["score"])).rename("answers")

    def _log_probabilities_of(self, cells: slice) -> xr.DataArray:
        part = CellDraws(self.parameters, with_cells(self.design, cells), self.family)
        sampled, scores = self._coords(SAMPLE_DIMS), self._coords(["score"])
        coords = sampled | {"cell": np.arange(cells.start, cells.stop)} | scores
        values = np.empty([self._n_draws, *map(len, [coords["cell"], coords["score"]])])
        for chunk, log_p in part.iter_log_probabilities():
            values[chunk] = log_p
        shape = [len(labels) for labels in coords.values()]
        return xr.DataArray(values.reshape(shape), coords, list(coords), "log_probability")

    def _log_probability_chunks(self, width: int) -> Iterator[tuple[slice, Array]]:
        """Go through them with room for arrays of `width` by scores as well."""
        draws = self._draws
        per_draw = max(len(self.design.cells), width) * self.design.rating_scale.n_categories
        for chunk in chunks(self._n_draws, per_draw):
            part = {name: values[chunk] for name, values in draws.items()}
            yield chunk, self.family.log_probabilities(positions(self.design, part))

    def _probability_chunks(self, width: int) -> Iterator[tuple[slice, Array]]:
        negative = 0
        for chunk, log_p in self._log_probability_chunks(width):
            cells = np.exp(log_p, out=log_p)
            if self.design.cut_terms:
                wrong = cells.sum(axis=-1) > 1.0 + LARGEST_EXCESS
                cells[wrong] = np.nan
                negative += int(wrong[:, self.design.cells.sizes > 0].any(axis=1).sum())
            yield chunk, cells
        if negative:
            _warn_of_negative_probabilities(negative, self._n_draws)

    def _over_groups(
        self, f: Callable[[Array], Array], by: str | Sequence[str] | None, inner: list[str]
    ) -> xr.DataArray:
        """Apply a function to the probabilities of every group."""
        groups, sizes = self.design.group_sizes(column_names(by))
        mix = _proportions(sizes)
        values = np.empty((self._n_draws, len(groups), *map(len, self._coords(inner).values())))
        for chunk, cells in self._probability_chunks(len(groups)):
            values[chunk] = f(_mixed(mix, cells))
        return self._labelled(values, groups, inner)

    def _everybody(self, by: str | Sequence[str] | None) -> tuple[pd.Index, Array]:
        """Return groups of predictors, and the proportions of their people, answering or not."""
        cells = self.design.cells
        names = column_names(by)
        for name in names:
            if name not in cells.table:
                raise ValueError(unknown_name("predictor", name, cells.table.columns))
        groups, row = group_rows(cells.table, names)
        people = cells.sizes + cells.unanswered
        every = np.arange(len(cells))
        return groups, _proportions(cross_tabulate(row, every, people, (len(groups), len(cells))))

    def _labelled(self, values: Array, groups: pd.Index, inner: list[str]) -> xr.DataArray:
        """Name the dims of (draws, groups, inner...): chain, draw, columns of groups, inner."""
        sampled = self._coords(SAMPLE_DIMS)
        shape = [len(labels) for labels in sampled.values()]
        chains = values.reshape(*shape, *values.shape[1:])
        return by_groups(chains, groups, sampled, self._coords(inner))

    def _coords(self, dims: Iterable[str]) -> dict[str, NDArray[Any]]:
        scores = self.design.rating_scale.scores
        return {dim: scores if dim == "score" else self.parameters[dim].to_numpy() for dim in dims}

    @property
    def _draws(self) -> dict[str, Array]:
        return flat_draws(self.parameters)

    @property
    def _n_draws(self) -> int:
        return self.parameters.sizes["chain"] * self.parameters.sizes["draw"]


def _proportions(sizes: Array) -> Array:
    """Divide by the sum of every row; a row of nobody is NaN."""
    people = sizes.sum(axis=1, keepdims=True)
    shares: Array = np.divide(sizes, people, out=np.full(sizes.shape, np.nan), where=people > 0)
    return shares


def _mixed(mix: Array, cells: Array) -> Array:
    """Average over the cells of each group; a group is missing if one of its own cells is."""
    wrong = np.isnan(cells).any(axis=-1)
    if not wrong.any():
        return np.asarray(mix @ cells)
    mixed = np.asarray(mix @ np.where(wrong[..., None], 0.0, cells))
    mixed[(wrong @ (mix > 0).T.astype(float)) > 0] = np.nan
    return mixed


def _refuse_missing(probabilities: Array) -> None:
    wrong = np.isnan(probabilities).any(axis=(1, 2))
    if wrong.any():
        raise ValueError(
            f"answers cannot be drawn: a score has a negative probability in {wrong.sum()} of "
            f"{len(wrong)} draws, because effects that differ between cuts cross. Leave out the "
            f"people far from the observed ones, or use nps_cuts= or no category_specific=."
        )


def _warn_of_negative_probabilities(draws: int, n_draws: int) -> None:
    warnings.warn(
        f"a score has a negative probability for some people in {draws:,} of {n_draws:,} draws, "
        f"because effects that differ between cuts cross there. These draws are missing (NaN); the "
        f"others are conditional on possible probabilities.",
        NegativeProbabilityWarning,
        stacklevel=4,
    )
