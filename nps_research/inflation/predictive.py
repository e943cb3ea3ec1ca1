"""What the model says that the data should look like, beside what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.inflation.evidence import UNKNOWN
from nps_research.inflation.quantities import loyalty_mass
from nps_research.intervals import tail_probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nps_research.inflation.curves import Array, State
    from nps_research.inflation.evidence import Evidence
    from nps_research.inflation.fit import InflationFit

INTERVAL_KIND = "equal-tailed posterior predictive interval"
# Draws that are enough for a tail probability to two digits.
MOST_DRAWS = 1000
LEVELS = ["group", "period", "audit", "statistic"]


def predictive_check(fit: InflationFit, level: float) -> pd.DataFrame:
    """Compare every condition with data simulated from the posterior; see `InflationFit`."""
    model, evidence = fit.model, fit.model.evidence
    generator = np.random.default_rng(fit.random_seed)
    values = model.parameters.values(fit.free[:MOST_DRAWS])
    parts = [
        _simulated(evidence, loyalty_mass(model.likelihood, state, generator), state, generator)
        for _, state in model.likelihood.states(values)
    ]
    rows = []
    for key, observed in _observed(evidence):
        simulated = np.concatenate([part[key] for part in parts])
        rows.append([*_label(evidence, key), observed, *_compared(observed, simulated, level)])
    columns = [*LEVELS, "observed", "mean", "lower", "upper", "p_value"]
    table = pd.DataFrame(rows, columns=columns).set_index(LEVELS)
    table.attrs = {"interval": INTERVAL_KIND, "mass": level}
    return table


def _compared(observed: float, simulated: Array, level: float) -> list[float]:
    lower, upper = np.quantile(simulated, tail_probabilities(level))
    above, below = (simulated >= observed).mean(), (simulated <= observed).mean()
    return [float(simulated.mean()), lower, upper, min(1.0, 2 * float(min(above, below)))]


def _label(evidence: Evidence, key: tuple[int, str]) -> list[object]:
    condition, statistic = key
    cohort = evidence.cohorts[evidence.cohort[condition]]
    period = evidence.periods[evidence.period[condition]]
    return [cohort, period, int(evidence.audit[condition]), statistic]


def _people(evidence: Evidence) -> Iterator[tuple[int, dict[str, Array]]]:
    """Yield what people of every condition did: silent and answering, scores, stayed and left."""
    width = evidence.scale.n_categories
    for block in evidence.blocks:
        if block.pooled:
            continue
        kinds, held = block.outcomes, block.counts.clip(min=0).sum(axis=0)
        for condition, people in zip(block.conditions, held, strict=True):
            yield (
                int(condition),
                {
                    "answered": np.bincount(kinds.answered, people, 2),
                    "scores": np.bincount(kinds.score, people, width + 1)[:width],
                    "left": np.bincount(kinds.churned, people, UNKNOWN + 1)[:UNKNOWN],
                },
            )


def _observed(evidence: Evidence) -> Iterator[tuple[tuple[int, str], float]]:
    for condition, people in _people(evidence):
        scores, answered, left = people["scores"], people["answered"], people["left"]
        if scores.sum():
            yield (condition, "nps"), _nps(evidence, scores)
            yield (condition, "highest"), float(scores[-1] / scores.sum())
        if evidence.has_silence and answered[0]:
            yield (condition, "response_rate"), float(answered[1] / answered.sum())
        if left.sum():
            yield (condition, "churn_rate"), float(left[1] / left.sum())


def _nps(evidence: Evidence, scores: Array) -> float:
    return float(100 * scores @ evidence.scale.nps_values / scores.sum())


def _simulated(
    evidence: Evidence, mass: Array, state: State, generator: np.random.Generator
) -> dict[tuple[int, str], Array]:
    """Simulate the statistics of every condition, as many people as there are."""
    found, values, curves = {}, 100 * evidence.scale.nps_values, state.curves
    for condition, people in _people(evidence):
        answer, held = curves.answer[:, condition, :, 1], mass[:, condition]
        score = curves.score[:, int(evidence.paid[condition]), :, :-1]
        answers, known = int(people["scores"].sum()), int(people["left"].sum())
        rate = (held * answer).sum(axis=1)
        if answers:
            shares = np.einsum("dl,dl,dls->ds", held, answer, score) / rate[:, None]
            drawn = generator.multinomial(answers, shares / shares.sum(axis=1, keepdims=True))
            found[condition, "nps"] = drawn @ values / answers
            found[condition, "highest"] = drawn[:, -1] / answers
        total = int(people["answered"].sum())
        found[condition, "response_rate"] = generator.binomial(total, rate.clip(0, 1)) / total
        if known:
            left = (held * curves.leave[:, condition, :, 1]).sum(axis=1).clip(0, 1)
            found[condition, "churn_rate"] = generator.binomial(known, left) / known
    return found
