"""What kind of shift explains the difference between two groups."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from nps_research.differences import two_samples
from nps_research.ordinal.model import OrdinalModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nps_research.ordinal.maximum_likelihood import MaximumLikelihood
    from nps_research.scale import RatingScale
    from nps_research.survey import Survey

    type Array = NDArray[np.float64]

GROUP = "group"
# Name, parameters beyond those of no difference, formula and options of the model.
MODELS: dict[str, tuple[int, str, dict[str, str]]] = {
    "location": (1, "score ~ group", {}),
    "scale": (1, "score ~ 1", {"scale": "~ group"}),
    "location and scale": (2, "score ~ group", {"scale": "~ group"}),
    "location and both thresholds": (3, "score ~ group", {"nps_cuts": "~ group"}),
}


def explanations(
    first: pd.DataFrame | Survey,
    second: pd.DataFrame | Survey,
    *,
    rating_scale: RatingScale | None = None,
) -> pd.DataFrame:
    """Say what kind of shift explains the difference between two samples.

    Parameters
    ----------
    first, second, rating_scale
        As in `contrast`.

    Returns
    -------
    pandas.DataFrame
        One row an explanation, best first: ``none``, ``location``, ``scale`` (about the median),
        ``location and scale``, one threshold ``k|k+1`` each, ``location and both thresholds``
        (of detractors and promoters) and ``all cuts``, which fits perfectly. Columns: `parameters`
        (beyond those of ``none``), `log_likelihood`, `aic_difference` to the best, and `deviance`,
        `freedom` and `p_value` of the test against ``all cuts``: a small p says that the
        explanation leaves something out.

    Raises
    ------
    ValueError
        As in `contrast`.

    Notes
    -----
    Shifts as in `nps_research.comparison.shifts`, of logistic opinions, by maximum likelihood.
    Several explanations can fit one difference equally well, and a good fit is no proof of its
    cause.

    Examples
    --------
    >>> import nps_research as npsr
    >>> sfo = npsr.load_counts("sfo_airport")
    >>> table = explanations(sfo[sfo["year"] == "2017"], sfo[sfo["year"] == "2018"])
    >>> table.loc[["location and scale", "location", "8|9"], "aic_difference"].round(1)
    explanation
    location and scale     0.6
    location              10.8
    8|9                   31.1
    Name: aic_difference, dtype: float64
    """
    samples, scale, _ = paired_answers(first, second, rating_scale)
    table = pd.DataFrame(
        dict(_likelihoods(samples, scale)), index=["parameters", "log_likelihood"]
    ).T.rename_axis("explanation")
    full = table.loc["all cuts"]
    aic = 2 * (table["parameters"] - table["log_likelihood"])
    freedom = full["parameters"] - table["parameters"]
    deviance = 2 * (full["log_likelihood"] - table["log_likelihood"])
    table = table.astype({"parameters": np.int64}).assign(
        aic_difference=aic - aic.min(),
        deviance=deviance.clip(lower=0.0),
        freedom=freedom.astype(np.int64),
        p_value=special.chdtrc(freedom.where(freedom > 0), deviance.clip(lower=0.0)),
    )
    return table.sort_values("aic_difference", kind="stable")


def pair_model(
    formula: str, samples: list[Array], rating_scale: RatingScale, **options: Any
) -> MaximumLikelihood:
    """Fit a model of two samples by maximum likelihood: `group` is 0 in the first, 1 in the second.

    Parameters
    ----------
    formula : str
        Of the score on `group`.
    samples : list of numpy.ndarray, shape (categories,)
        Answers by score.
    rating_scale : RatingScale
        The scores.
    **options
        Of `OrdinalModel`.
    """
    sizes = np.concatenate(samples).round().astype(np.int64)
    answers = {"score": np.tile(rating_scale.scores, 2), "n": sizes}
    table = pd.DataFrame(answers | {GROUP: np.repeat([0, 1], rating_scale.n_categories)})
    model = OrdinalModel(formula, table, rating_scale=rating_scale, **options)
    return model.maximum_likelihood()


def paired_answers(
    first: pd.DataFrame | Survey, second: pd.DataFrame | Survey, rating_scale: RatingScale | None
) -> tuple[list[Array], RatingScale, list[int]]:
    """Return the answers of two samples by score, the scale, and how many answered.

    Raises
    ------
    ValueError
        If a table is not usable, the scales differ, or there are fewer than two answers.
    """
    samples = two_samples(first, second, rating_scale)
    n = [int(each.n[0]) for each in samples]
    if min(n) < 2:
        place = ("first", "second")[int(np.argmin(n))]
        raise ValueError(
            f"a comparison needs two answers or more on either side; the {place} table has "
            f"{min(n)}. Add answers, or leave the group out."
        )
    return [each.effective[0] for each in samples], samples[0].scale, n


def _likelihoods(
    samples: list[Array], scale: RatingScale
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Go through the explanations: parameters beyond none, and log-likelihood."""
    both = samples[0] + samples[1]
    given = np.flatnonzero(both).tolist()
    pooled, full = _multinomial(both), sum(map(_multinomial, samples))
    yield "none", (0, pooled)
    for name, (parameters, formula, options) in MODELS.items():
        fit = pair_model(formula, samples, scale, **options)
        yield name, (parameters, fit.log_likelihood)
    for low, high in pairwise(given):
        # Only the division between two neighbouring scores differs between the groups.
        pair = [each[[low, high]] for each in samples]
        gain = sum(map(_multinomial, pair)) - _multinomial(pair[0] + pair[1])
        yield f"{scale.scores[low]}|{scale.scores[high]}", (1, pooled + gain)
    yield "all cuts", (len(given) - 1, full)


def _multinomial(counts: Array) -> float:
    """Return the largest log-likelihood of counts, without the multinomial coefficient."""
    return float(special.xlogy(counts, counts / counts.sum()).sum()) if counts.any() else 0.0
