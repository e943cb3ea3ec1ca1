"""Which model predicts respondents better? Models of one outcome, or of three classes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import LinearConstraint, minimize

from nps_research.counts import WEIGHT_COLUMNS, as_counts, declared_scale
from nps_research.ordinal.leaving_out import Outcome
from nps_research.ordinal.loo import LooResult, psis_loo, standard_error
from nps_research.scale import RatingScale

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.draws import ScoreDraws

    type Array = NDArray[np.float64]
    type Results = Mapping[str, LooResult]

# Sivula, Magnusson, Matamoros and Vehtari 2025, "Uncertainty in Bayesian Leave-One-Out
# Cross-Validation Based Model Comparison": below these the normal approximation fails.
FEWEST_RESPONDENTS, SMALLEST_DIFFERENCE = 100, 4.0
ANSWER = ["score", "score_upper"]


def three_bins(counts: pd.DataFrame, rating_scale: RatingScale | None = None) -> pd.DataFrame:
    """Recode scores to 1 for a detractor, 2 for a passive and 3 for a promoter.

    Parameters
    ----------
    counts : pandas.DataFrame
        Count table.
    rating_scale : RatingScale, optional
        Scale of the scores. By default the one that the table carries in its attrs, else 0-10.

    Returns
    -------
    pandas.DataFrame
        The same columns, with `n` (and sums of weights) added up over the scores of a class. Its
        attrs carry the scale 1-3, so that a model of it needs no other.

    Raises
    ------
    ValueError
        If the count table is not usable.

    Examples
    --------
    >>> three_bins(pd.DataFrame({"score": [0, 5, 8, None], "n": [1, 2, 3, 4]}))
       score  n
    0      1  3
    1      2  3
    2   <NA>  4
    """
    scale = declared_scale(counts, rating_scale)
    table = as_counts(counts, scale)
    for name in [column for column in ANSWER if column in table]:
        table[name] = table[name].map(_class_of_score(scale)).astype("Int64")
    amounts = ["n", *(set(WEIGHT_COLUMNS) & set(table.columns))]
    keys = [name for name in table.columns if name not in amounts]
    binned = table.groupby(keys, observed=True, dropna=False, as_index=False)[amounts].sum()
    binned = binned[table.columns]
    binned.attrs["rating_scale"] = RatingScale(1, 3, 1, 3)
    return binned


def compare(
    fits: Mapping[str, ScoreDraws | LooResult], *, outcome: Outcome | None = None
) -> pd.DataFrame:
    """Compare how well models predict a respondent whom they have not seen.

    Models are compared on the same respondents, one by one: the standard error is that of the
    sum of their differences, which is far below that of either sum.

    A difference is not told from zero by being twice its standard error when it is below 4, when
    there are fewer than 100 respondents, or when both models are misspecified: the standard error
    is then too small, and the error far from normal (Sivula, Magnusson, Matamoros and Vehtari
    2025, "Uncertainty in Bayesian Leave-One-Out Cross-Validation Based Model Comparison").

    Parameters
    ----------
    fits : mapping of str to ScoreDraws or LooResult
        Name of each model, and its fit or its result of `loo` or `reloo`. The formulas may differ;
        the respondents may not. Some count table must have the predictors of all formulas.
    outcome : {"scores", "classes"}, optional
        ``"scores"`` compares models of one scale. ``"classes"`` scores all models by what they
        say about detractor, passive and promoter, a model of scores by adding up its
        probabilities, so that it can be compared with one of `three_bins`. By default scores,
        unless the scales differ.

    Returns
    -------
    pandas.DataFrame
        One row a model, best first: `elpd_difference` to the best and `se_difference`, `elpd`,
        `se`, `p_loo`, `largest_k`, `weight` (stacking; Yao, Vehtari, Simpson and Gelman 2018,
        "Using Stacking to Average Bayesian Predictive Distributions") and `note`, which says why a
        row is not to be trusted. attrs say the ``outcome`` and ``n``.

    Raises
    ------
    ValueError
        If there are fewer than two models, if the scales do not allow the outcome, or if the
        respondents are not the same.

    Examples
    --------
    >>> import nps_research as npsr
    >>> counts = npsr.load_counts("sfo_airport")
    >>> models = {f: npsr.OrdinalModel(f, counts) for f in ("score ~ 1", "score ~ year")}
    >>> fits = {f: model.fit(random_seed=1, progressbar=False) for f, model in models.items()}
    >>> compare(fits)["elpd_difference"].round()
    model
    score ~ year    0.0
    score ~ 1      -9.0
    Name: elpd_difference, dtype: float64
    """
    if len(fits) < 2:
        raise ValueError(f"a comparison needs two models or more; found {len(fits)}.")
    outcome = outcome or _common_outcome(fit.design.rating_scale for fit in fits.values())
    results = {name: _result(name, fit, outcome) for name, fit in fits.items()}
    _check_scales(results, outcome)
    n, elpd = _by_respondent(results)
    table = _summary(results, n, elpd).sort_values("elpd", ascending=False)
    table.attrs = {"outcome": outcome, "n": int(n.sum())}
    return table


def _common_outcome(scales: Iterable[RatingScale]) -> Outcome:
    return "scores" if len({_range(scale) for scale in scales}) == 1 else "classes"


def _result(name: str, fit: ScoreDraws | LooResult, outcome: Outcome) -> LooResult:
    if not isinstance(fit, LooResult):
        return psis_loo(fit, outcome)
    if fit.outcome != outcome:
        raise ValueError(
            f"{name!r} is a LooResult for the outcome {fit.outcome!r}; the comparison is of "
            f"{outcome!r}. Pass loo(fit, {outcome!r}), or outcome={fit.outcome!r}."
        )
    return fit


def _check_scales(results: Results, outcome: Outcome) -> None:
    scales = {name: result.design.rating_scale for name, result in results.items()}
    found = ", ".join(f"{name!r} {scale!r}" for name, scale in scales.items())
    distinct = set(scales.values())
    ranges = {_range(scale) for scale in distinct}
    if outcome == "scores" and len(ranges) > 1:
        raise ValueError(
            f"scores of different scales cannot be compared: {found}. Pass outcome='classes', "
            f"which all scales have."
        )
    full = [scale for scale in distinct if not _is_by_class(scale)]
    if outcome == "classes" and (len(full) > 1 or len(ranges) < len(distinct)):
        raise ValueError(
            f"classes of different scales or cuts cannot be compared: {found}. Only one full scale "
            f"can be compared with its three_bins."
        )


def _range(scale: RatingScale) -> tuple[int, int]:
    return scale.minimum, scale.maximum


def _is_by_class(scale: RatingScale) -> bool:
    return len(np.unique(scale.nps_values)) == scale.n_categories


def _class_of_score(scale: RatingScale) -> dict[int, int]:
    """Map scores to 1 for a detractor, 2 for a passive, 3 for a promoter."""
    return dict(zip(scale.scores.tolist(), (scale.nps_values + 2).astype(int), strict=True))


def _by_respondent(results: Results) -> tuple[Array, Array]:
    """Return respondents by group, and the elpd of one of them by model: (groups, models).

    Within a group, predictors and answers are the same for every model.
    """
    predictors = list(dict.fromkeys(name for r in results.values() for name in _predictors(r)))
    finest = _finest(results, predictors)
    reference = _answers(finest)
    columns = []
    for name, result in results.items():
        own = _answers(result.design)
        recoded = _on_scale(reference, finest.rating_scale, result.design.rating_scale)
        keys = [column for column in predictors if column in own] + ANSWER
        _check_same_respondents(name, _totals(own, keys), _totals(recoded, keys))
        columns.append(_looked_up(result, own, recoded))
    return reference["n"].to_numpy(dtype=float), np.column_stack(columns)


def _predictors(result: LooResult) -> list[str]:
    return list(result.design.cells.table.columns)


def _finest(results: Results, predictors: list[str]) -> Design:
    """Return a design whose table tells apart all respondents that any model tells apart."""
    categories = max(result.design.rating_scale.n_categories for result in results.values())
    fine = {k: r for k, r in results.items() if r.design.rating_scale.n_categories == categories}
    for result in fine.values():
        if set(predictors) <= set(result.design.rows.columns):
            return result.design
    name, result = next(iter(fine.items()))
    missing = [name for name in predictors if name not in result.design.rows.columns]
    raise ValueError(
        f"the count table of {name!r} has no column {missing[0]!r}, a predictor of another model, "
        f"so respondents cannot be matched. Fit all models to a table with the columns "
        f"{predictors}; a formula need not use them all."
    )


def _answers(design: Design) -> pd.DataFrame:
    """Return the rows that hold respondents, with both ends of every answer."""
    rows = design.rows[design.rows["n"] > 0]
    upper = rows["score_upper"].fillna(rows["score"]) if "score_upper" in rows else rows["score"]
    table = rows.assign(score=rows["score"].astype(np.int64), score_upper=upper.astype(np.int64))
    # Categories of two tables may differ in levels that nobody has.
    categories = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(categories, object)).reset_index(drop=True)


def _on_scale(answers: pd.DataFrame, scale: RatingScale, target: RatingScale) -> pd.DataFrame:
    """Recode answers to `target`: the same scale, or one with a single score a class."""
    if _range(scale) == _range(target):
        return answers
    score_of_class = {group: score for score, group in _class_of_score(target).items()}
    recoded = {name: answers[name].map(_class_of_score(scale)) for name in ANSWER}
    return answers.assign(**{name: group.map(score_of_class) for name, group in recoded.items()})


def _totals(answers: pd.DataFrame, keys: list[str]) -> pd.Series:
    return answers.groupby(keys)["n"].sum()


def _check_same_respondents(name: str, own: pd.Series, others: pd.Series) -> None:
    surplus = own.sub(others, fill_value=0)
    if not surplus.any():
        return
    group = surplus.index[np.flatnonzero(surplus)[0]]
    where = ", ".join(f"{k}={v}" for k, v in zip(surplus.index.names, group, strict=True))
    raise ValueError(
        f"models can be compared on the same respondents only: {name!r} has "
        f"{own.get(group, 0):,.0f} with {where}, another model has {others.get(group, 0):,.0f}. "
        f"Fit all models to one count table (three_bins recodes its scores)."
    )


def _looked_up(result: LooResult, own: pd.DataFrame, recoded: pd.DataFrame) -> Array:
    """Return the elpd of a respondent of every row of `recoded`."""
    keys = _predictors(result) + ANSWER
    values = own.merge(result.pointwise.drop(columns="n"), on=["cell", *ANSWER])
    values = values[[*keys, "elpd"]].drop_duplicates(keys)
    matched = recoded[keys].merge(values, how="left", on=keys, validate="many_to_one")
    return matched["elpd"].to_numpy()


def _summary(results: Results, n: Array, elpd: Array) -> pd.DataFrame:
    best = elpd[:, np.argmax(n @ elpd)]
    difference = elpd - best[:, None]
    table = pd.DataFrame(
        {
            "elpd_difference": n @ difference,
            "se_difference": [standard_error(column, n) for column in difference.T],
            "elpd": n @ elpd,
            "se": [result.se for result in results.values()],
            "p_loo": [result.p_loo for result in results.values()],
            "largest_k": [result.largest_k for result in results.values()],
            "weight": stacking_weights(elpd, n),
        },
        index=pd.Index(list(results), name="model"),
    )
    gaps = table["elpd_difference"]
    notes = [_note(result, gap) for result, gap in zip(results.values(), gaps, strict=True)]
    return table.assign(note=notes)


def _note(result: LooResult, difference: float) -> str:
    k = f"Pareto k > {result.threshold:.2f}"
    unreliable = f"{k} for {result.n_unreliable:,} of {result.n:,} respondents"
    notes = {
        unreliable: result.n_unreliable > 0,
        f"fewer than {FEWEST_RESPONDENTS} respondents": result.n < FEWEST_RESPONDENTS,
        f"difference below {SMALLEST_DIFFERENCE:.0f}": 0 < -difference < SMALLEST_DIFFERENCE,
    }
    return "; ".join(note for note, applies in notes.items() if applies)


def stacking_weights(elpd: Array, n: Array) -> Array:
    """Return the weights of the mixture of models that predicts respondents best.

    Parameters
    ----------
    elpd : numpy.ndarray
        Log predictive density of one respondent, shape (groups, models).
    n : numpy.ndarray
        Respondents in each group, shape (groups,).

    Returns
    -------
    numpy.ndarray
        Shape (models,); not negative, with sum 1.

    Notes
    -----
    Yao, Vehtari, Simpson and Gelman 2018, "Using Stacking to Average Bayesian Predictive
    Distributions".

    Examples
    --------
    >>> stacking_weights(np.log([[0.8, 0.2], [0.2, 0.8]]), np.array([3, 1])).round(3)
    array([0.917, 0.083])
    """
    density = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    shares, models = n / n.sum(), elpd.shape[1]

    def loss(weights: Array) -> tuple[float, Array]:
        mixture = density @ weights
        return -float(shares @ np.log(mixture)), -(shares / mixture) @ density

    found = minimize(
        loss,
        np.full(models, 1.0 / models),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * models,
        constraints=LinearConstraint(np.ones(models), 1.0, 1.0),
        options={"ftol": 1e-12},
    )
    weights = np.clip(found.x, 0.0, None)
    return np.asarray(weights / weights.sum())
