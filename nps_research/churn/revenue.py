"""What customers who leave will cost: a posterior from scores, hazards and values.

Nobody is at risk as a class: everyone leaves with some probability, and most detractors stay. What
a firm will lose is known only as far as its hazards, the scores of those who were not asked, and
chance allow; all three are in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.answers import refuse_intervals
from nps_research.counts import (
    as_counts,
    cross_tabulate,
    group_rows,
    listed,
    refuse_unknown_columns,
)
from nps_research.diagnostics import interval_table
from nps_research.ordinal.labels import by_groups
from nps_research.survey_files import numbers, refuse_rows, shown
from nps_research.views import View, sized, viewed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from nps_research.churn.hazard_draws import HazardDraws
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]
    type Places = NDArray[np.int64]
    type Columns = str | Sequence[str] | None

MONTHS_A_YEAR = 12
# Jeffreys' prior of the shares of scores among those who did not answer.
MIX_PRIOR = 0.5
SAMPLES = ("chain", "draw")


@viewed
@dataclass(frozen=True, eq=False)
class RevenueAtRisk:
    """Posterior of what will be lost with the customers who leave.

    Attributes
    ----------
    expected : xarray.DataArray
        Expected loss given hazards and the mix of scores, in the unit of the values: dims chain,
        draw and the groups.
    realised : xarray.DataArray
        What the loss will turn out to be: with the chance of who leaves; dims as `expected`.
    total_value : pandas.Series
        Value of all customers, by group.
    months : int
        Horizon.
    """

    expected: xr.DataArray
    realised: xr.DataArray
    total_value: pd.Series
    months: int

    def summary(self, mass: float = 0.9) -> pd.DataFrame:
        """Summarise by group.

        Parameters
        ----------
        mass : float
            Probability inside the equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            `revenue_at_risk`, its posterior mean, `lower` and `upper` of the expected loss,
            `realised_lower` and `realised_upper` of the loss that will come, `total_value`, and
            `share_at_risk` of it.
        """
        table = interval_table(self.expected.rename("revenue_at_risk"), mass)
        coming = interval_table(self.realised, mass)
        table["realised_lower"], table["realised_upper"] = coming["lower"], coming["upper"]
        table["total_value"] = self.total_value.to_numpy()
        table["share_at_risk"] = table["revenue_at_risk"] / table["total_value"]
        return table

    def _view(self) -> View:
        table = self.summary()
        title = f"Revenue at risk within {sized(self.months, 'month')}, {table.attrs['interval']}"
        decimals = dict.fromkeys(table.columns, 1) | {"share_at_risk": 3}
        return View(title, table=table.round(decimals))


def revenue_at_risk(
    fit: HazardDraws,
    customers: pd.DataFrame,
    *,
    value: str | float = "value",
    months: int | None = None,
    discount: float = 0.0,
    by: Columns = None,
    risk_by: Columns = None,
    random_seed: int,
) -> RevenueAtRisk:
    """Say what customers who leave will cost.

    Parameters
    ----------
    fit : HazardFit
        Hazards by score, from customers who were watched.
    customers : pandas.DataFrame
        Count table of the customers that the firm has now. A missing score is a customer who gave
        none: the scores of those in a group are drawn from a Dirichlet posterior of the shares of
        those who did, as if silence said nothing (which other data contradict: see
        `poststratification`).
    value : str or float
        What is lost with one customer, in any currency: a column, or one number for all.
    months : int, optional
        Within which leaving counts, by default the horizon of the fit.
    discount : float
        Yearly rate at which later losses count less.
    by : str or sequence of str, optional
        Columns whose groups are kept apart in the result; each has its own mix of scores.
    risk_by : str or sequence of str, optional
        Predictors of the fit, and columns of `customers`, whose groups have hazards of their own.
    random_seed : int
        Makes the draws of mixes and of who leaves repeatable.

    Returns
    -------
    RevenueAtRisk

    Raises
    ------
    ValueError
        If a column, score, value, horizon or rate is not usable, or a group with missing scores
        has no score at all.

    Examples
    --------
    >>> from nps_research.churn.hazard import HazardModel
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> past = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0], "n": [30, 70, 4, 196]})
    >>> model = HazardModel(lifetimes(past, months=None))
    >>> fit = model.fit(random_seed=1, progressbar=False)
    >>> now = pd.DataFrame({"score": [3, 9, None], "n": [100, 300, 400]})
    >>> risk = revenue_at_risk(fit, now, value=1000, random_seed=1)
    >>> 60_000 < risk.summary().loc["all", "revenue_at_risk"] < 90_000
    np.True_
    """
    firm = _Firm.of(customers, value, by, fit.layout.scale)
    survival = _survival_by_kind(fit, customers, months, listed(risk_by))
    chances, worth = _dated(survival.chances, discount)
    rng = np.random.default_rng(random_seed)
    mixes = firm.mixes(chances.shape[:2], rng)
    expected = np.zeros((*chances.shape[:2], len(firm.groups)))
    realised = np.zeros_like(expected)
    for row in firm.rows(survival.kind):
        leaving = _chances_of(row, chances[:, :, row.kind], mixes)
        expected[..., row.group] += row.n * row.value * (leaving @ worth)
        realised[..., row.group] += row.value * (_leavers(rng, row.n, leaving) @ worth)
    drawn = {"expected_loss": expected, "realised_loss": realised}
    named = [by_groups(e, firm.groups, survival.samples, {}).rename(k) for k, e in drawn.items()]
    return RevenueAtRisk(named[0], named[1], firm.total_value, survival.chances.shape[-1])


def expected_lifetime(
    fit: HazardDraws,
    *,
    months: int | None = None,
    discount: float = 0.0,
    beyond: Literal["nothing", "last hazard"] = "nothing",
    by: Columns = None,
) -> xr.DataArray:
    """Return how many monthly payments a customer will still make, by score.

    A customer pays at the beginning of every month, the first at once. Multiply by the margin of a
    month for a lifetime value.

    Parameters
    ----------
    fit : HazardFit
        Hazards by score.
    months : int, optional
        Within which payments count, by default the horizon of the fit.
    discount : float
        Yearly rate at which later payments count less.
    beyond : {"nothing", "last hazard"}
        What happens afterwards: nothing counts (a restricted mean, which needs no assumption), or
        those who are left go on leaving at the hazard of the last month, for ever.
    by : str or sequence of str, optional
        Predictors of the fit whose groups are kept apart.

    Returns
    -------
    xarray.DataArray
        Dims chain, draw, the groups, score; in payments.

    Raises
    ------
    ValueError
        If the horizon or rate is not usable.

    Examples
    --------
    >>> from nps_research.churn.hazard import HazardModel
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> past = pd.DataFrame({"score": [3, 3, 9, 9], "months": [1, 2] * 2, "churned": [1, 0] * 2})
    >>> fit = HazardModel(lifetimes(past.assign(n=[60, 40, 3, 97]))).fit(
    ...     random_seed=1, progressbar=False
    ... )
    >>> bool(1.9 < expected_lifetime(fit).sel(score=9).mean() <= 2)
    True
    """
    factor = _monthly_factor(discount)
    survival = fit.survival(by)
    last = _checked_months(survival, months)
    there = survival.sel(month=slice(0, last))
    weights = xr.DataArray(factor ** there["month"].to_numpy(), {"month": there["month"]})
    paid = (there * weights).isel(month=slice(0, -1)).sum("month")
    if beyond == "last hazard":
        kept = there.isel(month=-1) / there.isel(month=-2)
        rest = (there * weights).isel(month=-1, drop=True) / (1 - kept * factor)
        paid = paid + rest.drop_vars("month", errors="ignore")
    return paid.rename("expected_lifetime")


class _Row(NamedTuple):
    """Customers of one kind, score and value; a missing score is None."""

    kind: int
    group: int
    score: int | None
    n: int
    value: float


@dataclass(frozen=True)
class _Firm:
    """Customers by row, and how often each score was given in each group."""

    table: pd.DataFrame
    groups: pd.Index
    group: Places
    scored: Array

    @classmethod
    def of(
        cls, customers: pd.DataFrame, value: str | float, by: Columns, scale: RatingScale
    ) -> _Firm:
        needed = [*listed(by), *([value] if isinstance(value, str) else [])]
        table = as_counts(customers, scale, by=needed)
        refuse_intervals(table)
        table["value"] = _values(table, value)
        groups, group = group_rows(table, by)
        answered = table["score"].notna().to_numpy()
        category = table["score"][answered].to_numpy(dtype=np.int64) - scale.minimum
        shape = (len(groups), scale.n_categories)
        scored = cross_tabulate(group[answered], category, table["n"][answered], shape)
        table["place"] = -1
        table.loc[answered, "place"] = category
        firm = cls(table, groups, group, scored)
        firm.check_mixes()
        return firm

    def check_mixes(self) -> None:
        silent = np.bincount(self.group, self.table["n"] * (self.table["place"] < 0))
        unknown = (silent > 0) & (self.scored.sum(axis=1) == 0)
        if unknown.any():
            name = self.groups[int(unknown.argmax())]
            raise ValueError(
                f"nobody in group {shown(name)} gave a score, so those of its customers cannot be "
                "guessed. Put it together with another group, or leave it out."
            )

    @property
    def total_value(self) -> pd.Series:
        worth = np.bincount(self.group, self.table["n"] * self.table["value"])
        return pd.Series(worth, self.groups, name="total_value")

    def mixes(self, samples: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw the shares of scores of those without one: (chain, draw, groups, scores)."""
        gammas = rng.standard_gamma(self.scored + MIX_PRIOR, (*samples, *self.scored.shape))
        return np.asarray(gammas / gammas.sum(axis=-1, keepdims=True))

    def rows(self, kind: Places) -> Iterator[_Row]:
        """Go through customers, those of equal kind, score and value together."""
        keys = pd.DataFrame({"kind": kind, "group": self.group})
        keys[["place", "value"]] = self.table[["place", "value"]]
        people = self.table["n"].groupby([keys[name] for name in keys]).sum().reset_index()
        for kind_, group, place, value, n in people.itertuples(index=False):
            yield _Row(kind_, group, None if place < 0 else place, n, value)


