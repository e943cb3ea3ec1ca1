"""Addressed randomness against published answers, other software and its own promises."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from nps_research.market.shocks import (
    Purpose,
    centred_quantile,
    draw_normals,
    draw_normals_and_uniforms,
    draw_uniforms,
    normal_and_uniform,
    normal_pair,
    normals,
    philox,
    uniform_pair,
    uniforms,
)

ONES = 0xFFFFFFFF
EVEN = [purpose for purpose in Purpose if purpose % 2 == 0]


# Known answers of philox4x32 with 10 rounds in Random123 1.14, tests/kat_vectors.
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([ONES] * 4, [ONES] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, words):
    found = philox(*(np.uint64(word) for word in (*counter, *key)))
    assert " ".join(f"{int(word):08x}" for word in found) == words


def test_philox_agrees_with_plain_integers():
    rng = np.random.default_rng(1)
    for _ in range(20):
        words = [int(word) for word in rng.integers(0, 2**32, 6)]
        c, k = words[:4], words[4:]
        for _ in range(10):
            p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [q >> 32 ^ c[1] ^ k[0], q & ONES, p >> 32 ^ c[3] ^ k[1], p & ONES]
            k = [(k[0] + 0x9E3779B9) & ONES, (k[1] + 0xBB67AE85) & ONES]
        assert [int(word) for word in philox(*(np.uint64(word) for word in words))] == c


def test_an_address_is_counter_and_key():
    entity, month, root, replicate = 2**32 + 5, 17, 3, 4
    words = philox(*(np.uint64(word) for word in (5, 1, month, 8, root, replicate)))
    first = ((int(words[0]) >> 5) << 26) + (int(words[1]) >> 6)
    second = ((int(words[2]) >> 5) << 26) + (int(words[3]) >> 6)
    assert uniforms(root, replicate, 16, month, [entity])[0] == first / 2**53
    assert uniforms(root, replicate, 17, month, [entity])[0] == second / 2**53
    wanted = ndtri((first + 0.5) / 2**53)
    assert normals(root, replicate, 16, month, [entity])[0] == pytest.approx(wanted, rel=1e-14)


def test_normal_quantiles_agree_with_scipy():
    # Half and quarter powers of ten reach into all three pieces, and both ends of each.
    tails = np.concatenate([10.0 ** -np.arange(0.35, 16.2, 0.01), [2.0**-54, 0.075, 0.0750000001]])
    for tail in tails[tails < 0.4999]:
        q = tail - 0.5
        exact = ndtri(0.5 - abs(q))
        assert centred_quantile(q) == pytest.approx(exact, rel=1e-15)
        assert centred_quantile(-q) == -centred_quantile(q)


def test_normal_quantiles_near_the_middle_are_straight():
    for q in (0.0, 1e-300, 1e-12, -1e-8):
        assert centred_quantile(q) == pytest.approx(q * np.sqrt(2 * np.pi), rel=1e-12)


@pytest.mark.parametrize("entities", [0, 1, 3, 255, 256, 257])
def test_many_at_once_are_the_same_numbers(entities):
    when, numbers = (9, 2, 5), np.arange(entities) * 7 + 3
    cases = [
        (draw_uniforms, uniform_pair),
        (draw_normals, normal_pair),
        (draw_normals_and_uniforms, normal_and_uniform),
    ]
    for at_once, single in cases:
        first, second = np.empty(entities), np.empty(entities)
        at_once(when, Purpose.MOOD, numbers, first, second)
        wanted = [single((*when, number), Purpose.MOOD) for number in numbers]
        assert list(zip(first, second, strict=True)) == wanted


def test_draws_depend_on_their_address_alone():
    whole = normals(1, 2, Purpose.MOOD, 3, range(100))
    order = np.random.default_rng(1).permutation(100)
    np.testing.assert_array_equal(normals(1, 2, Purpose.MOOD, 3, order), whole[order])
    np.testing.assert_array_equal(normals(1, 2, Purpose.MOOD, 3, range(10)), whole[:10])
    assert normals(1, 2, Purpose.MOOD, 3, [[4, 5], [6, 7]]).shape == (2, 2)


def test_every_part_of_the_address_matters():
    base = (1, 2, Purpose.CHURN, 3, 4)
    others = [
        (2, 2, 15, 3, 4),
        (1, 3, 15, 3, 4),
        (1, 2, 14, 3, 4),
        (1, 2, 15, 4, 4),
        (1, 2, 15, 3, 5),
    ]
    values = {uniforms(*address[:4], [address[4]])[0] for address in (base, *others)}
    assert len(values) == 6


def test_purposes_have_places_of_their_own():
    assert len({int(purpose) for purpose in Purpose}) == len(Purpose.__members__)


def test_uniforms_are_uniform_and_independent():
    n = 20_000
    draws = np.array([uniforms(1, 0, purpose, 5, range(n)) for purpose in Purpose])
    p = [stats.kstest(row, "uniform").pvalue for row in draws]
    # The smallest of as many as there are purposes, at a level of one in a thousand.
    assert min(p) > 0.001 / len(p)
    correlation = np.corrcoef(draws)[np.triu_indices(len(draws), 1)]
    assert np.abs(correlation).max() < stats.norm.isf(0.0005 / len(correlation)) / np.sqrt(n)


def test_neighbours_in_time_and_number_are_independent():
    n = 20_000
    months = np.array([uniforms(1, 0, Purpose.CHURN, month, range(n)) for month in range(12)])
    lagged = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in months]
    across = np.corrcoef(months)[np.triu_indices(12, 1)]
    values = np.abs([*lagged, *across])
    assert values.max() < stats.norm.isf(0.0005 / len(values)) / np.sqrt(n)


def test_normals_are_normal():
    draws = normals(1, 0, Purpose.SCORE, 0, range(200_000))
    assert stats.kstest(draws, "norm").pvalue > 0.001
    assert stats.kurtosis(draws) == pytest.approx(0, abs=4 * np.sqrt(24 / 200_000))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ((-1, 0, 0, 0, [1]), "root must be a whole number from 0 to 4294967295; found -1"),
        ((0, 2**32, 0, 0, [1]), "replicate must be a whole number"),
        ((0, 0, 0, -2, [1]), "month must be a whole number"),
        ((0, 0, 0, 0, [3, -1]), "entities are numbered from 0; found -1"),
        ((0, 0, 99, 0, [1]), "99 is not a valid Purpose"),
    ],
)
def test_impossible_addresses_are_refused(address, message):
    with pytest.raises(ValueError, match=message):
        uniforms(*address)
