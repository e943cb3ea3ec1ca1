"""The ordinal model as a PyMC model, written to be read and extended.

It is the same posterior as that of the compiled density, from expressions of its own. Its choices:

- The average respondent's category shares are Dirichlet, written as the log odds of stopping at
  each score. Given counts alone these sticks are independent a posteriori, cumulative cutpoints
  ascend by construction, and draws from the prior are exact.
- Whatever moves eta or single cuts is centred on the average respondent, so that it does not move
  the average respondent's cutpoints. Reported cutpoints are moved back to predictors of zero.
- Group effects move in coordinates of `geometry.py`: centred as far as the answers inform them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.transforms import Transform
from scipy import special

from nps_research.ordinal.coordinates import parameter_coords, step_dim, step_name
from nps_research.ordinal.pymc_families import (
    log_probabilities,
    stick_cutpoints,
    stick_shares,
)
from nps_research.ordinal.pymc_sticks import cutpoint_prior_sticks, dirichlet_sticks
from nps_research.ordinal.structures import FLEXIBLE, structure_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.cells import GroupTerm, Monotonic
    from nps_research.ordinal.design import Design
    from nps_research.ordinal.families import Family
    from nps_research.ordinal.geometry import GroupGeometry
    from nps_research.ordinal.priors import PriorNumbers

    Array = NDArray[np.float64]
    Symbol = Any


def build(
    design: Design,
    family: Family,
    structure: str,
    numbers: PriorNumbers,
    geometries: list[GroupGeometry],
) -> pm.Model:
    """Return the PyMC model of `design`.

    Parameters
    ----------
    design : Design
        Cells and answers.
    family : Family
        Family and link.
    structure : {"flexible", "equidistant", "symmetric"}
        Of the cutpoints.
    numbers : PriorNumbers
        Priors.
    geometries : list of GroupGeometry
        One a group-level term.

    Returns
    -------
    pymc.Model
        With the variables of `ScoreDraws.parameters` that the model has. The observed node
        ``answers`` (cell, score) holds the counts and ``unanswered`` (cell) those without a
        score; answers known only to lie in an interval are the potential ``censored_answers``.
    """
    with pm.Model(coords=_coordinates(design, structure)) as model:
        own = _own_cutpoints(design, family, structure, numbers)
        eta = _linear_predictor(design, numbers, geometries)
        shift = _cut_shift(design, numbers)
        cutpoints = _cell_cutpoints(design, family, numbers, own, eta.average + shift.average)
        z = (cutpoints - eta.cells[:, None] - shift.cells) * _precision(design, numbers)[:, None]
        if family.name == "cumulative" and design.cut_terms:
            _refuse_descending_cuts(z)
        _answers(design, log_probabilities(family, z))
        if design.hurdle_terms:
            _unanswered(design, numbers)
    return model


def _coordinates(design: Design, structure: str) -> dict[str, list[Any]]:
    coords = parameter_coords(design) | {"cell": list(range(len(design.cells)))}
    if structure != FLEXIBLE:
        n_widths = structure_matrix(structure, len(coords["cutpoint"])).shape[1]
        coords["width"] = list(range(n_widths))
    return {dim: labels for dim, labels in coords.items() if len(labels)}


class _OwnCutpoints(NamedTuple):
    """The average respondent's cutpoints, and the sticks that they come from, if they do."""

    cutpoints: Symbol
    sticks: Symbol | None


class _Centred(NamedTuple):
    """A part of latent positions.

    Attributes
    ----------
    cells : tensor
        Of every cell, less the average respondent's.
    average : tensor
        The average respondent's.
    """

    cells: Symbol
    average: Symbol


def _centred(parts: Symbol, shares: Array) -> _Centred:
    average = pt.dot(shares, parts)
    return _Centred(parts - average, average)


