"""`OrdinalModel`: formulas, a count table, and the ways to estimate it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import xarray as xr

from nps_research.counts import declared_scale
from nps_research.ordinal.archive import load_archive
from nps_research.ordinal.design import build_design
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.families import FAMILIES, Family
from nps_research.ordinal.fit import OrdinalFit
from nps_research.ordinal.frames import sds, whitening_frame
from nps_research.ordinal.geometry import group_geometries
from nps_research.ordinal.laplace import laplace_sample
from nps_research.ordinal.links import LINK_NAMES
from nps_research.ordinal.maximum_likelihood import maximise
from nps_research.ordinal.nuts import sample
from nps_research.ordinal.posterior import Posterior
from nps_research.ordinal.priors import Priors, priors_from
from nps_research.ordinal.structures import STRUCTURES
from nps_research.progress_bar import watched
from nps_research.scale import RatingScale
from nps_research.survey import Survey
from nps_research.views import View, changed, viewed

if TYPE_CHECKING:
    import os

    import pandas as pd
    import pymc

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.maximum_likelihood import MaximumLikelihood

METHODS = ("nuts", "laplace")
# Standard deviation of the logarithm of a group-level sd that the answers keep away from zero.
WELL_KNOWN = 0.15
# There the posterior is near normal in many dimensions, for which trajectories are cheapest with
# about two of three accepted (Beskos, Pillai, Roberts, Sanz-Serna and Stuart 2013, "Optimal Tuning
# of the Hybrid Monte Carlo Algorithm").
NEAR_NORMAL = 0.7


@viewed
class OrdinalModel:
    """Ordinal regression of a score on predictors, estimated from counts.

    P(score <= k) = F(cutpoint_k - eta) with eta the sum of the terms of the formula: a positive
    coefficient moves answers up the scale.

    Parameters
    ----------
    formula : str
        Wilkinson notation as in bambi and brms: ``score ~ year * problem + (1 | language)``. Group
        terms may have slopes, be crossed and nested; ``offset(x)`` adds x as it is; ``mo(x)`` of an
        ordered predictor moves in one direction only; splines such as ``bs(x, df=4)``.
    counts : pandas.DataFrame
        Predictors, `score` and `n`; without a column `n`, one row is one answer. Scores are
        integers, numeric strings or ordered categories; a column `score_upper` makes an interval
        ("7 or 8") of a score. Rows without a score are counted in `design.unanswered` and take no
        part, except in `no_answer`. Survey weights are not used.
    rating_scale : RatingScale, optional
        Decides which categories exist. By default the scale that the table carries in its attrs,
        else 0-10.
    family : {"cumulative", "sratio", "cratio", "acat"}
        How categories come about; see `nps_research.ordinal.families`.
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
        Latent distribution F.
    scale : str, optional
        Formula of the logarithm of the latent standard deviation, such as ``~ mode``.
    category_specific : str, optional
        Formula of terms, not in `formula`, with one coefficient a cut.
    nps_cuts : str, optional
        The recommended first step beyond proportional odds: terms of `formula` that get two more
        coefficients each, for the cuts into passive and into promoter. They free just the two
        probabilities that NPS is made of (Peterson and Harrell 1990, "Partial Proportional Odds
        Models for Ordinal Response Variables", the constrained model). In the cumulative family
        the cuts of a respondent must not cross: with few answers and a numeric predictor the
        posterior can reach that border, where chains move slowly. The fit then says that it has
        not converged; narrower priors of these terms, or family="sratio", help.
    cutpoints : {"flexible", "equidistant", "symmetric"}
        Structure of the cutpoints.
    cutpoints_by : str, optional
        Column whose levels have cutpoints of their own, partially pooled.
    no_answer : str, optional
        Formula of the log odds of not answering, such as ``~ mode``: a hurdle before the score.
    priors : Priors
        Prior scales; see `nps_research.Priors`.

    Raises
    ------
    ValueError
        If a formula, the table or an option cannot be used; the message says what to change.

    Examples
    --------
    >>> import nps_research as npsr
    >>> model = npsr.OrdinalModel("score ~ year", npsr.load_counts("sfo_airport"))
    >>> model
    OrdinalModel(cumulative, logit) score ~ year: 5,396 answers in 2 cells of 11 scores
    (0 without a score)
    scale: RatingScale(0-10: detractors 0-6, passives 7-8, promoters 9-10)
    priors: the defaults
    >>> model.maximum_likelihood().estimates.loc["year[2018]"].round(3).to_dict()
    {'estimate': -0.219, 'se': 0.049}
    """

    def __init__(
        self,
        formula: str,
        counts: pd.DataFrame,
        *,
        rating_scale: RatingScale | None = None,
        family: str = "cumulative",
        link: str = "logit",
        scale: str | None = None,
        category_specific: str | None = None,
        nps_cuts: str | None = None,
        cutpoints: str = "flexible",
        cutpoints_by: str | None = None,
        no_answer: str | None = None,
        priors: Priors | None = None,
    ) -> None:
        if isinstance(counts, Survey):
            raise ValueError(
                "OrdinalModel needs a count table; found a survey. Count the answers by the "
                "predictors of the formula first: npsr.tabulate(survey, by=[...])."
            )
        _check_option("family", family, FAMILIES)
        _check_option("link", link, LINK_NAMES)
        _check_option("cutpoints", cutpoints, STRUCTURES)
        if cutpoints_by and cutpoints != "flexible":
            raise ValueError(
                f"cutpoints_by={cutpoints_by!r} needs flexible cutpoints; found "
                f"cutpoints={cutpoints!r}. Leave one of the two out."
            )
        self.counts = counts
        self.design: Design = build_design(
            formula,
            counts,
            declared_scale(counts, rating_scale),
            scale=scale,
            category_specific=category_specific,
            nps_cuts=nps_cuts,
            cutpoints_by=cutpoints_by,
            no_answer=no_answer,
        )
        self.family = Family(family, link)
        self.cutpoints = cutpoints
        self.priors = priors or Priors()

    @cached_property
    def posterior(self) -> Posterior:
        """The posterior density and its priors."""
        return Posterior(self.design, self.family, self.cutpoints, self.priors)

    def maximum_likelihood(self, *, quadrature_points: int = 10) -> MaximumLikelihood:
        """Estimate by maximum likelihood: in milliseconds, or seconds with a group intercept.

        Parameters
        ----------
        quadrature_points : int
            Points of the adaptive quadrature that integrates a group intercept out; 1 is
            Laplace's approximation.

        Returns
        -------
        MaximumLikelihood
            With `estimates`, `covariance`, `log_likelihood` and `aic`. A group intercept adds the
            term ``sd(group)``.

        Raises
        ------
        ValueError
            If the model has several group terms, slopes, monotonic terms or cutpoints by group, if
            terms are redundant, or all answers are the same.

        Warns
        -----
        EstimationWarning
            If an estimate is infinite or the groups do not differ.
        """
        return maximise(self.design, self.family, self.cutpoints, quadrature_points)

    def to_pymc(self) -> pymc.Model:
        """Return the model for PyMC, to inspect or to extend."""
        from nps_research.ordinal.pymc_model import build  # noqa: PLC0415  (slow to import)

        parts = (self.design, self.family, self.cutpoints, self.posterior.numbers)
        return build(*parts, group_geometries(*parts))

    def prior(self, draws: int = 1000, random_seed: int | None = None) -> ScoreDraws:
        """Draw from the prior, to see what it says about scores before the data do.

        Parameters
        ----------
        draws : int
            Number of draws.
        random_seed : int, optional
            Makes the draws repeatable.

        Returns
        -------
        ScoreDraws
            With `nps`, `mean_score`, `top_box`, `score_probabilities` and `replicated_counts`.
        """
        _check_count("draws", draws)
        drawn = self.posterior.prior_parameters(draws, random_seed)
        return ScoreDraws(drawn, self.design, self.family)

    def fit(
        self,
        draws: int = 1000,
        *,
        tune: int = 300,
        chains: int = 4,
        random_seed: int | None = None,
        target_accept: float | None = None,
        progressbar: bool | None = None,
        method: str = "nuts",
    ) -> OrdinalFit:
        """Draw from the posterior.

        Parameters
        ----------
        draws, tune : int
            Draws kept and draws used for adaptation, for each chain.
        chains : int
            Independent chains; four or more make the convergence check meaningful.
        random_seed : int, optional
            The same seed gives the same draws on the same processor and package versions.
        target_accept : float, optional
            Larger values take smaller steps. By default 0.9, and 0.95 for models with groups.
        progressbar : bool, optional
            Whether to show progress; by default in a terminal or an open notebook.
        method : {"nuts", "laplace"}
            The No-U-Turn sampler, or for interactive use Laplace's approximation with
            Pareto-smoothed importance weights, as one chain of draws * chains.

        Returns
        -------
        OrdinalFit

        Warns
        -----
        ConvergenceWarning
            If R-hat, effective sample size, divergences or Pareto k show that the draws cannot be
            trusted.
        """
        _check_option("method", method, METHODS)
        for name, value in (("draws", draws), ("tune", tune), ("chains", chains)):
            _check_count(name, value)
        settings = {
            "draws": draws,
            "tune": tune,
            "chains": chains,
            "random_seed": random_seed,
            "target_accept": target_accept or self._target_accept,
            "progressbar": progressbar,
            "method": method,
        }
        idata = self.sampled(self.posterior, **settings)
        return OrdinalFit(idata, self, self.posterior, settings)

    def with_counts(self, counts: pd.DataFrame) -> OrdinalModel:
        """Return the same model of another count table."""
        options = self.specification() | {"priors": self.priors}
        options["rating_scale"] = self.design.rating_scale
        return OrdinalModel(counts=counts, **options)

    def specification(self) -> dict[str, Any]:
        """Return the arguments of the model except its counts, as JSON knows them."""
        design, scale = self.design, self.design.rating_scale
        return {
            "formula": design.formula,
            "rating_scale": asdict(scale),
            "family": self.family.name,
            "link": self.family.link,
            "scale": design.scale_formula,
            "category_specific": design.category_specific,
            "nps_cuts": design.nps_cuts,
            "cutpoints": self.cutpoints,
            "cutpoints_by": design.cutpoints_by,
            "no_answer": design.no_answer,
            "priors": asdict(self.priors),
        }

    def sampled(self, posterior: Posterior, **settings: Any) -> xr.DataTree:
        """Return draws of a posterior of this model, such as of other answers, without a report.

        Parameters
        ----------
        posterior : Posterior
            What to draw from.
        **settings
            Arguments of `fit`, of which `target_accept` and `progressbar` may be left out.

        Returns
        -------
        xarray.DataTree
            As `OrdinalFit.idata`.
        """
        defaults = {"target_accept": self._target_accept, "progressbar": False}
        free, stats = _draw(posterior, **(defaults | settings))
        tree = xr.DataTree.from_dict(
            {
                "posterior": posterior.parameters(free),
                "sample_stats": stats,
                "observed_data": posterior.observed_data(),
            }
        )
        tree.attrs |= self._provenance(posterior, settings["random_seed"])
        return tree

    @property
    def _target_accept(self) -> float:
        """Groups that differ little make the posterior narrow where their sd is small."""
        scales = self.posterior.arrays.scale_positions
        if len(scales) == 0:
            return 0.9
        return NEAR_NORMAL if sds(self.posterior.mode)[scales].max() < WELL_KNOWN else 0.95

    def _provenance(self, posterior: Posterior, random_seed: int | None) -> dict[str, str]:
        """Return what identifies a fit: the input hash covers answers and design matrices."""
        parts = (each.tobytes() for each in posterior.arrays)
        return {
            "model": json.dumps(self.specification()),
            "random_seed": str(random_seed),
            "input_sha256": hashlib.sha256(b"".join(parts)).hexdigest(),
        }

    def _view(self) -> View:
        title = f"OrdinalModel({self.family.name}, {self.family.link}) {self.design}"
        return View(title, {"scale": self.design.rating_scale, "priors": changed(self.priors)})


def load_fit(path: str | os.PathLike[str]) -> OrdinalFit:
    """Read a fit that `OrdinalFit.save` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    OrdinalFit
        With the saved draws; nothing is sampled.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    nps_research.ordinal.archive.ArchiveError
        If the file is no saved fit, was written by a newer version, or has been edited.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> counts = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
    >>> fit = OrdinalModel("score ~ 1", counts).fit(method="laplace", random_seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/fit.zip")
    ...     again = load_fit(f"{folder}/fit.zip")
    >>> bool((again.nps() == fit.nps()).all())
    True
    """
    archive = load_archive(path)
    options = dict(archive.model_spec)
    settings = options.pop("settings")
    options["rating_scale"] = RatingScale(**options["rating_scale"])
    options["priors"] = priors_from(options["priors"])
    model = OrdinalModel(counts=archive.counts, **options)
    return OrdinalFit(archive.idata, model, model.posterior, settings)


def _draw(
    posterior: Posterior,
    *,
    draws: int,
    tune: int,
    chains: int,
    random_seed: int | None,
    target_accept: float,
    progressbar: bool | None,
    method: str,
) -> tuple[Any, xr.Dataset]:
    """Return free vectors, shape (chains, draws, dimensions), and the statistics of the method."""
    if method == "laplace":
        frame = whitening_frame(posterior.mode)
        return laplace_sample(posterior.arrays, frame, draws * chains, random_seed)
    return sample(
        posterior.arrays,
        posterior.frame,
        chains=chains,
        random_seed=random_seed,
        draws=draws,
        tune=tune,
        target_accept=target_accept,
        progress_bar=watched(progressbar),
    )


def _check_option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} is not available; choose one of {', '.join(known)}.")


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1; found {value!r}.")
