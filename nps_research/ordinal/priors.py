"""Default priors, stated in units that a reader of scores can judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Priors:
    """Priors of an `OrdinalModel`.

    Parameters
    ----------
    class_concentration : float
        Pseudo-answers given to each of detractors, passives and promoters, spread evenly over the
        scores of the class: the Dirichlet prior of the average respondent's category shares. The
        default of 1 makes the prior of the three class shares uniform, so that the prior of NPS
        has mean 0 and a standard deviation of 41 points. A Dirichlet with 1 for each of the 11
        scores would instead expect an NPS of -45 with a standard deviation of 23.
    concentration : sequence of float, optional
        Pseudo-answers of every score, replacing `class_concentration`.
    coefficient_sd : float
        Standard deviation of the normal prior of a coefficient, in latent standard deviations:
        for the contrast of two groups, or for two standard deviations of a numeric predictor
        (Gelman 2008, "Scaling Regression Inputs by Dividing by Two Standard Deviations").
    group_sd : float
        Scale of the half-normal prior of a group-level standard deviation, in latent standard
        deviations.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> Priors().dirichlet(RatingScale(1, 5)).round(2)
    array([0.33, 0.33, 0.33, 1.  , 1.  ])
    """

    class_concentration: float = 1.0
    concentration: Sequence[float] | None = None
    coefficient_sd: float = 1.0
    group_sd: float = 1.0

    def __post_init__(self) -> None:
        for name in ("class_concentration", "coefficient_sd", "group_sd"):
            if not getattr(self, name) > 0:
                raise ValueError(f"Priors({name}=) must be above 0; found {getattr(self, name)}.")
        if self.concentration is not None and not np.all(np.asarray(self.concentration) > 0):
            raise ValueError(
                f"Priors(concentration=) must be above 0 for every score; found "
                f"{list(self.concentration)}."
            )

    def dirichlet(self, rating_scale: RatingScale) -> Array:
        """Return the Dirichlet concentration of every score, shape (categories,).

        Raises
        ------
        ValueError
            If `concentration` was given for another number of scores.
        """
        if self.concentration is None:
            _, members, sizes = np.unique(
                rating_scale.nps_values, return_inverse=True, return_counts=True
            )
            return np.asarray(self.class_concentration / sizes[members], dtype=float)
        if len(self.concentration) != rating_scale.n_categories:
            raise ValueError(
                f"Priors(concentration=) needs one number a score: {rating_scale.n_categories} "
                f"for {rating_scale!r}; found {len(self.concentration)}."
            )
        return np.asarray(self.concentration, dtype=float)
