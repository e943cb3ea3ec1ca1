"""Sizes, powers and false discoveries of the detectors of gaming: the recorded run.

Nulls: answers and records of honest agents who differ beyond chance, and the simulated market
without gaming. Powers: the market with one mechanism at a time. Lists of agents: the market with a
quarter of gamers, with none, and with pay that nobody reacts to. Finished replicates are kept in
--folder. The results go to data/detection_calibration.json.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import results
from scipy import stats

from nps_research.detection.agent_outliers import agent_outliers
from nps_research.detection.churn_gap import churn_gap
from nps_research.detection.deletions import (
    edit_asymmetry,
    low_tail_deficit,
    sequence_gaps,
    unrecorded_answers,
)
from nps_research.detection.evidence import evidence_table
from nps_research.detection.fingerprint import fingerprint
from nps_research.detection.heaping import heaping
from nps_research.detection.process_rates import surveys_not_sent, transfers
from nps_research.detection.records import AgentRecords, agent_acts, agent_records
from nps_research.detection.round_scores import round_scores
from nps_research.detection.simulated_records import HonestRecords
from nps_research.detection.suspicion import suspicion
from nps_research.detection.target_bunching import target_bunching
from nps_research.detection.ten_share import ten_residual, ten_share
from nps_research.detection.trials import TRIALS
from nps_research.detection.verbatims import verbatim_gap
from nps_research.detection.withholding import withholding, withholding_test
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market
from nps_research.metrics import nps
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    from collections.abc import Callable

    type Agents = Callable[[AgentRecords], pd.DataFrame]
    type Firm = Callable[[AgentRecords, int], float]

ROOT = Path(__file__).parents[1]
SEED = 20_261_122
LEVEL, TARGET, ERROR = 0.05, 40.0, 0.10
NORMAL = float(stats.norm.isf(LEVEL))
# Bootstrap data sets: with so few a test is exact at this level still, if a little less powerful.
RESAMPLES, LIST_RESAMPLES = 19, 99
MARKET = Market(customers=18_000, agents=120, teams=8)
SMALL_MARKET = Market(customers=6_000, agents=40, teams=4)
# An agent with this propensity takes at least half of the chances to game: to be found.
GAMES = 0.5

SCORES: dict[str, Agents] = {
    "10-share": lambda r: ten_share(r.answers),
    "10-share given location": lambda r: ten_residual(r.answers),
    "10-mass": lambda r: agent_outliers(r.answers),
    "response rate with 10-share": lambda r: fingerprint(r.answers),
    "low-tail deficit": lambda r: low_tail_deficit(r.answers),
}
PROCESS: dict[str, Agents] = {
    "edits of low answers": lambda r: edit_asymmetry(r.edits),
    "answers not on record": lambda r: unrecorded_answers(r.surveys),
    "gaps in numbers": lambda r: sequence_gaps(r.ids),
    "score above comments": lambda r: verbatim_gap(r.comments),
    "surveys not sent": lambda r: surveys_not_sent(r.surveys),
    "withholding at the target": lambda r: withholding(r.surveys, target=TARGET),
    "transfers of hard cases": lambda r: transfers(r.cases),
}
FIRM: dict[str, Firm] = {
    "bunching at the target": lambda r, seed: bunching(r, seed).p_value,
    "heaping": lambda r, _: heaping(r.answers).p_value,
    "round scores": lambda r, _: round_scores(reported(r)).p_value,
    "withholding, whole firm": lambda r, _: withholding_test(r.surveys, target=TARGET).p_value,
    "churn gap, whole firm": lambda r, _: churn_gap(r.departures).p_value,
}
GROUPS: dict[str, dict[str, Any]] = {"scores": SCORES, "process": PROCESS, "firm": FIRM}
# Signatures that are combined: 10-mass for tens, because better service raises the 10-share too.
COMBINED = (
    *("10-mass", "response rate with 10-share", "low-tail deficit", "score above comments"),
    *("edits of low answers", "answers not on record"),
    *("surveys not sent", "transfers of hard cases"),
)
ONE_AT_A_TIME = (
    *("begging", "bribing", "gating", "editing", "giveaways", "false_promises"),
    *("case_dodging", "withholding", "completion_incentive", "concessions", "crowding_out"),
)
MECHANISMS = {
    "none": Incentives.none(),
    **{name: Incentives.only(name) for name in ONE_AT_A_TIME},
    "all": Incentives.all(),
}


def honest_records(number: int) -> AgentRecords:
    """Draw honest agents of unequal size who differ and change."""
    return HonestRecords().simulate(_seed(f"records {number}"))


def few_records(number: int) -> AgentRecords:
    """Draw fewer honest agents, with fewer customers, who differ and change more."""
    world = HonestRecords(treated=20, untreated=10, due=80.0, cases=60.0, spread=0.6, drift=0.25)
    return world.simulate(_seed(f"few {number}"))


def better_service(number: int) -> AgentRecords:
    """Draw honest agents of whom those who are paid serve half a standard deviation better."""
    return HonestRecords(improvement=0.5).simulate(_seed(f"better {number}"))


def honest_market(number: int) -> AgentRecords:
    """Simulate the market with pay that nobody reacts to."""
    return agent_records(
        SMALL_MARKET.simulate(Incentives.none(), random_seed=SEED, replicate=number, record=True)
    )


# Of gaming in data that were made for a detector: none, weak, strong.
STRENGTHS = (0.0, 0.4, 1.0)
# Worlds without gaming, and what is tested in each.
NULLS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "honest records": (honest_records, ("scores", "process", "firm")),
    "few honest records": (few_records, ("process",)),
    "better service": (better_service, ("scores",)),
    "market without gaming": (honest_market, ("scores", "process", "firm")),
}
# Markets in which lists of agents are made: the share of honest agents, and the incentives.
LISTS: dict[str, tuple[float, Incentives]] = {
    "begging": (0.75, Incentives.only("begging")),
    "begging, gating, editing": (0.75, Incentives.only("begging", "gating", "editing")),
    "everything": (0.75, Incentives.all()),
    "nobody games": (0.0, Incentives.none()),
    "pay, and nobody games": (1.0, Incentives.all()),
}


def bunching(records: AgentRecords, seed: int) -> Any:
    """Test for bunching of agents' quarters after pay began."""
    paid = records.answers[(records.answers["post"] == 1) & (records.answers["treated"] == 1)]
    by = ["agent", "quarter"]
    return target_bunching(paid, by, target=TARGET, resamples=RESAMPLES, random_seed=seed)


