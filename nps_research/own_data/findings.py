"""Findings: sentences that are computed from results, and shown as text of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd


class Finding(str):
    """A sentence or two in Markdown, shown as such by Jupyter."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def listed(names: Iterable[object]) -> str:
    """Join names as in a sentence.

    Examples
    --------
    >>> listed(["5", "8", "10"]), listed(["5"]), listed([])
    ('5, 8 and 10', '5', 'none')
    """
    words = [str(name) for name in names]
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def span(row: pd.Series | pd.DataFrame, columns: Sequence[str] = ("lower", "upper")) -> str:
    """Write the limits of an interval with one decimal.

    Examples
    --------
    >>> import pandas as pd
    >>> span(pd.Series({"lower": -1.25, "upper": 3.0}))
    '-1.2 to 3.0'
    """
    low, high = row[list(columns)].to_numpy(dtype=float).ravel()
    return f"{low:.1f} to {high:.1f}"


def named(group: Any) -> str:
    """Write the label of a group, whose column may be part of it, as in ``year 2018``.

    Examples
    --------
    >>> named(("year", "2018")), named("all")
    ('year 2018', 'all')
    """
    return " ".join(map(str, group)) if isinstance(group, tuple) else str(group)
