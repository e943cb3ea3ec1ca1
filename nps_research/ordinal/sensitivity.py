"""How much do results depend on the prior, and how much on the answers? Power-scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from nps_research.ordinal.labels import quantity_names, reported_variables
from nps_research.ordinal.latent import SAMPLE_DIMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.ordinal.draws import ScoreDraws

    type Array = NDArray[np.float64]

# Kallioinen, Paananen, Buerkner and Vehtari 2024, "Detecting and Diagnosing Prior and Likelihood
# Sensitivity with Power-Scaling": powers near 1, and the sensitivity from which on they look.
POWERS = (0.99, 1.01)
SENSITIVE = 0.05


def prior_sensitivity(
    draws: ScoreDraws,
    log_prior: ArrayLike,
    likelihood: ArrayLike | None = None,
    *,
    by: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure how results move when the prior, or the likelihood, is made stronger or weaker.

    The draws are reweighted to a posterior whose prior density (or likelihood) is raised to a
    power slightly off 1. The sensitivity is the distance between the two distributions of a
    quantity, per doubling of the power.

    Parameters
    ----------
    draws : ScoreDraws
        Posterior draws.
    log_prior : array_like
        Log prior density of every draw, shape (chain, draw), up to a constant. In a model with
        group effects it is that of the top level only: shares, coefficients, steps and group-level
        standard deviations, not the effects given these.
    likelihood : array_like, optional
        Log likelihood of every draw, shape (chain, draw). By default `log_likelihood` of the
        draws.
    by : str or sequence of str, optional
        Columns whose groups' NPS is looked at, beside that of all respondents.

    Returns
    -------
    pandas.DataFrame
        One row a quantity, ``nps`` and the parameters as the summary names them: `prior` and
        `likelihood`, the sensitivities, and `diagnosis`. From 0.05 on a quantity is sensitive. To
        both: prior and answers pull in different directions. To the prior alone: the prior is
        strong, or the answers say little.

    Notes
    -----
    Kallioinen, Paananen, Buerkner and Vehtari 2024, "Detecting and Diagnosing Prior and Likelihood
    Sensitivity with Power-Scaling", with the computation of ArviZ.

    Examples
    --------
    >>> import nps_research as npsr
    >>> counts = npsr.load_counts("sfo_airport")
    >>> fit = npsr.OrdinalModel("score ~ year", counts).fit(random_seed=1, progressbar=False)
    >>> fit.prior_sensitivity().loc["nps", "diagnosis"]
    'no sign of a problem'
    """
    if likelihood is None:
        likelihood = log_likelihood(draws)
    quantities = _quantities(draws, by)
    components = {"prior": log_prior, "likelihood": likelihood}
    table = pd.DataFrame(
        {name: _sensitivities(quantities, component) for name, component in components.items()},
        index=pd.Index(list(quantities), name="quantity"),
    )
    return table.assign(diagnosis=[_diagnosis(*row) for row in table.to_numpy()])


def log_likelihood(draws: ScoreDraws) -> xr.DataArray:
    """Return the log likelihood of all answers, interval-censored ones included: (chain, draw).

    The multinomial coefficient is left out.
    """
    sizes = {dim: draws.parameters.sizes[dim] for dim in SAMPLE_DIMS}
    values = np.concatenate([_totals(draws, log_p) for _, log_p in draws.iter_log_probabilities()])
    coords = {dim: draws.parameters[dim].to_numpy() for dim in sizes}
    return xr.DataArray(values.reshape(*sizes.values()), coords, list(sizes), "log_likelihood")


def _totals(draws: ScoreDraws, log_p: Array) -> Array:
    """Return the log likelihood of each draw, from log probabilities (draws, cells, scores)."""
    design = draws.design
    # An impossible score that nobody gave costs nothing.
    given = design.counts > 0
    total = np.asarray(log_p[:, given] @ design.counts[given])
    for (cell, lowest, highest), n in zip(design.censored, design.censored_n, strict=True):
        total += n * np.logaddexp.reduce(log_p[:, cell, lowest : highest + 1], axis=-1)
    return total


def _quantities(draws: ScoreDraws, by: str | Sequence[str] | None) -> dict[str, Array]:
    """Return draws by name, shape (chain, draw) each."""
    nps = [draws.nps()] if by is None else [draws.nps(), draws.nps(by)]
    parameters = [draws.parameters[name] for name in reported_variables(draws.parameters)]
    return {
        name: values
        for variable in [*(each.rename("nps") for each in nps), *parameters]
        for name, values in zip(quantity_names(variable), _rows(variable), strict=True)
        if _varies(values)
    }


def _varies(values: Array) -> bool:
    """Return whether there is something to move: no constant, and no group that nobody is in."""
    return not np.isnan(values).all() and np.ptp(values) != 0


def _rows(variable: xr.DataArray) -> Array:
    """Return the draws of every number of a variable, shape (numbers, chain, draw)."""
    values = variable.transpose(..., *SAMPLE_DIMS).to_numpy()
    return values.reshape(-1, *values.shape[-2:])


def _sensitivities(quantities: dict[str, Array], component: ArrayLike) -> list[float]:
    from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

    lower, upper = (_weights(np.asarray(component, dtype=float), power) for power in POWERS)
    return [
        float(array_stats.power_scale_sense(values, lower, upper, *POWERS))
        for values in quantities.values()
    ]


def _weights(component: Array, power: float) -> Array:
    """Return importance weights of the draws when the component is raised to the power."""
    from arviz_stats.base import array_stats  # noqa: PLC0415  (slow to import)

    log_weights = array_stats.power_scale_lw(component - component.mean(), power, axis=[-2, -1])
    return np.asarray(np.exp(log_weights - logsumexp(log_weights)))


def _diagnosis(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return "no sign of a problem"
    if likelihood >= SENSITIVE:
        return "prior and answers in conflict"
    return "strong prior or few answers"
