"""The market once more, slowly: plain Python, one customer after the other, written from the
specification. It shares with the package the addressed draws and the default numbers, and nothing
else."""

import math

import numpy as np
from scipy.special import ndtri

from nps_research.market.defaults import defaults
from nps_research.market.shocks import Purpose, normals, uniforms

D = defaults()["value"].to_dict()
STATIC = {
    **dict.fromkeys(("SEGMENT", "POWER", "LAST_SAMPLED", "GAMING"), uniforms),
    **dict.fromkeys(("VALUE", "BASE_LOYALTY", "SHIFT", "STRETCH", "COMPLIANCE"), normals),
    "QUALITY": normals,
}


def sigma(x):
    return 1 / (1 + math.exp(-x))


class SlowMarket:
    """Agents with a propensity; every customer in the portfolio of agent i modulo the number."""

    def __init__(self, world, x, seed):
        customers, agents, months = world.customers, world.agents, world.months
        self.j, self.months, self.rollout = agents, months, world.rollout
        self.x, self.seed = x, seed
        draw = {name: f(seed, 0, Purpose[name], 0, range(customers)) for name, f in STATIC.items()}
        self.theta = draw["BASE_LOYALTY"].copy()
        self.base, self.compliance = draw["BASE_LOYALTY"], draw["COMPLIANCE"]
        self.a, self.b = 0.3 * draw["SHIFT"], np.exp(0.15 * draw["STRETCH"])
        segment = np.digitize(draw["SEGMENT"], [0.80, 0.95])
        self.cents = np.rint(
            100 * np.array([40, 300, 5000])[segment] * np.exp(0.5 * draw["VALUE"])
        ).astype(int)
        self.w = np.choose(
            segment, [0 * draw["POWER"], 0.3 * draw["POWER"], 0.4 + 0.6 * draw["POWER"]]
        )
        self.age = np.minimum(1 + np.floor((2 + 1 / 0.3) * draw["LAST_SAMPLED"]), 3)
        self.q = 0.35 * draw["QUALITY"][:agents]
        self.gamma = 1 - np.sqrt(1 - draw["GAMING"][:agents])
        shares = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
        self.tau = ndtri(np.cumsum(shares)[:-1]) * 1.40 - 0.02
        self.morale, self.window = np.ones(agents), [[] for _ in range(agents)]
        self.breaks = [[] for _ in range(customers)]
        self.active = np.ones(customers, bool)
        self.rows = {
            name: np.full((months, customers), -1) for name in ("recorded", "shadow", "census")
        }
        self.churned = np.zeros((months, customers), bool)
        self.cost = 0

    def u(self, name, i):
        return float(uniforms(self.seed, 0, Purpose[name], self.t, [i])[0])

    def z(self, name, i):
        return float(normals(self.seed, 0, Purpose[name], self.t, [i])[0])

    def run(self):
        for month in range(self.months):
            self.t = month
            for i in np.flatnonzero(self.active):
                self.customer(int(i))
            if self.t % 3 == 2:
                self.quarter()
        return self

    def customer(self, i):
        j = i % self.j
        on = self.t >= self.rollout
        g = {name: on * value * self.gamma[j] for name, value in self.x.items()}
        theta, mood, own = self.theta[i], 0.0, True
        contact = self.u("CONTACT", i) < 0.5
        if contact:
            d = self.z("DIFFICULTY", i)
            own = not (d > 0.8 and self.u("DODGE", i) < g["case_dodging"])
            effort = (
                0.30 * self.morale[j] * (1 - 0.5 * on * self.x["crowding_out"]) if own else 0.15
            )
            gift = own and self.u("GIVEAWAY", i) < 0.4 * g["giveaways"]
            promise = own and self.u("PROMISE", i) < 0.5 * g["false_promises"]
            experience = own * self.q[j] + effort - 0.3 - 0.25 * max(d, -1) - 0.25 * (not own)
            experience += 0.5 * self.z("EXPERIENCE", i)
            mood = 0.6 * experience + 0.35 * gift + 0.6 * promise
            theta += 0.15 * experience + 0.05 * gift
            self.cost += round(0.2 * self.cents[i]) if gift else 0
            if promise:
                self.breaks[i].append(self.t + 1 + int(3 * self.u("PROMISE_LAG", i)))
        y = -1
        if contact and self.age[i] >= 3 and self.u("SAMPLED", i) < 0.6:
            self.age[i] = 0
            y = self.survey(i, g, theta + mood + 0.3 * self.z("MOOD", i), own)
        self.age[i] += 1
        if 0 <= y <= 6 and self.u("RECOVERY", i) < 0.5:
            theta += 0.35
        theta -= 0.55 * self.breaks[i].count(self.t)
        theta += 0.08 * (self.base[i] - theta) + 0.15 * self.z("LOYALTY", i)
        self.theta[i] = theta
        if self.u("CHURN", i) < sigma(-4.2 - 0.85 * theta):
            self.churned[self.t, i], self.active[i] = True, False

    def survey(self, i, g, ell, own):
        j, on = i % self.j, self.t >= self.rollout
        rho = -1.1 + 0.15 * ell + 0.25 * abs(ell)
        latent = self.b[i] * ell + self.a[i] + 0.7 * self.z("SCORE", i)
        honest = int((latent > self.tau).sum())
        self.rows["census"][self.t, i] = honest
        answer = self.u("RESPONSE", i)
        if answer < sigma(rho):
            self.rows["shadow"][self.t, i] = honest
        window = self.window[j]
        full = len(window) >= 5 and sum(window) >= 0.40 * len(window)
        gated = ell + 0.7 * self.z("SIGNAL", i) < -0.3 and self.u("GATE", i) < g["gating"]
        withheld = on and full and self.u("WITHHOLD", i) < g["withholding"]
        if not own or gated or withheld:
            return -1
        beg = self.u("BEG", i) < g["begging"]
        bribe = self.u("BRIBE", i) < 0.6 * g["bribing"]
        demand = self.u("DEMAND", i) < on * self.x["concessions"] * self.w[i]
        conceded = demand and self.u("CONCESSION", i) < 0.7
        self.cost += round(0.1 * self.cents[i]) if conceded else 0
        x5 = on * self.x["completion_incentive"]
        rho += 0.5 * beg + 1.0 * bribe + abs(x5) * (1.2 - 0.25 * abs(ell)) + 0.6 * demand
        if answer >= sigma(rho):
            return -1
        latent += beg * (0.45 + 0.15 * self.compliance[i]) + D["completion_incentive.courtesy"] * x5
        latent -= 1.2 * (demand and not conceded)
        y = int((latent > self.tau).sum())
        cc = self.compliance[i]
        if beg and y >= 6 and self.u("BEGGED_TEN", i) < sigma(-0.5 + 0.6 * cc):
            y = 10
        if bribe and y < 10 and self.u("BRIBED_TEN", i) < sigma(1.5 - 0.8 * (10 - y) + 0.4 * cc):
            y = 10
        y = max(y, 9) if conceded else y
        self.cost += 2500 if bribe and y == 10 else 0
        if y <= 6 and self.u("DELETE", i) < 0.6 * g["editing"]:
            return -1
        if y <= 6 and self.u("ALTER", i) < 0.4 * g["editing"]:
            y = 9
        self.rows["recorded"][self.t, i] = y
        window.append((y >= 9) - (y <= 6))
        return y

    def quarter(self):
        for j in range(self.j):
            on, window = self.t >= self.rollout, self.window[j]
            if on and window and sum(window) < 0.20 * len(window) and self.q[j] > -0.1:
                self.morale[j] -= 0.35 * self.x["demotivation"]
            self.morale[j] += 0.2 * (1 - self.morale[j])
            if self.u("QUIT", j) < sigma(-3.6 + 3 * (1 - self.morale[j])):
                self.cost += 800_000
                self.morale[j], self.q[j] = 1.0, -0.15 + 0.35 * self.z("SUCCESSOR", j)
            self.window[j] = []
