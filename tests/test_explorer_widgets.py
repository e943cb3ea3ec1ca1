"""The explorer's controls: what is moved is what is computed, once, and what is shown."""

import sys

import pytest

from nps_research.explorer import controls
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.presets import PRESETS, START
from nps_research.explorer.settings import NUMBERS, Settings
from nps_research.market.mechanisms import MECHANISMS

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install '.[lab]'")
SMALL = Settings(customers=200)


@pytest.fixture
def explorer():
    return controls.explore(SMALL)


@pytest.fixture
def drawn(monkeypatch):
    """Settings of every drawing."""
    seen = []

    def noted(settings):
        seen.append(settings)
        return outcome_of(settings)

    monkeypatch.setattr(controls, "outcome_of", noted)
    return seen


def test_everything_is_on_at_the_start():
    assert controls.explore().settings == PRESETS[START]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_move_all_controls_and_draw_once(explorer, drawn, name):
    explorer.buttons[name].click()
    assert explorer.settings == PRESETS[name]
    assert drawn == [PRESETS[name]]


def test_reset_leads_back_to_the_start(explorer, drawn):
    explorer.buttons["Everything"].click()
    explorer.buttons["Reset"].click()
    assert drawn[-1] == explorer.settings == SMALL


@pytest.mark.parametrize("name", [*NUMBERS, *MECHANISMS])
def test_every_slider_changes_its_setting_and_draws(explorer, drawn, name):
    slider = explorer.sliders[name]
    other = slider.max if slider.value != slider.max else slider.min
    slider.value = other
    assert drawn == [SMALL.with_values(**{name: other})]


def test_the_menu_changes_what_is_paid_for(explorer, drawn):
    explorer.pay.value = "point"
    assert drawn == [SMALL.with_values(pay="point")]


def test_sliders_span_what_settings_allow(explorer):
    for slider in explorer.sliders.values():
        for end in (slider.min, slider.max):
            slider.value = end  # settings out of range would be refused
    assert explorer.sliders["completion_incentive"].min == -1.0


def test_a_moved_slider_changes_numbers_words_and_figure(explorer):
    before = [each.value for each in (explorer.headline, explorer.words, explorer.picture)]
    explorer.sliders["begging"].value = 1.0
    after = [each.value for each in (explorer.headline, explorer.words, explorer.picture)]
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_the_headline_has_the_numbers(explorer):
    year = outcome_of(SMALL).without
    said = f"Recorded NPS {year.recorded_nps.estimate[0]:.1f}, honest NPS "
    assert said + f"{year.honest_nps.estimate[0]:.1f}" in explorer.headline.value


def test_every_control_has_a_name_and_every_slider_a_meaning(explorer):
    named = [*explorer.sliders.values(), explorer.pay, *explorer.buttons.values()]
    names = [each.description for each in named]
    assert all(names)
    assert len(set(names)) == len(names)
    assert all(each.tooltip for each in explorer.sliders.values())


def test_the_figure_names_its_numbers(explorer):
    explorer.buttons["Begging only"].click()
    assert explorer.picture.value.count("role='img' aria-label='") == 4
    assert "Begging +13.6 points, of which inflation +13.6" in explorer.picture.value


def test_what_is_stored_is_the_same_every_time(explorer):
    stored = explorer._repr_mimebundle_()
    assert stored["text/plain"] == "Explorer with sliders, which needs a running kernel."
    assert set(stored) == {"text/plain", "application/vnd.jupyter.widget-view+json"}


def test_missing_ipywidgets_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nps-research\[lab\]'"):
        controls.explore()
