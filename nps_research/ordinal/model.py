"""`OrdinalModel`: a formula, a count table, and the ways to estimate it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nps_research.counts import declared_scale
from nps_research.ordinal.design import build_design
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.links import LINKS
from nps_research.ordinal.maximum_likelihood import maximise
from nps_research.ordinal.priors import Priors

if TYPE_CHECKING:
    import pandas as pd
    import pymc

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.fit import OrdinalFit
    from nps_research.ordinal.maximum_likelihood import MaximumLikelihood
    from nps_research.scale import RatingScale

FAMILIES = ("cumulative",)


class OrdinalModel:
    """Ordinal regression of a score on predictors, estimated from counts.

    P(score <= k) = F(cutpoint_k - eta) with eta the sum of the terms of the formula: a positive
    coefficient moves answers up the scale.

    Parameters
    ----------
    formula : str
        Wilkinson notation as in bambi and brms: ``score ~ year * problem + (1 | language)``.
    counts : pandas.DataFrame
        Predictors, `score` and `n`; without a column `n`, one row is one answer. Rows without a
        score are counted in `design.unanswered` and take no part. Survey weights are not used.
    rating_scale : RatingScale, optional
        Decides which categories exist. By default the scale that the table carries in its attrs,
        else 0-10.
    family : {"cumulative"}
        How categories come about.
    link : {"logit", "probit"}
        Latent distribution F.
    priors : Priors
        Prior scales; see `nps_research.Priors`.

    Raises
    ------
    ValueError
        If the formula, the table or an option cannot be used; the message says what to change.

    Examples
    --------
    >>> import nps_research as npsr
    >>> model = npsr.OrdinalModel("score ~ year", npsr.load_counts("sfo_airport"))
    >>> model
    OrdinalModel(cumulative, logit) score ~ year: 5,396 answers in 2 cells of 11 scores
    (0 without a score)
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
        priors: Priors | None = None,
    ) -> None:
        _check_option("family", family, FAMILIES)
        _check_option("link", link, tuple(LINKS))
        self.design: Design = build_design(formula, counts, declared_scale(counts, rating_scale))
        self.family = family
        self.link = LINKS[link]
        self.priors = priors or Priors()

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
            If the model has several group intercepts or redundant terms, or all answers are the
            same.

        Warns
        -----
        EstimationWarning
            If an estimate is infinite or the groups do not differ.
        """
        return maximise(self.design, self.link, quadrature_points)

    def to_pymc(self) -> pymc.Model:
        """Return the model for PyMC, to inspect or to extend."""
        return self._pymc_model

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
        from nps_research.ordinal.pymc_model import draw_prior  # noqa: PLC0415  (slow to import)

        drawn = draw_prior(self._pymc_model, self.design, draws, random_seed)
        return ScoreDraws(drawn, self.design, self.link)

    def fit(
        self,
        draws: int = 1000,
        *,
        tune: int = 1000,
        chains: int = 4,
        random_seed: int | None = None,
        target_accept: float = 0.95,
        progressbar: bool = True,
    ) -> OrdinalFit:
        """Sample the posterior with NUTS.

        Parameters
        ----------
        draws, tune : int
            Draws kept and draws used for adaptation, for each chain.
        chains : int
            Independent chains; four or more make the convergence check meaningful.
        random_seed : int, optional
            The same seed gives the same draws on the same processor and package versions.
        target_accept : float
            Larger values take smaller steps.
        progressbar : bool
            Whether to show progress.

        Returns
        -------
        OrdinalFit

        Warns
        -----
        ConvergenceWarning
            If R-hat, effective sample size or divergences show that the draws cannot be trusted.
        """
        import nutpie  # noqa: PLC0415  (slow to import)

        from nps_research.ordinal.fit import OrdinalFit  # noqa: PLC0415
        from nps_research.ordinal.pymc_model import observed_data  # noqa: PLC0415

        idata = nutpie.sample(
            self._compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            seed=random_seed,
            target_accept=target_accept,
            progress_bar=progressbar,
            save_warmup=False,
            adaptation="low_rank",
        )
        idata["observed_data"] = observed_data(self.design)
        idata.attrs |= self._provenance(random_seed)
        return OrdinalFit(idata, self.design, self.link)

    @cached_property
    def _pymc_model(self) -> pymc.Model:
        from nps_research.ordinal.pymc_model import build  # noqa: PLC0415  (slow to import)

        return build(self.design, self.link, self.priors)

    @cached_property
    def _compiled(self) -> Any:
        import nutpie  # noqa: PLC0415  (slow to import)

        return nutpie.compile_pymc_model(self._pymc_model)

    def _provenance(self, random_seed: int | None) -> dict[str, str]:
        """Return what identifies a fit: the input hash covers cells, counts and design matrix."""
        parts = (self.design.counts.tobytes(), self.design.predictors.tobytes())
        return {
            "formula": self.design.formula,
            "family": self.family,
            "link": self.link.name,
            "priors": repr(self.priors),
            "random_seed": str(random_seed),
            "input_sha256": hashlib.sha256(b"".join(parts)).hexdigest(),
        }

    def __repr__(self) -> str:
        return f"OrdinalModel({self.family}, {self.link.name}) {self.design!r}"


def _check_option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} is not available; choose one of {', '.join(known)}.")
