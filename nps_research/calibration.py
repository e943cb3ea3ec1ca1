"""Simulation-based calibration: sampling must find posteriors of answers from its own prior.

If parameters are drawn from the prior and answers from the model, then the true value of every
quantity has a uniform rank among draws from its posterior (Talts, Betancourt, Simpson, Vehtari and
Gelman 2018, "Validating Bayesian Inference Algorithms with Simulation-Based Calibration"). The
likelihood of the answers is one of the quantities, because parameters alone can miss that a
posterior ignores the data (Modrák and others 2023, "Simulation-Based Calibration Checking for
Bayesian Computation: The Choice of Test Quantities Shapes Sensitivity").
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from nps_research.calibration_results import SbcResult
from nps_research.ordinal.compilation import MACHINE_CODE
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.labels import reported_variables
from nps_research.ordinal.leaving_out import answers_given, log_likelihoods
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.model import OrdinalModel
    from nps_research.ordinal.posterior import Posterior

    type Array = NDArray[np.float64]
    type Columns = str | Sequence[str] | None

FAILURES = (ArithmeticError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Sampling:
    """How every replicate is fitted: by one chain.

    Attributes
    ----------
    draws : int
        Draws among which the true value is ranked.
    thin : int
        Draws made for each of these, so that they are nearly independent.
    tune : int
        Draws used for adaptation.
    method : {"nuts", "laplace"}
        As in `OrdinalModel.fit`.
    """

    draws: int = 99
    thin: int = 5
    tune: int = 300
    method: str = "nuts"


@dataclass(frozen=True, eq=False)
class _Task:
    """What is to be checked."""

    model: OrdinalModel
    fitted: OrdinalModel
    by: Columns
    sampling: Sampling
    random_seed: int

    @cached_property
    def quantities(self) -> list[str]:
        prior = self.model.prior(1, random_seed=0)
        return [name for name, _ in _quantities(prior, self.by)]

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that the replicates depend on."""
        counts = self.model.counts.to_csv(index=False).encode()
        return {
            "model": self.model.specification(),
            "fitted": self.fitted.specification(),
            "counts": hashlib.sha256(counts).hexdigest(),
            "by": self.by,
            "sampling": asdict(self.sampling),
            "random_seed": self.random_seed,
            **code_identity(),
        }

    def fit(self, posterior: Posterior, random_seed: int) -> xr.DataTree:
        """Return one chain of draws, made as `OrdinalModel.fit` makes them."""
        return self.fitted.sampled(
            posterior,
            draws=self.sampling.draws * self.sampling.thin,
            tune=self.sampling.tune,
            chains=1,
            random_seed=random_seed,
            method=self.sampling.method,
        )


