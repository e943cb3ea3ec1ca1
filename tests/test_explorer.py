"""The explorer's numbers: against exact attribution, the market itself, and other functions."""

import math
import xml.etree.ElementTree as ET
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

import nps_research as npsr
from nps_research.explorer.app import JUPYTER_FILES, TEMPLATE, command, environment
from nps_research.explorer.contributions import ESTIMANDS, MOST_WORLDS, PAY_ITSELF, contributions
from nps_research.explorer.drawing import Axis, drawing_of, panels
from nps_research.explorer.labels import MEANINGS, label_of
from nps_research.explorer.narration import sentences, signed
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.presets import PRESETS, START
from nps_research.explorer.settings import Settings
from nps_research.explorer.years import SEED, firm_of, numbers_of
from nps_research.market.attribution import attribute
from nps_research.market.mechanisms import MECHANISMS, Incentives

SMALL = Settings(customers=200)
FEW = ("begging", "gating", "editing", "false_promises")
MANY = (*FEW, "bribing", "giveaways", "concessions", "crowding_out")
ALL = Incentives.all()
CASES = [
    SMALL.with_values(incentives=incentives, pay=pay)
    for incentives in (Incentives.none(), Incentives.only(*FEW), ALL)
    for pay in ("propensity", "point", "target")
]


def exactly(settings):
    """Return Shapley values of all combinations, from the function that simulates them all."""
    firm = firm_of(settings)
    assert firm.draw == 0  # the first replicate
    return attribute(
        firm.market,
        settings.at_work,
        replicates=1,
        random_seed=SEED,
        regime=settings.regime,
        estimands=list(ESTIMANDS),
    ).xs("shapley", axis=1, level=1)


def shares(settings):
    return contributions(settings).table.xs("shapley", axis=1, level=1)


@pytest.mark.parametrize("pay", ["propensity", "point"])
def test_few_mechanisms_are_attributed_exactly(pay):
    settings = SMALL.with_values(strength=0.7, incentives=Incentives.only(*FEW), pay=pay)
    found, expected = shares(settings).drop(PAY_ITSELF, errors="ignore"), exactly(settings)
    pd.testing.assert_frame_equal(found, expected[list(ESTIMANDS)], check_names=False, atol=1e-9)
    assert contributions(settings).exact
    assert contributions(settings).error("observed_nps") == 0.0


@pytest.fixture(scope="module")
def many():
    settings = Settings(incentives=Incentives.only(*MANY))
    return contributions(settings), exactly(settings)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_many_mechanisms_are_attributed_within_the_monte_carlo_error(many, estimand):
    found, exact = many
    parts, error = found.table[estimand]["shapley"], found.error(estimand)
    distance = parts - exact[estimand]
    assert 0.0 < error < 0.05 * parts.abs().max()
    assert np.sqrt((distance**2).mean()) < 2.0 * error
    assert distance.abs().max() < 4.0 * error


def test_no_more_worlds_are_simulated_than_there_is_time_for():
    for players in range(len(MECHANISMS) + 1):
        settings = SMALL.with_values(incentives=Incentives.only(*MECHANISMS[:players]))
        assert contributions(settings).worlds <= MOST_WORLDS


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_parts_sum_to_the_whole_change(settings):
    outcome = outcome_of(settings)
    after, before = outcome.with_incentives, outcome.without
    recorded = after.recorded_nps.estimate[0] - before.recorded_nps.estimate[0]
    whole = [recorded, after.inflation, after.churners - before.churners]
    assert shares(settings).sum().tolist() == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("pay", ["propensity", "point", "target"])
def test_no_strength_changes_nothing(pay):
    outcome = outcome_of(SMALL.with_values(strength=0, incentives=ALL, pay=pay))
    assert outcome.with_incentives.inflation == 0.0
    assert (outcome.with_incentives.recorded == outcome.without.recorded).all()
    assert outcome.with_incentives.churners == outcome.without.churners
    assert (outcome.contributions.table == 0.0).all(axis=None)
    assert list(outcome.contributions.table.index) == list(MECHANISMS)


def test_pay_without_gaming_inflates_nothing_and_raises_the_honest_score():
    outcome = outcome_of(SMALL.with_values(pay="point"))
    assert outcome.with_incentives.inflation == 0.0
    assert shares(outcome.settings).loc[PAY_ITSELF, "observed_nps"] > 5.0


