"""The same cumulative model as a PyMC model: priors, likelihood on counts, and their geometry.

Three choices make it fast to sample and exact to simulate:

- The average respondent's category shares are Dirichlet, written as the sequence of stick-breaking
  odds. Given counts alone, the sticks are independent a posteriori, and the cutpoints are ordered
  by construction.
- Predictors and group effects are centred on the average respondent, so that moving them does not
  move the cutpoints.
- Group effects move in coordinates of `geometry.py`: centred as far as the answers inform them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from pymc.distributions.transforms import Transform

from nps_research.ordinal.geometry import group_geometries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design, Grouping
    from nps_research.ordinal.geometry import GroupGeometry
    from nps_research.ordinal.links import Link
    from nps_research.ordinal.priors import Priors

    Array = NDArray[np.float64]
    Symbol = Any

# The smallest double with a finite logarithm and reciprocal: keeps gradients finite.
TINY = 1e-300


def build(design: Design, link: Link, priors: Priors) -> pm.Model:
    """Return the PyMC model of `design`.

    Parameters
    ----------
    design : Design
        Cells, counts and predictors.
    link : Link
        Latent distribution.
    priors : Priors
        Prior scales.

    Returns
    -------
    pymc.Model
        With the variables ``shares`` (score), ``cutpoints`` (cutpoint), ``coefficients`` (term)
        and, for every grouping g, ``sd_g`` and ``effect_g`` (g); the observed node ``answers``
        (cell, score) holds the counts.
    """
    with pm.Model(coords=coordinates(design)) as model:
        sticks, log_above = _shares(priors.dirichlet(design.rating_scale))
        eta, offset = _linear_predictor(design, link, priors)
        centred = _cutpoints(link, log_above)
        pm.Deterministic("cutpoints", centred + offset, dims="cutpoint")
        log_p = _log_probabilities(link, eta, centred, _log_gaps(link, sticks, log_above, centred))
        _answers(design, log_p)
    return model


def coordinates(design: Design) -> dict[str, list[Any]]:
    """Return the coordinates of every dimension of the model and of its results."""
    coords: dict[str, list[Any]] = {
        "score": design.rating_scale.scores.tolist(),
        "cutpoint": design.rating_scale.cutpoint_labels,
        "cell": list(range(len(design.cells))),
    }
    if design.terms:
        coords["term"] = design.terms
    return coords | {grouping.name: grouping.levels for grouping in design.groupings}


def parameter_names(design: Design) -> list[str]:
    """Return the variables that describe the posterior, in the order of reading."""
    names = ["shares", "cutpoints"] + (["coefficients"] if design.terms else [])
    for grouping in design.groupings:
        names += [f"sd_{grouping.name}", f"effect_{grouping.name}"]
    return names


def observed_data(design: Design) -> xr.Dataset:
    """Return the counts under the name of the observed node: dims cell and score."""
    coords = {name: coordinates(design)[name] for name in ("cell", "score")}
    return xr.Dataset({"answers": (("cell", "score"), design.counts)}, coords)


def draw_prior(model: pm.Model, design: Design, draws: int, random_seed: int | None) -> xr.Dataset:
    """Draw the parameters from their prior: dims chain (1), draw and those of the parameters."""
    names = parameter_names(design)
    # Compiling for speed would take longer than these few draws.
    values = pm.draw(
        [model[name] for name in names], draws, random_seed=random_seed, mode="FAST_COMPILE"
    )
    dims = model.named_vars_to_dims
    coords = coordinates(design) | {"chain": [0], "draw": list(range(draws))}
    return xr.Dataset(
        {
            name: (("chain", "draw", *dims.get(name, ())), np.asarray(drawn)[None])
            for name, drawn in zip(names, values, strict=True)
        },
        {name: coords[name] for name in coords if name != "cell"},
    )


def _shares(concentration: Array) -> tuple[Symbol, Symbol]:
    """Return the log odds of stopping at each score, and log P(score > k)."""
    remaining = np.cumsum(concentration[::-1])[::-1][1:]
    sticks = pm.CustomDist(
        "sticks",
        concentration[:-1],
        remaining,
        logp=_log_beta_of_log_odds,
        random=_random_log_odds,
        dims="cutpoint",
        initval=np.log(concentration[:-1] / remaining),
    )
    log_above = -pt.cumsum(pt.softplus(sticks))
    above = pt.concatenate([[1.0], pt.exp(log_above)])
    stop = pt.concatenate([pt.sigmoid(sticks), [1.0]])
    pm.Deterministic("shares", above * stop, dims="score")
    return sticks, log_above


def _log_beta_of_log_odds(value: Symbol, a: Symbol, b: Symbol) -> Symbol:
    normaliser = pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b)
    return normaliser - a * pt.softplus(-value) - b * pt.softplus(value)


def _random_log_odds(
    a: Array, b: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    # Beta draws underflow to 0 or 1 when a or b is small; the log gamma draws behind them do not.
    generator = np.random.default_rng(rng)
    return _random_log_gamma(generator, a, size) - _random_log_gamma(generator, b, size)


def _random_log_gamma(generator: np.random.Generator, shape: Array, size: Any) -> Array:
    boosted = np.log(generator.standard_gamma(np.asarray(shape) + 1.0, size=size))
    return np.asarray(boosted - generator.standard_exponential(size=boosted.shape) / shape)


def _linear_predictor(design: Design, link: Link, priors: Priors) -> tuple[Symbol, Symbol]:
    """Return eta relative to the average respondent (cells,), and the average respondent's eta."""
    eta, offset = pt.zeros(len(design.cells)), pt.zeros(())
    scales = priors.coefficient_sd * link.latent_sd / _prior_units(design)
    if design.terms:
        coefficients = pm.Normal("coefficients", 0.0, scales, dims="term")
        eta = eta + pt.dot(design.predictors - design.average, coefficients)
        offset = offset + pt.dot(design.average, coefficients)
    group_scale = priors.group_sd * link.latent_sd
    geometries = group_geometries(design, link, scales, group_scale)
    for grouping, geometry in zip(design.groupings, geometries, strict=True):
        effect = _group_effect(grouping, geometry, group_scale)
        average = pt.dot(_group_shares(grouping, design), effect)
        eta = eta + effect[grouping.index] - average
        offset = offset + average
    return eta, offset


