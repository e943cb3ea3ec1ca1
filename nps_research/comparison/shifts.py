"""Shifts: the ways in which a distribution of scores can move, in latent units.

Behind every answer stands a latent opinion; a score is the band between two cuts in which it lies.
Opinions can rise (`location`), spread (`scale`), or stay while a word changes its meaning
(`top threshold`: what was an 8 is now called a 9; `bottom threshold`: what was a 6 is now a 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from nps_research.scale import RatingScale
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

type Kind = Literal["location", "scale", "top threshold", "bottom threshold"]

KINDS: tuple[Kind, ...] = ("location", "scale", "top threshold", "bottom threshold")
LINKS = ("logit", "probit")
# Shares that add up to 1 but for rounding; percentages do not.
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Shift:
    """A way to move a distribution of scores, by any size.

    Parameters
    ----------
    kind : {"location", "scale", "top threshold", "bottom threshold"}
        Size t > 0 raises every opinion by t; multiplies its distance from the anchor by exp(t);
        lowers the cut below the promoters, or the cut above the detractors, by t.
    link : {"logit", "probit"}
        Distribution of opinions: logistic with standard deviation 1.81, or standard normal.
    anchor : float
        Of a scale shift: the quantile of opinions that stays where it is, 0.5 for the median.
    cuts : tuple of str, optional
        Of a threshold shift: the cuts that move together, such as ``("9|10",)``. By default the
        one below the lowest promoter, or above the highest detractor.

    Raises
    ------
    ValueError
        If the kind or link is unknown, the anchor no probability, or cuts move in a shift that
        moves all of them.

    Notes
    -----
    A cut that moves past another pushes it along, so that the order of scores stays whatever the
    size: those who would answer 9 or more do so even if they used to answer 7.

    Examples
    --------
    >>> Shift("top threshold", cuts=("9|10",))
    Shift(kind='top threshold', link='logit', anchor=0.5, cuts=('9|10',))
    """

    kind: Kind
    link: str = "logit"
    anchor: float = 0.5
    cuts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(unknown_name("shift", self.kind, KINDS))
        if self.link not in LINKS:
            raise ValueError(unknown_name("link of a shift", self.link, LINKS))
        if not 0 < self.anchor < 1:
            raise ValueError(
                f"anchor is a quantile between 0 and 1; found {self.anchor!r}. Pass 0.5 for the "
                f"median."
            )
        if self.cuts is not None and not self.kind.endswith("threshold"):
            raise ValueError(
                f"cuts={self.cuts!r} belong to a threshold shift; found kind={self.kind!r}, which "
                f"moves every cut. Leave them out, or pass kind='top threshold'."
            )

    def moved(self, scale: RatingScale) -> NDArray[np.bool_]:
        """Return which of the cuts of a rating scale move, shape (categories - 1,)."""
        low, high = scale.cuts
        labels = scale.cutpoint_labels
        usual: dict[str, tuple[str, ...]] = {
            "top threshold": (f"{high - 1}|{high}",),
            "bottom threshold": (f"{low}|{low + 1}",),
        }
        chosen = self.cuts or usual.get(self.kind, tuple(labels))
        for cut in chosen:
            if cut not in labels:
                raise ValueError(unknown_name("cut", cut, labels))
        return np.isin(labels, chosen)


def shifted(
    shares: ArrayLike,
    shift: Shift | Kind,
    size: ArrayLike,
    rating_scale: RatingScale | None = None,
) -> Array:
    """Move a distribution of scores by a given latent size, exactly.

    Parameters
    ----------
    shares : array_like, shape (..., categories)
        Shares of the scores, lowest score first, with sum 1.
    shift : Shift or str
        How to move it; a kind alone uses the defaults of `Shift`.
    size : array_like
        In latent units, broadcast against the leading dimensions of `shares`; negative sizes move
        the other way.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    numpy.ndarray, shape (..., categories)

    Raises
    ------
    ValueError
        If the shares do not fit the scale or do not add up to 1, or a cut does not exist.

    Examples
    --------
    >>> shifted([0.2, 0.3, 0.5], "location", 0.5, RatingScale(1, 3, 1, 3)).round(3)
    array([0.132, 0.246, 0.622])
    """
    how, scale, below = _prepared(shares, shift, rating_scale)
    sizes = np.asarray(size, dtype=np.float64)[..., None]
    cuts = _moved_cuts(how, scale, _quantile(how.link, below), sizes)
    return np.diff(_cdf(how.link, cuts), axis=-1, prepend=0.0, append=1.0)


def share_slopes(
    shares: ArrayLike, shift: Shift | Kind, rating_scale: RatingScale | None = None
) -> Array:
    """Differentiate the shares of scores by the size of a shift, where the size is 0.

    Parameters
    ----------
    shares, shift, rating_scale
        As in `shifted`.

    Returns
    -------
    numpy.ndarray, shape (..., categories)
        Derivatives, with sum 0. Where nobody gives a score beside a moving threshold, the shift
        has two slopes; this is the one for positive sizes.

    Examples
    --------
    >>> share_slopes([0.2, 0.3, 0.5], "location", RatingScale(1, 3, 1, 3)).round(3)
    array([-0.16, -0.09,  0.25])
    """
    how, scale, below = _prepared(shares, shift, rating_scale)
    cuts = _quantile(how.link, below)
    density = _density(how.link, cuts)
    if how.kind == "scale":
        distance = np.where(density > 0, cuts, 0.0) - _quantile(how.link, np.array(how.anchor))
        density = density * distance
    elif how.kind != "location":
        density = np.where(_dragged(cuts, how.moved(scale)), density, 0.0)
    return np.diff(-density, axis=-1, prepend=0.0, append=0.0)


def _prepared(
    shares: ArrayLike, shift: Shift | Kind, rating_scale: RatingScale | None
) -> tuple[Shift, RatingScale, Array]:
    """Return the shift, the scale and the shares of answers below each cut."""
    scale = rating_scale or RatingScale()
    given = np.asarray(shares, dtype=np.float64)
    if given.shape[-1:] != (scale.n_categories,):
        raise ValueError(
            f"the scale {scale} has {scale.n_categories} scores; found shares of shape "
            f"{given.shape}. Give every score a share, 0 for a score that nobody gave."
        )
    if not (given >= 0).all() or (np.abs(given.sum(axis=-1) - 1) > SUM_TOLERANCE).any():
        raise ValueError(
            f"shares must not be negative and must add up to 1; found a sum of "
            f"{given.sum(axis=-1).flat[0]:g} and a smallest share of {given.min():g}. Divide counts"
            f" by their sum."
        )
    how = shift if isinstance(shift, Shift) else Shift(shift)
    return how, scale, given.cumsum(axis=-1)[..., :-1].clip(max=1.0)


def _moved_cuts(shift: Shift, scale: RatingScale, cuts: Array, size: Array) -> Array:
    if shift.kind == "location":
        return cuts - size
    if shift.kind == "scale":
        anchor = _quantile(shift.link, np.array(shift.anchor))
        return anchor + (cuts - anchor) * np.exp(-size)
    moves = shift.moved(scale)
    own = np.where(moves, cuts - size, cuts)
    # What moves down takes along the cuts below it, what moves up those above it.
    lowest = np.minimum.accumulate(np.where(moves, own, np.inf)[..., ::-1], axis=-1)[..., ::-1]
    highest = np.maximum.accumulate(np.where(moves, own, -np.inf), axis=-1)
    pushed = np.where(size > 0, np.minimum(own, lowest), np.maximum(own, highest))
    return np.where(moves, own, pushed)


def _dragged(cuts: Array, moves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the moving cuts and those that coincide with a moving one above them."""
    above = np.minimum.accumulate(np.where(moves, cuts, np.inf)[..., ::-1], axis=-1)[..., ::-1]
    return moves | (cuts >= above)


def _cdf(link: str, x: Array) -> Array:
    return np.asarray(special.expit(x) if link == "logit" else special.ndtr(x))


def _quantile(link: str, probability: Array) -> Array:
    return np.asarray(special.logit(probability) if link == "logit" else special.ndtri(probability))


def _density(link: str, x: Array) -> Array:
    if link == "logit":
        return np.asarray(special.expit(x) * special.expit(-x))
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
