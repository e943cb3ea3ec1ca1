import numpy as np
import pytest
from scipy import special

from nps_research.datasets import load_counts
from nps_research.drivers.ceilings import NARROWEST, passive_bands, promoters_catch_up
from nps_research.drivers.comparability import LOGISTIC_SD

PUBLISHED = load_counts("published_distributions")
CUTS = np.array([-0.5, 2.5])


def test_at_the_catching_up_both_classes_are_as_large():
    shift = promoters_catch_up(CUTS)
    below, others = special.expit(CUTS - LOGISTIC_SD * shift)
    assert 1 - others == pytest.approx(others - below, abs=1e-9)


def test_share_of_passives_is_largest_in_the_middle_of_the_band():
    shifts = np.linspace(-10, 10, 20_001)
    below, others = special.expit(CUTS[:, None] - shifts)
    assert (others - below).max() == pytest.approx(np.tanh((CUTS[1] - CUTS[0]) / 4), abs=1e-7)


@pytest.mark.parametrize(("factor", "possible"), [(1.01, True), (0.99, False)])
def test_narrow_bands_never_make_passives_the_largest_class(factor, possible):
    half = factor * NARROWEST * LOGISTIC_SD / 2
    below, others = special.expit(np.array([-half, half])[:, None] - np.linspace(-8, 8, 16_001))
    lead = (others - below) - np.maximum(below, 1 - others)
    assert (lead.max() > 0) == possible


def test_bands_of_a_distribution():
    row = passive_bands(PUBLISHED, "id", random_seed=1).loc["sfo_2018"]
    answers = PUBLISHED[PUBLISHED["id"] == "sfo_2018"].groupby("score")["n"].sum()
    shares = answers / answers.sum()
    cuts = special.logit([shares[:7].sum(), shares[:9].sum()])
    assert row["passives"] == pytest.approx(shares[7:9].sum(), abs=0.002)
    assert row["band"] == pytest.approx((cuts[1] - cuts[0]) / LOGISTIC_SD, rel=0.01)
    assert row["until"] == pytest.approx(float(promoters_catch_up(cuts)), abs=0.01)
    assert row["lower"] < row["until"] < row["upper"] < 0
    assert row["probability_passives_largest"] == 0
