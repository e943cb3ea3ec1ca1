"""Codings of the score compared: three steps, top box, a line, or the scale as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.churn.hazard import EFFECTS, HazardModel
from nps_research.churn.resampling import SCORES, HeldOut, bayesian_bootstrap
from nps_research.counts import group_rows
from nps_research.dirichlet import share_limits
from nps_research.intervals import tail_probabilities
from nps_research.ordinal.loo import standard_error
from nps_research.survey_files import unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nps_research.churn.hazard import Effect, HazardFit
    from nps_research.churn.hazard_draws import HazardDraws
    from nps_research.churn.lifetimes import Lifetimes

    type Array = NDArray[np.float64]

RESAMPLES = 2000
# As in `nps_research.ordinal.comparison`.
FEWEST_EVENTS, SMALLEST_DIFFERENCE = 100, 4.0


def fit_codings(
    lifetimes: Lifetimes, effects: Iterable[Effect] = EFFECTS, **settings: Any
) -> dict[str, HazardFit]:
    """Fit a hazard model with every coding of the score, and else the same.

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long.
    effects : iterable of str
        Codings, the effects of `HazardModel`.
    **settings
        `periods`, `covariates`, `link` and `priors` of `HazardModel`; others go to its `fit`.

    Returns
    -------
    dict of str to HazardFit
        For `compare_codings`.

    Examples
    --------
    >>> import pandas as pd
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> table = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0]})
    >>> users = lifetimes(table.assign(n=[30, 70, 4, 196]), months=None)
    >>> fits = fit_codings(users, ["linear"], method="laplace", random_seed=1)
    >>> list(fits)
    ['linear']
    """
    of_model = {
        k: settings.pop(k) for k in ("periods", "covariates", "link", "priors") if k in settings
    }
    return {
        effect: HazardModel(lifetimes, effect, **of_model).fit(**settings) for effect in effects
    }


def compare_codings(fits: Mapping[str, HazardDraws], *, random_seed: int = 1) -> CodingComparison:
    """Compare models by their predictions of customers whom they have not seen.

    Parameters
    ----------
    fits : mapping of str to HazardFit
        Name of each model, and its fit to the same lifetimes.
    random_seed : int
        Of the Bayesian bootstrap.

    Returns
    -------
    CodingComparison
        Shown as its `summary`; `scores` has intervals, `calibration` compares predicted with
        observed shares.

    Raises
    ------
    ValueError
        If there are fewer than two fits, or they are of different people.

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> codes = {"yes": 1, "no": 0, "unknown": None}
    >>> users = lifetimes(
    ...     npsr.load_counts("r_community"), months=None, churned="lapsed", outcomes=codes
    ... )
    >>> fits = fit_codings(users, ["monotone", "top box"], random_seed=1, progressbar=False)
    >>> compare_codings(fits).summary().index.tolist()
    ['monotone', 'top box']
    """
    if len(fits) < 2:
        raise ValueError(f"a comparison needs two models or more; found {len(fits)}.")
    held = {name: HeldOut(fit) for name, fit in fits.items()}
    first = next(iter(held.values())).rows
    for name, other in held.items():
        if not other.rows.equals(first):
            raise ValueError(
                f"models can be compared on the same people only; {name!r} is a fit of others than "
                f"{next(iter(held))!r}. Fit all to the same lifetimes."
            )
    return CodingComparison(held, random_seed)


@viewed
@dataclass(frozen=True, eq=False)
class CodingComparison:
    """Predictions of the same people by several models, each person left out.

    Attributes
    ----------
    held_out : dict of str to HeldOut
        Predictions by name of the model.
    random_seed : int
        Of the Bayesian bootstrap, which is the same for all models.
    """

    held_out: dict[str, HeldOut]
    random_seed: int = 1

    def summary(self) -> pd.DataFrame:
        """Return one row a model, best log score first.

        Returns
        -------
        pandas.DataFrame
            `elpd_difference` to the best model and its `se_difference`, for the sum over
            customers; `elpd`, `se`, `p_loo`, `largest_k`; and `brier`, `auc`, `slope`,
            `intercept` as in `scores`; `note` says why a row is not to be trusted.
        """
        loos = {name: held.loo for name, held in self.held_out.items()}
        elpd = np.column_stack([loo.pointwise["elpd"] for loo in loos.values()])
        gap = elpd - elpd[:, [int((self._n @ elpd).argmax())]]
        table = pd.DataFrame(
            {
                "elpd_difference": self._n @ gap,
                "se_difference": [standard_error(column, self._n) for column in gap.T],
                **{key: [getattr(loo, key) for loo in loos.values()] for key in ("elpd", "se")},
                "p_loo": [loo.p_loo for loo in loos.values()],
                "largest_k": [loo.largest_k for loo in loos.values()],
            },
            pd.Index(list(loos), name="model"),
        )
        for score in SCORES[1:]:
            table[score] = [float(each[score][0]) for each in self._observed.values()]
        table["note"] = [
            self._note(loo.n_unreliable, gap)
            for loo, gap in zip(loos.values(), table["elpd_difference"], strict=True)
        ]
        return table.sort_values("elpd", ascending=False, kind="stable")

    def scores(self, reference: str | None = None, mass: float = 0.95) -> pd.DataFrame:
        """Return every score with its interval, and its difference to one model.

        Intervals are of the Bayesian bootstrap of customers: what other customers of the same
        population would have given for these predictions. They do not know that a model fitted to
        other customers would predict otherwise.

        Parameters
        ----------
        reference : str, optional
            Model that is subtracted; by default the one with the best log score.
        mass : float
            Probability inside the intervals.

        Returns
        -------
        pandas.DataFrame
            Indexed by `score` ("log_score" of a customer, "brier" of a month, "auc", calibration
            "slope" and "intercept") and `model`: `estimate`, `lower`, `upper`, `difference`,
            `difference_lower`, `difference_upper`.

        Raises
        ------
        ValueError
            If there is no such model.

        Notes
        -----
        Every customer is left out with all months (log score, Brier, calibration), every pair of
        customers together (AUC; Airola, Pahikkala, Waegeman, De Baets and Salakoski 2011, "An
        Experimental Comparison of Cross-Validation Techniques for Estimating the Area under the ROC
        Curve"). With several months the AUC is that of Heagerty and Zheng 2005, "Survival Model
        Predictive Accuracy and ROC Curves", between those who leave in a month and those who stay.
        """
        base = self.summary().index[0] if reference is None else reference
        if base not in self.held_out:
            raise ValueError(unknown_name("model", base, self.held_out))
        rows = {
            (score, name): self._row(score, name, str(base), mass)
            for score in SCORES
            for name in self.held_out
        }
        index = pd.MultiIndex.from_tuples(rows, names=["score", "model"])
        table = pd.DataFrame(list(rows.values()), index)
        table.attrs = {
            "interval": f"{100 * mass:g} % interval of the Bayesian bootstrap of customers",
            "reference": base,
        }
        return table

    def calibration(self, model: str, by: str = "score", mass: float = 0.95) -> pd.DataFrame:
        """Compare predicted with observed hazards, person by person left out.

        Parameters
        ----------
        model : str
            Name of a model.
        by : str
            "score", "month" or a predictor of the lifetimes.
        mass : float
            Probability inside the interval.

        Returns
        -------
        pandas.DataFrame
            One row a group: `predicted` and `observed` share of person-months that end with
            leaving, `lower` and `upper` for the observed share (Jeffreys), `churned` and
            `person_months`.

        Raises
        ------
        ValueError
            If there is no such model or column.
        """
        if model not in self.held_out:
            raise ValueError(unknown_name("model", model, self.held_out))
        held = self.held_out[model]
        row, month, left = held.trials
        columns = held.rows.assign(month=0).iloc[row].assign(month=month)
        known = [name for name in columns if name not in {"n", "entered", "months", "churned"}]
        if by not in known:
            raise ValueError(unknown_name("column", by, known))
        groups, group = group_rows(columns, by)
        n = columns["n"].to_numpy(dtype=float)
        sizes, churned, predicted = (
            np.bincount(group, each, len(groups)) for each in (n, n * left, n * held.predicted)
        )
        return _calibration_table(groups, sizes, churned, predicted, mass)

    @cached_property
    def _n(self) -> Array:
        rows = next(iter(self.held_out.values())).rows
        return rows["n"].to_numpy(dtype=float)

    @cached_property
    def _observed(self) -> dict[str, dict[str, Array]]:
        return {name: held.scores(self._n[None]) for name, held in self.held_out.items()}

    @cached_property
    def _resampled(self) -> dict[str, dict[str, Array]]:
        n = bayesian_bootstrap(self._n, RESAMPLES, self.random_seed)
        return {name: held.scores(n) for name, held in self.held_out.items()}

    def _row(self, score: str, name: str, reference: str, mass: float) -> dict[str, float]:
        tails = tail_probabilities(mass)
        estimate, other = (float(self._observed[each][score][0]) for each in (name, reference))
        drawn, drawn_other = (self._resampled[each][score] for each in (name, reference))
        lower, upper = np.quantile(drawn, tails)
        low, high = np.quantile(drawn - drawn_other, tails)
        return {
            "estimate": estimate,
            "lower": float(lower),
            "upper": float(upper),
            "difference": estimate - other,
            "difference_lower": float(low),
            "difference_upper": float(high),
        }

    def _note(self, unreliable: int, difference: float) -> str:
        rows = next(iter(self.held_out.values())).rows
        events = int(rows.loc[rows["churned"] == 1, "n"].sum())
        notes = {
            f"importance sampling unreliable for {unreliable:,} customers": unreliable > 0,
            f"only {events} left": events < FEWEST_EVENTS,
            f"difference below {SMALLEST_DIFFERENCE:.0f}": 0 < -difference < SMALLEST_DIFFERENCE,
        }
        return "; ".join(note for note, applies in notes.items() if applies)

    def _view(self) -> View:
        title = f"{self._n.sum():,.0f} customers, each predicted by models that have not seen them"
        main = self.summary()[["elpd_difference", "se_difference", "auc", "slope", "note"]]
        return View(title, {"seed": self.random_seed}, table=main.round(3))


def _calibration_table(
    groups: pd.Index, sizes: Array, churned: Array, predicted: Array, mass: float
) -> pd.DataFrame:
    limits = share_limits(churned, sizes - churned, mass)
    table = pd.DataFrame(
        {
            "predicted": predicted / sizes,
            "observed": churned / sizes,
            "lower": np.where(churned > 0, limits[0], 0.0),
            "upper": np.where(churned < sizes, limits[1], 1.0),
            "churned": churned.astype(np.int64),
            "person_months": sizes.astype(np.int64),
        },
        groups,
    )
    table.attrs["interval"] = f"{100 * mass:g} % interval of the observed share, Jeffreys"
    return table