class _Survival(NamedTuple):
    """Chances to leave by month: (chain, draw, kinds, scores, months), and the kind of each row."""

    chances: Array
    kind: Places
    samples: dict[str, NDArray[np.int64]]


def _survival_by_kind(
    fit: HazardDraws, customers: pd.DataFrame, months: int | None, risk_by: list[str]
) -> _Survival:
    refuse_unknown_columns(risk_by, customers.columns)
    survival = fit.survival(risk_by)
    there = survival.sel(month=slice(0, _checked_months(survival, months)))
    kinds, kind = group_rows(customers, risk_by)
    each = [_of_kind(there, risk_by, name) for name in kinds] if risk_by else [there]
    stacked = np.stack([one.to_numpy() for one in each], axis=2)
    samples = {name: survival[name].to_numpy() for name in SAMPLES}
    return _Survival(-np.diff(stacked, axis=-1), kind, samples)


def _of_kind(survival: xr.DataArray, columns: list[str], name: Hashable) -> xr.DataArray:
    values = name if isinstance(name, tuple) else (name,)
    place = dict(zip(columns, values, strict=True))
    try:
        found = survival.sel(place)
    except KeyError:
        found = None
    if found is None or bool(found.isnull().any()):
        raise ValueError(
            f"the fit knows no customers with {place}. Leave these columns out of risk_by, or fit "
            "the model to lifetimes that have them."
        )
    return found


