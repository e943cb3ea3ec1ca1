"""Hazard draws that are set by hand, so that what follows from them is known."""

import numpy as np
import pandas as pd

from nps_research.churn.hazard_draws import HazardDraws
from nps_research.churn.layout import Layout
from nps_research.churn.lifetimes import lifetimes


def known(hazard, predictors=None):
    """Draws of hazards of shape (draws, scores, months), or with kinds before the scores."""
    hazard = np.asarray(hazard, dtype=float)
    if predictors is None:
        hazard = hazard[:, None]
    names = list(predictors or {})
    kinds = pd.DataFrame(predictors) if predictors else pd.DataFrame(index=[0])
    table = pd.concat([kinds.assign(score=score) for score in (2, 9)])
    table = table.assign(months=hazard.shape[-1], churned=0, n=10)
    draws = HazardDraws(None, Layout(lifetimes(table, names)))
    with np.errstate(divide="ignore"):
        draws.log_probabilities = tuple(np.log(each)[None] for each in (1 - hazard, hazard))
    return draws


def by_class(detractors, passives, promoters):
    """Return one draw of a one-month hazard that knows classes only, shape (1, 11, 1)."""
    return np.repeat([detractors, passives, promoters], [7, 2, 2])[None, :, None]
