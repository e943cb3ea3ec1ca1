"""One small object of every class that has a view, from the functions that give it."""

import functools
import warnings

import numpy as np
import pandas as pd

import nps_research as npsr
from nps_research.agreement import published_estimates
from nps_research.calibration_results import SbcResult
from nps_research.churn.borders import borders
from nps_research.churn.codings import CodingComparison
from nps_research.churn.hazard import HazardModel
from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.resampling import HeldOut
from nps_research.churn.revenue import revenue_at_risk
from nps_research.claims import Comparison
from nps_research.comparison.detection import compared
from nps_research.detection.churn_gap import churn_gap
from nps_research.detection.density_jump import DensityJump
from nps_research.detection.fingerprint_mixture import fingerprint_mixture
from nps_research.detection.heaping import heaping
from nps_research.detection.records import agent_records
from nps_research.detection.round_scores import round_scores
from nps_research.detection.simulated_agents import AgentWorld
from nps_research.detection.suspicion import suspicion
from nps_research.detection.target_bunching import target_bunching
from nps_research.detection.withholding import withholding_test
from nps_research.diagnostics import LaplaceReport
from nps_research.drivers.comparability import threshold_test
from nps_research.drivers.contrasts import typical_size
from nps_research.drivers.correlations import correlations
from nps_research.drivers.relative_importance import relative_importance
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.settings import Settings
from nps_research.inflation import InflationModel
from nps_research.inflation.breakdown import Breakdown
from nps_research.inflation.simulation import simulated_counts
from nps_research.market.attribution import decompose
from nps_research.market.bunching import bunching_test
from nps_research.market.mechanisms import Incentives
from nps_research.market.regimes import LevelTarget, effort
from nps_research.market.scenarios import car_dealer
from nps_research.market.simulate import Market
from nps_research.market.statements import above, examine
from nps_research.market.stopping import Window, best_policy
from nps_research.people.promises import two_agents
from nps_research.people.ranking import joint_scores, normal_scores, top_of_ranking
from nps_research.people.unit_flags import accusations
from nps_research.people.unit_simulation import simulate_answers
from nps_research.people.unit_variance import Components
from nps_research.people.units import units_like
from nps_research.records import Record
from nps_research.scale import RatingScale
from nps_research.silence.churn_bounds import churn_evidence
from nps_research.survey import read_survey
from nps_research.tracking.control_charts import RULES
from nps_research.tracking.monitoring import watch
from nps_research.tracking.worlds import World

# A level that would break a page if it were not escaped.
ODD = "<b>&"
QUICK = {"random_seed": 1, "progressbar": False, "chains": 2}
SCORES = pd.DataFrame({"score": [3, 8, 10], "n": [20, 30, 50]})
SHARES = np.full(11, 1 / 11)


def quietly(function):
    """Keep the result, and the warnings of its few draws to itself: views must repeat them."""

    @functools.cache
    def called():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function()

    return called


@quietly
def model():
    counts = pd.DataFrame({"team": [ODD, "b"], "score": [3, 9]})
    counts = counts.merge(pd.DataFrame({"score": [3, 8, 9, 10]}), how="cross", suffixes=("_", ""))
    counts = counts.drop(columns="score_").assign(n=[9, 3, 4, 5, 2, 6, 7, 8])
    return npsr.OrdinalModel("score ~ team", counts)


@quietly
def fit():
    return model().fit(50, tune=50, **QUICK)


@quietly
def people():
    table = pd.DataFrame({"score": [3, 3, 9, 9], "churned": [1, 0, 1, 0], "n": [30, 70, 4, 196]})
    return lifetimes(table, months=None)


@quietly
def hazard_fit():
    return HazardModel(people(), "full scale").fit(100, tune=100, **QUICK)


@quietly
def customers_at_risk():
    now = pd.DataFrame({"score": [3, 9], "n": [100, 300]})
    return revenue_at_risk(hazard_fit(), now, value=1000, random_seed=1)


@quietly
def simulated():
    return simulated_counts(random_seed=1)


@quietly
def inflation_fit():
    return InflationModel(simulated().counts, retest=simulated().retest, agent_effects=False).fit(
        200, random_seed=1
    )


@quietly
def run():
    return Market(customers=200, agents=4, teams=2, months=12).simulate(
        Incentives(begging=1, editing=1), regime=LevelTarget(), random_seed=1
    )


@quietly
def waves():
    answers = np.random.default_rng(1).multinomial(100, SHARES, 4)
    rows = [(wave, score, n) for wave, row in enumerate(answers) for score, n in enumerate(row)]
    return npsr.WaveModel(pd.DataFrame(rows, columns=["wave", "score", "n"]), "wave")


