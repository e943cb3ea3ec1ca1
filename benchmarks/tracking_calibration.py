"""Does the tracking model say what it knows? Coverage, an exact sampler, and rules with delays.

Simulates surveys in waves with a known true NPS, compares the fast posterior with the No-U-Turn
sampler of PyMC on the same model, and lets rules watch stable and changing worlds. Finished
replicates are kept in --folder: an interrupted run goes on where it was. The results go to
data/tracking_calibration.json.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import arviz_stats
import numpy as np
import pandas as pd
import pymc as pm
import results

import nps_research as npsr
from nps_research.diagnostics import MAX_PARETO_K, ConvergenceWarning
from nps_research.replication import replicated
from nps_research.session import session_information
from nps_research.tracking.control_charts import RULES
from nps_research.tracking.model import LOGISTIC_SD, WaveModel
from nps_research.tracking.monitoring import ModelChange, trade_off, watch
from nps_research.tracking.state_space import MACHINE_CODE
from nps_research.tracking.worlds import World, shares_with_nps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEED = 20_270_105
WAVES, MASS, DRAWS = 12, 0.9, 2000
# Shares of the airport's answers of 2018 to the scores 0 to 10.
AIRPORT = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
SINCE = np.arange(WAVES) - WAVES // 2
# True NPS less that of the first wave, in points.
PATHS = {
    "constant": np.zeros(WAVES),
    "step of -10 points": -10.0 * (SINCE >= 0),
    "drift of 1 point a wave": np.arange(WAVES, dtype=float),
}
ANSWERS, WATCHED_ANSWERS = (50, 500), (200, 1000)
STEPS = (5.0, 10.0)


@dataclass(frozen=True)
class Truth:
    """Where the true NPS of a simulated survey comes from.

    Attributes
    ----------
    name : str
        "prior", or a key of `PATHS`.
    answers : int
        People who answer in each wave.
    """

    name: str
    answers: int

    def shares(self, replicate: int) -> Array:
        """Return the true shares of the scores in every wave."""
        if self.name != "prior":
            start = 100.0 * AIRPORT @ npsr.RatingScale().nps_values
            return shares_with_nps(AIRPORT, start + PATHS[self.name])
        template = _model(np.ones((WAVES, 11), dtype=np.int64))
        drawn = template.prior(1, random_seed=SEED + replicate)
        return drawn.score_probabilities().to_numpy()[0, 0]

    def simulated(self, replicate: int) -> dict[str, Any]:
        """Return whether intervals of every wave hold the truth, and how wide they are."""
        shares = self.shares(replicate)
        generator = np.random.default_rng([SEED, self.answers, replicate])
        model = _model(generator.multinomial(self.answers, shares))
        warnings.simplefilter("ignore", ConvergenceWarning)  # they are counted instead
        fit = model.fit(DRAWS, random_seed=replicate)
        raw = model.raw(MASS)[["lower", "upper"]].to_numpy()
        limits = {"raw": raw, "smoothed": _limits(fit.nps()), "filtered": _limits(fit.filtered())}
        truth = 100.0 * shares @ npsr.RatingScale().nps_values
        found: dict[str, Any] = {"pareto_k": fit.convergence.pareto_k, "ess": fit.convergence.ess}
        for name, (lower, upper) in ((key, each.T) for key, each in limits.items()):
            found[f"{name} covered"] = (lower <= truth) & (truth <= upper)
            found[f"{name} width"] = upper - lower
        return found


def _model(counts: NDArray[np.int64]) -> WaveModel:
    waves, scores = np.indices(counts.shape)
    table = {"wave": waves.ravel(), "score": scores.ravel(), "n": counts.ravel()}
    return WaveModel(pd.DataFrame(table), "wave")


def _limits(draws: Any) -> Array:
    tails = [(1 - MASS) / 2, (1 + MASS) / 2]
    return np.asarray(draws.quantile(tails, ("chain", "draw")).transpose("wave", "quantile"))


def coverage_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a truth, number of answers and kind of interval."""
    rows = []
    for name in ("prior", *PATHS):
        for answers in ANSWERS:
            truth = Truth(name, answers)
            found = replicated(
                truth.simulated,
                options.replicates,
                identity={"truth": name, "answers": answers, "seed": SEED} | _code(),
                n_jobs=options.jobs,
                folder=options.folder / f"{name} {answers}".replace(" ", "-"),
            )
            rows += [_coverage_row(truth, kind, found) for kind in ("raw", "smoothed", "filtered")]
            print(pd.DataFrame(rows[-3:]).iloc[:, :6].to_string(header=False), flush=True)
    return rows


def _coverage_row(truth: Truth, kind: str, found: dict[str, Array]) -> dict[str, Any]:
    covered = found[f"{kind} covered"]
    each = covered.mean(axis=1)
    return {
        "truth": truth.name,
        "answers": truth.answers,
        "interval": kind,
        "coverage": results.rounded(float(each.mean())),
        "mcse": results.rounded(float(each.std(ddof=1) / np.sqrt(len(each)))),
        "width": results.rounded(float(found[f"{kind} width"].mean())),
        "coverage_by_wave": [round(float(share), 3) for share in covered.mean(axis=0)],
        "unreliable": results.rounded(float((found["pareto_k"] > MAX_PARETO_K).mean())),
        "smallest_ess": results.rounded(float(found["ess"].min())),
    }


