"""The explorer's figures as small drawings (SVG): made in a millisecond, sharp at every width."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from nps_research.explorer.labels import label_of
from nps_research.explorer.marks import (
    LABELS,
    MARGIN,
    PALE,
    ROW,
    TOP,
    WIDTH,
    Axis,
    bar_mark,
    line_mark,
    point_mark,
    text_mark,
)
from nps_research.explorer.narration import (
    all_contributions_in_words,
    distribution_in_words,
    exactness,
    leaving_in_words,
    scores_in_words,
    sentences,
    signed,
)
from nps_research.plots import ACCENT, GROUP_COLOURS, INK, SECOND, WALD_95

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nps_research.explorer.outcome import Outcome
    from nps_research.intervals import Interval

GREY = GROUP_COLOURS["passives"]
FONT = "font-family='system-ui, sans-serif' font-size='13'"


@dataclass(frozen=True)
class Panel:
    """A drawing of its own: its height, what is in it, and what it says."""

    height: float
    content: str
    text: str

    def svg(self, x: float = 0.0, y: float = 0.0, attributes: str = "") -> str:
        """Return the panel, to stand alone or inside another drawing."""
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' x='{x:g}' y='{y:g}' width='{WIDTH}' "
            f"height='{self.height:g}' viewBox='0 0 {WIDTH} {self.height:g}' role='img' "
            f"aria-label='{escape(self.text, quote=True)}' {FONT} fill='{INK}' {attributes}>"
            f"{self.content}</svg>"
        )


@dataclass(frozen=True)
class Drawing:
    """All panels; notebooks show two pictures, side by side where there is room."""

    panels: tuple[Panel, ...]
    title: str
    text: str

    def _repr_html_(self) -> str:
        pictures = "".join(_picture(_one(each)) for each in stacks(self.panels))
        return f"<p><strong>{escape(self.title)}</strong></p><div>{pictures}</div>"

    def _repr_svg_(self) -> str:
        """Return one picture, for readers of notebooks that show no pictures inside HTML."""
        left, right = (_one(each) for each in stacks(self.panels))
        width, height = 2 * WIDTH, max(left.height, right.height)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height:g}' "
            f"viewBox='0 0 {width} {height:g}' role='img' "
            f"aria-label='{escape(self.text, quote=True)}' style='background:white'>"
            f"{left.svg()}{right.svg(x=WIDTH)}</svg>"
        )

    def __repr__(self) -> str:
        return self.text


def drawing_of(outcome: Outcome, *, title: str = "") -> Drawing:
    """Draw an outcome.

    Parameters
    ----------
    outcome : Outcome
        Result of `outcome_of`.
    title : str
        Title of the figure.

    Returns
    -------
    Drawing
        A picture in a notebook; its text names the numbers.

    Examples
    --------
    >>> from nps_research.explorer.outcome import outcome_of
    >>> from nps_research.explorer.settings import Settings
    >>> picture = drawing_of(outcome_of(Settings(customers=200)), title="Nothing")
    >>> picture._repr_html_().count("<img"), repr(picture)[:12]
    (2, 'Recorded NPS')
    """
    return Drawing(panels(outcome), title, " ".join(sentences(outcome)))


def panels(outcome: Outcome) -> tuple[Panel, ...]:
    """Draw scores, net promoter scores, customers who left, and contributions."""
    return (
        score_panel(outcome),
        nps_panel(outcome),
        leaving_panel(outcome),
        contribution_panel(outcome),
    )


def stacks(drawn: Sequence[Panel]) -> tuple[Sequence[Panel], Sequence[Panel]]:
    """Return the panels in two stacks of about one height: what happened, and who did it."""
    return drawn[:3], drawn[3:]


def score_panel(outcome: Outcome) -> Panel:
    """Draw the recorded scores as points over the honest ones as bars."""
    year = outcome.with_incentives
    honest, recorded = (100 * each / each.sum() for each in (year.honest, year.recorded))
    bottom, high = TOP + 130.0, max(50.0, float(max(honest.max(), recorded.max())))
    slot = (WIDTH - 4 * MARGIN) / len(honest)
    parts = [_axis_of_shares(bottom, high)]
    for score, (bar, dot) in enumerate(zip(honest, recorded, strict=True)):
        middle = 3 * MARGIN + (score + 0.5) * slot
        height = bar / high * (bottom - TOP)
        parts.append(bar_mark(middle - 0.4 * slot, bottom - height, 0.8 * slot, height, GREY))
        parts.append(point_mark(middle, bottom - dot / high * (bottom - TOP), SECOND))
        parts.append(text_mark(middle, bottom + 16, str(score), anchor="middle"))
    parts.append(text_mark(WIDTH / 2 + MARGIN, bottom + 33, "Score", anchor="middle"))
    head = _head("Answers (%)", (("dot", SECOND, "recorded"), ("bar", GREY, "honest")))
    return Panel(bottom + 42, head + "".join(parts), distribution_in_words(year))


def nps_panel(outcome: Outcome) -> Panel:
    """Draw the net promoter scores with their sampling intervals."""
    after, before = outcome.with_incentives, outcome.without
    rows = (
        ("No incentives", before.honest_nps, INK),
        ("Honest", after.honest_nps, ACCENT),
        ("Recorded", after.recorded_nps, SECOND),
    )
    lowest = min(float(nps.lower[0]) for _, nps, _ in rows)
    axis = Axis(min(-20.0, 20.0 * np.floor(lowest / 20.0)), 100.0)
    bottom = TOP + ROW * len(rows)
    parts = [axis.draw(bottom, 20.0, "NPS (points)")]
    for row, (name, nps, colour) in enumerate(rows):
        parts.append(_interval_row(axis, TOP + ROW * (row + 0.5), name, nps, colour))
    head = _head("Net promoter score", (("line", INK, "95 % confidence interval"),))
    return Panel(bottom + 42, head + "".join(parts), scores_in_words(outcome))


def leaving_panel(outcome: Outcome) -> Panel:
    """Draw the customers who left."""
    rows = (
        ("No incentives", outcome.without, INK),
        ("Incentives", outcome.with_incentives, ACCENT),
    )
    most = max(year.churners / year.customers for _, year, _ in rows)
    axis, bottom = Axis(0.0, max(40.0, 10.0 * np.ceil(10.0 * most))), TOP + ROW * len(rows)
    parts = [axis.draw(bottom, 10.0, "Customers who left (%)")]
    for row, (name, year, colour) in enumerate(rows):
        y, share = TOP + ROW * (row + 0.5), 100.0 * year.churners / year.customers
        parts.append(bar_mark(axis.left, y - 7, axis.at(share) - axis.left, 14, colour))
        parts.append(text_mark(axis.at(share) + 5, y + 5, f"{year.churners:,}"))
        parts.append(text_mark(MARGIN, y + 5, name))
    return Panel(
        bottom + 42, _head("Within the year", ()) + "".join(parts), leaving_in_words(outcome)
    )


def contribution_panel(outcome: Outcome) -> Panel:
    """Draw what each mechanism did to the recorded score: inflation, and real change."""
    table = outcome.contributions.table
    error = WALD_95 * outcome.contributions.error("observed_nps")
    recorded, inflation = (table[name]["shapley"] for name in ("observed_nps", "inflation"))
    real = recorded - inflation
    bottom = TOP + ROW * max(len(table), 1)
    axis = Axis(*_limits([recorded, inflation, real]))
    parts = [axis.draw(bottom, _step(axis), "Change of recorded NPS (points)")]
    for row, name in enumerate(table.index):
        y = TOP + ROW * (row + 0.5)
        parts += _stacked(axis, y, float(inflation[name]), float(real[name]))
        parts.append(_whisker(axis, y, float(recorded[name]), error))
        parts.append(text_mark(MARGIN, y + 5, label_of(name)))
    legend = (("bar", SECOND, "inflation"), ("bar", ACCENT, "real"), ("dot", INK, "both"))
    head = _head("Who did it (Shapley values)", legend)
    notes = text_mark(MARGIN, bottom + 56, f"Parts: {exactness(outcome)}.", size=11)
    return Panel(bottom + 66, head + "".join(parts) + notes, all_contributions_in_words(outcome))


def _one(stack: Sequence[Panel]) -> Panel:
    """Return panels below each other as one."""
    tops = np.cumsum([0.0, *(panel.height for panel in stack)])
    content = "".join(panel.svg(y=float(top)) for panel, top in zip(stack, tops[:-1], strict=True))
    return Panel(float(tops[-1]), content, " ".join(panel.text for panel in stack))


def _picture(panel: Panel) -> str:
    """Return a panel as a picture with its text, and no address in it."""
    source = quote(panel.svg(attributes="style='background:white'"), safe="")
    return (
        f"<img width='{WIDTH}' style='max-width:100%;height:auto' "
        f"alt='{escape(panel.text, quote=True)}' src='data:image/svg+xml,{source}'>"
    )


def _head(title: str, legend: Sequence[tuple[str, str, str]]) -> str:
    """Return the title of a panel and, below it, what its colours mean."""
    parts, x = [text_mark(MARGIN, 18, title, weight="bold")], float(MARGIN)
    marks: dict[str, Any] = {
        "dot": lambda x, colour: point_mark(x + 6, 34, colour),
        "bar": lambda x, colour: bar_mark(x, 28, 12, 12, colour),
        "line": lambda x, colour: line_mark(x, 34, x + 12, 34, colour, 2),
    }
    for kind, colour, name in legend:
        parts += [marks[kind](x, colour), text_mark(x + 18, 38, name)]
        x += 34 + 7.5 * len(name)
    return "".join(parts)


def _axis_of_shares(bottom: float, high: float) -> str:
    ticks = np.arange(0.0, high + 1.0, 10.0 if high <= 60.0 else 20.0)
    heights = [bottom - tick / high * (bottom - TOP) for tick in ticks]
    lines = [line_mark(3 * MARGIN, y, WIDTH - MARGIN, y, PALE) for y in heights]
    names = [
        text_mark(2.6 * MARGIN, y + 4, f"{tick:g}", anchor="end")
        for tick, y in zip(ticks, heights, strict=True)
    ]
    return "".join(lines + names)


def _interval_row(axis: Axis, y: float, name: str, nps: Interval, colour: str) -> str:
    low, middle, high = (axis.at(float(each[0])) for each in (nps.lower, nps.estimate, nps.upper))
    value = text_mark(MARGIN + LABELS - 8, y + 5, f"{nps.estimate[0]:.1f}", anchor="end")
    line = line_mark(low, y, high, y, colour, 3)
    return text_mark(MARGIN, y + 5, name) + value + line + point_mark(middle, y, colour)


def _stacked(axis: Axis, y: float, inflation: float, real: float) -> list[str]:
    """Return two bars; where both have one sign the second begins at the end of the first."""
    start = inflation if inflation * real > 0.0 else 0.0
    bars = ((0.0, inflation, SECOND), (start, start + real, ACCENT))
    return [
        bar_mark(axis.at(min(a, b)), y - 7, abs(axis.at(b) - axis.at(a)), 14, colour)
        for a, b, colour in bars
    ]


def _whisker(axis: Axis, y: float, value: float, half: float) -> str:
    line = line_mark(axis.at(value - half), y, axis.at(value + half), y, INK, 1.5)
    number = text_mark(MARGIN + LABELS - 4, y + 5, signed(value), anchor="end")
    return line + point_mark(axis.at(value), y, INK, 3.0) + number


def _limits(columns: Sequence[Any]) -> tuple[float, float]:
    """Return the ends of an axis, which move only for what would lie outside."""
    low = min([-10.0, *(5.0 * np.floor(each.min() / 5.0) for each in columns if len(each))])
    high = max([15.0, *(5.0 * np.ceil(each.max() / 5.0) for each in columns if len(each))])
    return float(low), float(high)


def _step(axis: Axis) -> float:
    return 5.0 if axis.high - axis.low <= 40.0 else 10.0
