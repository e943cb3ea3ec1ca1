"""Where a fitted model goes wrong, and how much that matters in points of NPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from nps_research.diagnostics import INTERVAL_MASS, interval_table
from nps_research.ordinal.labels import by_groups, column_names
from nps_research.ordinal.latent import SAMPLE_DIMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.draws import ScoreDraws

    type Columns = str | Sequence[str] | None


def impact(
    proportional: ScoreDraws,
    relaxed: ScoreDraws,
    by: Columns = None,
    *,
    mass: float = INTERVAL_MASS,
) -> pd.DataFrame:
    """Say what an assumption costs in points of NPS: the NPS with it less the NPS without it.

    The interval adds up the uncertainty of both fits as if they were independent. As both have
    seen the same answers, it is wider than it need be.

    Parameters
    ----------
    proportional : ScoreDraws
        Fit with the assumption, such as one coefficient for all cuts.
    relaxed : ScoreDraws
        Fit of the same answers without it, such as with ``category_specific=`` or ``nps_cuts=``.
    by : str or sequence of str, optional
        Columns whose groups are kept apart.
    mass : float
        Probability inside the interval.

    Returns
    -------
    pandas.DataFrame
        One row a group: `nps_difference`, `lower` and `upper` in points, the posterior means
        `proportional` and `relaxed` of NPS, `probability_difference`, the mean over scores of the
        absolute difference of their probabilities, and `n`.

    Raises
    ------
    ValueError
        If the fits are of different groups or scales.

    Notes
    -----
    Harrell's function impactPO of the R package rms, on the scale of NPS.

    Examples
    --------
    >>> import nps_research as npsr
    >>> counts = npsr.load_counts("sfo_airport")
    >>> model = npsr.OrdinalModel("score ~ problem", counts)
    >>> relaxed = npsr.OrdinalModel("score ~ problem", counts, nps_cuts="~ problem")
    >>> fits = [each.fit(random_seed=1, progressbar=False) for each in (model, relaxed)]
    >>> (impact(*fits, by="problem")["nps_difference"].abs() < 2).all()
    np.True_
    """
    nps = _aligned(proportional.nps(by), relaxed.nps(by))
    shares = _aligned(proportional.score_probabilities(by), relaxed.score_probabilities(by))
    means = [share.mean(SAMPLE_DIMS) for share in shares]
    table = interval_table(_independent_difference(*nps).rename("nps_difference"), mass)
    columns = {
        "proportional": nps[0].mean(SAMPLE_DIMS),
        "relaxed": nps[1].mean(SAMPLE_DIMS),
        "probability_difference": abs(means[0] - means[1]).mean("score"),
        "n": _sizes(proportional.design, by),
    }
    return _with_columns(table, columns).astype({"n": np.int64})


def _aligned(first: xr.DataArray, second: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    try:
        return xr.align(first, second, join="exact", exclude=SAMPLE_DIMS)
    except ValueError as error:
        raise ValueError(
            f"the two fits are of different groups or scales: {error}. Fit both models to one "
            f"count table."
        ) from error


def _independent_difference(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Subtract draws of two posteriors, the second in reverse order.

    Chains of one seed may move alike; draw by draw they would not be independent.
    """
    size = {dim: min(first.sizes[dim], second.sizes[dim]) for dim in SAMPLE_DIMS}
    cut = {dim: slice(length) for dim, length in size.items()}
    backwards = second.isel(cut).isel(draw=slice(None, None, -1))
    return first.isel(cut).drop_vars(SAMPLE_DIMS) - backwards.drop_vars(SAMPLE_DIMS)


def _sizes(design: Design, by: Columns) -> xr.DataArray:
    groups, sizes = design.group_sizes(column_names(by))
    return by_groups(sizes.sum(axis=1), groups, {}, {})


def _with_columns(table: pd.DataFrame, columns: dict[str, xr.DataArray]) -> pd.DataFrame:
    """Add columns that have a value for every row of the table."""
    return table.assign(
        **{
            name: values.to_series().reindex(table.index) if values.dims else float(values)
            for name, values in columns.items()
        }
    )


def predictive_counts(
    draws: ScoreDraws,
    by: Columns = None,
    *,
    random_seed: int | None = None,
    mass: float = INTERVAL_MASS,
) -> pd.DataFrame:
    """Compare the observed number of answers with what the model would have produced.

    Parameters
    ----------
    draws : ScoreDraws
        Posterior draws.
    by : str or sequence of str, optional
        Columns whose groups are kept apart.
    random_seed : int, optional
        Makes the replicates repeatable.
    mass : float
        Probability inside the interval.

    Returns
    -------
    pandas.DataFrame
        One row a group and score: `replicated`, the mean of the replicates, with `lower` and
        `upper`, and `observed`, without interval answers. `plots.plot_posterior_predictive` draws
        the same.

    Examples
    --------
    >>> import nps_research as npsr
    >>> prior = npsr.OrdinalModel("score ~ year", npsr.load_counts("sfo_airport")).prior(100)
    >>> predictive_counts(prior, "year")["observed"].groupby("year").sum().to_dict()
    {'2017': 2746.0, '2018': 2650.0}
    """
    table = interval_table(draws.replicated_counts(by, random_seed).rename("replicated"), mass)
    return _with_columns(table, {"observed": draws.observed_counts(by)})


def predictive_nps(
    draws: ScoreDraws,
    by: Columns = None,
    *,
    random_seed: int | None = None,
    mass: float = INTERVAL_MASS,
) -> pd.DataFrame:
    """Compare the observed NPS of groups with what the model would have produced.

    Groups that are no predictors show best what the model has missed. The p value is a check, not
    a test: it uses the answers twice, and is closer to 0.5 than a uniform number would be (Gelman,
    Meng and Stern 1996, "Posterior Predictive Assessment of Model Fitness via Realized
    Discrepancies").

    Parameters
    ----------
    draws, by, random_seed, mass
        As in `predictive_counts`.

    Returns
    -------
    pandas.DataFrame
        One row a group: `replicated`, the mean NPS of the replicates in points, with `lower` and
        `upper`, `observed`, and `p_value`, the share of replicates above the observed NPS, those
        equal to it counted half. Near 0 or 1 the model is wrong for the group. Interval answers
        are not in the observed NPS.

    Examples
    --------
    >>> import nps_research as npsr
    >>> prior = npsr.OrdinalModel("score ~ year", npsr.load_counts("sfo_airport")).prior(100)
    >>> predictive_nps(prior, "year")["observed"].round(1).to_dict()
    {'2017': 39.8, '2018': 31.0}
    """
    observed = _nps(draws, draws.observed_counts(by))
    replicated = _nps(draws, draws.replicated_counts(by, random_seed)).rename("replicated")
    # NPS is a ratio of counts: equal values differ by rounding.
    surplus = (replicated - observed).round(9)
    above, equal = (surplus > 0).mean(SAMPLE_DIMS), (surplus == 0).mean(SAMPLE_DIMS)
    p_value = above + 0.5 * equal
    return _with_columns(
        interval_table(replicated, mass), {"observed": observed, "p_value": p_value}
    )


def _nps(draws: ScoreDraws, counts: xr.DataArray) -> xr.DataArray:
    values = xr.DataArray(draws.design.rating_scale.nps_values, dims="score")
    return 100.0 * (counts * values).sum("score", skipna=False) / counts.sum("score", skipna=False)
