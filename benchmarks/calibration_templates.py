"""The models that are calibrated: every family with two links, and every part a model can have.

Designs are small, so that a replicate takes a fraction of a second. What is calibrated is the code,
and few answers are the harder case for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

import nps_research as npsr

THREE, FIVE, ELEVEN = npsr.RatingScale(1, 3, 1, 3), npsr.RatingScale(1, 5), npsr.RatingScale()
ARMS = {"arm": ("a", "b", "c"), "x": (-1.5, 0.0, 2.0)}
EFFORT = pd.CategoricalDtype(["none", "low", "middle", "high"], ordered=True)


@dataclass(frozen=True)
class Template:
    """One model of the run, without answers of its own.

    Attributes
    ----------
    formula : str
        Formula of the score.
    columns : dict of str to tuple
        Levels of the predictors. Cells are all of their combinations.
    scale : RatingScale
        Scale of the scores.
    answers : int
        Respondents in every cell.
    by : str, optional
        Predictor for the NPS of whose groups there are ranks.
    intervals : tuple of (int, int)
        Scores between which some of the respondents of every cell only say that theirs lies.
    options : dict
        Further arguments of `OrdinalModel`.
    thin : int
        Draws made for each one that is ranked: more where neighbours are alike.
    """

    formula: str
    columns: dict[str, tuple[Any, ...]]
    scale: npsr.RatingScale
    answers: int = 20
    by: str | None = "arm"
    intervals: tuple[tuple[int, int], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    thin: int = 4

    def model(self, priors: npsr.Priors | None = None) -> npsr.OrdinalModel:
        """Return the model, with other priors if they are given."""
        options = self.options | ({"priors": priors} if priors else {})
        return npsr.OrdinalModel(self.formula, self._counts(), rating_scale=self.scale, **options)

    def _counts(self) -> pd.DataFrame:
        """Return a table with the right number of respondents in every cell, evenly over scores."""
        cells = pd.DataFrame(list(product(*self.columns.values())), columns=list(self.columns))
        if "effort" in cells:
            cells["effort"] = cells["effort"].astype(EFFORT)
        exact = self.answers - len(self.intervals)
        n = np.bincount(
            np.arange(exact) % self.scale.n_categories, minlength=self.scale.n_categories
        )
        given = [(score, score, k) for score, k in zip(self.scale.scores, n, strict=True)]
        given += [(low, high, 1) for low, high in self.intervals]
        given += [(pd.NA, pd.NA, 1)] if "no_answer" in self.options else []
        answers = pd.DataFrame(given, columns=["score", "score_upper", "n"])
        typed = answers.astype({"score": "Int64", "score_upper": "Int64", "n": "int64"})
        return cells.merge(typed, how="cross")


def _of(family: str, link: str, scores: npsr.RatingScale = FIVE, **options: Any) -> Template:
    """Return a model with two predictors."""
    return Template(
        "score ~ arm + x", ARMS, scores, options={"family": family, "link": link, **options}
    )


# Some pairs of family and link are the same model and left out: cratio is sratio with the link's
# mirror image (cloglog and loglog; logit, probit and cauchit are their own).
TEMPLATES = {
    "cumulative logit": _of("cumulative", "logit", ELEVEN),
    "cumulative probit, scale": _of("cumulative", "probit", scale="~ arm"),
    "cumulative cauchit": _of("cumulative", "cauchit"),
    "cumulative cloglog, 3 scores": _of("cumulative", "cloglog", THREE),
    "sratio logit": _of("sratio", "logit", ELEVEN),
    "sratio cloglog": _of("sratio", "cloglog"),
    "cratio cloglog": _of("cratio", "cloglog"),
    "cratio probit": _of("cratio", "probit"),
    "acat logit": _of("acat", "logit"),
    "acat probit": _of("acat", "probit"),
    "Student t cutpoints": _of(
        "cumulative", "logit", priors=npsr.Priors(cutpoints=npsr.StudentT())
    ),
    "category specific": Template(
        "score ~ arm", ARMS, FIVE, options={"family": "sratio", "category_specific": "~ x"}
    ),
    # With default priors many posteriors end where cuts would cross, and chains are slow there.
    "NPS cuts": Template(
        "score ~ arm + x",
        {"arm": ("a", "b"), "x": (0, 1)},
        ELEVEN,
        answers=100,
        options={
            "nps_cuts": "~ x",
            "priors": npsr.Priors(class_concentration=16.0, terms={"x[6|7]": 0.2, "x[8|9]": 0.2}),
        },
        thin=10,
    ),
    "few groups": Template("score ~ x + (1 | arm)", ARMS, FIVE, thin=8),
    "many groups": Template(
        "score ~ x + (1 | team)",
        {"team": tuple("abcdefghijkl"), "x": (0, 1)},
        FIVE,
        answers=10,
        by="x",
        thin=8,
    ),
    "group slope": Template(
        "score ~ x + (x | team)",
        {"team": tuple("abcdef"), "x": (-1.0, 1.0)},
        FIVE,
        by="x",
        thin=8,
    ),
    "cutpoints by group": Template(
        "score ~ x", ARMS, FIVE, options={"cutpoints_by": "arm"}, thin=10
    ),
    "monotonic": Template(
        "score ~ mo(effort) + x",
        {"effort": tuple(EFFORT.categories), "x": (0, 1)},
        FIVE,
        by="effort",
    ),
    "equidistant": _of("cumulative", "logit", ELEVEN, cutpoints="equidistant"),
    "symmetric": _of("cumulative", "logit", ELEVEN, cutpoints="symmetric"),
    "no answer": Template("score ~ arm", ARMS, FIVE, options={"no_answer": "~ arm"}),
    "intervals": Template("score ~ arm + x", ARMS, ELEVEN, intervals=((7, 8), (8, 10)), answers=21),
}