@quietly
def silence_table():
    stayed = pd.DataFrame({"score": [*range(11), None], "n": [100] * 11 + [1500]})
    left = stayed.assign(n=[*range(33, 0, -3), 250])
    return pd.concat([stayed.assign(churned=0), left.assign(churned=1)])


@quietly
def joint_response_fit():
    return npsr.JointResponse(silence_table()).fit(500, random_seed=1)


@quietly
def units():
    return units_like(SCORES, agent_share=0.05)


@quietly
def statement():
    points = pd.DataFrame({"begging.shift": [0.1, 0.3, 0.5]})
    return examine(points, above(pd.DataFrame({"mean": [-1.0, 2.0, 4.0], "mcse": 0.1}), 1.0))


def read():
    frame = pd.DataFrame({"ltr": [9, 11, 3], "team": [ODD, "b", None]})
    return read_survey(frame, "ltr", missing={11: ODD})


def sbc_result():
    ranks = np.random.default_rng(1).integers(0, 100, (50, 2))
    numbers = dict.fromkeys(("truth", "mean", "sd", "below", "correlation"), ranks / 100)
    nothing = {"diverging": np.zeros(50, int), "failure": np.full(50, "")}
    return SbcResult([ODD, "nps"], 99, rank=ranks, **numbers, **nothing)


def gap():
    rows = [(t, p, 9, c, n) for t in (0, 1) for p in (0, 1) for c, n in ((0, 900), (1, 100))]
    return churn_gap(pd.DataFrame(rows, columns=["treated", "post", "score", "churned", "n"]))


def suspects():
    z = np.random.default_rng(1).standard_normal((60, 3))
    z[:8] += 3
    return suspicion(pd.DataFrame(z, columns=["tens", ODD, "sending"]), resamples=19)


def turning():
    table = pd.DataFrame({"improvement": [0.2, 0.3]}, index=[-0.1, 0.1])
    table.attrs["interval"] = "90 % equal-tailed credible interval"
    turns = pd.DataFrame(
        {"status": ["above 0"], "below": [np.nan], "above": [0.05], "becomes_above": ["undecided"]},
        index=["improvement"],
    )
    return Breakdown("trend_gap", 0.0, table, turns.assign(becomes_below=""))


def unit_bunching():
    rows = [(unit, score, 1 + (unit * score) % 4) for unit in range(60) for score in (3, 8, 10)]
    return bunching_test(pd.DataFrame(rows, columns=["unit", "score", "n"]), ["unit"], target=20)


def accounts():
    contacts = pd.DataFrame({"account": [ODD, "B"], "contact": ["Ann", "Cem"], "score": [6, None]})
    table = pd.DataFrame({"account": [ODD, "B"], "value": [10, 20]})
    return npsr.read_accounts(contacts.assign(role="decision maker"), table)


def item_correlations():
    table = npsr.load_table("sfo_item_correlations")
    return correlations(table, "recommend", ["find", "wifi", "food"])


def panel():
    table = pd.DataFrame({"customer": ["a", "a", "b"], "month": [0, 3, 0], "score": [9, 5, 8]})
    return npsr.trajectories(table.assign(left=[4, 4, None]))


def differences():
    first, second = np.arange(1, 12), np.arange(11, 0, -1)
    return compared(first, second, RatingScale())


def baseline():
    return Market(customers=200, agents=4, teams=2, months=12).simulate(
        Incentives.none(), random_seed=1
    )


def attributed():
    return decompose(
        Market(customers=80, agents=4, teams=2, months=6), Incentives(begging=1), replicates=2
    )


def records():
    return agent_records(run())


def units_made():
    return simulate_answers(units(), teams=2, agents=3, answers=50, random_seed=1)


def answers_of_agents():
    return AgentWorld(treated=20, untreated=10, mechanism="bribe").simulate(1).counts


def explored():
    return outcome_of(Settings(incentives=Incentives(begging=1), customers=200))


def held_back():
    rows = [(name, 1, 9, 9 * at, sent, 6) for name in "abc" for at in (0, 1) for sent in (0, 1)]
    columns = ["agent", "post", "window_answers", "window_net", "sent", "n"]
    return withholding_test(pd.DataFrame(rows, columns=columns).assign(months_left=1), target=40)


def at_the_target():
    rows = [(unit, score, 1 + (unit * score) % 4) for unit in range(60) for score in (3, 8, 10)]
    counts = pd.DataFrame(rows, columns=["unit", "score", "n"])
    return target_bunching(counts, ["unit"], target=20, resamples=19, random_seed=1)


