"""The explorer in a notebook or an app: sliders, a figure, and the numbers in words."""

from __future__ import annotations

from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nps_research.explorer.drawing import panels, stacks
from nps_research.explorer.labels import MEANINGS, label_of
from nps_research.explorer.narration import sentences
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.presets import PRESETS, START
from nps_research.explorer.settings import (
    CUSTOMERS,
    DRAW,
    NUMBERS,
    PAY,
    STRENGTH,
    TARGET,
    WHOLE,
    Settings,
)
from nps_research.market.mechanisms import MECHANISMS

if TYPE_CHECKING:
    from types import ModuleType

    from nps_research.explorer.outcome import Outcome

NAMES = {
    STRENGTH: "Strength of incentives",
    TARGET: "Target (points)",
    CUSTOMERS: "Customers",
    DRAW: "Draw of luck",
}
# Two columns where there is room for both, one below the other on a phone.
ROW = {"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start"}
CONTROLS = {"flex": "1 1 310px", "max_width": "100%", "min_width": "0"}
RESULTS = {"flex": "2 1 340px", "max_width": "100%", "min_width": "0", "overflow": "hidden"}
FULL = {"width": "auto", "max_width": "100%"}
PANELS = "display:flex;flex-wrap:wrap;background:white;color:#333333;width:100%"
STACK = "flex:1 1 340px;max-width:520px;min-width:0"
WORDS = "background:white;color:#333333;line-height:1.4;white-space:normal;padding:4px 14px"
# ipywidgets gives handles of sliders no name, and replaces a text instead of changing it:
# screen readers hear neither without this.
NAME_HANDLES = """
if (!window.npsExplorerNames) {
  const name = () => {
    const nameless = ".nps-explorer .noUi-handle:not([aria-label])";
    for (const handle of document.querySelectorAll(nameless)) {
      const label = handle.closest(".jupyter-widgets").querySelector(".widget-label");
      handle.setAttribute("aria-label", label.textContent);
    }
    for (const line of document.querySelectorAll(".nps-headline:not([aria-live])")) {
      line.setAttribute("aria-live", "polite");
    }
  };
  window.npsExplorerNames = new MutationObserver(name);
  window.npsExplorerNames.observe(document.body, {childList: true, subtree: true});
  name();
}
"""


