"""What a column says about leaving: codes read as 1 and 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.survey_files import refuse_rows, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    type Codes = Mapping[object, int | None]

# What stands for leaving and staying unless the caller says otherwise. True is 1 and False is 0.
OUTCOMES: dict[object, int | None] = {1: 1, 0: 0, "1": 1, "0": 0, "yes": 1, "no": 0}
MISSING = -1


def coded_outcomes(cells: pd.Series, outcomes: Codes | None = None) -> pd.Series:
    """Read what became of people as 1 (left), 0 (stayed) and -1 (declared unknown).

    Parameters
    ----------
    cells : pandas.Series
        Codes, in a column that is named in errors.
    outcomes : mapping, optional
        What every code means: 1, 0, or None for an outcome that is not known. The key None stands
        for an empty cell. By default 1, 0, True, False, "yes" and "no".

    Returns
    -------
    pandas.Series
        Of int64, with the index of `cells`.

    Raises
    ------
    ValueError
        If a code is not declared, or means something else.

    Examples
    --------
    >>> codes = {"left": 1, "there": 0, None: None}
    >>> coded_outcomes(pd.Series(["left", "there", None]), codes).tolist()
    [1, 0, -1]
    """
    known = OUTCOMES if outcomes is None else dict(outcomes)
    _check_meanings(known)
    keys = cells.astype(object).where(cells.notna(), None)
    unknown = ~keys.map(lambda code: code in known)
    refuse_rows(
        cells,
        unknown.to_numpy(dtype=bool),
        f"{cells.name} must hold {_listed(known)}",
        "Declare the code in outcomes=, as 1 (left), 0 (stayed) or None (not known).",
    )
    meanings = [known[key] for key in keys]
    values = [MISSING if meaning is None else int(meaning) for meaning in meanings]
    return pd.Series(values, cells.index, dtype=np.int64, name=cells.name)


def _check_meanings(outcomes: Codes) -> None:
    for code, meaning in outcomes.items():
        if meaning not in {0, 1, None}:
            raise ValueError(
                f"outcomes must map every code to 1 (left), 0 (stayed) or None (not known); found "
                f"{shown(code)}: {shown(meaning)}."
            )


def _listed(outcomes: Codes) -> str:
    names = ["an empty cell" if code is None else shown(code) for code in outcomes]
    return ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]