def _own_cutpoints(
    design: Design, family: Family, structure: str, numbers: PriorNumbers
) -> _OwnCutpoints:
    if structure == FLEXIBLE:
        if numbers.cutpoints is None:
            sticks = dirichlet_sticks("sticks", numbers.dirichlet, dims="cutpoint")
        else:
            sticks = cutpoint_prior_sticks(family, numbers.cutpoints, design.counts.shape[1] - 1)
        pm.Deterministic("shares", stick_shares(sticks), dims="score")
        return _OwnCutpoints(stick_cutpoints(family, sticks), sticks)
    centre = pm.Normal("cutpoint_centre", 0.0, np.float64(numbers.centre_sd))
    matrix = structure_matrix(structure, design.counts.shape[1] - 1)
    cutpoints = centre + pt.zeros(len(matrix))
    if matrix.shape[1]:
        moments = np.array([numbers.log_width_mean, numbers.log_width_sd])
        log_widths = pm.Normal("log_widths", *moments, dims="width")
        cutpoints = cutpoints + pt.dot(matrix, pt.exp(log_widths))
    pm.Deterministic("shares", pt.exp(log_probabilities(family, cutpoints)), dims="score")
    return _OwnCutpoints(cutpoints, None)


def _cell_cutpoints(
    design: Design, family: Family, numbers: PriorNumbers, own: _OwnCutpoints, average: Symbol
) -> Symbol:
    """Return the centred cutpoints of every cell, or one row for all; report the uncentred ones."""
    pm.Deterministic("cutpoints", own.cutpoints + average, dims="cutpoint")
    if design.cells.cutpoint_group is None:
        return own.cutpoints[None]
    dims = (design.cutpoints_by, "cutpoint")
    sd = pm.HalfNormal("cutpoint_sd", np.float64(numbers.cutpoint_sd))
    raw = pm.Normal("raw_cutpoints", 0.0, 1.0, dims=dims)
    of_groups = stick_cutpoints(family, own.sticks + sd * raw)
    pm.Deterministic("group_cutpoints", of_groups + average, dims=dims)
    # A cell without answers may have a group without any: index -1.
    return pt.concatenate([of_groups, own.cutpoints[None]])[design.cells.cutpoint_group]


def _linear_predictor(
    design: Design, numbers: PriorNumbers, geometries: list[GroupGeometry]
) -> _Centred:
    cells = design.cells
    eta = pt.as_tensor(cells.offset)
    if design.terms:
        coefficients = _normal("coefficients", numbers.coefficients, "term")
        eta = eta + pt.dot(cells.predictors, coefficients)
        for term in cells.monotonic:
            levels = _cumulated_steps(term, numbers.step_concentration)
            eta = eta + coefficients[term.position] * levels[term.codes]
    # Geometries of the groups' cutpoints follow those of group-level terms.
    own = geometries[: len(cells.group_terms)]
    for group, geometry, scale in zip(cells.group_terms, own, numbers.group_sd, strict=True):
        eta = eta + group.values * _group_effect(group, geometry, scale)[group.index]
    return _centred(eta, cells.shares)


def _normal(name: str, prior: Array, dim: str) -> Symbol:
    """Return a variable with independent normal priors; flat where a deviation is infinite."""
    means, sds = prior
    proper = np.flatnonzero(np.isfinite(sds))
    if len(proper) == len(sds):
        return pm.Normal(name, means, sds, dims=dim)
    values = pm.Flat(name, dims=dim)
    densities = pm.logp(pm.Normal.dist(means[proper], sds[proper]), values[proper])
    pm.Potential(f"prior_{name}", densities.sum())
    return values


def _cumulated_steps(term: Monotonic, concentration: float) -> Symbol:
    """Return the sum of the first steps below every level, shape (levels,)."""
    name = step_name(term)
    steps = pt.ones(1)
    if term.steps > 1:
        sticks = dirichlet_sticks(f"raw_{name}", np.full(term.steps, concentration))
        steps = stick_shares(sticks)
    steps = pm.Deterministic(name, steps, dims=step_dim(term))
    return pt.concatenate([[0.0], pt.cumsum(steps)])


