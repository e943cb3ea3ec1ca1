import pytest

from nps_research.datasets import load_counts
from nps_research.metrics import nps
from nps_research.planning import nps_precision_sample_size, nps_sample_size


@pytest.mark.parametrize(
    ("difference", "answers"), [(2, 21640), (3, 9618), (5, 3463), (10, 866), (20, 217)]
)
def test_sample_size_for_a_difference(difference, answers):
    sfo = load_counts("sfo_airport")
    row = nps(sfo[sfo["year"] == "2018"], method="t").loc["all"]
    sd = row["se"] * row["n"] ** 0.5
    assert nps_sample_size(difference, standard_deviation=sd) == answers


def test_sample_size_in_the_worst_case():
    assert [nps_sample_size(difference) for difference in (5, 10)] == [6280, 1570]


@pytest.mark.parametrize(
    ("half_width", "answers"), [(46.0, 10), (26.5, 30), (14.5, 100), (7.3, 400), (4.6, 1000)]
)
def test_half_widths(half_width, answers):
    # The half-widths are rounded to a decimal, so the numbers bracket the one they came from.
    sd = 100 * 0.55**0.5
    fewest, most = (
        nps_precision_sample_size(half_width + error, standard_deviation=sd)
        for error in (0.05, -0.05)
    )
    assert fewest <= answers <= most


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nps_sample_size(0), "difference must be a positive number"),
        (lambda: nps_sample_size(5, power=80), "power must be between 0 and 1; found 80"),
        (lambda: nps_precision_sample_size(5, level=95), "level must be between 0 and 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
