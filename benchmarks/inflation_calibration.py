"""Does the inflation model tell improvement from inflation? Coverage, bias and power, recorded.

Simulates firms that start to pay for a score, with a known improvement of service and a known
softening of answers, and fits the model: with every anchor, with none, and where an assumption does
not hold. Finished replicates are kept in --folder: an interrupted run goes on where it was. The
results go to data/inflation_calibration.json.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import results

from nps_research.diagnostics import ConvergenceWarning
from nps_research.inflation.model import InflationModel
from nps_research.inflation.simulation import simulated_counts
from nps_research.inflation.worlds import Anchors, IncentiveWorld, Violations, truth
from nps_research.replication import replicated
from nps_research.session import session_information

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEED = 20_270_412
LEVEL, DRAWS = 0.9, 2000
EFFECTS = ("improvement", "reporting_shift")
QUANTITIES = (*EFFECTS, "honest_nps", "honest_nps_everybody", "inflation")
FIGURES = ("mean", "sd", "lower", "upper")
# A third party asks 55 customers of every paid agent: about 600 of 2,200 answer.
AUDIT = {"audits": 55}
TALKS = {"comments": 0.65}


@dataclass(frozen=True)
class Case:
    """A world, what of it the firm collects, and what the model is told.

    Attributes
    ----------
    world : IncentiveWorld
        What is so.
    broken : str
        What of that the model assumes to be otherwise; empty if nothing.
    identified : bool
        Whether the split of the rise can be told.
    drop : tuple of str
        Columns that the firm does not have.
    retest : bool
        Whether it has repeated answers.
    options : dict
        Arguments of `InflationModel`.
    """

    world: IncentiveWorld = field(default_factory=IncentiveWorld)
    broken: str = ""
    identified: bool = True
    drop: tuple[str, ...] = ("agent",)
    retest: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def quantities(self) -> dict[str, str]:
        """Rows of the summary by the truth that they are compared with."""
        ten = ["ten_inflation"] if self.options.get("ten_inflation") else []
        found = {name: name for name in (*QUANTITIES, *ten)}
        if self.world.violations.promised:
            found["lasting_improvement"] = "improvement"
        return found


def _violated(broken: str, **violations: Any) -> Case:
    return Case(IncentiveWorld(violations=Violations(**violations)), broken)


WITHOUT_CHURN = ("agent", "churned")
CASES: dict[str, Case] = {
    "churn, control, retest": Case(),
    "no shift": Case(IncentiveWorld(shift=0.0)),
    "no gaming, no improvement": Case(IncentiveWorld(shift=0.0, improvement=0.0)),
    "scores alone": Case(identified=False, drop=WITHOUT_CHURN),
    "no improvement": Case(IncentiveWorld(improvement=0.0)),
    "no retest": Case(retest=False),
    "audit, same response": Case(IncentiveWorld(anchors=Anchors(**AUDIT)), drop=WITHOUT_CHURN),
    "audit, everybody answers": Case(
        IncentiveWorld(anchors=Anchors(**AUDIT, audit_response="complete")),
        drop=WITHOUT_CHURN,
        options={"audit_response": "complete"},
    ),
    "audit, told the wrong response": Case(
        IncentiveWorld(anchors=Anchors(**AUDIT, audit_response="complete")),
        "who answers an audit",
        drop=WITHOUT_CHURN,
    ),
    "sentiment": Case(
        IncentiveWorld(anchors=Anchors(**TALKS)),
        drop=WITHOUT_CHURN,
        options={"indicators": ("sentiment",)},
    ),
    "sentiment that leaks": Case(
        IncentiveWorld(anchors=Anchors(**TALKS, leak=0.5)),
        "what is said in comments",
        drop=WITHOUT_CHURN,
        options={"indicators": ("sentiment",)},
    ),
    "sentiment, leak known": Case(
        IncentiveWorld(anchors=Anchors(**TALKS, leak=0.5)),
        drop=WITHOUT_CHURN,
        options={"indicators": ("sentiment",), "leak": 0.5},
    ),
    "second channel": Case(
        IncentiveWorld(anchors=Anchors(reviews=0.1)),
        drop=WITHOUT_CHURN,
        options={"indicators": ("review",)},
    ),
    "tens": Case(IncentiveWorld(shift=0.25, ten_mass=0.15), options={"ten_inflation": True}),
    "tens, told of none": Case(IncentiveWorld(shift=0.25, ten_mass=0.15), "tens at any loyalty"),
    "gating": _violated("everybody is asked", gating=0.5),
    "skewed loyalty": _violated("loyalty is normal", latent="skewed"),
    "skewed loyalty, told so": Case(
        IncentiveWorld(violations=Violations(latent="skewed")), options={"latent": "skewed"}
    ),
    "logistic loyalty": _violated("loyalty is normal", latent="logistic"),
    "concessions": _violated("discounts do not keep customers", concession=0.5),
    "broken promises": _violated("promises are kept", promised=0.3),
    "churn trends apart": _violated("churn trends are parallel", churn_gap=0.1),
    "churn follows half": _violated("churn follows loyalty", surrogacy=0.5),
    "retest remembered": _violated("repeated answers have noise of their own", retest_memory=0.5),
    "reliability overstated": Case(
        broken="the stated reliability", retest=False, options={"reliability": 0.85}
    ),
    "reliability understated": Case(
        broken="the stated reliability", retest=False, options={"reliability": 0.5}
    ),
    "staggered": Case(
        IncentiveWorld(customers=100, market=(0.0, 0.1, 0.2, 0.25), starts=(1, 2)),
        drop=(),
        options={"agent_effects": False},
    ),
    "agents, retest": Case(drop=()),
    "agents, no retest": Case(drop=(), retest=False, options={"agent_effects": True}),
}


def replicate(name: str, number: int) -> dict[str, float]:
    """Simulate one firm, and fit the model to what it has."""
    case = CASES[name]
    # The same customers in every case, as far as cases are alike.
    simulated = simulated_counts(case.world, random_seed=SEED + number)
    counts = simulated.counts.drop(columns=list(case.drop))
    started = time.process_time()
    model = InflationModel(counts, retest=simulated.retest if case.retest else None, **case.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # they are counted instead
        fit = model.fit(DRAWS, random_seed=number)
        table = fit.summary(LEVEL)
    found = {
        "seconds": time.process_time() - started,
        "unreliable": float(not fit.convergence.converged),
        "correlation": float(fit.correlation()),
    }
    for quantity, row in case.quantities.items():
        found |= {f"{quantity}|{part}": float(table.loc[row, part]) for part in FIGURES}
        found[f"{quantity}|truth"] = simulated.truth[quantity]
    return found


def case_rows(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a quantity."""
    identity = {"case": name, "seed": SEED, "versions": session_information()["version"].to_dict()}
    found = replicated(
        partial(replicate, name),
        options.replicates,
        identity=identity,
        n_jobs=options.jobs,
        folder=options.folder / name.replace(",", "").replace(" ", "-"),
    )
    case = CASES[name]
    known = {"case": name, "broken": case.broken, "identified": case.identified}
    fits = {
        "correlation": found["correlation"].mean(),
        "unreliable": found["unreliable"].mean(),
        "seconds": np.median(found["seconds"]),
        "replicates": len(found["seconds"]),
    }
    rows = []
    for quantity in case.quantities:
        parts = {part: found[f"{quantity}|{part}"] for part in (*FIGURES, "truth")}
        compared = _figures(parts, truth(case.world)[quantity])
        figures = {key: results.rounded(float(each)) for key, each in compared.items()}
        rows.append(known | {"quantity": quantity} | figures)
    return [row | {key: results.rounded(float(each)) for key, each in fits.items()} for row in rows]


