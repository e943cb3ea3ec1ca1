"""Conclusions turn where their intervals reach 0: exactly for known draws, closely for fits."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nps_research.inflation import InflationModel
from nps_research.inflation.breakdown import breakdown, first_order
from nps_research.inflation.simulation import simulated_counts

SLOPE, SD, SUM = 0.9, 0.08, 0.7
Z = stats.norm.ppf((np.arange(4001) + 0.5) / 4001)
REACH = np.quantile(Z, 0.95) * SD


@dataclass
class Known:
    """A model whose improvement is normal, moved by assumptions exactly as to first order."""

    improvement: float = 0.3
    trend_gap: float = 0.0
    surrogacy: float = 1.0
    reliability: float | tuple[float, float] | None = None

    @property
    def assumptions(self):
        return self

    def assuming(self, **changes):
        return Known(**(vars(self) | changes))

    def fit(self, draws, *, random_seed):
        assert (draws, random_seed) == (100, 1)
        known = self.reliability if isinstance(self.reliability, float) else 0.64
        mean = (self.improvement + self.trend_gap / SLOPE) / self.surrogacy * np.sqrt(known / 0.64)
        total = SUM / np.sqrt(known / 0.64)
        improvement = mean + SD * Z
        draws = {"improvement": improvement, "reporting_shift": total - improvement}
        draws |= {"sum": np.full(len(Z), total), "churn_slope": np.full(len(Z), SLOPE)}
        return SimpleNamespace(draws=draws | {"reliability": np.full(len(Z), known)})


def turned(assumption, values, model=None, **settings):
    return breakdown(
        model or Known(), assumption, values, draws=100, random_seed=1, **settings
    ).turns


def test_a_trend_gap_turns_conclusions_where_the_intervals_reach_0():
    turns = turned("trend_gap", np.linspace(-0.6, 0.6, 5))
    improvement, shift = (turns.loc[name] for name in ("improvement", "reporting_shift"))
    assert improvement["below"] == pytest.approx(-SLOPE * (0.3 - REACH), abs=0.003)
    assert improvement["becomes_below"] == shift["becomes_above"] == "undecided"
    assert shift["above"] == pytest.approx(SLOPE * (SUM - 0.3 - REACH), abs=0.003)
    assert np.isnan([improvement["above"], shift["below"]]).all()


def test_surrogacy_can_hide_a_shift_and_never_the_sign_of_the_improvement():
    turns = turned("surrogacy", [0.3, 0.6, 1.0, 2.0])
    assert turns.loc["improvement", ["below", "above"]].isna().all()
    assert turns.loc["reporting_shift", "below"] == pytest.approx(
        0.3 / (SUM - REACH), abs=0.4 * 0.02
    )


def test_an_undecided_conclusion_turns_too():
    turns = turned("trend_gap", [-0.5, 0.0, 0.5], Known(improvement=0.0))
    row = turns.loc["improvement"]
    assert row["status"] == "undecided"
    assert row["above"] == pytest.approx(SLOPE * REACH, abs=0.011)
    assert [row["becomes_below"], row["becomes_above"]] == ["below 0", "above 0"]


def test_leaving_one_side_comes_before_reaching_the_other():
    row = turned("trend_gap", [-2.0, 0.0]).loc["improvement"]
    assert row["below"] == pytest.approx(-SLOPE * (0.3 - REACH), abs=0.041)
    assert row["becomes_below"] == "undecided"


def test_wider_intervals_turn_earlier():
    narrow, wide = (
        turned("trend_gap", [-0.6, 0.0], level=level).loc["improvement", "below"]
        for level in (0.5, 0.99)
    )
    assert narrow < wide < 0


@pytest.mark.parametrize("value", [0.4, 0.64, 0.9])
def test_first_order_is_exact_where_it_is_all_there_is(value):
    found = breakdown(Known(), "reliability", [value, 0.95], draws=100, random_seed=1)
    row = found.table.loc[value]
    assert found.assumed == pytest.approx(0.64)
    for name in ("improvement", "reporting_shift"):
        assert row[f"{name}_first_order"] == pytest.approx(row[name], abs=1e-9)


def test_statement_has_the_values():
    found = breakdown(Known(), "trend_gap", [-0.6, 0.0, 0.6], draws=100, random_seed=1)
    assert " ".join(repr(found).split()) == (
        "Breakdown. 90 % equal-tailed credible intervals, trend_gap from -0.6 to 0.6: improvement "
        "above 0 at 0, undecided below -0.152; reporting shift above 0 at 0, undecided above 0.242."
    )
    stays = breakdown(Known(), "trend_gap", [-0.01, 0.01], draws=100, random_seed=1)
    assert "improvement above 0 at 0, and everywhere" in stays.statement()


@pytest.mark.parametrize(
    ("assumption", "values", "message"),
    [
        ("parallel", [0, 1], "assumption 'parallel'"),
        ("trend_gap", [0.1], "two or more, in increasing order"),
        ("trend_gap", [0.1, 0.1], "two or more, in increasing order"),
    ],
)
def test_errors_say_what_to_pass(assumption, values, message):
    with pytest.raises(ValueError, match=message):
        breakdown(Known(), assumption, values)


@pytest.fixture(scope="module")
def model():
    counts, retest, _ = simulated_counts(random_seed=3)
    return InflationModel(counts, retest=retest, agent_effects=False)


@pytest.mark.parametrize(
    ("assumption", "value"), [("trend_gap", 0.1), ("surrogacy", 0.8), ("reliability", 0.6)]
)
def test_refits_move_as_first_order_says(model, assumption, value):
    fit = model.fit(500, random_seed=1)
    assumed = {"trend_gap": 0.0, "surrogacy": 1.0, "reliability": fit.draws["reliability"].mean()}
    moved = model.assuming(**{assumption: value}).fit(500, random_seed=1)
    expected = first_order(fit, assumption, assumed[assumption], value)
    for name in ("improvement", "reporting_shift"):
        assert moved.draws[name].mean() == pytest.approx(expected[f"{name}_first_order"], abs=0.05)


def test_tables_are_indexed_by_the_values(model):
    found = breakdown(model, "trend_gap", [-0.1, 0.1], draws=200, random_seed=1)
    assert found.table.index.tolist() == [-0.1, 0.1]
    assert found.table["improvement"].is_monotonic_increasing
    assert isinstance(found.table, pd.DataFrame)
    assert found.table.attrs["interval"] == "90 % equal-tailed credible interval"
