"""Several signatures together: honest under the null, and within the limit otherwise."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.detection import two_groups as module
from nps_research.detection.evidence import evidence_table
from nps_research.detection.suspicion import suspicion
from nps_research.detection.two_groups import honest_null, two_groups

NAMES = ["tens", "comments", "sending", "cases"]


def drawn(seed, gamers=0, treated=60, untreated=40, effect=(1.5, 1.5, 1.0, 0.0)):
    generator = np.random.default_rng(seed)
    z = generator.standard_normal((treated + untreated, 4))
    z[:gamers] += 2 * generator.beta(1, 1, (gamers, 1)) * np.array(effect)
    return pd.DataFrame(z, columns=NAMES), np.arange(len(z)) < treated


def finding(name, z):
    table = pd.DataFrame({"z": z})
    table.attrs = {"signature": name, "innocent": "Chance."}
    return table


def test_evidence_joins_agents_and_names_sources():
    table = evidence_table([finding("10-share", [1.0, 2.0]), finding("new", [3.0])])
    assert table.columns.tolist() == ["10-share", "new"]
    assert table.attrs["sources"] == {"10-share": "scores", "new": "new"}
    assert np.isnan(table["new"][1])
    assert table.attrs["innocent"]["new"] == "Chance."


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        ([], "no findings"),
        ([finding("a", [1.0])] * 2, "'a' is among the findings 2 times"),
        ([pd.DataFrame({"x": [1]})], "found columns x"),
    ],
)
def test_unusable_findings_are_refused(findings, message):
    with pytest.raises(ValueError, match=message):
        evidence_table(findings)


def test_odds_are_those_of_a_normal_mixture():
    """The multiple integrated out: a normal whose covariance grows along the direction."""
    generator = np.random.default_rng(1)
    z, direction = generator.standard_normal((1, 5, 3)), np.array([1.0, 0.5, 2.0])
    covariance = np.cov(generator.standard_normal((3, 20)))
    odds, _, _ = module._odds(z, direction[None, None], np.linalg.inv(covariance)[None])
    wider = covariance + module.SPREAD**2 * np.outer(direction, direction)
    gamer = stats.multivariate_normal(direction, wider).logpdf(z[0])
    assert odds[0] == pytest.approx(gamer - stats.multivariate_normal(cov=covariance).logpdf(z[0]))


def test_gain_is_that_of_the_likelihood_and_priors():
    z = drawn(1, gamers=12)[0].to_numpy()[None]
    null = honest_null(z)
    fit = two_groups(z, null)
    covariance = null.correlation[0] * null.sd[0] * null.sd[0].T
    base = stats.multivariate_normal(fit.shift[0], covariance)
    wider = covariance + module.SPREAD**2 * np.outer(fit.direction[0], fit.direction[0])
    gamer = stats.multivariate_normal(fit.shift[0] + fit.direction[0], wider)
    share = fit.share[0]
    mixed = np.log((1 - share) * base.pdf(z[0]) + share * gamer.pdf(z[0])).sum()
    plain = module._shift(z)[0, 0]
    one = stats.multivariate_normal(plain, covariance).logpdf(z[0]).sum()
    precision = np.linalg.inv(covariance)

    def far(vector, sd):
        return vector @ precision @ vector / sd**2

    prior = far(plain, module.SHIFT_SD) - far(fit.shift[0], module.SHIFT_SD)
    prior -= far(fit.direction[0], module.REACH)
    prior += 2 * module.PSEUDO @ np.log([share, 1 - share])
    assert fit.gain[0] == pytest.approx(2 * (mixed - one) + prior)


def test_direction_without_an_agent_is_that_of_the_others():
    generator = np.random.default_rng(2)
    z, weight = generator.standard_normal((1, 6, 2)) + 1, generator.random((1, 6))
    own = module._direction_without(z, weight, weight**2)
    others = np.delete(z, 3, axis=1), np.delete(weight, 3, axis=1)
    assert own[0, 3] == pytest.approx(module._direction(*others, others[1] ** 2)[0, 0])


def test_data_sets_are_fitted_apart():
    z = np.stack([drawn(seed, gamers=15)[0].to_numpy() for seed in (1, 2)])
    both, second = two_groups(z, honest_null(z)), two_groups(z[1:], honest_null(z[1:]))
    assert both.probability[1] == pytest.approx(second.probability[0])


def test_correlation_of_independent_signatures_is_drawn_to_zero():
    z = np.random.default_rng(3).standard_normal((1, 40, 6))
    kept = honest_null(z).correlation[0][~np.eye(6, dtype=bool)]
    raw = np.corrcoef(z[0].T)[~np.eye(6, dtype=bool)]
    assert np.abs(kept).max() < 0.3 * np.abs(raw).max()
    z[..., 1] = z[..., 0]
    assert honest_null(z).correlation[0, 0, 1] > 0.5


def test_nobody_is_listed_where_nobody_games():
    found = [suspicion(*drawn(seed), resamples=19, random_seed=seed) for seed in range(30)]
    assert sum(bool(each.listed) for each in found) <= 2
    empty = next(each for each in found if each.p_value > 0.05)
    assert "The list is empty" in empty.text


def test_the_list_keeps_its_limit_and_finds_gamers():
    false, right = [], []
    for seed in range(20):
        listed = suspicion(*drawn(seed, gamers=15), resamples=19, random_seed=seed).listed
        false.append(np.mean([agent >= 15 for agent in listed]) if listed else 0.0)
        right.append(np.mean([agent in listed for agent in range(15)]))
    assert np.mean(false) <= 0.1
    assert np.mean(right) > 0.3


def test_only_the_paid_are_examined():
    table, treated = drawn(1, gamers=15)
    found = suspicion(table, treated, resamples=19).table
    assert sorted(found.index) == list(range(60))


def test_one_signature_is_not_enough():
    table, treated = drawn(1)
    table.loc[:9, "sending"] = 5.0
    table.loc[:9, ["tens", "comments", "cases"]] = 0.0
    found = suspicion(table, treated, resamples=19)
    assert found.p_value <= 0.05
    assert found.listed == []
    assert found.table.loc[:9, "sources"].max() == 1


def test_signatures_of_one_source_count_once():
    table, treated = drawn(1, gamers=15)
    table.attrs["sources"] = {"tens": "scores", "comments": "scores"}
    assert suspicion(table, treated, resamples=19).table["sources"].max() <= 3


def test_ranks_have_intervals_and_order_by_probability():
    found = suspicion(*drawn(1, gamers=15), resamples=19).table
    assert found["probability"].is_monotonic_decreasing
    assert (found["rank_lower"] <= found["rank"]).all()
    assert (found["rank"] <= found["rank_upper"]).all()
    assert found["rank"].sum() == pytest.approx(60 * 61 / 2)
    assert found["rank_upper"].iloc[-1] - found["rank_lower"].iloc[-1] > 30
    assert found.attrs["interval"] == "90 % equal-tailed credible interval of the rank"


def test_result_repeats_with_the_seed_and_says_what_it_is_not():
    first, again = (suspicion(*drawn(1, gamers=15), resamples=19) for _ in range(2))
    assert first.table.equals(again.table)
    assert "not of having done something" in first.text


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (NAMES, {"error": 0.0}, "error must be between"),
        (NAMES[:1], {}, "one source of data"),
        (NAMES, {"treated": np.arange(100) < 10}, "10 agents are to be examined"),
    ],
)
def test_unusable_evidence_is_refused(columns, options, message):
    table, treated = drawn(1)
    with pytest.raises(ValueError, match=message):
        suspicion(table[columns], **({"treated": treated} | options))
