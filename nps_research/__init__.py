"""What the recommend score says, what it predicts, and what pay does to it.

Everything is estimated from counts: one row per combination of predictors and score, with a
column `n`. Start with `load_counts` or `read_survey`, then `nps` and `OrdinalModel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nps_research.agreement import published_estimates
    from nps_research.claims import record, record_estimate, record_posterior
    from nps_research.counts import random_split, tabulate
    from nps_research.coverage import nps_coverage
    from nps_research.datasets import list_datasets, load_counts, load_table
    from nps_research.diagnostics import interval_table
    from nps_research.differences import mean_difference, nps_difference
    from nps_research.market.attribution import attribute
    from nps_research.market.estimands import uplift
    from nps_research.market.grids import sweep
    from nps_research.market.mechanisms import Incentives
    from nps_research.market.regimes import (
        DeltaTarget,
        LevelTarget,
        NorthStar,
        PayForActions,
        PayPerPoint,
    )
    from nps_research.market.simulate import Market
    from nps_research.metrics import bottom_box, csat, mean_score, nps, shares, top_box
    from nps_research.ordinal.comparison import compare, three_bins
    from nps_research.ordinal.criticism import impact
    from nps_research.ordinal.model import OrdinalModel, load_fit
    from nps_research.ordinal.parallelism import parallelism
    from nps_research.ordinal.priors import Normal, Priors, StudentT
    from nps_research.planning import nps_precision_sample_size, nps_sample_size
    from nps_research.scale import RatingScale
    from nps_research.session import session_information
    from nps_research.survey import read_survey

__version__ = "0.1.0"

# Public names and the modules that define them: a name is imported when it is first used, so that
# importing the package costs nothing.
_HOMES = {
    "DeltaTarget": "market.regimes",
    "Incentives": "market.mechanisms",
    "LevelTarget": "market.regimes",
    "Market": "market.simulate",
    "Normal": "ordinal.priors",
    "NorthStar": "market.regimes",
    "OrdinalModel": "ordinal.model",
    "PayForActions": "market.regimes",
    "PayPerPoint": "market.regimes",
    "Priors": "ordinal.priors",
    "RatingScale": "scale",
    "StudentT": "ordinal.priors",
    "attribute": "market.attribution",
    "bottom_box": "metrics",
    "compare": "ordinal.comparison",
    "csat": "metrics",
    "impact": "ordinal.criticism",
    "interval_table": "diagnostics",
    "list_datasets": "datasets",
    "load_counts": "datasets",
    "load_fit": "ordinal.model",
    "load_table": "datasets",
    "mean_difference": "differences",
    "mean_score": "metrics",
    "nps": "metrics",
    "nps_coverage": "coverage",
    "nps_difference": "differences",
    "nps_precision_sample_size": "planning",
    "nps_sample_size": "planning",
    "parallelism": "ordinal.parallelism",
    "published_estimates": "agreement",
    "random_split": "counts",
    "read_survey": "survey",
    "record": "claims",
    "record_estimate": "claims",
    "record_posterior": "claims",
    "session_information": "session",
    "shares": "metrics",
    "sweep": "market.grids",
    "tabulate": "counts",
    "three_bins": "ordinal.comparison",
    "top_box": "metrics",
    "uplift": "market.estimands",
}
_MODULES = ("claims", "market_plots", "ordinal_plots", "plots", "regime_plots")

__all__ = [
    "DeltaTarget",
    "Incentives",
    "LevelTarget",
    "Market",
    "Normal",
    "NorthStar",
    "OrdinalModel",
    "PayForActions",
    "PayPerPoint",
    "Priors",
    "RatingScale",
    "StudentT",
    "attribute",
    "bottom_box",
    "claims",
    "compare",
    "csat",
    "impact",
    "interval_table",
    "list_datasets",
    "load_counts",
    "load_fit",
    "load_table",
    "market_plots",
    "mean_difference",
    "mean_score",
    "nps",
    "nps_coverage",
    "nps_difference",
    "nps_precision_sample_size",
    "nps_sample_size",
    "ordinal_plots",
    "parallelism",
    "plots",
    "published_estimates",
    "random_split",
    "read_survey",
    "record",
    "record_estimate",
    "record_posterior",
    "regime_plots",
    "session_information",
    "shares",
    "sweep",
    "tabulate",
    "three_bins",
    "top_box",
    "uplift",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"nps_research.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nps_research' has no attribute {name!r}")
    return getattr(import_module(f"nps_research.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