def _prior_units(design: Design) -> Array:
    """Return 1 for a column of contrasts and two standard deviations for a numeric one."""
    deviation = design.predictors - design.average
    two_sd = 2.0 * np.sqrt(design.cell_shares @ deviation**2)
    contrast = np.isin(design.predictors, (-1.0, 0.0, 1.0)).all(axis=0)
    return np.where(contrast | (two_sd == 0.0), 1.0, two_sd)


def _group_effect(grouping: Grouping, geometry: GroupGeometry, scale: float) -> Symbol:
    sd = pm.HalfNormal(f"sd_{grouping.name}", scale)
    raw = pm.Normal(
        f"raw_{grouping.name}",
        0.0,
        sd,
        shape=len(grouping.levels),
        transform=Informed(geometry),
    )
    return pm.Deterministic(
        f"effect_{grouping.name}", pt.dot(geometry.basis, raw), dims=grouping.name
    )


class Informed(Transform):  # type: ignore[misc]  # pymc has no types
    """Standard deviations from the mean that the answers suggest, given the group-level sd."""

    name = "informed"

    def __init__(self, geometry: GroupGeometry) -> None:
        self.information = geometry.information
        self.pull = geometry.pull

    def forward(self, value: Symbol, *inputs: Symbol) -> Symbol:
        """Return the sampler's coordinates of effects."""
        mean, sd = self._moments(*inputs)
        return (value - mean) / sd

    def backward(self, value: Symbol, *inputs: Symbol) -> Symbol:
        """Return the effects at the sampler's coordinates."""
        mean, sd = self._moments(*inputs)
        return mean + sd * value

    def log_jac_det(self, value: Symbol, *inputs: Symbol) -> Symbol:
        """Return the log derivative of `backward`, one a coordinate."""
        _, sd = self._moments(*inputs)
        return pt.log(sd) + pt.zeros_like(value)

    def _moments(self, *inputs: Symbol) -> tuple[Symbol, Symbol]:
        variance = inputs[-1] ** 2
        shrinkage = variance / (1.0 + self.information * variance)
        return self.pull * shrinkage, pt.sqrt(shrinkage)


