"""What a run depends on: versions of the interpreter and of the packages behind the numbers."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pandas as pd

PACKAGES = ("nps-research", "numpy", "scipy", "pandas", "formulae", "pymc", "nutpie", "arviz")


def session_information() -> pd.DataFrame:
    """Return the versions of Python and of the packages that numbers depend on.

    Returns
    -------
    pandas.DataFrame
        Indexed by name, column ``version``.

    Examples
    --------
    >>> session_information().loc["nps-research", "version"]
    '0.1.0'
    """
    versions = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return pd.DataFrame({"version": pd.Series(versions)}).rename_axis("package")
