"""Draws of hazards, and what follows from them: survival, churn within months, ratios."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from nps_research.counts import listed, refuse_unknown_columns
from nps_research.ordinal.labels import by_groups
from nps_research.views import View, sized, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nps_research.churn.layout import Layout
    from nps_research.ordinal.draws import ScoreDraws

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str] | None
    type Scores = tuple[int, int]

# Effects of scores that nobody gave are drawn from their population, in "full scale": the same ones
# every time.
NEW_LEVELS_SEED = 1


@viewed
class HazardDraws:
    """Draws of the probability to leave in every period, by kind of person and score.

    Without `by`, covariates are averaged over all people: each score is shown for the same mixture
    of kinds, so that scores differ by nothing else that the model knows.

    Parameters
    ----------
    draws : ScoreDraws
        Draws of the parameters of the engine, from the prior or the posterior.
    layout : Layout
        Kinds, scores and periods.
    """

    def __init__(self, draws: ScoreDraws, layout: Layout) -> None:
        self.draws = draws
        self.layout = layout

    def _view(self) -> View:
        sizes = self.draws.parameters.sizes
        kinds = sized(len(self.layout.kinds), "kind")
        ends = sized(len(self.layout.ends), "period")
        return View(
            f"{type(self).__name__}: probability to leave, for {kinds} of people in {ends}",
            {"draws": f"{sizes['chain']} x {sizes['draw']:,} (chains x draws)"},
        )

    @cached_property
    def log_probabilities(self) -> tuple[Array, Array]:
        """Log probability to stay and to leave: (chain, draw, kind, score, period) each."""
        predicted = self.draws.at(self.layout.grid, NEW_LEVELS_SEED)
        cells = predicted.log_probabilities().transpose("chain", "draw", "cell", "score")
        values = cells.to_numpy()[:, :, predicted.design.rows["cell"].to_numpy()]
        shape = (*values.shape[:2], *self._shape)
        return values[..., 0].reshape(shape), values[..., 1].reshape(shape)

    def hazard(self, by: Columns = None) -> xr.DataArray:
        """Return the probability to leave in a month, given that one was still there.

        Parameters
        ----------
        by : str or sequence of str, optional
            Predictors whose groups are kept apart.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, the groups, score, period. A period is named by its last month; the
            hazard is that of one month in it. Where kinds are mixed, it is that of those who are
            still there when the period begins.

        Raises
        ------
        ValueError
            If `by` names no predictor.
        """
        leave = np.exp(self.log_probabilities[1])
        first = np.concatenate([[0], self.layout.ends[:-1]])
        there = self._survival_by_kind()[..., first]
        staying, leaving = (self._mixed(each, by) for each in (there, there * leave))
        labels = {"score": self.layout.scale.scores, "period": self.layout.ends}
        return self._labelled(leaving / staying, by, labels).rename("hazard")

    def survival(self, by: Columns = None) -> xr.DataArray:
        """Return the probability to be still there after so many months.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, the groups, score, month; month 0 is the survey, with probability 1.
        """
        months = np.arange(self.layout.lifetimes.horizon + 1)
        labels = {"score": self.layout.scale.scores, "month": months}
        mixed = self._mixed(self._survival_by_kind(), by)
        return self._labelled(mixed, by, labels).rename("survival")

    def churn_within(self, months: int | None = None, by: Columns = None) -> xr.DataArray:
        """Return the probability to leave within so many months, by default up to the horizon.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, the groups, score.

        Raises
        ------
        ValueError
            If nobody was watched for so long.
        """
        month = self._checked_month(months)
        there = self.survival(by).sel(month=month, drop=True)
        return (1.0 - there).rename("churn_within")

    def hazard_ratio(self, of: Scores, to: Scores) -> xr.DataArray:
        """Return how many times higher the hazard is after some scores than after others.

        Parameters
        ----------
        of, to : (int, int)
            Lowest and highest score of each group: ``of=(0, 4), to=(5, 6)``.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw. Within a period, scores and kinds count by their people at risk;
            periods count by the people at risk in both groups, so that the ratio compares hazards
            of the same months. A monotone fit says how far from 1 it is, not whether: every draw
            whose hazards fall with the score has a ratio above 1.

        Raises
        ------
        ValueError
            If the scores are not on the scale, or nobody who gave them was at risk.
        """
        hazard = np.exp(self.log_probabilities[1])
        weights = [self._chosen(self.layout.at_risk, scores) for scores in (of, to)]
        exposure = np.stack([each.sum(axis=(0, 1)) for each in weights])
        common = np.where((exposure > 0).all(axis=0), exposure.sum(axis=0), 0.0)
        _check_at_risk(exposure, common, of, to)
        means = [
            np.einsum("cdksp,ksp,p->cd", hazard, each, _per(common, total), optimize=True)
            for each, total in zip(weights, exposure, strict=True)
        ]
        return self._ratio(means).rename("hazard_ratio")

    def risk_ratio(self, of: Scores, to: Scores, months: int | None = None) -> xr.DataArray:
        """Return how many times more of one group have left within so many months.

        Parameters
        ----------
        of, to : (int, int)
            As in `hazard_ratio`; people of a group count equally.
        months : int, optional
            By default up to the horizon.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw.
        """
        gone = 1.0 - self._survival_by_kind()[..., self._checked_month(months)]
        weights = [self._chosen(self.layout.people, scores) for scores in (of, to)]
        totals = np.array([[each.sum()] for each in weights])
        _check_at_risk(totals, totals.min(axis=0), of, to)
        means = [np.einsum("cdks,ks->cd", gone, each) / each.sum() for each in weights]
        return self._ratio(means).rename("risk_ratio")

    @property
    def _shape(self) -> tuple[int, int, int]:
        layout = self.layout
        return len(layout.kinds), layout.scale.n_categories, len(layout.ends)

    def log_survival(self) -> Array:
        """Return the log probability to stay, summed over months: (..., kind, score, month).

        Month 0 comes first.
        """
        stay = self.log_probabilities[0][..., self.layout.period_of_month]
        start = np.zeros((*stay.shape[:-1], 1))
        return np.concatenate([start, stay.cumsum(axis=-1)], axis=-1)

    def _survival_by_kind(self) -> Array:
        return np.exp(self.log_survival())

    def _mixed(self, values: Array, by: Columns) -> Array:
        """Average (chain, draw, kind, ...) over the kinds of every group, in their proportions."""
        groups, group = self._groups(by)
        sizes = self.layout.people.sum(axis=1)
        mix = np.zeros((len(groups), len(sizes)))
        mix[group, np.arange(len(sizes))] = sizes
        mix /= mix.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("gk,cdk...->cdg...", mix, values, optimize=True))

    def _groups(self, by: Columns) -> tuple[pd.Index, NDArray[np.int64]]:
        refuse_unknown_columns(listed(by), self.layout.lifetimes.predictors)
        return self.layout.groups(listed(by))

    def _labelled(
        self, values: Array, by: Columns, inner: dict[str, NDArray[np.int64]]
    ) -> xr.DataArray:
        return by_groups(values, self._groups(by)[0], self._samples(values), inner)

    def _samples(self, values: Array) -> dict[str, NDArray[np.int64]]:
        sizes = zip(("chain", "draw"), values.shape, strict=False)
        return {name: np.arange(size) for name, size in sizes}

    def _ratio(self, means: list[Array]) -> xr.DataArray:
        coords = self._samples(means[0])
        return xr.DataArray(means[0] / means[1], coords, list(coords))

    def _checked_month(self, months: int | None) -> int:
        horizon = self.layout.lifetimes.horizon
        month = horizon if months is None else months
        if not 0 <= month <= horizon or month != int(month):
            raise ValueError(
                f"months must be a whole number up to {horizon}, the last month in which anybody "
                f"was watched; found {months!r}."
            )
        return int(month)

    def _chosen(self, sizes: Array, scores: Scores) -> Array:
        """Return sizes (kinds, scores, ...) with zeros for all other scores."""
        scale = self.layout.scale
        low, high = scores
        if not scale.minimum <= low <= high <= scale.maximum:
            raise ValueError(
                f"scores from {low} to {high} are not on the scale from {scale.minimum} to "
                f"{scale.maximum}. Give the lowest and the highest score of the group."
            )
        chosen = np.zeros_like(sizes)
        inside = slice(low - scale.minimum, high - scale.minimum + 1)
        chosen[:, inside] = sizes[:, inside]
        return chosen


def _per(common: Array, total: Array) -> Array:
    """Return the factor that gives every period of a group its common weight."""
    return np.divide(common, total, out=np.zeros_like(common), where=total > 0) / common.sum()


def _check_at_risk(exposure: Array, common: Array, of: Scores, to: Scores) -> None:
    for total, (low, high) in zip(exposure.sum(axis=1), (of, to), strict=True):
        if total == 0:
            raise ValueError(
                f"nobody who gave a score from {low} to {high} was at risk, so there is nothing to "
                f"weight these scores with. Choose scores that somebody gave."
            )
    if common.sum() == 0:
        raise ValueError(
            f"scores {of} and {to} have no month in which people of both were at risk."
        )