def _group_shares(grouping: Grouping, design: Design) -> Array:
    return np.bincount(grouping.index, design.cell_shares, minlength=len(grouping.levels))


def _cutpoints(link: Link, log_above: Symbol) -> Symbol:
    if link.name == "logit":
        return _log1mexp(log_above) - log_above
    below, above = -pt.expm1(log_above), pt.exp(log_above)
    tail = pt.clip(pt.minimum(below, above), TINY, 0.5)
    distance = np.sqrt(2.0) * pt.erfcinv(2.0 * tail)
    return pt.switch(below < above, -distance, distance)


def _log_gaps(link: Link, sticks: Symbol, log_above: Symbol, cutpoints: Symbol) -> Symbol:
    """Return log(1 - exp(c_{k-1} - c_k)) of the inner categories, where the link needs it.

    From the sticks it is exact even when two cutpoints are the same double.
    """
    if link.name == "logit":
        return -pt.softplus(-sticks[1:]) - _log1mexp(log_above[1:])
    return pt.zeros_like(cutpoints[1:])


def _log_probabilities(link: Link, eta: Symbol, cutpoints: Symbol, log_gaps: Symbol) -> Symbol:
    """Return log P(score = k), shape (cells, categories): the forms of `links.py`."""
    distance = cutpoints[None, :] - eta[:, None]
    if link.name == "logit":
        below = -pt.softplus(-distance)
        above = below - distance
        inner = below[:, 1:] + above[:, :-1] + log_gaps
    else:
        below, above = _log_ndtr(distance), _log_ndtr(-distance)
        mirrored = distance[:, :-1] + distance[:, 1:] > 0
        top = pt.switch(mirrored, above[:, :-1], below[:, 1:])
        bottom = pt.switch(mirrored, above[:, 1:], below[:, :-1])
        inner = top + _log1mexp(bottom - top)
    return pt.concatenate([below[:, :1], inner, above[:, -1:]], axis=1)


def _log_ndtr(x: Symbol) -> Symbol:
    left = pt.log(pt.erfcx(pt.maximum(-x, 0.0) / np.sqrt(2.0)) / 2.0) - x * x / 2.0
    right = pt.log1p(-pt.erfc(pt.maximum(x, 0.0) / np.sqrt(2.0)) / 2.0)
    return pt.switch(x < 0.0, left, right)


def _log1mexp(x: Symbol) -> Symbol:
    x = pt.minimum(x, -TINY)
    near = pt.log(-pt.expm1(pt.maximum(x, -np.log(2.0))))
    far = pt.log1p(-pt.exp(pt.minimum(x, -np.log(2.0))))
    return pt.switch(x > -np.log(2.0), near, far)


def _answers(design: Design, log_p: Symbol) -> None:
    pm.CustomDist(
        "answers",
        log_p,
        design.cell_sizes,
        logp=_log_likelihood,
        random=_random_answers,
        signature="(k),()->(k)",
        observed=design.counts,
        dims=("cell", "score"),
    )


def _log_likelihood(value: Symbol, log_p: Symbol, total: Symbol) -> Symbol:  # noqa: ARG001
    """Return the log probability of the answers in their order: no multinomial coefficient."""
    return (value * log_p).sum(axis=-1)


def _random_answers(
    log_p: Array, total: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    generator = np.random.default_rng(rng)
    return generator.multinomial(total.astype(int), np.exp(log_p), size=size).astype(float)
