"""What one run adds up to, against scipy and direct counts."""

import math

import numpy as np
import pytest
from made_up_rows import made_up_rows, treated
from scipy import stats

from nps_research.market.events import Event
from nps_research.market.sums import LAYOUT, SIZE, Staff, Sums, summed
from nps_research.market.tallies import HONEST, RECORDED

MONTHS, CUSTOMERS, AGENTS, TEAMS = 14, 900, 24, 6
ROWS = made_up_rows(MONTHS, CUSTOMERS, AGENTS, seed=2)
TREATED = treated(ROWS)
SURVEYS = {RECORDED: ROWS.recorded, HONEST: ROWS.honest}
GENERATOR = np.random.default_rng(3)
PAID = ROWS.since < MONTHS
STAFF = Staff(
    team=np.arange(AGENTS) % TEAMS,
    experience=np.where(PAID, GENERATOR.normal(size=AGENTS).round(1), np.nan),
    bonus=np.where(PAID, GENERATOR.integers(0, 1000, AGENTS), 0),
    target=GENERATOR.choice([-50.0, -42.5, -33.0, 60.0], (4, AGENTS)),
)
SUMS = summed(ROWS, STAFF, np.arange(7))


def nps(scores, at):
    found = scores[at & (scores >= 0)]
    return 100 * ((found >= 9).mean() - (found <= 6).mean())


def scores_of(survey, unit, at=TREATED):
    """Return the score of each unit with treated customers."""
    return [nps(SURVEYS[survey], at & (unit[ROWS.agent] == each)) for each in np.unique(unit[PAID])]


def coefficient(parts):
    return parts[0] / math.sqrt(parts[1] * parts[2])


def test_groups_fill_the_vector():
    assert SUMS.numbers.shape == (SIZE,)
    assert sum(SUMS[name].size for name in LAYOUT) == SIZE
    assert SUMS["money"].tolist() == list(range(7))
    with pytest.raises(KeyError, match="'monies' is not one of scores, leaving"):
        _ = SUMS["monies"]


def test_groups_of_many_runs_keep_their_axes():
    many = Sums(np.stack([SUMS.numbers, 2 * SUMS.numbers])[:, None])
    assert many["scores"].shape == (2, 1, 3, 11)
    assert (many["kendall"][1, 0] == 2 * SUMS["kendall"]).all()


@pytest.mark.parametrize("event", list(Event))
def test_events_are_counted_by_bit(event):
    expected = (TREATED & (ROWS.events & event > 0)).sum()
    assert SUMS["events"][int(event).bit_length() - 1] == expected


@pytest.mark.parametrize("survey", SURVEYS)
def test_agents_are_ranked_beside_their_experience(survey):
    scores = scores_of(survey, np.arange(AGENTS))
    expected = stats.kendalltau(scores, STAFF.experience[PAID]).statistic
    assert coefficient(SUMS["kendall"][survey]) == pytest.approx(expected)


@pytest.mark.parametrize("survey", SURVEYS)
@pytest.mark.parametrize("respondents", [0, 1])
@pytest.mark.parametrize(("level", "unit"), [(0, np.arange(AGENTS)), (1, STAFF.team)])
def test_units_are_ranked_beside_staying_customers(survey, respondents, level, unit):
    both = (ROWS.recorded >= 0) & (ROWS.honest >= 0)
    scores = scores_of(survey, unit, TREATED & (both if respondents else True))
    left = [
        (ROWS.events[TREATED & (unit[ROWS.agent] == each)] & Event.CHURNED > 0).mean()
        for each in np.unique(unit[PAID])
    ]
    expected = stats.spearmanr(scores, -np.array(left)).statistic
    found = coefficient(SUMS["spearman"][level, survey, respondents])
    assert found == pytest.approx(expected)


def test_best_tenth_is_looked_for_by_score():
    known = np.flatnonzero(PAID)
    size = math.ceil(len(known) / 10)
    best = set(np.argsort(-STAFF.experience[PAID], kind="stable")[:size])
    found = [
        len(best & set(np.argsort(-np.array(scores_of(s, np.arange(AGENTS))))[:size]))
        for s in SURVEYS
    ]
    assert SUMS["top"].tolist() == [*found, size]


@pytest.mark.parametrize("survey", SURVEYS)
def test_windows_are_placed_around_their_targets(survey):
    expected = np.zeros(4, int)
    for quarter, agent in np.ndindex(4, AGENTS):
        if 3 * quarter < ROWS.since[agent]:
            continue
        months = slice(3 * quarter, 3 * quarter + 3)
        own = TREATED[months] & (ROWS.agent == agent)
        scores = SURVEYS[survey][months]
        if (own & (scores >= 0)).sum() >= 5:
            above = nps(scores, own) - STAFF.target[quarter, agent]
            expected += [-6 <= above < 0, 0 <= above < 6, above >= 0, 1]
    assert min(expected) > 0
    assert SUMS["windows"][survey].tolist() == expected.tolist()


def test_bonus_of_agents_below_the_median():
    median = np.median(STAFF.experience[PAID])
    expected = [STAFF.bonus[PAID & (STAFF.experience < median)].sum(), STAFF.bonus.sum()]
    assert SUMS["bonuses"].tolist() == expected


def test_nobody_treated_adds_up_to_nothing():
    rows = ROWS._replace(since=np.full(AGENTS, MONTHS))
    staff = STAFF._replace(experience=np.full(AGENTS, np.nan), bonus=0 * STAFF.bonus)
    found = summed(rows, staff, np.zeros(7, int))
    assert not found.numbers.any()