def test_same_settings_give_the_same_numbers():
    settings = SMALL.with_values(incentives=ALL, strength=0.6)
    first = outcome_of(settings)
    numbers_of.cache_clear()
    again = outcome_of(settings)
    assert first.numbers().equals(again.numbers())
    assert first.contributions.table.equals(again.contributions.table)
    other = outcome_of(settings.with_values(draw=1))
    assert not first.numbers().equals(other.numbers())


def test_remembered_years_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        numbers_of(firm_of(SMALL), Incentives.none(), None)[0] = 1


def test_years_are_those_of_the_market():
    settings = SMALL.with_values(incentives=ALL, draw=3)
    run = firm_of(settings).market.simulate(ALL, random_seed=SEED, replicate=3)
    year = outcome_of(settings).with_incentives
    assert year.recorded.tolist() == run.score_counts.loc["recorded"].tolist()
    assert year.honest.tolist() == run.score_counts.loc["shadow"].tolist()
    assert year.churners == run.events_table()["churned"].sum()


def test_intervals_are_those_of_nps():
    year = outcome_of(SMALL).without
    table = npsr.nps(pd.DataFrame({"score": pd.array(range(11), "Int64"), "n": year.recorded}))
    expected = table.iloc[0][["nps", "lower", "upper"]].tolist()
    found = year.recorded_nps
    assert [found.estimate[0], found.lower[0], found.upper[0]] == pytest.approx(expected)


def test_more_customers_narrow_the_intervals():
    widths = []
    for customers in (200, 500, 1000):
        nps = outcome_of(SMALL.with_values(customers=customers, incentives=ALL)).without.honest_nps
        widths.append(nps.upper[0] - nps.lower[0])
    assert widths == sorted(widths, reverse=True)
    assert widths[0] / widths[-1] == pytest.approx(math.sqrt(5.0), rel=0.15)


def test_the_target_is_also_that_of_agents_who_stop_asking():
    withheld = SMALL.with_values(withholding=1.0, customers=1000)
    low, high = (outcome_of(withheld.with_values(target=each)) for each in (0.0, 90.0))
    assert low.with_incentives.recorded.sum() < high.with_incentives.recorded.sum()
    assert low.without.target_reached > high.without.target_reached


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": 1.1}, "strength must be from 0 to 1 .* found 1.1"),
        ({"strength": math.nan}, "strength must be from 0 to 1"),
        ({"strength": True}, "found True"),
        ({"target": 91}, "target must be from -50 to 90"),
        ({"customers": 100}, "customers must be from 200 to 1000"),
        ({"customers": 500.0}, "a whole number.; found 500.0"),
        ({"draw": -1}, "draw must be from 0 to 99"),
        ({"pay": "points"}, "unknown kind of pay 'points'; did you mean 'point'"),
        ({"incentives": {"begging": 1}}, "incentives must be Incentives"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Settings(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beging": 1.0}, "unknown setting 'beging'; did you mean 'begging'"),
        ({"begging": 2.0}, "the intensity of begging must be from 0 to 1; found 2.0"),
    ],
)
def test_impossible_changes_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        SMALL.with_values(**values)


def test_numbers_say_what_the_words_say():
    outcome = outcome_of(PRESETS["Begging only"])
    numbers = outcome.numbers()["with incentives"]
    said = " ".join(sentences(outcome))
    for name in ("recorded NPS", "recorded NPS, lower", "honest NPS", "inflation"):
        assert f"{numbers[name]:.1f}" in said
    assert f"{numbers['customers who left']:.0f} left" in said
    assert "adjusted Wald" in said
    assert "exact, all 2 combinations" in said
    assert outcome.scores().loc[("with incentives", "recorded")].sum() == 633


def test_words_tell_the_monte_carlo_error_and_the_orders():
    said = " ".join(sentences(outcome_of(SMALL.with_values(incentives=ALL))))
    assert "Monte Carlo standard error about" in said
    assert "6 orders of joining" in said


