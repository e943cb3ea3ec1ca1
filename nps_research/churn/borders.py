"""Between which scores does behaviour change? The exact posterior of all partitions of a scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.bisection import falling_root
from nps_research.churn.lifetimes import person_months
from nps_research.intervals import tail_probabilities
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.churn.lifetimes import Lifetimes
    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]

# 2^15 partitions of 16 scores: beyond, enumeration is no longer instant.
MOST_SCORES = 16
# How alike rates of blocks are is not known: from a prior worth 2 people, under which rates differ
# by orders of magnitude, to one worth 500, under which they hardly differ where leaving is rare.
CONCENTRATIONS = tuple(np.geomspace(2.0, 500.0, 9).round(1).tolist())


@dataclass(frozen=True)
class BorderPriors:
    """What is believed about blocks of scores before the data.

    Attributes
    ----------
    concentration : float or sequence of float
        Weight of the Beta prior of a block's rate, in people (person-months, where there are
        months). Several values are equally likely.
    rate : float, optional
        Mean of that prior. By default the rate of all people together: the data are used twice,
        which matters little, as they fix one number.
    blocks : sequence of float, optional
        Probability of 1, 2, ... blocks, proportionally; by default all numbers are equally likely.
        Partitions into the same number of blocks are always equally likely.
    """

    concentration: float | Sequence[float] = CONCENTRATIONS
    rate: float | None = None
    blocks: Sequence[float] | None = None


@viewed
@dataclass(frozen=True, eq=False)
class Borders:
    """Posterior of the partitions of a scale into blocks of neighbouring scores with one rate each.

    Attributes
    ----------
    rating_scale : RatingScale
        The scale.
    events, exposure : numpy.ndarray, shape (scores,)
        Who left, out of how many people or person-months.
    rate : float
        Mean of the prior of a block's rate.
    concentrations : numpy.ndarray, shape (concentrations,)
        Weights of that prior, equally likely.
    log_prior : numpy.ndarray, shape (partitions,)
        Of every partition.
    """

    rating_scale: RatingScale
    events: Array
    exposure: Array
    rate: float
    concentrations: Array
    log_prior: Array

    @cached_property
    def is_border(self) -> NDArray[np.bool_]:
        """Whether a partition has a border after a score, shape (partitions, scores - 1)."""
        return partitions(len(self.events))

    @cached_property
    def log_evidence(self) -> Array:
        """Log probability of the data in a partition, shape (partitions, concentrations)."""
        return self._membership.astype(float) @ self._block_evidence

    @cached_property
    def joint(self) -> Array:
        """Posterior probability of partition and concentration together."""
        log = self.log_prior[:, None] + self.log_evidence
        return np.asarray(special.softmax(log))

    @property
    def probabilities(self) -> Array:
        """Posterior probability of every partition, shape (partitions,)."""
        return np.asarray(self.joint.sum(axis=1))

    def borders(self) -> pd.DataFrame:
        """Say how likely a border is between neighbouring scores.

        Returns
        -------
        pandas.DataFrame
            Indexed by `border` such as ``6|7``: `probability`, `prior`, and the `bayes_factor` for
            a border there against none.
        """
        probability = self.probabilities @ self.is_border
        prior = np.exp(self.log_prior) @ self.is_border
        index = pd.Index(self.rating_scale.cutpoint_labels, name="border")
        odds = _odds(probability) / _odds(prior)
        columns = {"probability": probability, "prior": prior, "bayes_factor": odds}
        return pd.DataFrame(columns, index)

    def blocks(self) -> pd.Series:
        """Return the posterior probability of every number of blocks."""
        number = self.is_border.sum(axis=1) + 1
        found = np.bincount(number, self.probabilities)[1:]
        index = pd.RangeIndex(1, len(found) + 1, name="blocks")
        return pd.Series(found, index, name="probability")

    def partitions(self, most: int = 10) -> pd.DataFrame:
        """Return the most probable partitions.

        Returns
        -------
        pandas.DataFrame
            Indexed by `partition` such as ``0-4, 5-8, 9-10``: `probability` and `prior`.
        """
        order = np.argsort(-self.probabilities, kind="stable")[:most]
        names = [self._name(self.is_border[each]) for each in order]
        columns = {"probability": self.probabilities[order], "prior": np.exp(self.log_prior[order])}
        return pd.DataFrame(columns, pd.Index(names, name="partition"))

    def three_blocks(self) -> pd.DataFrame:
        """Say where the two borders lie if there are exactly two.

        Returns
        -------
        pandas.DataFrame
            Indexed by the `lower` and the `upper` border, most probable first: `probability`
            given three blocks. Before the data all pairs are equally likely.
        """
        pairs = self.is_border.sum(axis=1) == 2
        labels = np.array(self.rating_scale.cutpoint_labels)
        index = pd.MultiIndex.from_tuples(
            [tuple(labels[each]) for each in self.is_border[pairs]], names=["lower", "upper"]
        )
        chosen = self.probabilities[pairs] / self.probabilities[pairs].sum()
        return pd.DataFrame({"probability": chosen}, index).sort_values(
            "probability", ascending=False, kind="stable"
        )

    def partition(self, cuts: Sequence[int] | None = None) -> pd.Series:
        """Weigh one partition.

        Parameters
        ----------
        cuts : sequence of int, optional
            Highest score of every block but the last: (6, 8) for 0-6, 7-8, 9-10. By default
            detractors, passives and promoters.

        Returns
        -------
        pandas.Series
            `probability` and `prior`; the Bayes factors `against_others` (all other partitions),
            `against_one_block` and `against_best` (the most probable one); and
            `share_of_same_number`, its probability given its number of blocks.

        Raises
        ------
        ValueError
            If a cut is not on the scale.
        """
        place = self._place(cuts)
        evidence = special.logsumexp(self.log_evidence, axis=1)
        best = evidence[int(self.probabilities.argmax())]
        probability, prior = self.probabilities[place], np.exp(self.log_prior[place])
        number = self.is_border.sum(axis=1)
        same = self.probabilities[number == number[place]].sum()
        figures: dict[str, float] = {
            "probability": probability,
            "prior": prior,
            "against_others": _odds(probability) / _odds(prior),
            "against_one_block": np.exp(evidence[place] - evidence[0]),
            "against_best": np.exp(evidence[place] - best),
            "share_of_same_number": probability / same,
        }
        return pd.Series(figures, dtype=float, name=self._name(self.is_border[place]))

    def rates(self, mass: float = 0.95) -> pd.DataFrame:
        """Return the rate after every score, averaged over partitions.

        Returns
        -------
        pandas.DataFrame
            Indexed by score: `rate` (posterior mean), `lower`, `upper`, `events` and `exposure`.
        """
        weights, first, second = self._mixtures()
        tails = [self._quantile(weights, first, second, tail) for tail in tail_probabilities(mass)]
        mean = (weights * first / (first + second)).sum(axis=1)
        columns = {"rate": mean, "lower": tails[0], "upper": tails[1]}
        sizes = {"events": self.events.astype(np.int64), "exposure": self.exposure.astype(np.int64)}
        table = pd.DataFrame(columns | sizes, pd.Index(self.rating_scale.scores, name="score"))
        table.attrs = {"interval": f"{100 * mass:g} % equal-tailed credible interval, exact"}
        return table

    def sensitivity(self) -> pd.DataFrame:
        """Return the probability of every border for each concentration by itself.

        Returns
        -------
        pandas.DataFrame
            One row a concentration, one column a border; `posterior` is the probability of the
            concentration.
        """
        posterior = self.joint.sum(axis=0)
        table = (self.joint / posterior).T @ self.is_border
        index = pd.Index(self.concentrations, name="concentration")
        columns = self.rating_scale.cutpoint_labels
        return pd.DataFrame(table, index, columns).assign(posterior=posterior)

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """First score and one past the last score of every possible block."""
        return list(combinations(range(len(self.events) + 1), 2))

    @cached_property
    def _membership(self) -> NDArray[np.bool_]:
        """Whether a partition has a block, shape (partitions, blocks)."""
        edge = np.pad(self.is_border, ((0, 0), (1, 1)), constant_values=True)
        blocks = [
            edge[:, low] & edge[:, high] & ~edge[:, low + 1 : high].any(axis=1)
            for low, high in self._spans
        ]
        return np.column_stack(blocks)

    @cached_property
    def _totals(self) -> tuple[Array, Array]:
        """Events and exposure of every possible block."""
        sums = [np.concatenate([[0.0], each.cumsum()]) for each in (self.events, self.exposure)]
        low, high = np.array(self._spans).T
        return sums[0][high] - sums[0][low], sums[1][high] - sums[1][low]

    @cached_property
    def _block_evidence(self) -> Array:
        """Log probability of the outcomes of a block, shape (blocks, concentrations)."""
        left, people = (each[:, None] for each in self._totals)
        first, second = self.rate * self.concentrations, (1 - self.rate) * self.concentrations
        evidence = special.betaln(first + left, second + people - left)
        return np.asarray(evidence - special.betaln(first, second))

    def _mixtures(self) -> tuple[Array, Array, Array]:
        """Return weights and parameters of every score's mixture of Betas, (scores, components)."""
        weights = self._membership.astype(float).T @ self.joint
        low, high = np.array(self._spans).T
        score = np.arange(len(self.events))[:, None]
        inside = (low <= score) & (score < high)
        left, people = (each[:, None] for each in self._totals)
        first = self.rate * self.concentrations + left
        second = (1 - self.rate) * self.concentrations + people - left
        by_score = (inside[:, :, None] * weights).reshape(len(score), -1)
        shape = by_score.shape
        return by_score, *(np.broadcast_to(each.ravel(), shape) for each in (first, second))

    def _quantile(self, weights: Array, first: Array, second: Array, tail: float) -> Array:
        """Return the rates below which the mixtures have the probability `tail`."""

        def missing(log_rate: Array) -> Array:
            below = special.betainc(first, second, np.exp(log_rate)[:, None])
            return np.asarray(tail - (weights * below).sum(axis=1))

        ends = np.full(len(weights), -700.0), np.zeros(len(weights))
        return np.exp(falling_root(missing, *ends))

    def _place(self, cuts: Sequence[int] | None) -> int:
        scale = self.rating_scale
        low, high = scale.cuts
        wanted = [low, high - 1] if cuts is None else list(cuts)
        inside = [scale.minimum <= cut < scale.maximum for cut in wanted]
        if not all(inside):
            raise ValueError(
                f"cuts must be scores from {scale.minimum} to {scale.maximum - 1}, each the "
                f"highest of its block; found {wanted}."
            )
        border = np.isin(scale.scores[:-1], wanted)
        return int((self.is_border == border).all(axis=1).argmax())

    def _name(self, border: NDArray[np.bool_]) -> str:
        scores = self.rating_scale.scores
        edges = [0, *(np.flatnonzero(border) + 1).tolist(), len(scores)]
        spans = ((scores[low], scores[high - 1]) for low, high in pairwise(edges))
        return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)

    def _view(self) -> View:
        best = self.partitions(1)
        title = (
            f"Borders of {self.rating_scale}: {self.events.sum():,.0f} left of "
            f"{self.exposure.sum():,.0f}; most probable {best.index[0]} "
            f"({best['probability'].iloc[0]:.1%} of {len(self.log_prior):,} partitions)"
        )
        return View(title, table=self.borders().round(3))


