"""What the recommend score says, what it predicts, and what pay does to it.

Everything is estimated from counts: one row per combination of predictors and score, with a
column `n`. Start with `load_counts` or `read_survey`, then `nps` and `OrdinalModel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nps_research.agreement import published_estimates
    from nps_research.churn.borders import borders
    from nps_research.churn.codings import compare_codings, fit_codings
    from nps_research.churn.dates import lifetimes_from_dates
    from nps_research.churn.discrimination import auc
    from nps_research.churn.formula import simple_formula
    from nps_research.churn.hazard import HazardModel
    from nps_research.churn.lifetimes import lifetimes
    from nps_research.churn.recovery import close_the_loop
    from nps_research.churn.revenue import revenue_at_risk
    from nps_research.churn.survival import kaplan_meier
    from nps_research.churn.trajectories import trajectories
    from nps_research.claims import record, record_estimate, record_posterior
    from nps_research.comparison.alarms import false_alarms
    from nps_research.comparison.association import metric_correlation
    from nps_research.comparison.detection import contrast, sample_ratio
    from nps_research.comparison.efficiency import efficacies
    from nps_research.comparison.explanations import explanations
    from nps_research.comparison.progress import level_or_change
    from nps_research.comparison.shifts import Shift
    from nps_research.comparison.survey_waves import SurveyWaves
    from nps_research.counts import random_split, tabulate
    from nps_research.coverage import nps_coverage
    from nps_research.datasets import list_datasets, load_counts, load_table
    from nps_research.detection.evidence import evidence_table
    from nps_research.detection.records import agent_records
    from nps_research.detection.suspicion import suspicion
    from nps_research.diagnostics import interval_table
    from nps_research.differences import mean_difference, nps_difference
    from nps_research.drivers.comparability import reporting_bounds
    from nps_research.drivers.items import item_effects
    from nps_research.drivers.priorities import importance_performance
    from nps_research.drivers.relative_importance import relative_importance
    from nps_research.drivers.segments import heterogeneity
    from nps_research.explorer.controls import explore
    from nps_research.inflation.breakdown import breakdown
    from nps_research.inflation.model import InflationModel
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
    from nps_research.people.observed_variance import observed_share
    from nps_research.people.ranking import rank_table
    from nps_research.people.risk_adjustment import adjusted_nps
    from nps_research.people.unit_flags import flags
    from nps_research.people.waterfall import waterfall
    from nps_research.planning import nps_precision_sample_size, nps_sample_size
    from nps_research.scale import RatingScale
    from nps_research.session import session_information
    from nps_research.silence.accounts import read_accounts
    from nps_research.silence.churn_ratio import churn_ratio
    from nps_research.silence.joint_response import JointResponse
    from nps_research.silence.nonresponse import nps_bounds, tipping_point
    from nps_research.silence.poststratification import poststratified, raked
    from nps_research.survey import read_survey
    from nps_research.tracking.control_charts import control_chart
    from nps_research.tracking.model import WaveModel
    from nps_research.tracking.run_lengths import average_run_length

__version__ = "0.1.0"

# Public names and the modules that define them: a name is imported when it is first used, so that
# importing the package costs nothing.
_HOMES = {
    "DeltaTarget": "market.regimes",
    "HazardModel": "churn.hazard",
    "Incentives": "market.mechanisms",
    "InflationModel": "inflation.model",
    "JointResponse": "silence.joint_response",
    "LevelTarget": "market.regimes",
    "Market": "market.simulate",
    "Normal": "ordinal.priors",
    "NorthStar": "market.regimes",
    "OrdinalModel": "ordinal.model",
    "PayForActions": "market.regimes",
    "PayPerPoint": "market.regimes",
    "Priors": "ordinal.priors",
    "RatingScale": "scale",
    "Shift": "comparison.shifts",
    "StudentT": "ordinal.priors",
    "SurveyWaves": "comparison.survey_waves",
    "WaveModel": "tracking.model",
    "adjusted_nps": "people.risk_adjustment",
    "agent_records": "detection.records",
    "attribute": "market.attribution",
    "auc": "churn.discrimination",
    "average_run_length": "tracking.run_lengths",
    "borders": "churn.borders",
    "bottom_box": "metrics",
    "breakdown": "inflation.breakdown",
    "churn_ratio": "silence.churn_ratio",
    "close_the_loop": "churn.recovery",
    "compare": "ordinal.comparison",
    "compare_codings": "churn.codings",
    "contrast": "comparison.detection",
    "control_chart": "tracking.control_charts",
    "csat": "metrics",
    "efficacies": "comparison.efficiency",
    "evidence_table": "detection.evidence",
    "explanations": "comparison.explanations",
    "explore": "explorer.controls",
    "false_alarms": "comparison.alarms",
    "fit_codings": "churn.codings",
    "flags": "people.unit_flags",
    "heterogeneity": "drivers.segments",
    "impact": "ordinal.criticism",
    "importance_performance": "drivers.priorities",
    "interval_table": "diagnostics",
    "item_effects": "drivers.items",
    "kaplan_meier": "churn.survival",
    "level_or_change": "comparison.progress",
    "lifetimes": "churn.lifetimes",
    "lifetimes_from_dates": "churn.dates",
    "list_datasets": "datasets",
    "load_counts": "datasets",
    "load_fit": "ordinal.model",
    "load_table": "datasets",
    "mean_difference": "differences",
    "mean_score": "metrics",
    "metric_correlation": "comparison.association",
    "nps": "metrics",
    "nps_bounds": "silence.nonresponse",
    "nps_coverage": "coverage",
    "nps_difference": "differences",
    "nps_precision_sample_size": "planning",
    "nps_sample_size": "planning",
    "observed_share": "people.observed_variance",
    "parallelism": "ordinal.parallelism",
    "poststratified": "silence.poststratification",
    "published_estimates": "agreement",
    "raked": "silence.poststratification",
    "random_split": "counts",
    "rank_table": "people.ranking",
    "read_accounts": "silence.accounts",
    "read_survey": "survey",
    "record": "claims",
    "record_estimate": "claims",
    "record_posterior": "claims",
    "relative_importance": "drivers.relative_importance",
    "reporting_bounds": "drivers.comparability",
    "revenue_at_risk": "churn.revenue",
    "sample_ratio": "comparison.detection",
    "session_information": "session",
    "shares": "metrics",
    "simple_formula": "churn.formula",
    "suspicion": "detection.suspicion",
    "sweep": "market.grids",
    "tabulate": "counts",
    "three_bins": "ordinal.comparison",
    "tipping_point": "silence.nonresponse",
    "top_box": "metrics",
    "trajectories": "churn.trajectories",
    "uplift": "market.estimands",
    "waterfall": "people.waterfall",
}
_MODULES = (
    "claims",
    "churn_plots",
    "comparison_plots",
    "detection_plots",
    "driver_plots",
    "inflation_plots",
    "line_plots",
    "market_plots",
    "ordinal_plots",
    "people_plots",
    "plots",
    "regime_plots",
    "revenue_plots",
    "silence_plots",
    "tracking_plots",
)

__all__ = [
    "DeltaTarget",
    "HazardModel",
    "Incentives",
    "InflationModel",
    "JointResponse",
    "LevelTarget",
    "Market",
    "Normal",
    "NorthStar",
    "OrdinalModel",
    "PayForActions",
    "PayPerPoint",
    "Priors",
    "RatingScale",
    "Shift",
    "StudentT",
    "SurveyWaves",
    "WaveModel",
    "adjusted_nps",
    "agent_records",
    "attribute",
    "auc",
    "average_run_length",
    "borders",
    "bottom_box",
    "breakdown",
    "churn_plots",
    "churn_ratio",
    "claims",
    "close_the_loop",
    "compare",
    "compare_codings",
    "comparison_plots",
    "contrast",
    "control_chart",
    "csat",
    "detection_plots",
    "driver_plots",
    "efficacies",
    "evidence_table",
    "explanations",
    "explore",
    "false_alarms",
    "fit_codings",
    "flags",
    "heterogeneity",
    "impact",
    "importance_performance",
    "inflation_plots",
    "interval_table",
    "item_effects",
    "kaplan_meier",
    "level_or_change",
    "lifetimes",
    "lifetimes_from_dates",
    "line_plots",
    "list_datasets",
    "load_counts",
    "load_fit",
    "load_table",
    "market_plots",
    "mean_difference",
    "mean_score",
    "metric_correlation",
    "nps",
    "nps_bounds",
    "nps_coverage",
    "nps_difference",
    "nps_precision_sample_size",
    "nps_sample_size",
    "observed_share",
    "ordinal_plots",
    "parallelism",
    "people_plots",
    "plots",
    "poststratified",
    "published_estimates",
    "raked",
    "random_split",
    "rank_table",
    "read_accounts",
    "read_survey",
    "record",
    "record_estimate",
    "record_posterior",
    "regime_plots",
    "relative_importance",
    "reporting_bounds",
    "revenue_at_risk",
    "revenue_plots",
    "sample_ratio",
    "session_information",
    "shares",
    "silence_plots",
    "simple_formula",
    "suspicion",
    "sweep",
    "tabulate",
    "three_bins",
    "tipping_point",
    "top_box",
    "tracking_plots",
    "trajectories",
    "uplift",
    "waterfall",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"nps_research.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nps_research' has no attribute {name!r}")
    return getattr(import_module(f"nps_research.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