def _checked_months(survival: xr.DataArray, months: int | None) -> int:
    horizon = int(survival["month"][-1])
    last = horizon if months is None else months
    if not 1 <= last <= horizon or last != int(last):
        raise ValueError(
            f"months must be a whole number from 1 to {horizon}, the last month in which anybody "
            f"was watched; found {months!r}."
        )
    return int(last)


def _monthly_factor(discount: float) -> float:
    if not discount > -1:
        raise ValueError(
            f"discount must be a yearly rate above -1, such as 0.08; found {discount!r}."
        )
    return float((1 + discount) ** (-1 / MONTHS_A_YEAR))


def _dated(chances: Array, discount: float) -> tuple[Array, Array]:
    """Return chances by month with their worth; by the whole horizon if all months are equal."""
    factor = _monthly_factor(discount)
    if factor == 1:
        return chances.sum(axis=-1, keepdims=True), np.ones(1)
    return chances, factor ** np.arange(1, chances.shape[-1] + 1)


def _chances_of(row: _Row, chances: Array, mixes: Array) -> Array:
    """Return the chance to leave in each month: (chain, draw, months)."""
    if row.score is not None:
        return np.asarray(chances[:, :, row.score])
    return np.asarray(np.einsum("cds,cdsm->cdm", mixes[:, :, row.group], chances))


def _leavers(rng: np.random.Generator, n: int, chances: Array) -> Array:
    """Draw how many leave in each month: (chain, draw, months)."""
    stay = np.clip(1 - chances.sum(axis=-1, keepdims=True), 0, 1)
    every = np.concatenate([np.clip(chances, 0, 1), stay], axis=-1)
    every /= every.sum(axis=-1, keepdims=True)
    return rng.multinomial(n, every)[..., :-1].astype(float)


def _values(table: pd.DataFrame, value: str | float) -> Array:
    if not isinstance(value, str):
        if not np.isfinite(value) or value < 0:
            raise ValueError(f"value must be an amount, 0 or more; found {value!r}.")
        return np.full(len(table), float(value))
    cells = numbers(table[value])
    wrong = ~((cells >= 0) & np.isfinite(cells))
    rule = f"{value} must hold amounts, 0 or more"
    refuse_rows(table[value], wrong.to_numpy(bool), rule, "Give what one customer is worth.")
    return cells.to_numpy()
