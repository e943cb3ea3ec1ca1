"""The rating scale: which scores exist, and which of them count as detractors and promoters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Highest detractor and lowest promoter of the scales in common use. The cuts of 0-10 are
# Reichheld's (2003, "The One Number You Need to Grow"); 1-10 keeps them. On shorter scales
# there is no standard: these are the mappings that questionnaire platforms use most.
CONVENTIONAL_CUTS = {(0, 10): (6, 9), (1, 10): (6, 9), (1, 7): (4, 6), (1, 5): (3, 5)}

GROUPS = ("detractors", "passives", "promoters")


@dataclass(frozen=True)
class RatingScale:
    """Whole-number answers from `minimum` to `maximum`, cut into three groups.

    The declared scale, never the observed scores, decides which categories exist: a score that
    nobody gave is a category with a count of zero.

    Parameters
    ----------
    minimum, maximum : int
        Lowest and highest possible score.
    highest_detractor, lowest_promoter : int, optional
        Scores up to the first are detractors, from the second on promoters, between them
        passives. Known for the scales 0-10, 1-10, 1-7 and 1-5, required for any other.

    Raises
    ------
    ValueError
        If the scale has fewer than two categories, if its cuts do not lie on it, or if they are
        not known and not given.

    Examples
    --------
    >>> RatingScale()
    RatingScale(0-10: detractors 0-6, passives 7-8, promoters 9-10)
    >>> RatingScale(1, 5).nps_values
    array([-1., -1., -1.,  0.,  1.])
    """

    minimum: int = 0
    maximum: int = 10
    highest_detractor: int | None = None
    lowest_promoter: int | None = None

    def __post_init__(self) -> None:
        if self.maximum <= self.minimum:
            raise ValueError(
                f"a rating scale needs a maximum above its minimum; found {self.minimum} to "
                f"{self.maximum}. Give the lowest score first."
            )
        self._fill_conventional_cuts()
        self._check_cuts()

    def _fill_conventional_cuts(self) -> None:
        known = CONVENTIONAL_CUTS.get((self.minimum, self.maximum), (None, None))
        for name, cut in zip(("highest_detractor", "lowest_promoter"), known, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, cut)

    def _check_cuts(self) -> None:
        if self.highest_detractor is None or self.lowest_promoter is None:
            raise ValueError(
                f"no convention says who is a detractor on a scale from {self.minimum} to "
                f"{self.maximum}. Pass highest_detractor= and lowest_promoter=."
            )
        if not self.minimum <= self.highest_detractor < self.lowest_promoter <= self.maximum:
            raise ValueError(
                f"detractors up to {self.highest_detractor} and promoters from "
                f"{self.lowest_promoter} do not fit a scale from {self.minimum} to "
                f"{self.maximum}: each group of the two needs a score, in this order."
            )

    @property
    def cuts(self) -> tuple[int, int]:
        """Highest detractor and lowest promoter."""
        assert self.highest_detractor is not None  # noqa: S101  (narrows the type; see _check_cuts)
        assert self.lowest_promoter is not None  # noqa: S101
        return self.highest_detractor, self.lowest_promoter

    @cached_property
    def scores(self) -> NDArray[np.int64]:
        """Every possible score, lowest first, shape (categories,)."""
        return np.arange(self.minimum, self.maximum + 1)

    @property
    def n_categories(self) -> int:
        """Number of possible scores."""
        return self.maximum - self.minimum + 1

    @cached_property
    def nps_values(self) -> NDArray[np.float64]:
        """-1 for a detractor, 0 for a passive, 1 for a promoter, shape (categories,)."""
        highest_detractor, lowest_promoter = self.cuts
        promoters = self.scores >= lowest_promoter
        return promoters.astype(float) - (self.scores <= highest_detractor)

    @property
    def groups(self) -> NDArray[np.str_]:
        """Name of the group of each score, shape (categories,)."""
        return np.array([GROUPS[int(value) + 1] for value in self.nps_values])

    @property
    def cutpoint_labels(self) -> list[str]:
        """Names of the borders between neighbouring scores, such as ``6|7``."""
        return [f"{low}|{low + 1}" for low in self.scores[:-1]]

    def box_values(self, k: int, end: Literal["top", "bottom"] = "top") -> NDArray[np.float64]:
        """Mark the `k` highest (or lowest) scores with 1 and the others with 0.

        Parameters
        ----------
        k : int
            Number of scores in the box, from 1 to one less than the number of categories.
        end : {"top", "bottom"}
            Which end of the scale.

        Returns
        -------
        numpy.ndarray
            Shape (categories,).

        Raises
        ------
        ValueError
            If the box is empty or covers the whole scale.

        Examples
        --------
        >>> RatingScale(1, 5).box_values(2)
        array([0., 0., 0., 1., 1.])
        """
        if not 1 <= k < self.n_categories:
            raise ValueError(
                f"a {end} box holds 1 to {self.n_categories - 1} of the {self.n_categories} "
                f"scores of this scale; found k={k}."
            )
        ranks = np.arange(self.n_categories)
        inside = ranks >= self.n_categories - k if end == "top" else ranks < k
        return inside.astype(float)

    def __repr__(self) -> str:
        parts = [f"{name} {_span(self.scores[self.groups == name])}" for name in GROUPS]
        return f"RatingScale({self.minimum}-{self.maximum}: {', '.join(parts)})"


def _span(scores: NDArray[np.int64]) -> str:
    if len(scores) == 0:
        return "none"
    return str(scores[0]) if len(scores) == 1 else f"{scores[0]}-{scores[-1]}"