def borders(lifetimes: Lifetimes, priors: BorderPriors = BorderPriors()) -> Borders:
    """Weigh every way to cut a scale into blocks of neighbouring scores that leave at one rate.

    All ``2^(scores - 1)`` partitions are enumerated, so nothing is sampled. Where months are known,
    people count once a month and the rate is the hazard of a month, which is taken to be the same
    in all months.

    Parameters
    ----------
    lifetimes : Lifetimes
        Who stayed how long.
    priors : BorderPriors
        Of rates and partitions.

    Returns
    -------
    Borders

    Raises
    ------
    ValueError
        If the scale has too many scores, or a prior is impossible.

    Notes
    -----
    Barry and Hartigan 1992, "Product Partition Models for Change Point Problems".

    Examples
    --------
    >>> import nps_research as npsr
    >>> from nps_research.churn.lifetimes import lifetimes
    >>> codes = {"yes": 1, "no": 0, "unknown": None}
    >>> table = npsr.load_counts("r_community")
    >>> found = borders(lifetimes(table, months=None, churned="lapsed", outcomes=codes))
    >>> len(found.probabilities), found.borders().index[-1]
    (512, '9|10')
    """
    scale = lifetimes.rating_scale
    months = person_months(lifetimes, [lifetimes.horizon])
    sizes = np.zeros((scale.n_categories, 2))
    place = months["score"].to_numpy(dtype=np.int64) - scale.minimum
    np.add.at(sizes, (place, months["churned"].to_numpy()), months["n"].to_numpy())
    return borders_of(sizes[:, 1], sizes.sum(axis=1), scale, priors)


