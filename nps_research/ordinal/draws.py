"""From draws of parameters to draws of what a reader asks for: NPS, mean, boxes, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.ordinal import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.links import Link

    Array = NDArray[np.float64]

SAMPLE_DIMS = ("chain", "draw")


class ScoreDraws:
    """Draws of the parameters of an ordinal model, and the functionals of its probabilities.

    A functional of a group is that of the group's own respondents: the model's probabilities,
    averaged over the cells in which the respondents of the group are, in their proportions.

    Parameters
    ----------
    parameters : xarray.Dataset
        Variables as in `nps_research.ordinal.pymc_model.build`, with the dims chain and draw.
    design : Design
        Cells of the count table.
    link : Link
        Latent distribution.
    """

    def __init__(self, parameters: xr.Dataset, design: Design, link: Link) -> None:
        self.parameters = parameters
        self.design = design
        self.link = link

    def score_probabilities(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the probability of every score.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns of the count table whose groups are kept apart. Without it, all respondents.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, the groups, score. A combination that nobody has is NaN.

        Raises
        ------
        ValueError
            If the count table has no such column.
        """
        groups, mix = self._mix(by)
        cells = self._cell_probabilities()
        return self._labelled(np.einsum("gj,...jk->...gk", mix, cells), groups, ["score"])

    def nps(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the Net Promoter Score in points (-100..100): dims chain, draw and the groups.

        See `score_probabilities` for `by` and errors.
        """
        return self._functional(100.0 * self.design.rating_scale.nps_values, by).rename("nps")

    def mean_score(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the mean score in points of the scale: dims chain, draw and the groups."""
        scores = self.design.rating_scale.scores.astype(float)
        return self._functional(scores, by).rename("mean_score")

    def top_box(self, by: str | Sequence[str] | None = None, k: int = 2) -> xr.DataArray:
        """Return the share of the `k` highest scores (0..1): dims chain, draw and the groups."""
        values = self.design.rating_scale.box_values(k, "top")
        return self._functional(values, by).rename("top_box")

    def bottom_box(self, by: str | Sequence[str] | None = None, k: int = 2) -> xr.DataArray:
        """Return the share of the `k` lowest scores (0..1): dims chain, draw and the groups."""
        values = self.design.rating_scale.box_values(k, "bottom")
        return self._functional(values, by).rename("bottom_box")

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
        """
        groups, sizes = self.design.group_sizes(by)
        generator = np.random.default_rng(random_seed)
        cells = self._cell_probabilities()
        answers = generator.multinomial(sizes.astype(int), cells[..., None, :, :])
        return self._labelled(answers.sum(axis=-2).astype(float), groups, ["score"]).rename(
            "answers"
        )

    def observed_counts(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the observed number of answers: dims the groups, score."""
        groups, counts = self.design.group_counts(by)
        return self._labelled(counts, groups, ["score"], ()).rename("answers")

    def _mix(self, by: str | Sequence[str] | None) -> tuple[pd.Index, Array]:
        groups, sizes = self.design.group_sizes(by)
        return groups, sizes / sizes.sum(axis=1, keepdims=True)

    def _functional(self, values: Array, by: str | Sequence[str] | None) -> xr.DataArray:
        groups, mix = self._mix(by)
        cells = self._cell_probabilities() @ values
        return self._labelled(np.einsum("gj,...j->...g", mix, cells), groups, [])

    def _cell_probabilities(self) -> Array:
        """Return the probability of every score, shape (chain, draw, cell, category)."""
        cutpoints = self._values("cutpoints", "cutpoint")
        return kernel.probabilities(self.link, self._eta(), cutpoints)

    def _eta(self) -> Array:
        sizes = self.parameters.sizes
        eta = np.zeros((sizes["chain"], sizes["draw"], len(self.design.cells)))
        if self.design.terms:
            eta += self._values("coefficients", "term") @ self.design.predictors.T
        for grouping in self.design.groupings:
            effect = self._values(f"effect_{grouping.name}", grouping.name)
            eta += effect[..., grouping.index]
        return eta

    def _values(self, name: str, dim: str) -> Array:
        return np.asarray(self.parameters[name].transpose(*SAMPLE_DIMS, dim))

    def _labelled(
        self,
        values: Array,
        groups: pd.Index,
        inner: list[str],
        outer: Sequence[str] = SAMPLE_DIMS,
    ) -> xr.DataArray:
        """Name the dims: `outer`, one a column of `groups`, `inner`."""
        coords: dict[str, Any] = {dim: self.parameters[dim].to_numpy() for dim in outer}
        if inner:
            coords["score"] = self.design.rating_scale.scores
        array = xr.DataArray(values, dims=[*outer, "group", *inner], coords=coords)
        if groups.names == [None]:
            return array.isel(group=0)
        return _unstacked(array, groups).transpose(*outer, *groups.names, *inner)


def _unstacked(array: xr.DataArray, groups: pd.Index) -> xr.DataArray:
    if isinstance(groups, pd.MultiIndex):
        stacked = xr.Coordinates.from_pandas_multiindex(groups, "group")
        return array.assign_coords(stacked).unstack("group")
    return array.rename(group=groups.name).assign_coords({groups.name: groups.to_numpy()})