def _figures(parts: dict[str, Array], of_all_agents: float) -> dict[str, float]:
    """Compare estimates with what is true of the agents who were drawn, and of all."""
    lower, upper, error = parts["lower"], parts["upper"], parts["mean"] - parts["truth"]
    inside = (lower <= parts["truth"]) & (parts["truth"] <= upper)
    others = (lower <= of_all_agents) & (of_all_agents <= upper)
    return {
        "truth": parts["truth"].mean(),
        "bias": error.mean(),
        "mcse_bias": error.std(ddof=1) / np.sqrt(len(error)),
        "sd": error.std(ddof=1),
        "posterior_sd": parts["sd"].mean(),
        "coverage": inside.mean(),
        "mcse": np.sqrt(inside.mean() * (1 - inside.mean()) / len(inside)),
        "coverage_all_agents": others.mean(),
        "width": (upper - lower).mean(),
        "leaves_out_0": ((lower > 0) | (upper < 0)).mean(),
        # Shows that the record is of another model than the one at hand.
        "first": parts["mean"][0],
    }


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = results.calibration_parser("inflation_calibration", __doc__)
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    return parser.parse_args()


def main() -> None:
    """Run everything, and write the results after every case."""
    options = arguments()
    head = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "seed": SEED,
        "level": LEVEL,
        "replicates": options.replicates,
    }
    rows: list[dict[str, Any]] = []
    for name in options.case:
        rows += case_rows(name, options)
        shown = pd.DataFrame(rows[-len(CASES[name].quantities) :])
        print(shown.drop(columns=["broken", "identified", "first"]).to_string(), flush=True)
        options.out.write_text(results.one_line_a_row(head | {"rows": rows}), encoding="utf-8")


if __name__ == "__main__":
    main()
