"""Where the density is positive: cut-specific effects must not make a probability negative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.arrays import without_answers
from nps_research.ordinal.density import log_densities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]


def allowed(free: Array, arrays: Arrays) -> NDArray[np.bool_]:
    """Return which free vectors (draws, dimensions) give all scores a probability, (draws,)."""
    if len(arrays.cut_columns) == 0:
        return np.ones(len(free), dtype=bool)
    # Without answers the density is that of the prior, wherever no cuts cross.
    return np.asarray(log_densities(free, without_answers(arrays)) > -np.inf)
