"""Tables of draws: quantiles, combinations that nobody has, and chains too few or too short."""

import numpy as np
import pytest
import xarray as xr

from nps_research.diagnostics import ConvergenceReport, interval_table, summarise


def _draws(*shape):
    return np.random.default_rng(1).normal(size=shape)


def _idata(chains, draws):
    posterior = xr.Dataset({"a": (("chain", "draw", "k"), _draws(chains, draws, 2))})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((chains, draws), bool))})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def test_intervals_are_quantiles():
    values = _draws(2, 50, 2, 3)
    draws = xr.DataArray(values, dims=("chain", "draw", "a", "b"), name="nps")
    table = interval_table(draws, mass=0.8)
    expected = np.quantile(values, [0.1, 0.9], axis=(0, 1)).reshape(2, -1)
    limits = table[["lower", "upper"]].to_numpy().T
    assert limits == pytest.approx(expected)
    assert table["nps"].to_numpy() == pytest.approx(values.mean(axis=(0, 1)).ravel())


def test_combinations_that_nobody_has_are_left_out():
    draws = xr.DataArray(_draws(2, 50, 2, 2), dims=("chain", "draw", "a", "b"), name="nps")
    draws[..., 0, 1] = np.nan
    draws[0, 3, 1, 1] = np.nan
    table = interval_table(draws)
    assert table.index.tolist() == [(0, 0), (1, 0), (1, 1)]
    assert table.isna().all(axis=1).tolist() == [False, False, True]


@pytest.mark.parametrize(("chains", "draws"), [(1, 1), (1, 3), (4, 1), (4, 3), (1, 1000)])
def test_too_few_chains_or_draws_never_pass(chains, draws):
    table = summarise(_idata(chains, draws), ["a"], ["x", "y"])
    report = table.attrs["convergence"]
    assert table["r_hat"].isna().all()
    assert not report.converged
    assert "NOT converged: R-hat unknown (needs 2 chains of 4 draws" in table.heading
    assert f"{chains} chain{'s' if chains > 1 else ''} of {draws:,} draws" in table.heading


def test_enough_draws_pass():
    report = summarise(_idata(4, 1000), ["a"], ["x", "y"]).attrs["convergence"]
    assert repr(report).startswith("converged: R-hat 1.0")


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"r_hat": 1.02}, "NOT converged: R-hat 1.020 (nps; must be < 1.01)"),
        ({"ess_bulk": 399.0}, "ESS bulk 399 (must be >= 400)"),
        ({"ess_tail": np.nan}, "tail unknown (must be >= 400)"),
        ({"divergences": 1}, "1 divergences (must be 0)"),
    ],
)
def test_each_criterion_can_fail_and_says_so(change, shown):
    good = {"r_hat": 1.0, "ess_bulk": 900.0, "ess_tail": 800.0, "divergences": 0}
    report = ConvergenceReport(**(good | change), worst="nps", chains=4, draws=1000)
    assert not report.converged
    assert shown in repr(report)