def _group_effect(term: GroupTerm, geometry: GroupGeometry, scale: float) -> Symbol:
    sd = pm.HalfNormal(f"sd_{term.label}", scale)
    raw = pm.Normal(
        f"raw_{term.label}", 0.0, sd, shape=len(term.levels), transform=Informed(geometry)
    )
    effect = pt.dot(geometry.basis, raw)
    return pm.Deterministic(f"effect_{term.label}", effect, dims=term.factor)


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


def _cut_shift(design: Design, numbers: PriorNumbers) -> _Centred:
    """Return what cut-specific coefficients add to eta, shape (cells, cutpoints)."""
    cells = design.cells
    if not design.cut_terms:
        return _Centred(pt.zeros((1, 1)), pt.zeros(1))
    coefficients = _normal("cut_coefficients", numbers.cut_coefficients, "cut_term")
    columns = cells.cut_predictors[:, design.cut_columns]
    return _centred(pt.dot(columns * coefficients, design.cut_loadings), cells.shares)


def _precision(design: Design, numbers: PriorNumbers) -> Symbol:
    """Return what distances from eta are multiplied by, shape (cells,)."""
    if not design.scale_terms:
        return pt.ones(1)
    coefficients = _normal("scale_coefficients", numbers.scale_coefficients, "scale_term")
    return pt.exp(-pt.dot(design.cells.scale_predictors, coefficients))


def _refuse_descending_cuts(z: Symbol) -> None:
    """Give the density -inf where a category has a negative probability, asked for or not."""
    ascending = pt.all(z[:, 1:] >= z[:, :-1])
    pm.Potential("ascending_cuts", pt.switch(ascending, 0.0, -np.inf))


def _answers(design: Design, log_p: Symbol) -> None:
    pm.CustomDist(
        "answers",
        log_p,
        design.counts.sum(axis=1),
        logp=_log_likelihood,
        random=_random_answers,
        signature="(k),()->(k)",
        observed=design.counts,
        dims=("cell", "score"),
    )
    if len(design.censored):
        pm.Potential("censored_answers", _censored_log_likelihood(design, log_p))


def _log_likelihood(value: Symbol, log_p: Symbol, total: Symbol) -> Symbol:  # noqa: ARG001
    """Return the log probability of the answers in their order: no multinomial coefficient."""
    return pt.switch(value > 0.0, value * log_p, 0.0).sum(axis=-1)


def _random_answers(
    log_p: Array, total: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    generator = np.random.default_rng(rng)
    answers = generator.multinomial(total.astype(int), np.exp(log_p), size=size)
    return np.asarray(answers, dtype=float)


def _censored_log_likelihood(design: Design, log_p: Symbol) -> Symbol:
    cell, lowest, highest = design.censored.T
    category = np.arange(design.counts.shape[1])
    possible = (category >= lowest[:, None]) & (category <= highest[:, None])
    log_totals = pt.logsumexp(pt.switch(possible, log_p[cell], -np.inf), axis=-1)
    return pt.dot(design.censored_n, log_totals)


def _unanswered(design: Design, numbers: PriorNumbers) -> None:
    coefficients = _normal("no_answer", numbers.no_answer, "hurdle_term")
    pm.CustomDist(
        "unanswered",
        pt.dot(design.cells.hurdle_predictors, coefficients),
        design.cells.sizes + design.cells.unanswered,
        logp=_log_likelihood_of_silence,
        random=_random_silence,
        observed=design.cells.unanswered,
        dims="cell",
    )


def _log_likelihood_of_silence(value: Symbol, log_odds: Symbol, total: Symbol) -> Symbol:
    """Return the log probability of who answered and who did not: no binomial coefficient."""
    return -value * pt.softplus(-log_odds) - (total - value) * pt.softplus(log_odds)


def _random_silence(
    log_odds: Array, total: Array, rng: np.random.Generator | None = None, size: Any = None
) -> Array:
    generator = np.random.default_rng(rng)
    silent = generator.binomial(total.astype(int), special.expit(log_odds), size=size)
    return np.asarray(silent, dtype=float)