def reported(records: AgentRecords) -> pd.DataFrame:
    """Return the scores of agents' quarters, as they would be reported."""
    table = nps(records.answers.dropna(subset="score"), by=["agent", "quarter"], method="wald")
    return table.assign(nps=table["nps"].round())[["nps", "n"]].reset_index(drop=True)


def null_replicate(world: str, group: str, number: int) -> dict[str, float]:
    """Return the share of treated agents, or whether the firm, is called different."""
    records = NULLS[world][0](number)
    if group == "firm":
        return {name: test(records, number) <= LEVEL for name, test in FIRM.items()}
    paid = _treated(records)
    return {
        name: _share(find(records)["z"].reindex(paid) >= NORMAL)
        for name, find in GROUPS[group].items()
    }


def trial_replicate(name: str, strength: float, number: int) -> dict[str, float]:
    """Run a trial of one detector on data that were made for it."""
    return TRIALS[name](_seed(f"{name} {number}"), strength)


def power_replicate(mechanism: str, group: str, number: int) -> dict[str, float]:
    """Simulate the market with one mechanism, and see who and what is found."""
    run = MARKET.simulate(MECHANISMS[mechanism], random_seed=SEED, replicate=number, record=True)
    records = agent_records(run)
    if group == "firm":
        return {f"{name}|power": test(records, number) <= LEVEL for name, test in FIRM.items()}
    acts = agent_acts(run)
    acts = acts[acts["treated"] == 1]
    found = {}
    for name, find in GROUPS[group].items():
        z = find(records)["z"].reindex(acts.index)
        games = acts["propensity"] >= GAMES
        found[f"{name}|power"] = _share((z >= NORMAL)[games])
        found[f"{name}|rank correlation"] = _rank_correlation(z, acts["propensity"])
    return found


def list_replicate(case: str, number: int) -> dict[str, float]:
    """Make a list of agents, and compare it with who games."""
    honest, incentives = LISTS[case]
    market = MARKET.with_values({"staff.honest_share": honest})
    run = market.simulate(incentives, random_seed=SEED, replicate=number, record=True)
    records, acts = agent_records(run), agent_acts(run)
    find = SCORES | PROCESS
    evidence = evidence_table([find[name](records) for name in COMBINED]).reindex(acts.index)
    treated = acts["treated"] == 1
    found = suspicion(evidence, treated, error=ERROR, resamples=LIST_RESAMPLES, random_seed=number)
    games = acts["propensity"][treated] > 0
    if case == "nobody games":
        games &= False
    naive = evidence[treated].mean(axis=1) * np.sqrt(len(COMBINED)) >= NORMAL
    look = found.table["look"].reindex(games.index)
    return {
        **_list_figures("list", look, games),
        **_list_figures("naive", naive, games),
        "gate|open": found.p_value <= LEVEL,
    }


def _list_figures(name: str, look: pd.Series, games: pd.Series) -> dict[str, float]:
    return {
        f"{name}|listed": float(look.sum()),
        f"{name}|somebody": bool(look.any()),
        f"{name}|false": float((look & ~games).sum() / max(look.sum(), 1)),
        f"{name}|found": _share(look[games]),
    }


