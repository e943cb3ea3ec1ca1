"""Estimates that others published, and how far ours are from them in Monte Carlo errors."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.datasets import data_path
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.priors import priors_from
from nps_research.scale import RatingScale
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.fit import OrdinalFit


@viewed
@dataclass(frozen=True, eq=False)
class PublishedAnswers:
    """Answers that were published as a table.

    Attributes
    ----------
    title, source : str
        What was asked, and who published the answers.
    rating_scale : list of int
        Arguments of `RatingScale`.
    predictors : list of str
        Names of the first entries of every cell.
    cells : list
        Predictors of every cell, then its answers at every score. The first text of a predictor is
        the level that others are compared with.
    """

    title: str
    source: str
    rating_scale: list[int]
    predictors: list[str]
    cells: list[list[Any]]

    def _view(self) -> View:
        facts = {"source": self.source, "predictors": self.predictors, "cells": len(self.cells)}
        return View(f"PublishedAnswers({self.title})", facts)

    @property
    def counts(self) -> pd.DataFrame:
        """The answers as a count table, with its rating scale in `attrs`."""
        rating_scale = RatingScale(*self.rating_scale)
        wide = pd.DataFrame(self.cells, columns=[*self.predictors, *rating_scale.scores.tolist()])
        for name, first in zip(self.predictors, self.cells[0], strict=False):
            if isinstance(first, str):
                wide[name] = pd.Categorical(wide[name], wide[name].unique())
        counts = wide.melt(self.predictors, var_name="score", value_name="n")
        counts.attrs["rating_scale"] = rating_scale
        return counts.astype({"score": int})


@viewed
@dataclass(frozen=True, eq=False)
class PublishedEstimates:
    """Posterior means from elsewhere, with the answers and the model that they belong to.

    Attributes
    ----------
    answers : PublishedAnswers
        What they were estimated from.
    source : str
        Who published them, and the program.
    arguments : dict
        Arguments of `OrdinalModel`.
    priors : dict
        Fields of `Priors` that repeat the published ones.
    draws : int
        Posterior draws behind the published means.
    decimals : int
        Decimals printed.
    terms : dict
        Name of the term to its posterior mean and, where published, standard deviation.
    negated : list of str
        Terms that were published with the opposite sign.
    """

    answers: PublishedAnswers
    source: str
    arguments: dict[str, Any]
    priors: dict[str, Any]
    draws: int
    decimals: int
    terms: dict[str, list[float]]
    negated: list[str] = field(default_factory=list)

    @cached_property
    def model(self) -> OrdinalModel:
        """The published model, with its priors."""
        priors = priors_from(self.priors)
        return OrdinalModel(counts=self.answers.counts, priors=priors, **self.arguments)

    def agreement(self, fit: OrdinalFit) -> pd.DataFrame:
        """Compare a fit with what was published.

        Parameters
        ----------
        fit : OrdinalFit
            Of `model`.

        Returns
        -------
        pandas.DataFrame
            One row a term: `published` and `ours`, posterior means; `published_sd` and `sd`, their
            standard deviations; `mcse`, the Monte Carlo error of the difference of the means; and
            `difference`, by how many of these errors the means differ beyond half a unit of the
            last decimal printed. The effective sample sizes behind published means are unknown:
            their draws count as independent, so that `difference` is too large if anything.
        """
        summary = fit.summary().loc[list(self.terms)]
        ours = summary["mean"].where(~summary.index.isin(self.negated), -summary["mean"])
        published, published_sd = self._printed()
        sd = np.where(np.isnan(published_sd), summary["sd"], published_sd)
        mcse = np.hypot(summary["mcse_mean"], sd / self.draws**0.5)
        rounding = 0.5 * 10.0**-self.decimals
        gap = ours - published
        # What clipping leaves of a gap is what rounding cannot explain.
        beyond = gap - gap.clip(-rounding, rounding)
        columns = {"published": published, "ours": ours, "published_sd": published_sd}
        return pd.DataFrame(
            columns | {"sd": summary["sd"], "mcse": mcse, "difference": beyond / mcse}
        )

    def _printed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return published means and standard deviations, NaN where there are none."""
        pairs = [(*printed, np.nan)[:2] for printed in self.terms.values()]
        means, sds = np.array(pairs).T
        return means, sds

    def _view(self) -> View:
        title = f"PublishedEstimates({self.answers.title}; {self.source})"
        return View(title, {"posterior draws": self.draws, "terms": self.terms})


def published_estimates() -> dict[str, PublishedEstimates]:
    """Read the Bayesian estimates that others published of models that this package can repeat.

    Returns
    -------
    dict of str to PublishedEstimates

    Examples
    --------
    >>> stem_cells = published_estimates()["stem_cells"]
    >>> stem_cells.model
    OrdinalModel(cumulative, probit) score ~ belief: 829 answers in 3 cells of 4 scores
    (0 without a score)
    scale: RatingScale(1-4: detractors 1-2, passives 3, promoters 4)
    priors: Priors(cutpoints=StudentT(df=3.0, mean=0.0, sd=2.5),
    terms={'belief[fundamentalist]': inf, 'belief[liberal]': inf})
    >>> stem_cells.terms["belief[liberal]"]
    [0.31, 0.09]
    >>> stem_cells.model.maximum_likelihood().estimates.round(2).loc["belief[liberal]"].to_dict()
    {'estimate': 0.31, 'se': 0.09}
    """
    content = tomllib.loads(data_path("published_estimates.toml").read_text(encoding="utf-8"))
    answers = {name: PublishedAnswers(**entry) for name, entry in content["answers"].items()}
    return {
        name: PublishedEstimates(**entry | {"answers": answers[entry["answers"]]})
        for name, entry in content["estimates"].items()
    }