def _code() -> dict[str, Any]:
    """Return what replicates depend on, beside their truth."""
    versions = session_information()["version"].to_dict()
    return {"draws": DRAWS, "machine_code": MACHINE_CODE.folder.name, "versions": versions}


def sampler_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a quantity: this package's posterior beside that of PyMC's sampler."""
    shares = Truth("prior", 50).shares(7)
    counts = np.random.default_rng([SEED, 50]).multinomial(50, shares)
    model = _model(counts)
    fast, exact = model.fit(40_000, random_seed=1), _sampled_by_pymc(model, options.draws)
    pairs = {f"nps[{w}]": (fast.nps()[..., w], exact["nps"][..., w]) for w in range(WAVES)}
    pairs["step_sd"] = (fast.step_sd(), exact["step_sd"])
    return [_compared(name, *pair, ess=fast.convergence.ess) for name, pair in pairs.items()]


def _compared(name: str, fast: Any, exact: Any, *, ess: float) -> dict[str, Any]:
    numbers = np.asarray(exact)
    sds = float(fast.std()), float(numbers.std())
    error = np.hypot(sds[0] / np.sqrt(ess), sds[1] / np.sqrt(float(arviz_stats.ess(numbers))))
    means = float(fast.mean()), float(numbers.mean())
    row = {"mean": means[0], "nuts_mean": means[1], "sd": sds[0], "nuts_sd": sds[1]}
    row |= {
        "distance_in_errors": (means[0] - means[1]) / error,
        "r_hat": float(arviz_stats.rhat(numbers)),
    }
    return {"quantity": name} | {key: results.rounded(value) for key, value in row.items()}


def _sampled_by_pymc(model: WaveModel, draws: int) -> dict[str, Any]:
    """Draw from the same model, written out in PyMC."""
    values = 100.0 * model.rating_scale.nps_values
    counts = model.answers.astype(int)
    with pm.Model():
        # The first wave's shares have a Dirichlet prior: its sticks are log odds of Beta variables.
        stop = model.concentration[:-1]
        above = np.cumsum(model.concentration[::-1])[::-1][1:]
        sticks = pm.Flat("sticks", shape=len(stop))
        log_pass = -pm.math.log1pexp(sticks)
        pm.Potential("prior", (above * log_pass - stop * pm.math.log1pexp(-sticks)).sum())
        passed = -log_pass.cumsum()
        cuts = passed + pm.math.log(-pm.math.expm1(-passed))
        step_sd = pm.HalfNormal("step_sd", model.step_scale)
        steps = pm.Normal("steps", 0.0, 1.0, shape=WAVES - 1)
        walked = LOGISTIC_SD * step_sd * pm.math.cumsum(steps * np.sqrt(np.diff(model.times)))
        level = pm.math.concatenate([np.zeros(1), walked])
        below = pm.math.sigmoid(cuts[None, :] - level[:, None])
        edges = pm.math.concatenate([np.zeros((WAVES, 1)), below, np.ones((WAVES, 1))], axis=1)
        shares = edges[:, 1:] - edges[:, :-1]
        pm.Deterministic("nps", shares @ values)
        pm.Potential("answers", (counts * pm.math.log(pm.math.maximum(shares, 1e-300))).sum())
        settings = {"tune": 2000, "chains": 4, "target_accept": 0.95, "nuts_sampler": "nutpie"}
        idata = pm.sample(draws, random_seed=1, progressbar=False, **settings)
    return {name: idata["posterior"][name] for name in ("nps", "step_sd")}


def watching_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a number of answers, step, rule and share of false alarms."""
    rules = RULES | {"model": ModelChange()}
    rows = []
    for answers in WATCHED_ANSWERS:
        stable = watch(
            rules, World(AIRPORT, answers=answers), replicates=options.watched, random_seed=SEED
        )
        own = stable.false_alarms(within=4)
        for points in STEPS:
            world = World(AIRPORT, "step", -points, answers=answers)
            changed = watch(rules, world, replicates=options.watched, random_seed=SEED + 1)
            fixed = changed.delays().assign(limit=pd.Series(stable.limits), mcse=own["mcse"])
            fixed["false_alarms"] = own["share"]
            level = trade_off(stable, changed).reset_index()
            for table, kind in ((fixed.rename_axis("rule").reset_index(), "own"), (level, "equal")):
                rows += table.assign(answers=answers, points=points, limits=kind).to_dict("records")
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return results.rounded(float(value)) if isinstance(value, (float, np.floating)) else value


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = results.calibration_parser("tracking_calibration", __doc__)
    parser.add_argument("--watched", type=int, default=1000, help="replicates of every world")
    parser.add_argument("--draws", type=int, default=5000, help="of each chain of PyMC")
    return parser.parse_args()


def main() -> None:
    """Run everything and write the results."""
    options = arguments()
    content = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "seed": SEED,
        "replicates": {"coverage": options.replicates, "watching": options.watched},
        "mass": MASS,
        "waves": WAVES,
        "coverage": coverage_rows(options),
        "sampler": sampler_rows(options),
        "watching": watching_rows(options),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(results.one_line_a_row(content))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