def test_words_do_without_answers_at_the_target():
    outcome = outcome_of(SMALL)
    empty = outcome.with_incentives.__class__(
        **vars(outcome.with_incentives) | {"target_reached": math.nan}
    )
    without = outcome.__class__(outcome.settings, outcome.without, empty, outcome.contributions)
    assert "No agent has five answers in a quarter" in sentences(without)[-1]


@pytest.mark.parametrize(("value", "expected"), [(0.04, "0.0"), (-0.04, "0.0"), (-1.26, "-1.3")])
def test_numbers_have_signs(value, expected):
    assert signed(value) == expected


@pytest.mark.parametrize("name", PRESETS)
def test_drawings_are_sound_and_say_what_they_show(name):
    outcome = outcome_of(PRESETS[name])
    for panel in panels(outcome):
        drawn = ET.fromstring(panel.svg())  # noqa: S314  (our own text)
        assert drawn.get("role") == "img"
        assert drawn.get("aria-label") == panel.text
        assert {child.tag.rpartition("}")[2] for child in drawn} <= {
            "text",
            "rect",
            "line",
            "circle",
        }
    said = repr(drawing_of(outcome))
    assert f"Recorded NPS {outcome.with_incentives.recorded_nps.estimate[0]:.1f}" in said


def test_points_of_the_scores_are_where_the_axis_says():
    outcome = outcome_of(PRESETS["Everything"])
    drawn = ET.fromstring(panels(outcome)[1].svg())  # noqa: S314
    points = [float(each.get("cx")) for each in drawn if each.tag.endswith("circle")]
    years = outcome.without, outcome.with_incentives
    shown = [years[0].honest_nps, years[1].honest_nps, years[1].recorded_nps]
    expected = [Axis(-20.0, 100.0).at(nps.estimate[0]) for nps in shown]
    assert points == pytest.approx(expected, abs=0.06)


def test_bars_of_the_parts_are_as_long_as_their_numbers():
    outcome = outcome_of(PRESETS["Begging only"])
    drawn = ET.fromstring(panels(outcome)[3].svg())  # noqa: S314
    bars = [each for each in drawn if each.tag.endswith("rect")][2:]  # the first two are the legend
    axis, part = Axis(-10.0, 15.0), shares(outcome.settings).loc["begging"]
    inflation, real = part["inflation"], part["observed_nps"] - part["inflation"]
    lengths = [abs(axis.at(each) - axis.at(0.0)) for each in (inflation, real)]
    assert [float(bar.get("width")) for bar in bars] == pytest.approx(lengths, abs=0.06)


def test_pictures_carry_their_text_and_no_address():
    drawing = drawing_of(outcome_of(PRESETS[START]), title="A & B")
    html = drawing._repr_html_()
    assert "<strong>A &amp; B</strong>" in html
    assert html.count("alt='Percentages of the scores") == 1
    assert "://" not in html
    assert unquote(html).count("xmlns") == 6  # two pictures of four panels


def test_one_picture_holds_all_panels():
    drawing = drawing_of(outcome_of(PRESETS[START]))
    drawn = ET.fromstring(drawing._repr_svg_())  # noqa: S314
    named = [each for each in drawn.iter() if each.get("role") == "img"]
    assert drawn.get("aria-label") == repr(drawing)
    assert [each.get("aria-label") for each in named][-1] == drawing.panels[-1].text
    assert len(named) == 1 + 2 + 4  # the whole, two stacks, four panels


def test_every_mechanism_has_a_name_and_a_meaning():
    assert list(MEANINGS) == list(MECHANISMS)
    assert len({label_of(name) for name in (*MECHANISMS, PAY_ITSELF)}) == len(MECHANISMS) + 1


def test_the_app_is_served_from_here_with_our_template(tmp_path, monkeypatch):
    book = tmp_path / "a.ipynb"
    book.touch()
    options = command(book, port=1234, browser=False)
    assert {"--Voila.ip=127.0.0.1", "--port=1234", "--no-browser"} <= set(options)
    assert "--no-browser" not in command(book)
    assert (JUPYTER_FILES / "voila" / "templates" / TEMPLATE / "index.html.j2").is_file()
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    assert environment()["JUPYTER_PATH"].endswith("jupyter:elsewhere")


def test_a_missing_voila_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("nps_research.explorer.app.find_spec", lambda _: None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs Voila.*pip install 'nps-research\[lab\]'"
    ):
        command(tmp_path)
