"""Scores of units whose customers differ: observed against expected, adjusted, and what remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.answers import refuse_intervals
from nps_research.counts import as_counts, declared_scale, listed
from nps_research.diagnostics import INTERVAL_MASS, interval_table
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.latent import SAMPLE_DIMS
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

POINTS = 100.0


def observed_and_expected(
    counts: pd.DataFrame,
    unit: str,
    case_mix: str | Sequence[str],
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Compare each unit's score with that of equal customers elsewhere: indirect standardisation.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    unit : str
        Column of units.
    case_mix : str or sequence of str
        Columns that the unit does not decide: product, policy, region, kind of case.
    rating_scale : RatingScale, optional
        As in `nps`.

    Returns
    -------
    pandas.DataFrame
        One row a unit with answers: `observed` NPS, `expected` (the score that all customers of the
        same kinds give, in the unit's mix), `difference`, its `se` if the unit is like the others,
        in points, `z` and `n`. No model: every combination of the case mix has its own score.

    Raises
    ------
    ValueError
        If the table or a column is not usable, or the case mix is empty or holds the unit.

    Notes
    -----
    The unit's own answers are among those expected, so that the difference is too near to 0 for a
    unit that has a large part of the answers of a kind. The standard error knows it: it is that of
    answers of every kind that are dealt to the units by lot.

    Examples
    --------
    >>> rows = [("a", "new", 10, 9), ("a", "old", 3, 1), ("b", "new", 10, 1), ("b", "old", 3, 9)]
    >>> counts = pd.DataFrame(rows, columns=["agent", "product", "score", "n"])
    >>> table = observed_and_expected(counts, "agent", "product")
    >>> table[["observed", "expected", "difference"]].to_numpy().tolist()
    [[80.0, 80.0, 0.0], [-80.0, -80.0, 0.0]]
    """
    kinds = _case_mix(unit, case_mix)
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale, by=[unit, *kinds])
    refuse_intervals(table)
    answered = table[table["score"].notna() & (table["n"] > 0)]
    value = POINTS * scale.nps_values[answered["score"].to_numpy(dtype=int) - scale.minimum]
    sums = answered.assign(net=value * answered["n"], square=value**2 * answered["n"])
    cells = sums.groupby([unit, *kinds], observed=True, dropna=False)[["n", "net", "square"]].sum()
    everybody = cells.groupby(level=kinds, dropna=False).transform("sum")
    mean = everybody["net"] / everybody["n"]
    variance = everybody["square"] / everybody["n"] - mean**2
    # The answers of a kind are dealt to the units by lot, without putting them back.
    left = (everybody["n"] - cells["n"]) / (everybody["n"] - 1).clip(lower=1)
    own = cells["n"] * left * variance
    parts = cells.assign(expected=mean * cells["n"], own=own).groupby(level=unit).sum()
    result = pd.DataFrame(
        {"observed": parts["net"] / parts["n"], "expected": parts["expected"] / parts["n"]}
    )
    result["difference"] = result["observed"] - result["expected"]
    result["se"] = np.sqrt(parts["own"]) / parts["n"]
    result["z"] = (result["difference"] / result["se"]).where(result["se"] > 0)
    return result.assign(n=parts["n"].astype(np.int64))


def adjusted_nps(fit: ScoreDraws, unit: str) -> xr.DataArray:
    """Return the score that each unit would have with the customers of the whole company.

    Parameters
    ----------
    fit : OrdinalFit
        A model with the unit and the case mix, such as ``score ~ product + (1 | agent)``.
    unit : str
        Column of units.

    Returns
    -------
    xarray.DataArray
        Draws of NPS in points, dims chain, draw and the unit: direct standardisation. Differences
        between units are then those of the model's unit effects: service, and everything else that
        goes with the unit and is not in the model.

    Raises
    ------
    ValueError
        If the unit is no predictor, or the only one.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.ordinal.model import OrdinalModel
    >>> rows = [("a", "new", 9, 30), ("a", "old", 3, 10), ("b", "new", 9, 10), ("b", "old", 3, 30)]
    >>> counts = pd.DataFrame(rows, columns=["agent", "product", "score", "n"])
    >>> counts = pd.concat([counts, counts.assign(score=12 - counts["score"], n=5)])
    >>> fit = OrdinalModel("score ~ product + agent", counts).fit(method="laplace", random_seed=1)
    >>> both = fit.nps("agent"), adjusted_nps(fit, "agent")
    >>> raw, same = (draws.mean(("chain", "draw")) for draws in both)
    >>> bool(raw[0] - raw[1] > same[0] - same[1])
    True
    """
    kinds, sizes = _everybody(fit, unit)
    units = fit.design.cells.table[[unit]].drop_duplicates()
    crossed = units.merge(kinds.assign(n=sizes.astype(np.int64)), how="cross")
    return fit.at(crossed).nps(unit)


def expected_nps(fit: ScoreDraws, unit: str) -> xr.DataArray:
    """Return the score of each unit's own customers with a unit of effect 0.

    Parameters
    ----------
    fit : OrdinalFit
        A model with a group term of the unit, such as ``score ~ product + (1 | agent)``.
    unit : str
        Column of units.

    Returns
    -------
    xarray.DataArray
        Draws of NPS in points, dims chain, draw and the unit.

    Raises
    ------
    ValueError
        If the unit has no group term.
    """
    return _with_effects(fit, unit, 0.0 * _effects(fit, unit)).nps(unit)


