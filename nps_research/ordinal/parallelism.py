"""Do all cuts share their coefficients? Binary regressions at each cut, by maximum likelihood."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from nps_research.counts import as_counts, declared_scale
from nps_research.ordinal.maximum_likelihood import EstimationWarning
from nps_research.ordinal.model import OrdinalModel
from nps_research.scale import RatingScale

# A standard error this many times that of proportional odds belongs to an infinite estimate: one
# answer in a million below a cut makes it 600 times as large.
SEPARATED = 1e3


def parallelism(
    formula: str,
    counts: pd.DataFrame,
    *,
    rating_scale: RatingScale | None = None,
    link: str = "logit",
) -> pd.DataFrame:
    """Estimate the coefficients at every cut by itself, beside those that all cuts share.

    The cumulative model says that a predictor moves P(score > k) by the same latent amount at
    every cut k. Here each cut has a binary regression of its own. Cuts that nobody's answer is
    beyond have none and are left out. Look at how far estimates are from the shared one in view
    of `impact`, not of their standard errors: with enough respondents no model is exact.

    Parameters
    ----------
    formula : str
        As in `OrdinalModel`, of terms that maximum likelihood can estimate.
    counts : pandas.DataFrame
        Count table.
    rating_scale : RatingScale, optional
        By default the scale that the table carries in its attrs, else 0-10.
    link : str
        As in `OrdinalModel`.

    Returns
    -------
    pandas.DataFrame
        One row a term and cut: `term`, `cut` such as ``6|7``, `estimate` and `se` at that cut,
        `proportional` and `proportional_se` of the cumulative model. An estimate is infinite, and
        has no standard error, where all answers of a group are on one side of the cut. attrs hold
        the number of respondents, ``n``.

    Notes
    -----
    Harrell 2015, "Regression Modeling Strategies", and the function ordParallel of his R package
    rms.

    Examples
    --------
    >>> import nps_research as npsr
    >>> table = parallelism("score ~ year", npsr.load_counts("sfo_airport"))
    >>> table[table["cut"].isin(["6|7", "8|9"])].drop(columns="term").round(2)
       cut  estimate    se  proportional  proportional_se
    6  6|7     -0.36  0.08         -0.22             0.05
    8  8|9     -0.18  0.05         -0.22             0.05
    """
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale)
    table = table[table["score"].notna() & (table["n"] > 0)]
    shared = _coefficients(formula, table, scale, link)
    by_cut = {
        label: _at_cut(formula, table, score, link, shared)
        for score, label in zip(scale.scores[:-1], scale.cutpoint_labels, strict=True)
    }
    estimated = {label: part for label, part in by_cut.items() if part is not None}
    shared = shared.rename(columns={"estimate": "proportional", "se": "proportional_se"})
    long = pd.concat(estimated, names=["cut", "term"]).reset_index("cut").join(shared)
    place = {term: position for position, term in enumerate(shared.index)}
    long = long.reset_index().sort_values(
        "term", key=lambda terms: terms.map(place), kind="stable", ignore_index=True
    )
    long.attrs["n"] = int(table["n"].sum())
    return long[["term", "cut", "estimate", "se", "proportional", "proportional_se"]]


def _coefficients(formula: str, table: pd.DataFrame, scale: RatingScale, link: str) -> pd.DataFrame:
    model = OrdinalModel(formula, table, rating_scale=scale, link=link)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        estimates = model.maximum_likelihood().estimates
    coefficients: pd.DataFrame = estimates.loc[model.design.terms]
    return coefficients


def _at_cut(
    formula: str, table: pd.DataFrame, score: int, link: str, shared: pd.DataFrame
) -> pd.DataFrame | None:
    split = _split(table, score)
    if split["score"].nunique() < 2:
        return None
    found = _coefficients(formula, split, RatingScale(0, 1, 0, 1), link)
    infinite = ~(found["se"] < SEPARATED * shared["se"])
    found.loc[infinite, "estimate"] = np.sign(found.loc[infinite, "estimate"]) * np.inf
    return found.assign(se=found["se"].mask(infinite))


def _split(table: pd.DataFrame, score: int) -> pd.DataFrame:
    """Recode answers to 1 above `score` and 0 below, without intervals that are on both sides."""
    above = table["score"] > score
    if "score_upper" in table:
        upper = table["score_upper"].fillna(table["score"])
        table, above = table[above == (upper > score)], above[above == (upper > score)]
    return table.assign(score=above.astype("Int64")).drop(columns="score_upper", errors="ignore")
