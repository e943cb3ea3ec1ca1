import numpy as np
import pytest

from nps_research.bisection import falling_root


def test_roots_of_many_functions_at_once():
    powers = np.arange(1.0, 5)
    found = falling_root(lambda x: 2 - x**powers, np.zeros(4), np.full(4, 8.0))
    assert found == pytest.approx(2 ** (1 / powers), abs=1e-11)


@pytest.mark.parametrize(("sign", "end"), [(-1.0, 0.0), (1.0, 3.0)])
def test_without_a_change_of_sign_the_root_is_an_end(sign, end):
    found = falling_root(lambda x: np.full_like(x, sign), np.zeros(1), np.full(1, 3.0))
    assert found == pytest.approx(end, abs=1e-11)


def test_functions_may_be_infinite_at_the_ends():
    found = falling_root(lambda x: 1 / x - 1 / (1 - x), np.zeros(1), np.ones(1))
    assert found == pytest.approx(0.5, abs=1e-12)