RESULTS = {
    "Accounts": accounts,
    "Accusations": lambda: accusations(normal_scores(0.5), -1.96),
    "AgentMonths": lambda: run().agents,
    "AgentRecords": records,
    "Attribution": attributed,
    "Borders": lambda: borders(people()),
    "Breakdown": turning,
    "Bunching": unit_bunching,
    "ChurnEvidence": lambda: churn_evidence(silence_table(), random_seed=1),
    "ChurnGap": gap,
    "CodingComparison": lambda: CodingComparison({ODD: HeldOut(hazard_fit())}),
    "Compared": differences,
    "Comparison": lambda: Comparison("C1", Record(0.5, unit=ODD), Record(0.5, unit=ODD)),
    "Components": lambda: Components(0.0, 5.0, 95.0),
    "Contributions": lambda: explored().contributions,
    "ConvergenceReport": lambda: fit().convergence,
    "Correlations": item_correlations,
    "CustomerLoo": lambda: hazard_fit().loo(),
    "CustomerMonths": lambda: run().rows,
    "DensityJump": lambda: DensityJump(400, 0.3, 3.0, 0.0013, 40.0, 10.0, 0.5),
    "Effort": lambda: effort(LevelTarget(), [0.5]),
    "FingerprintMixture": lambda: fingerprint_mixture(
        answers_of_agents(), resamples=9, progressbar=False
    ),
    "HazardDraws": lambda: HazardModel(people()).prior(50, random_seed=1),
    "HazardFit": hazard_fit,
    "HazardModel": lambda: hazard_fit().model,
    "Heaping": lambda: heaping(answers_of_agents()),
    "HeldOut": lambda: HeldOut(hazard_fit()),
    "Heterogeneity": lambda: npsr.heterogeneity([28, 8, -3], [15, 10, 16], pd.Index([ODD, *"ab"])),
    "Identification": lambda: inflation_fit().identification,
    "Importance": lambda: relative_importance(item_correlations(), random_seed=1),
    "InflationFit": inflation_fit,
    "InflationModel": lambda: inflation_fit().model,
    "JointResponse": lambda: joint_response_fit().model,
    "JointResponseFit": joint_response_fit,
    "JointScores": lambda: joint_scores(units(), 50),
    "LaplaceReport": lambda: LaplaceReport(0.9, 120.0, 4000),
    "Lifetimes": people,
    "LifetimesReport": lambda: people().report,
    "LooResult": lambda: fit().loo(),
    "MaximumLikelihood": lambda: model().maximum_likelihood(),
    "NonParallel": lambda: threshold_test(
        model().counts, "team", replicates=9, random_seed=1, progressbar=False
    ),
    "OrdinalFit": fit,
    "OrdinalModel": model,
    "Outcome": explored,
    "Pay": lambda: LevelTarget().pay(),
    "Policy": lambda: best_policy(Window(customers=6), bonus=1),
    "Population": lambda: run().population,
    "PublishedAnswers": lambda: next(iter(published_estimates().values())).answers,
    "PublishedEstimates": lambda: next(iter(published_estimates().values())),
    "Record": lambda: Record(39.385, 0.011, ODD, 35.0, 43.0, "95 % interval", "depends", "02", 3),
    "RevenueAtRisk": customers_at_risk,
    "RoundScores": lambda: round_scores(pd.DataFrame({"nps": [40, 21], "n": [33, 61]})),
    "Run": run,
    "SbcResult": sbc_result,
    "Scenario": car_dealer,
    "ScoreDraws": lambda: model().prior(50, random_seed=1),
    "SimulatedCounts": simulated,
    "SimulatedUnits": units_made,
    "Size": lambda: typical_size(
        pd.DataFrame({"difference": [5.0, -5.0], "se": [3.0, 3.0]}), random_seed=1
    ),
    "Split": lambda: statement().split,
    "Statement": statement,
    "SummaryTable": lambda: fit().summary(),
    "Survey": read,
    "SurveyReport": lambda: read().report,
    "Suspicion": suspects,
    "TargetBunching": at_the_target,
    "TopOfRanking": lambda: top_of_ranking(joint_scores(units(), 50), 10, 3),
    "Trajectories": panel,
    "TwoAgents": lambda: two_agents(SCORES, months=12),
    "Units": units,
    "Uplift": lambda: npsr.uplift(run(), baseline()),
    "Watch": lambda: watch(RULES, World(SHARES), replicates=20, random_seed=1),
    "WaveDraws": lambda: waves().prior(50, random_seed=1),
    "WaveFit": lambda: waves().fit(200, random_seed=1),
    "WaveModel": waves,
    "WaveRecords": lambda: World(SHARES).records(3, random_seed=1),
    "Withholding": held_back,
    "Year": lambda: explored().without,
}
# Made once, since several tests look at each.
RESULTS = {name: quietly(make) for name, make in RESULTS.items()}
