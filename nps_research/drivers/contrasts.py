"""Contrasts: how far groups differ from a reference group, and how large that is beyond chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns
from nps_research.diagnostics import interval_table
from nps_research.differences import nps_difference
from nps_research.ordinal.effects import differences
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nps_research.ordinal.draws import ScoreDraws

    type Array = NDArray[np.float64]


def contrasts(
    counts: pd.DataFrame,
    by: str,
    reference: str,
    within: str | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the NPS of groups with that of a reference group.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    by : str
        Column with the groups.
    reference : str
        The group that the others are compared with.
    within : str, optional
        Column whose groups are kept apart, such as the year; pairs that a group of it lacks are
        left out.
    level : float
        Of the confidence intervals.

    Returns
    -------
    pandas.DataFrame
        One row a group (and group of `within`): `difference` in points with `lower` and `upper`
        (adjusted Wald), `se`, and the numbers of answers `n_reference` and `n`.

    Raises
    ------
    ValueError
        If there is no such column or group.

    Examples
    --------
    >>> import nps_research as npsr
    >>> airport = npsr.load_counts("sfo_airport")
    >>> contrasts(airport, "year", "2017").round(1)
          difference  lower  upper   se  n_reference     n
    year
    2018        -8.9  -12.7   -5.0  2.0         2746  2650
    """
    check_level(counts, by, reference)
    keys = [within, by] if within else [by]
    refuse_unknown_columns(keys, counts.columns)
    groups = {name: rows for name, rows in counts.groupby(keys, observed=True) if len(rows)}
    parts = {
        name: nps_difference(groups[*name[:-1], reference], rows, level=level).iloc[0]
        for name, rows in groups.items()
        if name[-1] != reference and (*name[:-1], reference) in groups
    }
    names = pd.MultiIndex.from_tuples(parts, names=keys)
    table = pd.DataFrame(parts.values(), index=names if within else names.get_level_values(0))
    table = table.rename(columns={"n_first": "n_reference", "n_second": "n"})
    table = table.astype({"n_reference": np.int64, "n": np.int64})
    table = table[["difference", "lower", "upper", "se", "n_reference", "n"]]
    table.attrs = {"interval": f"{100 * level:g} % confidence interval, adjusted Wald"}
    return table


def adjusted_contrasts(draws: ScoreDraws, references: Mapping[str, str]) -> pd.DataFrame:
    """Compare groups as they are, and with all other predictors held as they are.

    Parameters
    ----------
    draws : ScoreDraws
        Such as a fitted `OrdinalModel` with several predictors.
    references : mapping of str to str
        Predictor to the group of it that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        One row a predictor and group: `held`, the difference of NPS in points if everybody were of
        this group rather than the reference, with `lower` and `upper`; and `raw`, that of the
        groups' own respondents.

    Examples
    --------
    >>> import nps_research as npsr
    >>> model = npsr.OrdinalModel("score ~ year + problem", npsr.load_counts("sfo_airport"))
    >>> fit = model.fit(random_seed=1, method="laplace")
    >>> adjusted_contrasts(fit, {"problem": "no"})[["held", "raw"]].round(-1)
                       held   raw
    predictor group
    problem   unknown -20.0 -20.0
              yes     -30.0 -30.0
    """
    parts = {}
    for column, reference in references.items():
        held = differences(draws.marginal_effect(column), column, reference).rename("held")
        raw = draws.contrast(by=column, reference=reference).mean(("chain", "draw"))
        table = interval_table(held)
        parts[column] = table.assign(raw=raw.to_series().reindex(table.index))
        kind = table.attrs["interval"]
    joined = pd.concat(parts, names=["predictor", "group"])
    joined.attrs = {"interval": kind}
    return joined


@viewed
class Size(NamedTuple):
    """How large differences are, root mean square in points, noise taken off.

    Attributes
    ----------
    value, lower, upper : float
        Estimate and 95 % interval.
    draws : numpy.ndarray
        Draws behind the interval.
    """

    value: float
    lower: float
    upper: float
    draws: Array


def typical_size(table: pd.DataFrame, *, draws: int = 4000, random_seed: int) -> Size:
    """Return the root mean square of true differences: chance alone makes differences too large.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `difference` and `se`, such as from `contrasts`.
    draws : int
        Of the parametric bootstrap, centred like the basic one.
    random_seed : int
        Makes the interval repeatable.

    Returns
    -------
    Size
        In the unit of the differences.

    Examples
    --------
    >>> typical_size(pd.DataFrame({"difference": [5.0, -5.0], "se": [3.0, 3.0]}), random_seed=1)[0]
    4.0
    """
    difference, se = table["difference"].to_numpy(float), table["se"].to_numpy(float)
    generator = np.random.default_rng(random_seed)
    drawn = generator.normal(difference, se, (draws, len(table)))
    squares = (drawn**2 - 2 * se**2).mean(axis=1)
    sizes = np.sqrt(squares.clip(min=0.0))
    lower, upper = np.quantile(sizes, [0.025, 0.975])
    value = math.sqrt(max((difference**2 - se**2).mean(), 0.0))
    return Size(value, float(lower), float(upper), sizes)


def check_level(counts: pd.DataFrame, by: str, reference: str) -> None:
    """Refuse a column, or a group of it, that the table does not have.

    Raises
    ------
    ValueError
        It names what there is.
    """
    if by not in counts:
        raise ValueError(unknown_name("column", by, counts.columns))
    levels = counts[by].unique().tolist()
    if reference not in levels:
        raise ValueError(unknown_name(f"level of {by!r}:", reference, levels))
