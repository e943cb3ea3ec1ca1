"""Marks of small drawings (SVG): text, bars, lines, points and an axis below rows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, MARGIN, ROW = 420, 14, 22
# Where the rows of a panel begin, below its title and its legend.
TOP = 52
LABELS = 166  # width of the names of rows, and of their numbers
PALE = "#DDDDDD"


@dataclass(frozen=True)
class Axis:
    """A horizontal axis below rows."""

    low: float
    high: float
    left: float = MARGIN + LABELS
    right: float = WIDTH - 2 * MARGIN

    def at(self, value: float) -> float:
        """Return where a value is."""
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def draw(self, y: float, step: float, label: str) -> str:
        """Return the axis with its ticks and its label, and lines up to the top of the rows."""
        ticks = np.arange(np.ceil(self.low / step) * step, self.high + step / 2, step)
        lines = [line_mark(self.at(t), TOP - 6, self.at(t), y, PALE) for t in ticks]
        names = [text_mark(self.at(t), y + 16, f"{t:g}", anchor="middle") for t in ticks]
        middle = (self.left + self.right) / 2
        return "".join([*lines, *names, text_mark(middle, y + 33, label, anchor="middle")])


def text_mark(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 13
) -> str:
    """Return a text; `anchor` says which end of it is at x."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}' "
        f"font-size='{size}'>{escape(text)}</text>"
    )


def bar_mark(x: float, y: float, width: float, height: float, colour: str) -> str:
    """Return a filled rectangle."""
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colour}'/>"
    )


def line_mark(  # noqa: PLR0917  (two points, a colour and a width)
    x: float, y: float, x_end: float, y_end: float, colour: str, width: float = 1.0
) -> str:
    """Return a straight line."""
    return (
        f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{x_end:.1f}' y2='{y_end:.1f}' stroke='{colour}' "
        f"stroke-width='{width:g}'/>"
    )


def point_mark(x: float, y: float, colour: str, radius: float = 5.0) -> str:
    """Return a filled circle."""
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:g}' fill='{colour}'/>"