def case_mix_share(fit: ScoreDraws, unit: str) -> xr.DataArray:
    """Return how much of the differences between units is that of their customers.

    Parameters
    ----------
    fit : OrdinalFit
        As in `expected_nps`.
    unit : str
        Column of units.

    Returns
    -------
    xarray.DataArray
        Draws of the share of the variance of true scores between units, each unit counting once,
        that goes with the expected ones: cov(expected, score) / var(score). One less this is the
        share that goes with the units. Shares outside 0 to 1 say that case mix and unit pull in
        opposite directions. Sampling error is no part of it.
    """
    score, expected = fit.nps(unit), expected_nps(fit, unit)
    centred = score - score.mean(unit)
    together = (centred * (expected - expected.mean(unit))).sum(unit)
    return (together / (centred**2).sum(unit)).rename("case_mix_share")


def confounding_bounds(
    fit: ScoreDraws, unit: str, hidden: float, *, mass: float = INTERVAL_MASS
) -> pd.DataFrame:
    """Bound each unit's adjusted score if its customers differ in ways that are not recorded.

    Parameters
    ----------
    fit : OrdinalFit
        As in `expected_nps`.
    unit : str
        Column of units.
    hidden : float
        Largest latent distance, in units of the link, by which unrecorded differences may move the
        answers of a unit's customers up or down: compare it with the effects of recorded ones in
        ``fit.summary()``.
    mass : float
        Probability inside the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a unit: `adjusted` (posterior mean), `lower` and `upper` (the outer ends of the
        intervals at either extreme) in points, and `tipping`: the latent distance that would bring
        the unit to the middle of all, as a posterior mean.

    Raises
    ------
    ValueError
        If `hidden` is negative.
    """
    if hidden < 0:
        raise ValueError(f"hidden is a distance of 0 or more; found {hidden}.")
    effects = _effects(fit, unit)
    ends = [
        interval_table(adjusted_nps(_with_effects(fit, unit, effects + shift), unit), mass)
        for shift in (-hidden, 0.0, hidden)
    ]
    away = abs(effects - effects.mean(unit)).mean(SAMPLE_DIMS)
    table = pd.DataFrame(
        {
            "adjusted": ends[1]["nps"],
            "lower": ends[0]["lower"],
            "upper": ends[2]["upper"],
            "tipping": away.to_series().reindex(ends[1].index),
        }
    )
    table.attrs["interval"] = (
        f"{ends[1].attrs['interval']}, widened by hidden differences of up to {hidden:g}"
    )
    return table


def pairs_beyond(fit: ScoreDraws, unit: str, hidden: float, *, sure: float = 0.95) -> float:
    """Return the share of pairs of units whose order no hidden difference of a size can turn.

    Parameters
    ----------
    fit, unit, hidden
        As in `confounding_bounds`: the two units may be moved towards each other by `hidden` each.
    sure : float
        Least posterior probability of the order.

    Returns
    -------
    float
        Share of the pairs.
    """
    effects = _effects(fit, unit).stack(sample=SAMPLE_DIMS).transpose("sample", unit).to_numpy()
    every = range(effects.shape[1])
    beyond = np.array([(effects > effects[:, [one]] + 2 * hidden).mean(axis=0) for one in every])
    first, second = np.triu_indices(len(beyond), 1)
    return float((np.maximum(beyond, beyond.T)[first, second] >= sure).mean())


def _case_mix(unit: str, case_mix: str | Sequence[str]) -> list[str]:
    kinds = listed(case_mix)
    if not kinds or unit in kinds:
        raise ValueError(
            f"case_mix names the columns that the unit does not decide; found {kinds} for the unit "
            f"{unit!r}. Without any, compare the units by nps_research.nps(counts, by={unit!r})."
        )
    return kinds


def _everybody(fit: ScoreDraws, unit: str) -> tuple[pd.DataFrame, Array]:
    """Return the kinds of customers and their numbers in the whole company."""
    table = fit.design.cells.table
    if unit not in table:
        raise ValueError(unknown_name("predictor", unit, table.columns))
    kinds = [name for name in table.columns if name != unit]
    if not kinds:
        raise ValueError(
            f"{unit!r} is the only predictor, so there is nothing to adjust for. Add the case mix "
            "to the formula."
        )
    sizes = pd.Series(fit.design.cells.sizes, name="n")
    grouped = table[kinds].assign(n=sizes.to_numpy()).groupby(kinds, observed=True, dropna=False)
    found = grouped["n"].sum().reset_index()
    return found[kinds], found["n"].to_numpy()


def _effects(fit: ScoreDraws, unit: str) -> xr.DataArray:
    name = f"effect_{unit}"
    if name not in fit.parameters:
        known = [str(each)[7:] for each in fit.parameters if str(each).startswith("effect_")]
        raise ValueError(unknown_name("group term", unit, known))
    return fit.parameters[name]


def _with_effects(fit: ScoreDraws, unit: str, effects: xr.DataArray) -> ScoreDraws:
    changed = fit.parameters.assign({f"effect_{unit}": effects})
    return ScoreDraws(changed, fit.design, fit.family)
