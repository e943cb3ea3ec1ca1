"""The score rose: is that an improvement, or inflation of the score."""

from nps_research.inflation.fit import InflationFit
from nps_research.inflation.model import InflationModel
from nps_research.inflation.priors import InflationPriors

__all__ = ["InflationFit", "InflationModel", "InflationPriors"]
