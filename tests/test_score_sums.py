from itertools import product

import numpy as np
import pytest
from scipy import stats

from nps_research.people.score_sums import score_sums


@pytest.mark.parametrize("values", [[-100, 0, 100], [0, 1, 2], [0, 3, 10]])
def test_distribution_is_that_of_all_ways_to_answer(values):
    shares, n = np.array([0.2, 0.3, 0.5]), 4
    found = score_sums(shares, values, n)
    expected = dict.fromkeys(found.means.round(9), 0.0)
    for answers in product(range(3), repeat=n):
        mean = np.round(np.mean([values[answer] for answer in answers]), 9)
        expected[mean] += np.prod(shares[list(answers)])
    assert found.probabilities == pytest.approx(list(expected.values()), abs=1e-14)


def test_two_categories_are_binomial_for_many_answers():
    found = score_sums([[0.3, 0.7], [0.9, 0.1]], [0, 1], 5000)
    for row, share in zip(found.probabilities, [0.7, 0.1], strict=True):
        assert row == pytest.approx(stats.binom.pmf(np.arange(5001), 5000, share), abs=1e-12)
    assert found.means[[0, -1]].tolist() == [0, 1]


def test_everybody_alike_gives_one_score():
    found = score_sums([0.0, 1.0], [7, 7], 5)
    assert found.means.tolist() == [7]
    assert found.probabilities == pytest.approx([1.0])


def test_fractions_and_no_answers_are_refused():
    with pytest.raises(ValueError, match="need whole numbers"):
        score_sums([0.5, 0.5], [0, 0.5], 3)
    with pytest.raises(ValueError, match="1 answer or more; found n=0"):
        score_sums([0.5, 0.5], [0, 1], 0)