class Explorer:
    """Sliders with what follows from them; display it as the last line of a cell.

    While a year is computed, the browser keeps only the latest position of a dragged slider, so
    that the figure follows the hand and never lags behind it.

    Parameters
    ----------
    settings : Settings
        Where to begin, and where the button "Reset" leads back to.

    Attributes
    ----------
    sliders : dict of str to widget
        By name of the setting or mechanism.
    pay : widget
        Menu of what agents are paid for.
    buttons : dict of str to widget
        Presets and "Reset".
    headline, words, picture : widget
        The two scores, all numbers in words, and the figure, as HTML.
    box : widget
        All of it.

    Raises
    ------
    ModuleNotFoundError
        If ipywidgets is not installed; the message says how to install it.
    """

    def __init__(self, settings: Settings) -> None:
        self._widgets = _ipywidgets()
        self._start, self._quiet = settings, False
        self.sliders = {name: self._slider(name) for name in (*NUMBERS, *MECHANISMS)}
        self.pay = self._menu()
        self.buttons = {name: self._button(name) for name in (*PRESETS, "Reset")}
        self.headline, self.words, self.picture = (self._html() for _ in range(3))
        self.headline.add_class("nps-headline")
        self.box = self._laid_out()
        self.show(settings)
        for control in (*self.sliders.values(), self.pay):
            control.observe(self._changed, "value")

    @property
    def settings(self) -> Settings:
        """Position of all controls."""
        values = {name: slider.value for name, slider in self.sliders.items()}
        return Settings().with_values(pay=self.pay.value, **values)

    def show(self, settings: Settings) -> None:
        """Move all controls at once, and draw once."""
        self._quiet = True
        values = {name: getattr(settings, name) for name in NUMBERS}
        for name, value in (values | settings.incentives.as_dict()).items():
            self.sliders[name].value = value
        self.pay.value = settings.pay
        self._quiet = False
        self._draw()

    def _changed(self, _: object) -> None:
        if not self._quiet:
            self._draw()

    def _draw(self) -> None:
        outcome = outcome_of(self.settings)
        self.picture.value, self.words.value = figure_of(outcome), words_of(outcome)
        # Last: whoever sees it change has seen the rest.
        self.headline.value = headline_of(outcome)

    def _html(self) -> Any:
        return self._widgets.HTML(layout=FULL)

    def _slider(self, name: str) -> Any:
        low, high, step, meaning = NUMBERS.get(name, (_lowest(name), 1.0, 0.1, MEANINGS.get(name)))
        kind = self._widgets.IntSlider if name in WHOLE else self._widgets.FloatSlider
        number = int if name in WHOLE else float
        return kind(
            min=number(low),
            max=number(high),
            step=number(step),
            description=NAMES.get(name) or label_of(name),
            tooltip=meaning,
            readout_format="d" if name in WHOLE or name == TARGET else ".1f",
            style={"description_width": "9.5rem"},
            layout=FULL,
        )

    def _menu(self) -> Any:
        return self._widgets.Dropdown(
            options=[(f"{words[0].upper()}{words[1:]}", name) for name, words in PAY.items()],
            description="Paid for",
            style={"description_width": "9.5rem"},
            layout=FULL,
        )

    def _button(self, name: str) -> Any:
        settings = PRESETS.get(name, self._start)
        button = self._widgets.Button(description=name, layout={"width": "auto"})
        button.on_click(lambda _: self.show(settings))
        return button

    def _laid_out(self) -> Any:
        box, stack = self._widgets.Box, self._widgets.VBox
        about_all = [self.sliders[STRENGTH], self.pay]
        about_all += [self.sliders[name] for name in (TARGET, CUSTOMERS, DRAW)]
        mechanisms = [self.sliders[name] for name in MECHANISMS]
        columns = [
            # Beside the sliders, so that a phone shows it while one of them is moved.
            stack([*about_all, self.headline, *mechanisms], layout=CONTROLS),
            stack([self.words, self.picture], layout=RESULTS),
        ]
        presets = box(list(self.buttons.values()), layout=ROW)
        whole = stack([presets, box(columns, layout=ROW), self._script()])
        whole.add_class("nps-explorer")
        return whole

    def _script(self) -> Any:
        data = {"application/javascript": NAME_HANDLES}
        shown = {"output_type": "display_data", "data": data, "metadata": {}}
        return self._widgets.Output(outputs=(shown,))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown: dict[str, Any] = self.box._repr_mimebundle_()
        return shown | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return "Explorer with sliders, which needs a running kernel."


def explore(settings: Settings | None = None) -> Explorer:
    """Show a simulated firm with sliders for everything that pay for the score may bring.

    Parameters
    ----------
    settings : Settings, optional
        Where to begin; by default every mechanism is at full strength.

    Returns
    -------
    Explorer
        Shown by a notebook that runs; the app of notebook 13 shows the same.

    Raises
    ------
    ModuleNotFoundError
        If ipywidgets is not installed.

    Examples
    --------
    >>> explore().settings.customers
    1000
    """
    return Explorer(settings or PRESETS[START])


def headline_of(outcome: Outcome) -> str:
    """Return the two scores as HTML."""
    after = outcome.with_incentives
    recorded, honest = (nps.estimate[0] for nps in (after.recorded_nps, after.honest_nps))
    said = f"Recorded NPS {recorded:.1f}, honest NPS {honest:.1f}"
    return f"<p style='{WORDS};font-size:18px;text-align:center'>{said}</p>"


def words_of(outcome: Outcome) -> str:
    """Return all numbers as HTML, one paragraph a sentence."""
    said = "".join(f"<p style='margin:2px 0'>{escape(each)}</p>" for each in sentences(outcome))
    return f"<div style='{WORDS}'>{said}</div>"


def figure_of(outcome: Outcome) -> str:
    """Return the figure as HTML: two stacks of panels, side by side where there is room."""
    columns = []
    for stack in stacks(panels(outcome)):
        drawn = (each.svg(attributes="style='width:100%;height:auto'") for each in stack)
        columns.append(f"<div style='{STACK}'>{''.join(drawn)}</div>")
    return f"<div style='{PANELS}'>{''.join(columns)}</div>"


def _lowest(mechanism: str) -> float:
    return -1.0 if mechanism == "completion_incentive" else 0.0


def _ipywidgets() -> ModuleType:
    """Return ipywidgets, which only this module needs and which comes with the extra "lab"."""
    try:
        return import_module("ipywidgets")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the explorer needs ipywidgets, which is not installed: "
            "pip install 'nps-research[lab]'. outcome_of() computes the same without it."
        ) from error
