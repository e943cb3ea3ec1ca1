"""Two groups of agents: those like honest ones, and those who stand out in several ways at once.

Honest agents have normal z whose spread is estimated (an empirical null). Agents who game stand out
along one direction, a list of how much each signature moves, each by a multiple of its own. The
direction is estimated too, which is what the bootstrap pays for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Standard deviation of the multiples, whose mean is 1: some game much, some little.
SPREAD = 0.5
# Priors: the shift of honest treated agents against untreated ones, in standard deviations; pseudo
# agents that are honest and that are not; and agents whose spread is 1.
SHIFT_SD = 0.3
PSEUDO = np.array([1.0, 3.0])
SPREAD_AGENTS = 10.0
# The direction is kept from growing on noise: it is this many standard deviations at most, softly.
REACH = 3.0
# Where the search for a second group begins: its shares of the agents.
STARTS = (0.1, 0.3)
ROUNDS = 60


class Null(NamedTuple):
    """Honest z of each of several data sets.

    Attributes
    ----------
    sd : numpy.ndarray, shape (sets, 1, signatures)
        Standard deviations.
    correlation : numpy.ndarray, shape (sets, signatures, signatures)
        Between signatures.
    """

    sd: Array
    correlation: Array

    @property
    def root(self) -> Array:
        """A root of the covariance."""
        return np.linalg.cholesky(self.correlation) * self.sd.swapaxes(1, 2)

    @property
    def precision(self) -> Array:
        """Inverse of the covariance."""
        return np.linalg.inv(self.correlation * self.sd * self.sd.swapaxes(1, 2))


class TwoGroups(NamedTuple):
    """A fit to each of several data sets.

    Attributes
    ----------
    probability : numpy.ndarray, shape (sets, agents)
        Of belonging to the group that stands out.
    multiple, multiple_sd : numpy.ndarray, shape (sets, agents)
        How far, as a multiple of the direction, if so; normal.
    share : numpy.ndarray, shape (sets,)
        Of agents in that group.
    direction : numpy.ndarray, shape (sets, signatures)
        How far each signature moves.
    shift : numpy.ndarray, shape (sets, signatures)
        Mean z of the others.
    gain : numpy.ndarray, shape (sets,)
        Twice the logarithm of the ratio of the penalised likelihoods of two groups and of one.
    """

    probability: Array
    multiple: Array
    multiple_sd: Array
    share: Array
    direction: Array
    shift: Array
    gain: Array


def honest_null(z: Array) -> Null:
    """Estimate the spread and correlation of honest z from agents who are taken to be so.

    Parameters
    ----------
    z : numpy.ndarray, shape (sets, agents, signatures)
        Of untreated agents, or of all if nobody is known to be honest.

    Returns
    -------
    Null
        Standard deviations below 1 are taken as 1. Correlations are drawn towards 0 as far as
        chance explains them (Schaefer and Strimmer 2005, "A Shrinkage Approach to Large-Scale
        Covariance Matrix Estimation").

    Examples
    --------
    >>> honest_null(np.zeros((1, 20, 2))).sd
    array([[[1., 1.]]])
    """
    agents, signatures = z.shape[1:]
    squares = (z**2).sum(axis=1, keepdims=True)
    sd = np.sqrt(np.maximum((squares + SPREAD_AGENTS) / (agents + SPREAD_AGENTS), 1.0))
    unit = z * np.sqrt(agents / np.where(squares > 0, squares, 1.0))
    products = unit[..., :, None] * unit[..., None, :]
    correlation, apart = products.mean(axis=1), ~np.eye(signatures, dtype=bool)
    chance = products.var(axis=1)[:, apart].sum(axis=1) / (agents - 1)
    found = (correlation[:, apart] ** 2).sum(axis=1)
    kept = 1 - np.minimum(chance / np.where(found > 0, found, 1.0), 1.0)
    correlation = np.where(apart, kept[:, None, None] * correlation, 1.0)
    return Null(sd, correlation)


def two_groups(z: Array, null: Null) -> TwoGroups:
    """Fit two groups to data sets at once.

    Parameters
    ----------
    z : numpy.ndarray, shape (sets, agents, signatures)
        No missing values.
    null : Null
        Spread of honest agents, of each data set.

    Returns
    -------
    TwoGroups

    Notes
    -----
    Expectation maximisation: z = shift + member * multiple * direction + noise, with multiples
    normal about 1, and a direction that is nowhere negative. In the end each agent is judged by a
    direction to which it did not contribute.

    Examples
    --------
    >>> z = np.zeros((1, 40, 2))
    >>> z[0, :8] = 4.0
    >>> two_groups(z, honest_null(0 * z)).probability[0, [0, -1]].round(1)
    array([1., 0.])
    """
    tries = [_climbed(z, null, share) for share in STARTS]
    gains = np.stack([each.gain for each in tries])
    best, sets = gains.argmax(axis=0), np.arange(len(z))
    return TwoGroups(*(np.stack(part)[best, sets] for part in zip(*tries, strict=True)))


def simulated_null(null: Null, shift: Array, shape: tuple[int, int], random_seed: int) -> Array:
    """Draw data sets of agents who are all honest, shape (*shape, signatures)."""
    generator = np.random.default_rng(random_seed)
    noise = generator.standard_normal((*shape, len(shift)))
    return np.asarray(shift + noise @ null.root[0].T)


def _climbed(z: Array, null: Null, share: float) -> TwoGroups:
    """Alternate between members and parameters, from the agents who stand out most."""
    precision = null.precision
    shift = _shift(z)
    height = ((z - shift) / null.sd).sum(axis=2)
    member = (height >= np.quantile(height, 1 - share, axis=1, keepdims=True)).astype(float)
    weight, square = member, member
    for _ in range(ROUNDS):
        shares = (member.sum(axis=1, keepdims=True) + PSEUDO[0]) / (z.shape[1] + PSEUDO.sum())
        direction = _direction(z - shift, weight, square)
        odds, multiple, room = _odds(z - shift, direction, precision)
        member = special.expit(odds + special.logit(shares))
        weight, square = member * multiple, member * (multiple**2 + room)
        shift = _shift(z - weight[..., None] * direction)
    own = _direction_without(z - shift, weight, square)
    odds, multiple, room = _odds(z - shift, own, precision)
    return TwoGroups(
        probability=special.expit(odds + special.logit(shares)),
        multiple=multiple,
        multiple_sd=np.sqrt(room),
        share=shares[:, 0],
        direction=direction[:, 0],
        shift=shift[:, 0],
        gain=_gain(z, shift, direction, shares, precision),
    )


def _direction(z: Array, weight: Array, square: Array) -> Array:
    """Return how far each signature moves, shape (sets, 1, signatures)."""
    size = square.sum(axis=1) + REACH**-2
    moved = np.einsum("sa,sak->sk", weight, z) / size[:, None]
    return np.asarray(np.maximum(moved, 0.0)[:, None])


def _direction_without(z: Array, weight: Array, square: Array) -> Array:
    """Return the direction without each agent, shape (sets, agents, signatures)."""
    moved = weight[..., None] * z
    size = square.sum(axis=1, keepdims=True) - square + REACH**-2
    others = moved.sum(axis=1, keepdims=True) - moved
    return np.asarray(np.maximum(others / size[..., None], 0.0))


def _shift(plain: Array) -> Array:
    """Return the mean of honest z, drawn towards 0, shape (sets, 1, signatures)."""
    return np.asarray(plain.sum(axis=1, keepdims=True) / (plain.shape[1] + SHIFT_SD**-2))


def _odds(z: Array, direction: Array, precision: Array) -> tuple[Array, Array, Array]:
    """Return the log odds of standing out, and mean and variance of the multiple if so."""
    pointed = direction @ precision
    along, length = (z * pointed).sum(axis=2), (pointed * direction).sum(axis=2)
    inner = SPREAD**-2
    room = 1 / (length + inner)
    multiple = (along + inner) * room
    odds = (multiple * (along + inner) - inner - np.log1p(length / inner)) / 2
    return odds, multiple, room


def _gain(z: Array, shift: Array, direction: Array, shares: Array, precision: Array) -> Array:
    """Return twice what two groups add to the penalised log likelihood of one."""
    odds, _, _ = _odds(z - shift, direction, precision)
    mixed = np.logaddexp(np.log1p(-shares), np.log(shares) + odds).sum(axis=1)
    two = 2 * mixed - _misfit(z, shift, precision) - _length(direction, precision) / REACH**2
    two += 2 * (np.log([shares, 1 - shares]) * PSEUDO[:, None, None]).sum(axis=(0, 2))
    return np.asarray(two + _misfit(z, _shift(z), precision))


def _misfit(z: Array, shift: Array, precision: Array) -> Array:
    """Return the squared distances of z from the shift, and of the shift from 0, by set."""
    return _length(z - shift, precision) + _length(shift, precision) / SHIFT_SD**2


def _length(vectors: Array, precision: Array) -> Array:
    return np.asarray(((vectors @ precision) * vectors).sum(axis=(1, 2)))
