"""What a result shows of itself: the same facts as text and as HTML."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, fields
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Of a text, so that it fits into the narrowest usual terminal beside a line number.
WIDTH = 100
# Of a table; the rows in the middle of a longer one are left out.
ROWS = 6
# Of a mapping or sequence; the entries after these are counted.
ENTRIES = 6


@dataclass(frozen=True)
class View:
    """Facts about a result, in the order in which a reader needs them.

    Attributes
    ----------
    title : str
        What it is, and its size.
    facts : mapping of str to object
        What follows, by label: interval kind, seed, diagnostics, main numbers.
    warnings : sequence of str
        What is wrong with it and what to do; shown first, right after the title.
    table : pandas.DataFrame, optional
        Main numbers, rounded as they are to be read.

    Examples
    --------
    >>> view = View("3 answers < 10", {"seed": 1}, ["too few answers: ask more people."])
    >>> print(view.text())
    3 answers < 10
    WARNING: too few answers: ask more people.
    seed: 1
    >>> view.html()[:26]
    '<p>3 answers &lt; 10</p><p'
    """

    title: str
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    table: pd.DataFrame | None = None

    def text(self) -> str:
        """Return lines of at most 100 characters where words allow, then the table."""
        facts = (f"{label}: {shown(value)}" for label, value in self.facts.items())
        lines = [self.title, *(f"WARNING: {each}" for each in self.warnings), *facts]
        wrapped = (_wrapped(line) for paragraph in lines for line in paragraph.splitlines())
        tables = (each.to_string(max_rows=ROWS, line_width=WIDTH) for each in self._tables)
        return "\n".join([*wrapped, *tables])

    def html(self) -> str:
        """Return the same as HTML in which nothing comes from the data unescaped."""
        parts = [f"<p>{escape(line)}</p>" for line in self.title.splitlines()]
        parts += [f"<p><strong>WARNING: {escape(each)}</strong></p>" for each in self.warnings]
        # Not as a table: what the book lists as tables are those with numbers.
        facts = (
            f"<strong>{escape(label)}</strong>: {escape(shown(value))}"
            for label, value in self.facts.items()
        )
        parts += [f"<p>{'<br>'.join(facts)}</p>"] if self.facts else []
        return "".join([*parts, *(each.to_html(max_rows=ROWS) for each in self._tables)])

    @property
    def _tables(self) -> list[pd.DataFrame]:
        """The table, if there is one, without a view of its own."""
        return [] if self.table is None else [pd.DataFrame(self.table)]


def viewed[Shown: type](shown_class: Shown) -> Shown:
    """Show objects of a class by their `_view`, or by their fields if they have none.

    Parameters
    ----------
    shown_class : type
        A class with a method `_view` that returns a `View`; or a dataclass or named tuple.

    Returns
    -------
    type
        The same class with `__repr__` and `_repr_html_`.

    Examples
    --------
    >>> @viewed
    ... @dataclass
    ... class Found:
    ...     share: float
    ...     draws: np.ndarray
    >>> Found(1 / 3, np.zeros((4, 1000)))
    Found
    share: 0.3333
    draws: numbers of shape 4 x 1,000
    """
    for name, method in (("__repr__", _text), ("_repr_html_", _html)):
        setattr(shown_class, name, method)
    return shown_class


def shown(value: Any) -> str:
    """Return a value on one line: numbers to four digits, tables and arrays by their size.

    Examples
    --------
    >>> shown(12345.678), shown(0.123456), shown((1, 2.5)), shown({"a": None})
    ('12,346', '0.1235', '1, 2.5', 'a none')
    """
    if value is None:
        return "none"
    if isinstance(value, float | np.floating | Fraction):
        return f"{value:,.0f}" if abs(float(value)) >= 1000 else f"{float(value):.4g}"
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, pd.DataFrame):
        return f"table of {len(value):,} rows: {shown([str(name) for name in value.columns])}"
    shape: tuple[int, ...] = getattr(value, "shape", ())
    if shape:
        return f"numbers of shape {' x '.join(f'{size:,}' for size in shape)}"
    return " ".join(_several(value).split())


def changed(settings: Any) -> str:
    """Return what differs from the defaults of a settings dataclass, as the call that makes it.

    Examples
    --------
    >>> @dataclass
    ... class Rules:
    ...     limit: float = 3.0
    ...     level: float = 0.95
    >>> changed(Rules()), changed(Rules(limit=2.0))
    ('the defaults', 'Rules(limit=2.0)')
    """
    usual = type(settings)()
    own = ((each.name, getattr(settings, each.name)) for each in fields(settings))
    differing = ", ".join(
        f"{name}={value!r}" for name, value in own if value != getattr(usual, name)
    )
    return f"{type(settings).__name__}({differing})" if differing else "the defaults"


def sized(number: int, name: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> sized(1, "answer"), sized(2000, "answer")
    ('1 answer', '2,000 answers')
    """
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def _several(value: Any) -> str:
    if isinstance(value, dict):
        return _listed([f"{name} {shown(each)}" for name, each in value.items()])
    if isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields"):
        return _listed([shown(each) for each in value])
    return str(value)


def _listed(entries: list[str]) -> str:
    rest = len(entries) - ENTRIES
    named = ", ".join(entries[:ENTRIES]) or "none"
    return f"{named} and {rest:,} more" if rest > 0 else named


def _text(self: Any) -> str:
    return _view_of(self).text()


def _html(self: Any) -> str:
    return _view_of(self).html()


def _view_of(thing: Any) -> View:
    if hasattr(thing, "_view"):
        view: View = thing._view()
        return view
    own = getattr(thing, "_fields", None) or [each.name for each in fields(thing)]
    return View(type(thing).__name__, {name: getattr(thing, name) for name in own})


def _wrapped(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
