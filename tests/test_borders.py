"""Borders between scores: partitions one by one, closed forms, and truths drawn from the prior."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from nps_research.churn.borders import BorderPriors, borders, borders_of, partitions
from nps_research.churn.lifetimes import lifetimes
from nps_research.datasets import load_counts
from nps_research.scale import RatingScale

FIVE = RatingScale(1, 5)
EVENTS, EXPOSURE = np.array([4, 6, 1, 0, 2]), np.array([9, 20, 15, 0, 60])
ONE = BorderPriors(concentration=8.0, rate=0.2)


def one_by_one(events, exposure, a, b):
    """Return the probability of every set of borders by a loop over all of them."""
    size, found = len(events), {}
    for number in range(size):
        for cuts in combinations(range(1, size), number):
            edges = [0, *cuts, size]
            log = -np.log(size * special.comb(size - 1, number))
            for low, high in pairwise(edges):
                left, people = events[low:high].sum(), exposure[low:high].sum()
                log += special.betaln(a + left, b + people - left) - special.betaln(a, b)
            found[cuts] = np.exp(log)
    total = sum(found.values())
    return {cuts: weight / total for cuts, weight in found.items()}


def test_probabilities_are_those_of_partitions_one_by_one():
    ours = borders_of(EVENTS, EXPOSURE, FIVE, ONE)
    expected = one_by_one(EVENTS, EXPOSURE, 1.6, 6.4)
    found = {
        tuple((np.flatnonzero(row) + 1).tolist()): weight
        for row, weight in zip(ours.is_border, ours.probabilities, strict=True)
    }
    assert found == pytest.approx(expected)
    at_two = sum(weight for cuts, weight in expected.items() if 2 in cuts)
    assert ours.borders().loc["2|3", "probability"] == pytest.approx(at_two)


def test_one_block_is_the_beta_binomial():
    """Two scores: the Bayes factor of the border in closed form, by integration."""
    two = RatingScale(0, 1, 0, 1)
    found = borders_of([3, 1], [10, 10], two, BorderPriors(concentration=2.0, rate=0.5))

    def likelihood(left, people):
        return integrate.quad(lambda p: p**left * (1 - p) ** (people - left), 0, 1)[0]

    expected = likelihood(3, 10) * likelihood(1, 10) / likelihood(4, 20)
    assert found.borders()["bayes_factor"].tolist() == pytest.approx([expected])
    assert found.partition((0,))["against_one_block"] == pytest.approx(expected)


def test_concentrations_are_averaged_by_their_evidence():
    several = borders_of(EVENTS, EXPOSURE, FIVE, BorderPriors((2.0, 30.0), 0.2))
    rows = [
        borders_of(EVENTS, EXPOSURE, FIVE, BorderPriors(each, 0.2)).borders()["probability"]
        for each in (2.0, 30.0)
    ]
    table = several.sensitivity()
    np.testing.assert_allclose(table.drop(columns="posterior"), np.array(rows))
    assert table["posterior"].sum() == pytest.approx(1.0)
    mixed = table["posterior"].to_numpy() @ np.array(rows)
    assert several.borders()["probability"].tolist() == pytest.approx(mixed.tolist())


def test_prior_is_even_over_numbers_of_blocks():
    nothing = borders_of(np.zeros(5), [0, 0, 0, 0, 1e-9], FIVE, ONE)
    assert nothing.blocks().tolist() == pytest.approx([0.2] * 5)
    assert nothing.borders()["prior"].tolist() == pytest.approx([0.5] * 4)
    assert nothing.borders()["bayes_factor"].tolist() == pytest.approx([1.0] * 4)


def test_given_number_of_blocks_is_kept():
    three = borders_of(EVENTS, EXPOSURE, FIVE, BorderPriors(8.0, 0.2, (0, 0, 1, 0, 0)))
    free = borders_of(EVENTS, EXPOSURE, FIVE, ONE)
    assert three.blocks()[3] == pytest.approx(1.0)
    pd.testing.assert_frame_equal(three.three_blocks(), free.three_blocks())


def test_rates_are_those_of_draws():
    """200,000 draws of partition and rate: the errors are below 0.001."""
    found = borders_of(EVENTS, EXPOSURE, FIVE, ONE)
    generator = np.random.default_rng(2)
    which = generator.choice(len(found.probabilities), 200_000, p=found.probabilities)
    block = np.column_stack([np.zeros(len(which), int), found.is_border[which].cumsum(axis=1)])
    drawn = np.empty((len(which), 5))
    for score in range(5):
        same = block == block[:, [score]]
        left, people = same @ EVENTS, same @ EXPOSURE
        drawn[:, score] = generator.beta(1.6 + left, 6.4 + people - left)
    table = found.rates(mass=0.8)
    assert table["rate"].tolist() == pytest.approx(drawn.mean(axis=0).tolist(), abs=0.002)
    for tail, name in ((0.1, "lower"), (0.9, "upper")):
        quantiles = np.quantile(drawn, tail, axis=0)
        assert table[name].tolist() == pytest.approx(quantiles.tolist(), abs=0.004)


def test_probabilities_are_calibrated_when_truth_comes_from_the_prior():
    """Among 2,000 worlds, the borders said to have a probability exist about so often."""
    generator = np.random.default_rng(4)
    scale, people = RatingScale(1, 7), np.array([30, 20, 50, 80, 200, 300, 400])
    every = partitions(7)
    said, true = [], []
    for _ in range(2000):
        number = generator.integers(7)
        border = generator.choice(np.flatnonzero(every.sum(axis=1) == number))
        block = np.r_[0, every[border].cumsum()]
        rates = generator.beta(1.6, 6.4, 7)[block]
        found = borders_of(generator.binomial(people, rates), people, scale, ONE)
        said.append(found.probabilities @ found.is_border)
        true.append(every[border])
    said, true = np.ravel(said), np.ravel(true)
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        inside = (said >= low) & (said < high)
        error = np.sqrt((said[inside] * (1 - said[inside])).sum()) / inside.sum()
        assert abs(true[inside].mean() - said[inside].mean()) < 4 * error


def test_community_puts_no_border_where_convention_does():
    codes = {"yes": 1, "no": 0, "unknown": None}
    people = lifetimes(load_counts("r_community"), months=None, churned="lapsed", outcomes=codes)
    found = borders(people)
    table = found.borders()["bayes_factor"]
    assert table["9|10"] > 3
    assert table["6|7"] < 1
    assert found.partition().name == "1-6, 7-8, 9-10"
    assert found.partition()["share_of_same_number"] == pytest.approx(
        found.three_blocks().loc[("6|7", "8|9"), "probability"]
    )
    assert found.three_blocks()["probability"].sum() == pytest.approx(1.0)


def test_months_count_as_exposure():
    rows = pd.DataFrame({"score": [2, 9], "months": [3, 6], "churned": [1, 0], "n": [5, 7]})
    found = borders(lifetimes(rows))
    assert (found.events[2], found.exposure[2], found.exposure[9]) == (5, 15, 42)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [3, 4], FIVE), "one number for each of the 5 scores"),
        (([1, 2, 3, 4, 9], [3, 4, 5, 6, 7], FIVE), "0 <= events <= exposure"),
        ((np.zeros(5), np.ones(5), FIVE), "If nobody or everybody left, pass rate="),
        ((EVENTS, EXPOSURE, FIVE, BorderPriors(-1.0)), "concentration above 0"),
        ((EVENTS, EXPOSURE, FIVE, BorderPriors(blocks=(1, 1))), "1 to 5 blocks"),
        ((np.zeros(21), np.ones(21), RatingScale(0, 20, 6, 9)), "too many partitions"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        borders_of(*arguments)


def test_cuts_must_lie_on_the_scale():
    with pytest.raises(ValueError, match="cuts must be scores from 1 to 4"):
        borders_of(EVENTS, EXPOSURE, FIVE, ONE).partition((2, 5))


def test_strong_evidence_finds_the_border():
    found = borders_of([500, 500, 10, 10, 10], [1000] * 5, FIVE)
    table = found.borders()["probability"]
    assert table["2|3"] == pytest.approx(1.0)
    assert table.drop("2|3").max() < 0.2
    assert found.partitions(1).index[0] == "1-2, 3-5"
    assert stats.beta(500, 500).cdf(found.rates().loc[1, "rate"]) > 0.01