def null_rows(world: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a detector: its size."""
    rows = []
    for group in NULLS[world][1]:
        found = _run("null", world, group, partial(null_replicate, world, group), options)
        rows += [_row("size", world, name, "size", values) for name, values in found.items()]
    return rows


def trial_rows(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the size of a detector, and its power by strength of gaming."""
    rows = []
    for strength in STRENGTHS:
        part = "honest" if strength == 0 else "gaming"
        simulate = partial(trial_replicate, name, strength)
        study = "null" if strength == 0 else "trial"
        found = _run(study, name, f"strength {strength:g}", simulate, options)[part]
        figure = "size" if strength == 0 else f"power at {strength:g}"
        rows.append(_row("trial", "made for it", name, figure, found))
    return rows


def power_rows(mechanism: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a detector and figure."""
    rows = []
    for group in GROUPS:
        simulate = partial(power_replicate, mechanism, group)
        found = _run("power", mechanism, group, simulate, options)
        rows += [_row("power", mechanism, *key.split("|"), found[key]) for key in found]
    return rows


def list_rows(case: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a rule and figure."""
    found = _run("list", case, "combined", partial(list_replicate, case), options)
    return [_row("list", case, *key.split("|"), found[key]) for key in found]


STUDIES: dict[str, tuple[Any, Any]] = {
    "null": (null_rows, NULLS),
    "trial": (trial_rows, TRIALS),
    "power": (power_rows, MECHANISMS),
    "list": (list_rows, LISTS),
}


def main() -> None:
    """Run everything, or the studies that are named, and write the results."""
    parser = results.calibration_parser("detection_calibration", __doc__)
    parser.set_defaults(replicates=1000)
    parser.add_argument("--powers", type=int, default=20, help="markets with each mechanism")
    parser.add_argument("--lists", type=int, default=200, help="markets in which a list is made")
    parser.add_argument("--only", nargs=3, metavar=("STUDY", "WORLD", "GROUP"), help="run a part")
    options = parser.parse_args()
    if options.only:
        _part(*options.only, options)
        return
    rows = [
        row
        for rows_of, worlds in STUDIES.values()
        for world in worlds
        for row in rows_of(world, options)
    ]
    setting = results.setting(session_information()["version"].to_dict())
    head = {"setting": setting, "seed": SEED, "level": LEVEL, "error": ERROR, "target": TARGET}
    options.out.write_text(results.one_line_a_row(head | {"rows": rows}), encoding="utf-8")
    print(pd.DataFrame(rows).to_string())


def _part(study: str, world: str, group: str, options: argparse.Namespace) -> None:
    """Run and store one part of a study."""
    if study == "trial":
        print(pd.DataFrame(trial_rows(world, options)).to_string())
        return
    simulate = {
        "null": partial(null_replicate, world, group),
        "power": partial(power_replicate, world, group),
        "list": partial(list_replicate, world),
    }[study]
    found = _run(study, world, group, simulate, options)
    print({name: _mean(values) for name, values in found.items()})


def _run(
    study: str, world: str, group: str, simulate: Any, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the replicates of a part that are not stored yet."""
    lengths = {"null": options.replicates, "power": options.powers}
    return replicated(
        simulate,
        lengths.get(study, options.lists),
        identity={"study": study, "world": world, "group": group, "seed": SEED, **_versions()},
        n_jobs=options.jobs,
        folder=options.folder / f"{study}-{world}-{group}".replace(" ", "-").replace(",", ""),
    )


def _treated(records: AgentRecords) -> pd.Index:
    answers = records.answers
    return pd.Index(np.unique(answers.loc[answers["treated"] == 1, "agent"]))


def _share(true: pd.Series) -> float:
    """Return the share of what is true; missing of nobody."""
    return float(true.mean()) if len(true) else float("nan")


def _rank_correlation(z: pd.Series, propensity: pd.Series) -> float:
    # Agents of whom nothing is known differ by their numbers of cases, in the second decimal.
    z = z.dropna().round(1)
    if z.nunique() < 2:
        return 0.0
    return float(stats.spearmanr(z, propensity[z.index]).statistic)


def _mean(values: Any) -> float:
    known = np.asarray(values, dtype=float)
    return float(known[np.isfinite(known)].mean()) if np.isfinite(known).any() else float("nan")


def _row(study: str, world: str, detector: str, figure: str, values: Any) -> dict[str, Any]:
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    mcse = known.std(ddof=1) / np.sqrt(len(known))
    names = {"study": study, "world": world, "detector": detector, "figure": figure}
    kept = {"value": results.rounded(known.mean()), "mcse": results.rounded(float(mcse))}
    return names | kept | {"replicates": len(known)}


def _versions() -> dict[str, Any]:
    return {"versions": session_information()["version"].to_dict()}


def _seed(name: str) -> int:
    return results.seed_of(SEED, name)


if __name__ == "__main__":
    main()
