"""What the recommend score says, what it predicts, and what pay does to it.

Everything is estimated from counts: one row per combination of predictors and score, with a
column `n`. Start with `load_counts` or `read_survey`, then `nps` and `OrdinalModel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nps_research.counts import random_split, tabulate
    from nps_research.datasets import list_datasets, load_counts, load_table
    from nps_research.scale import RatingScale
    from nps_research.survey import read_survey

__version__ = "0.1.0"

# Public names and the modules that define them: a name is imported when it is first used, so that
# importing the package costs nothing.
_HOMES = {
    "RatingScale": "scale",
    "list_datasets": "datasets",
    "load_counts": "datasets",
    "load_table": "datasets",
    "random_split": "counts",
    "read_survey": "survey",
    "tabulate": "counts",
}
_MODULES: tuple[str, ...] = ()

__all__ = [
    "RatingScale",
    "list_datasets",
    "load_counts",
    "load_table",
    "random_split",
    "read_survey",
    "tabulate",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"nps_research.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'nps_research' has no attribute {name!r}")
    return getattr(import_module(f"nps_research.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