def borders_of(
    events: ArrayLike,
    exposure: ArrayLike,
    rating_scale: RatingScale,
    priors: BorderPriors = BorderPriors(),
) -> Borders:
    """Do as `borders`, from events and people (or person-months) by score.

    Parameters
    ----------
    events, exposure : array_like, shape (scores,)
        Who left, out of how many, lowest score first.
    rating_scale, priors
        As in `borders`.
    """
    left, people = np.asarray(events, dtype=float), np.asarray(exposure, dtype=float)
    _check_sizes(left, people, rating_scale)
    rate = left.sum() / people.sum() if priors.rate is None else priors.rate
    weights = np.atleast_1d(np.asarray(priors.concentration, dtype=float))
    if not 0 < rate < 1 or not np.all(weights > 0):
        raise ValueError(
            f"the prior of a rate needs a mean between 0 and 1 and a concentration above 0; found "
            f"{rate:g} and {priors.concentration}. If nobody or everybody left, pass rate=."
        )
    log_prior = _log_prior(len(left), priors.blocks)
    return Borders(rating_scale, left, people, float(rate), weights, log_prior)


def partitions(scores: int) -> NDArray[np.bool_]:
    """Return all ways to set borders between scores, shape (2^(scores - 1), scores - 1).

    Examples
    --------
    >>> partitions(3).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    codes = np.arange(2 ** (scores - 1))
    return np.asarray((codes[:, None] >> np.arange(scores - 1)) & 1 == 1)


def _log_prior(scores: int, blocks: Sequence[float] | None) -> Array:
    weights = np.ones(scores) if blocks is None else np.asarray(blocks, dtype=float)
    if weights.shape != (scores,) or weights.min() < 0 or weights.sum() <= 0:
        raise ValueError(
            f"blocks needs a probability of 1 to {scores} blocks, so {scores} numbers, 0 or more; "
            f"found {blocks}."
        )
    number = partitions(scores).sum(axis=1)
    with np.errstate(divide="ignore"):
        log_number = np.log(weights / weights.sum())[number]
    return np.asarray(log_number - np.log(special.comb(scores - 1, number)))


def _check_sizes(events: Array, exposure: Array, scale: RatingScale) -> None:
    if scale.n_categories > MOST_SCORES:
        raise ValueError(
            f"a scale of {scale.n_categories} scores has too many partitions to enumerate; "
            f"{MOST_SCORES} scores are possible. Join neighbouring scores first."
        )
    right = events.shape == exposure.shape == (scale.n_categories,)
    if not right or (events < 0).any() or (events > exposure).any() or exposure.sum() == 0:
        raise ValueError(
            f"events and exposure need one number for each of the {scale.n_categories} scores, "
            f"with 0 <= events <= exposure; found {events.tolist()} of {exposure.tolist()}."
        )


def _odds[T: (float, Array)](probability: T) -> T:
    with np.errstate(divide="ignore"):
        return probability / (1.0 - probability)
