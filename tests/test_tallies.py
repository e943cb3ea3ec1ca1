"""One pass over the rows, against counting them one by one."""

import numpy as np
import pytest
from made_up_rows import made_up_rows, treated

from nps_research.market.events import Event
from nps_research.market.tallies import CENSUS, EXPOSED, HONEST, LEFT, RECORDED, tallied

MONTHS, CUSTOMERS, AGENTS, HORIZON = 11, 200, 7, 4
ROWS = made_up_rows(MONTHS, CUSTOMERS, AGENTS)
TALLIES = tallied(ROWS, HORIZON)
TREATED = treated(ROWS)
SURVEYS = {RECORDED: ROWS.recorded, HONEST: ROWS.honest, CENSUS: ROWS.census}


def left_soon(month, customer):
    later = ROWS.events[month : month + HORIZON, customer]
    return bool((later & Event.CHURNED).any())


@pytest.mark.parametrize(("survey", "scores"), SURVEYS.items())
def test_scores_are_counted(survey, scores):
    kept = scores[TREATED & (scores >= 0)]
    assert TALLIES.scores[survey].tolist() == np.bincount(kept, minlength=11).tolist()


@pytest.mark.parametrize("survey", [RECORDED, HONEST])
@pytest.mark.parametrize("respondents", [0, 1])
def test_answers_are_followed_for_the_whole_horizon(survey, respondents):
    scores, expected = SURVEYS[survey], np.zeros((11, 2), int)
    both = (ROWS.recorded >= 0) & (ROWS.honest >= 0)
    kept = TREATED & (scores >= 0) & (both if respondents else True)
    for month, customer in np.argwhere(kept):
        if month + HORIZON <= MONTHS:
            expected[scores[month, customer], int(left_soon(month, customer))] += 1
    assert expected[:, 1].sum() > 10
    assert TALLIES.leaving[survey, respondents].tolist() == expected.tolist()


@pytest.mark.parametrize("bit", range(32))
def test_every_event_is_counted(bit):
    byte, place = divmod(bit, 8)
    values = np.arange(256)[(np.arange(256) >> place & 1) == 1]
    expected = (TREATED & (ROWS.events >> np.uint32(bit) & 1 == 1)).sum()
    assert TALLIES.event_bytes[byte, values].sum() == expected


def test_detractors_are_heard_or_not():
    recorded, honest = (
        TREATED & (scores >= 0) & (scores <= 6) for scores in (ROWS.recorded, ROWS.honest)
    )
    commented = ROWS.events & Event.VERBATIM > 0
    honestly = ROWS.events & Event.SHADOW_VERBATIM > 0
    expected = [recorded & commented, honest & honestly, honest & ~recorded]
    assert TALLIES.detractors.tolist() == [each.sum() for each in expected]


@pytest.mark.parametrize("agent", range(AGENTS))
def test_agents_have_their_customers(agent):
    own = TREATED & (ROWS.agent == agent)
    table = TALLIES.agents[agent]
    assert table[EXPOSED] == (own & (ROWS.events & Event.ACTIVE > 0)).sum()
    assert table[LEFT] == (own & (ROWS.events & Event.CHURNED > 0)).sum()
    both = (ROWS.recorded >= 0) & (ROWS.honest >= 0)
    kept = [(ROWS.recorded, True), (ROWS.recorded, both), (ROWS.honest, True), (ROWS.honest, both)]
    expected = [
        np.histogram(scores[own & also & (scores >= 0)], [0, 7, 9, 11])[0] for scores, also in kept
    ]
    assert table[:EXPOSED].tolist() == np.concatenate(expected).tolist()


def test_windows_are_quarters():
    for quarter, agent, survey in np.ndindex(4, AGENTS, 2):
        months = slice(3 * quarter, 3 * quarter + 3)
        scores = SURVEYS[survey][months]
        kept = scores[TREATED[months] & (ROWS.agent == agent) & (scores >= 0)]
        expected = np.histogram(kept, [0, 7, 9, 11])[0]
        assert TALLIES.windows[quarter, agent, survey].tolist() == expected.tolist()
