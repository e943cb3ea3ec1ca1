import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

import nps_research as npsr
from nps_research.comparison.detection import auc_lost, compared, contrast, fieller, sample_ratio
from nps_research.scale import RatingScale

SFO = npsr.load_counts("sfo_airport")
YEARS = {year: SFO[SFO["year"] == year] for year in ("2017", "2018")}


def part(year, **levels):
    table = YEARS[year]
    for column, level in levels.items():
        table = table[table[column] == level]
    return table


# Second less first, so that every difference is positive.
CONTRASTS = {
    "years": (YEARS["2018"], YEARS["2017"]),
    "mode 2017": (part("2017", mode="self"), part("2017", mode="interviewer")),
    "mode 2018": (part("2018", mode="self"), part("2018", mode="interviewer")),
    "problem 2017": (part("2017", problem="yes"), part("2017", problem="no")),
    "problem 2018": (part("2018", problem="yes"), part("2018", problem="no")),
}
KNOWN = {
    "years": (8.86, 0.270, 4.51, 5.34, 4.51),
    "mode 2017": (5.53, 0.130, 1.73, 1.62, 1.37),
    "mode 2018": (15.79, 0.364, 3.84, 3.10, 3.91),
    "problem 2017": (24.88, 0.761, 5.46, 5.94, 6.10),
    "problem 2018": (40.99, 1.331, 9.07, 9.31, 9.65),
}


def answers(table):
    return np.repeat(table["score"].to_numpy(dtype=int), table["n"])


def sizes(table):
    return np.bincount(answers(table), minlength=11).astype(float)


def resamples(name, draws):
    rng = np.random.default_rng(4)
    for each in map(sizes, CONTRASTS[name]):
        yield rng.multinomial(int(each.sum()), each / each.sum(), draws).astype(float)


@pytest.mark.parametrize("name", CONTRASTS)
def test_the_five_contrasts_of_the_airport(name):
    table = contrast(*CONTRASTS[name])
    d_nps, d_mean, *z = KNOWN[name]
    assert table.loc["nps", "difference"] == pytest.approx(d_nps, abs=0.006)
    assert table.loc["mean_score", "difference"] == pytest.approx(d_mean, abs=0.0006)
    assert table.loc[["nps", "mean_score", "wilcoxon"], "z"].tolist() == pytest.approx(z, abs=0.03)


@pytest.mark.parametrize("name", ["years", "mode 2018"])
def test_wilcoxon_is_that_of_the_single_answers(name):
    first, second = map(answers, CONTRASTS[name])
    test = stats.mannwhitneyu(second, first, use_continuity=False, method="asymptotic")
    row = contrast(*CONTRASTS[name]).loc["wilcoxon"]
    assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-8)
    assert row["difference"] == pytest.approx(test.statistic / len(first) / len(second) - 0.5)


@pytest.mark.parametrize(
    ("statistic", "values"),
    [
        ("nps", 100 * RatingScale().nps_values),
        ("mean_score", np.arange(11)),
        ("top_box", RatingScale().box_values(2)),
        ("bottom_box", RatingScale().box_values(7, "bottom")),
    ],
)
def test_metrics_are_compared_as_by_welch(statistic, values):
    first, second = (values[answers(each)] for each in CONTRASTS["problem 2017"])
    row = contrast(*CONTRASTS["problem 2017"]).loc[statistic]
    assert row["z"] == pytest.approx(stats.ttest_ind(second, first, equal_var=False).statistic)


def test_ordinal_model_agrees_with_other_software():
    first, second = map(answers, CONTRASTS["mode 2018"])
    group = np.repeat([0.0, 1.0], [len(first), len(second)])
    score = pd.Series(pd.Categorical(np.append(first, second), ordered=True))
    other = OrderedModel(score, group[:, None], distr="logit").fit(method="bfgs", disp=False)
    row = contrast(*CONTRASTS["mode 2018"]).loc["ordinal_model"]
    assert row["difference"] == pytest.approx(other.params.iloc[0], abs=1e-3)
    assert row["z"] == pytest.approx(other.tvalues.iloc[0], abs=0.01)


def test_interval_of_a_difference_is_its_wald_interval():
    table = contrast(*CONTRASTS["years"], level=0.9)
    margin = stats.norm.ppf(0.95) * table["se"]
    assert table["upper"].to_numpy() == pytest.approx((table["difference"] + margin).to_numpy())
    assert table.attrs["interval"].startswith("90 % confidence interval")
    assert (table[["n_first", "n_second"]] == [2650, 2746]).all(axis=None)