def sbc(  # noqa: PLR0913  (one argument for each thing that runs differ in)
    model: OrdinalModel,
    replicates: int = 1000,
    *,
    random_seed: int,
    by: Columns = None,
    sampling: Sampling = Sampling(),
    fitted: OrdinalModel | None = None,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> SbcResult:
    """Check by simulation that draws come from the posterior.

    Every replicate draws parameters from the prior and answers from the model, for as many
    respondents in every cell as in the model's count table, and ranks the true value of every
    quantity among draws from the posterior. Quantities are all parameters, NPS, mean score and the
    log-likelihood of the scores.

    Parameters
    ----------
    model : OrdinalModel
        Its cells, and who is interval-censored, are kept; its answers do not matter. Priors must be
        proper.
    replicates : int
        How many.
    random_seed : int
        Each replicate has its own random numbers, made from this seed and its position.
    by : str or sequence of str, optional
        Columns of the count table, for the NPS of whose groups there are ranks, too.
    sampling : Sampling
        How to fit.
    fitted : OrdinalModel, optional
        Model of the same terms whose posterior is to be checked against simulations from `model`:
        with other priors, ranks must not be uniform.
    n_jobs, folder, progressbar
        As in `nps_research.replication.replicated`.

    Returns
    -------
    SbcResult

    Raises
    ------
    ValueError
        If a prior is flat, or the folder holds replicates of something else.

    Notes
    -----
    The respondents of a cell with interval-censored answers are split evenly: one part gives exact
    scores, and one part for each interval gives that interval whenever the score lies in it. In a
    model with a part for people without a score, people are asked until as many of each cell have
    answered as in the table: the likelihood is the same, and the design stays as it is.

    Examples
    --------
    >>> import pandas as pd
    >>> import nps_research as npsr
    >>> counts = pd.DataFrame({"x": [0, 1], "score": [1, 3], "n": [20, 30]})
    >>> model = npsr.OrdinalModel("score ~ x", counts, rating_scale=npsr.RatingScale(1, 3, 1, 3))
    >>> result = sbc(model, 10, random_seed=1)
    >>> result.quantities
    ['coefficients[x]', 'cutpoints[1|2]', 'cutpoints[2|3]', 'nps', 'mean_score', 'log_likelihood']
    """
    task = _Task(model, fitted or model, by, sampling, random_seed)
    results = replicated(
        partial(_replicate, task),
        replicates,
        identity=task.identity,
        n_jobs=n_jobs,
        folder=folder,
        progressbar=progressbar,
    )
    return SbcResult(task.quantities, sampling.draws, **results)


def code_identity() -> dict[str, Any]:
    """Return the code that replicates depend on, for `nps_research.replication.replicated`."""
    return {
        "machine_code": MACHINE_CODE.folder.name,
        "versions": session_information()["version"].to_dict(),
    }


def simulated(posterior: Posterior, truth: xr.Dataset, generator: np.random.Generator) -> Design:
    """Return the design with answers drawn from the model.

    Parameters
    ----------
    posterior : Posterior
        Cells and their numbers of respondents.
    truth : xarray.Dataset
        One draw of the parameters.
    generator : numpy.random.Generator
        Source of randomness.
    """
    design = posterior.design
    drawn = ScoreDraws(truth, design, posterior.family)
    shares = np.exp(drawn.log_probabilities().to_numpy()[0, 0])
    counts, censored_n = _answers(design, shares / shares.sum(axis=1, keepdims=True), generator)
    simulated = replace(design, counts=counts, censored_n=censored_n)
    if not design.hurdle_terms:
        return simulated
    log_odds = design.cells.hurdle_predictors @ truth["no_answer"].to_numpy()[0, 0]
    unanswered = _unanswered(design.cells.sizes, special.expit(-log_odds), generator)
    return replace(simulated, cells=replace(design.cells, unanswered=unanswered))


def _answers(design: Design, shares: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """Return answers with an exact score, and how many are known by each interval only."""
    cell, low, high = design.censored.T
    sizes, n_cells = design.cells.sizes.astype(np.int64), len(design.cells)
    formats = 1 + np.bincount(cell, minlength=n_cells)
    asked = (sizes // formats)[cell]
    answers = generator.multinomial(asked, shares[cell])
    category = np.arange(shares.shape[1])
    inside = (category >= low[:, None]) & (category <= high[:, None])
    exactly = sizes - np.bincount(cell, asked, n_cells).astype(np.int64)
    counts = generator.multinomial(exactly, shares)
    np.add.at(counts, cell, np.where(inside, 0, answers))
    return counts.astype(float), np.where(inside, answers, 0).sum(axis=1).astype(float)


def _unanswered(sizes: Array, answering: Array, generator: np.random.Generator) -> Array:
    """Return how many do not answer until as many have as before."""
    some = sizes > 0
    silent = np.zeros(len(sizes))
    silent[some] = generator.negative_binomial(sizes[some], answering[some])
    return silent


def _replicate(task: _Task, number: int) -> dict[str, Any]:
    generator = np.random.default_rng([task.random_seed, number])
    try:
        truth = task.model.posterior.prior_parameters(1, _seed(generator))
        design = simulated(task.model.posterior, truth, generator)
        tree = task.fit(replace(task.fitted.posterior, design=design), _seed(generator))
    except FAILURES as error:
        return _failed(len(task.quantities), f"{type(error).__name__}: {error}")
    draws = tree["posterior"].to_dataset()
    true, drawn = (
        _values(ScoreDraws(each, design, task.fitted.family), task.by) for each in (truth, draws)
    )
    diverging = int(tree["sample_stats"]["diverging"].sum())
    compared = _compared(true[:, 0], drawn, task.sampling.thin, generator)
    return compared | {"diverging": diverging, "failure": ""}


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**32))


def _compared(
    truth: Array, draws: Array, thin: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Compare true values with draws, shape (quantities, draws)."""
    thinned = draws[:, thin - 1 :: thin]
    below = (thinned < truth[:, None]).sum(axis=1)
    # Continuous quantities tie where rounding leaves no more digits.
    ties = (thinned == truth[:, None]).sum(axis=1)
    return {
        "truth": truth,
        "mean": draws.mean(axis=1),
        "sd": draws.std(axis=1, ddof=1),
        "rank": below + generator.integers(0, ties, endpoint=True),
        "below": (draws < truth[:, None]).mean(axis=1),
        "correlation": _correlation(thinned),
    }


def _correlation(draws: Array) -> Array:
    """Return the correlation of every draw with the next, NaN where draws do not differ."""
    deviation = draws - draws.mean(axis=1, keepdims=True)
    squares = (deviation**2).sum(axis=1)
    products = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=1)
    correlation: Array = np.full(len(draws), np.nan)
    return np.divide(products, squares, out=correlation, where=squares > 0)


def _failed(quantities: int, message: str) -> dict[str, Any]:
    missing = np.full(quantities, np.nan)
    names = ("truth", "mean", "sd", "below", "correlation")
    ranks = np.full(quantities, -1)
    return dict.fromkeys(names, missing) | {"rank": ranks, "diverging": 0, "failure": message}


def _values(draws: ScoreDraws, by: Columns) -> Array:
    """Return the draws of every quantity, shape (quantities, draws)."""
    return np.stack([values for _, values in _quantities(draws, by)])


def _quantities(draws: ScoreDraws, by: Columns) -> Iterator[tuple[str, Array]]:
    reported = [draws.parameters[name] for name in reported_variables(draws.parameters)]
    followed = [draws.nps(), draws.mean_score(), *([draws.nps(by)] if by else [])]
    for array in [*reported, *followed]:
        yield from _scalars(array)
    yield "log_likelihood", _log_likelihood(draws)


def _scalars(array: xr.DataArray) -> Iterator[tuple[str, Array]]:
    """Go through the numbers of one draw, named by their coordinates."""
    dims = [str(dim) for dim in array.dims if dim not in {"chain", "draw"}]
    labels = [array[dim].to_numpy() for dim in dims]
    flat = array.transpose(*dims, "chain", "draw").to_numpy()
    for place in np.ndindex(flat.shape[:-2]):
        at = ", ".join(str(label[i]) for label, i in zip(labels, place, strict=True))
        yield f"{array.name}[{at}]" if at else str(array.name), flat[place].ravel()


def _log_likelihood(draws: ScoreDraws) -> Array:
    """Return the log-likelihood of the scores of the design, shape (draws,)."""
    given = answers_given(draws.design)
    parts = log_likelihoods(draws, given, "scores")
    return np.sum([np.tensordot(given.n[at], fit, 1).ravel() for at, fit, _ in parts], axis=0)
