"""The market with begging alone in Mesa, an agent-based framework: one object a customer and agent.

Written for this comparison after the rules of nps_research.market, with Mesa's own randomness.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mesa

NO_ANSWER, TEN = -1, 10


class Desk(mesa.Agent):
    """An agent of the firm."""

    def __init__(self, model: Firm, since: float) -> None:
        super().__init__(model)
        staff = model.rules.staff
        self.quality = self.random.gauss(0.0, staff.quality_sd)
        self.propensity = self.random.betavariate(1.0, staff.gaming_shape)
        self.since = since

    def end_quarter(self) -> None:
        """Leave, or stay."""
        staff = self.model.rules.staff
        if self.random.random() < logistic(staff.quit_intercept):
            self.quality = self.random.gauss(staff.successor_mean, staff.quality_sd)


class Customer(mesa.Agent):
    """A customer of the firm."""

    def __init__(self, model: Firm, desk: Desk) -> None:
        super().__init__(model)
        rules = model.rules
        self.desk = desk
        self.base_loyalty = self.loyalty = self.random.gauss(0.0, 1.0)
        self.shift = self.random.gauss(0.0, rules.customers.shift_sd)
        self.stretch = math.exp(self.random.gauss(0.0, rules.customers.stretch_sd))
        self.compliance = self.random.gauss(0.0, 1.0)
        cycle = rules.survey.gap - 1.0 + 1.0 / rules.survey.sampled
        self.age = min(1 + int(cycle * self.random.random()), rules.survey.gap)

    def live(self) -> None:
        """Live one month."""
        rules, mood, score = self.model.rules, 0.0, NO_ANSWER
        if self.random.random() < rules.service.contact:
            experience = self.experience()
            mood = rules.service.mood * experience
            self.loyalty += rules.service.loyalty * experience
        if self.age >= rules.survey.gap and self.random.random() < rules.survey.sampled:
            score = self.answer(mood)
            self.age = 0
        self.age += 1
        called_back = self.random.random() < rules.recovery.close_the_loop
        if NO_ANSWER < score <= self.model.highest_detractor and called_back:
            self.loyalty += rules.recovery.effect
        self.loyalty += rules.loyalty.reversion * (self.base_loyalty - self.loyalty)
        self.loyalty += self.random.gauss(0.0, rules.loyalty.noise)
        leaving = rules.loyalty.churn_intercept - rules.loyalty.churn_slope * self.loyalty
        if self.random.random() < logistic(leaving):
            self.model.churners += 1
            self.remove()

    def experience(self) -> float:
        """Meet the agent."""
        rules = self.model.rules
        difficulty = max(self.random.gauss(0.0, 1.0), rules.service.easiest)
        own = self.desk.quality + rules.staff.effort + rules.service.baseline
        noise = self.random.gauss(0.0, rules.service.noise)
        return own - rules.service.difficulty * difficulty + noise

    def answer(self, mood: float) -> int:
        """Answer the survey, or not."""
        survey, begging = self.model.rules.survey, self.model.rules.begging
        felt = self.loyalty + mood + self.random.gauss(0.0, self.model.rules.service.mood_noise)
        latent = self.stretch * felt + self.shift + self.random.gauss(0.0, survey.noise)
        willing = survey.response_intercept + survey.response_loyalty * felt
        willing += survey.response_extremity * abs(felt)
        begged = self.desk.since <= self.model.month and (
            self.random.random() < self.model.intensity * self.desk.propensity
        )
        if self.random.random() >= logistic(willing + (begging.response if begged else 0.0)):
            return NO_ANSWER
        score = self.leaning(latent) if begged else self.model.score(latent)
        self.model.note(score, self.desk)
        return score

    def leaning(self, latent: float) -> int:
        """Answer under pressure."""
        begging = self.model.rules.begging
        lean = begging.shift + begging.shift_compliance * self.compliance
        score = self.model.score(latent + lean)
        yields = logistic(begging.ten_intercept + begging.ten_compliance * self.compliance)
        return TEN if score >= begging.lowest and self.random.random() < yields else score


class Firm(mesa.Model):
    """The firm, its agents and its customers."""

    def __init__(self, task: dict[str, Any], seed: int) -> None:
        super().__init__(rng=seed)
        self.rules = json.loads(
            json.dumps(task["rules"]), object_hook=lambda x: SimpleNamespace(**x)
        )
        self.thresholds, self.intensity = task["thresholds"], task["intensity"]
        self.highest_detractor, self.lowest_promoter = task["groups"]
        self.month = self.answers = self.net = self.churners = 0
        self.desks = [Desk(self, since) for since in task["since"]]
        for i in range(task["customers"]):
            Customer(self, self.desks[i % len(self.desks)])

    def step(self) -> None:
        """Let a month pass."""
        self.agents_by_type[Customer].do("live")
        self.month += 1
        if self.month % 3 == 0:
            self.agents_by_type[Desk].do("end_quarter")

    def score(self, latent: float) -> int:
        """Return the answer to a latent position."""
        return sum(latent > each for each in self.thresholds)

    def note(self, score: int, desk: Desk) -> None:
        """Record an answer of a team and month with incentives."""
        if self.month >= desk.since:
            self.answers += 1
            self.net += (score >= self.lowest_promoter) - (score <= self.highest_detractor)


def logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x))


def main() -> None:
    """Read the task, run all replicates, write seconds and results."""
    task = json.loads(Path(sys.argv[1]).read_text())
    start, rows = time.perf_counter(), []
    for seed in range(task["replicates"]):
        firm = Firm(task, seed)
        for _ in range(task["months"]):
            firm.step()
        rows.append({"nps": 100.0 * firm.net / firm.answers, "churners": firm.churners})
    result = {"seconds": time.perf_counter() - start, "rows": rows, "mesa": mesa.__version__}
    Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