def test_many_pairs_at_once_are_each_compared():
    rng = np.random.default_rng(1)
    first, second = rng.multinomial(50, np.full(5, 0.2), (2, 3)).astype(float)
    scale = RatingScale(1, 5)
    together = compared(first, second, scale)
    single = compared(first[1], second[1], scale)
    for name in ("difference", "se", "z", "z_variance", "z_covariance"):
        assert getattr(together, name)[:, 1] == pytest.approx(getattr(single, name))


@pytest.mark.parametrize("name", ["mode 2018", "problem 2018"])
def test_covariance_of_z_is_that_of_resampled_answers(name):
    seen = compared(*map(sizes, CONTRASTS[name]), RatingScale())
    resampled = compared(*resamples(name, 8000), RatingScale())
    expected = np.cov(resampled.z)
    assert seen.z_variance == pytest.approx(expected.diagonal(), rel=0.06)
    assert seen.z_covariance == pytest.approx(expected[0], abs=0.06)
    assert seen.se == pytest.approx(resampled.difference.std(axis=1), rel=0.05)


def test_ratio_of_answers_is_that_of_squared_z():
    z = contrast(*CONTRASTS["mode 2018"])["z"]
    table = sample_ratio(*CONTRASTS["mode 2018"])
    expected = (z["mean_score"] / z["nps"]) ** 2
    assert table.loc["mean_score", "nps_answers"] == pytest.approx(expected)
    assert (table["lower"] < table["nps_answers"]).all()


def test_ratio_of_a_difference_that_may_be_zero_has_no_upper_limit():
    table = sample_ratio(*CONTRASTS["mode 2017"])
    assert (table["upper"] == np.inf).all()
    assert (table["lower"] == 0).all()


@pytest.mark.parametrize("name", CONTRASTS)
def test_interval_of_the_ratio_covers(name):
    seen = compared(*map(sizes, CONTRASTS[name]), RatingScale())
    true = seen.z[1] / seen.z[0]
    drawn = compared(*resamples(name, 4000), RatingScale())
    spread = drawn.z_variance[1], drawn.z_variance[0], drawn.z_covariance[1]
    parts = (drawn.z[1], drawn.z[0], *spread)
    limits = (fieller((x, y), (v, w), c, 1.959964) for x, y, v, w, c in np.transpose(parts))
    hits = [lower <= true <= upper for lower, upper in limits]
    # Four Monte Carlo errors and half a point of bias; too wide where NPS may not differ at all.
    assert np.mean(hits) > 0.931
    assert np.mean(hits) < 0.969 or name == "mode 2017"


def test_fieller_is_the_set_of_ratios_that_are_not_rejected():
    ratios = np.linspace(-5, 5, 200_001)
    z = (3.0 - ratios * 4.0) / np.sqrt(1.2 - 2 * ratios * 0.7 + 0.9 * ratios**2)
    kept = ratios[np.abs(z) <= 1.96]
    found = fieller((3.0, 4.0), (1.2, 0.9), 0.7, 1.96)
    assert found == pytest.approx((kept.min(), kept.max()), abs=1e-4)


def test_bins_lose_power_to_tell_who_left():
    codes = {"yes": 1, "no": 0, "unknown": None}
    row = auc_lost(npsr.load_counts("r_community"), "lapsed", outcomes=codes).iloc[0]
    assert row[["auc_first", "auc_second"]].tolist() == pytest.approx([0.811, 0.851], abs=5e-4)
    assert row["lower"] > 0


def test_bins_lose_nothing_where_scores_are_classes():
    counts = pd.DataFrame(
        {"score": [1, 2, 3] * 2, "left": [0, 0, 0, 1, 1, 1], "n": [1, 5, 9, 6, 3, 2]}
    )
    row = auc_lost(counts, "left", rating_scale=RatingScale(1, 3, 1, 3)).iloc[0]
    assert row["difference"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contrast(SFO, SFO[SFO["score"] == 0].iloc[:1].assign(n=1)), "second table has 1"),
        (lambda: contrast(*[pd.DataFrame({"score": [9], "n": [5]})] * 2), "nothing to estimate"),
        (lambda: sample_ratio(SFO, SFO), "NPS of both groups is the same"),
        (lambda: auc_lost(SFO, "churned"), "churned"),
    ],
)
def test_unusable_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
