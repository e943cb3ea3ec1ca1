"""Who differs from honest agents in several ways at once: probabilities, ranks, and a list.

Nothing here says why somebody differs, and nobody should be judged by it: it says where to look
first, and how often looking finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.detection.two_groups import honest_null, simulated_null, two_groups
from nps_research.intervals import tail_probabilities
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from nps_research.detection.two_groups import TwoGroups

    type Array = NDArray[np.float64]
    type Flags = NDArray[np.bool_]

LEAST_AGENTS = 20
LEAST_HONEST = 8
# A signature stands out from here on: one honest agent in ten, by chance.
STANDS_OUT = 1.28
# A z beyond this counts as this: one accident must not outweigh everything else.
FARTHEST = 5.0
# Signatures in which nobody's z is further from 0 than this tell nobody apart, and are left out.
NOTHING = 0.1
DRAWS = 2000
ADVICE = (
    "These are probabilities of differing, not of having done something. Each signature has "
    "innocent explanations (table.attrs['innocent']): look at the work first, ask second, and "
    "judge nobody by this."
)


@viewed
@dataclass(frozen=True, eq=False)
class Suspicion:
    """What several signatures say together.

    Attributes
    ----------
    table : pandas.DataFrame
        Indexed by agent, most probable first: `probability` to differ from honest agents, `rank`
        with `rank_lower` and `rank_upper`, `sources` (independent ones in which the agent stands
        out), `wrong_so_far` (expected share of honest agents among the eligible down to here) and
        `look` (whether the agent is on the list).
    p_value : float
        Of the global test: probability of so clear a second group if there is none.
    share : float
        Estimated share of agents in it.
    direction : pandas.Series
        How far each signature moves in it, in standard deviations.
    error : float
        Limit on the expected share of honest agents on the list.
    gate : float
        The list is empty unless `p_value` is at most this.
    """

    table: pd.DataFrame
    p_value: float
    share: float
    direction: pd.Series
    error: float
    gate: float

    @property
    def listed(self) -> list[object]:
        """Agents on the list, most probable first."""
        return list(self.table.index[self.table["look"]])

    @property
    def text(self) -> str:
        """The finding in words."""
        agents = len(self.table)
        if self.p_value > self.gate:
            return (
                f"{agents} agents: nothing says that some differ from the others in several ways "
                f"at once (p = {self.p_value:.3f}, bootstrap). The list is empty."
            )
        listed = self.table[self.table["look"]]
        expected = float((1 - listed["probability"]).sum())
        return (
            f"{agents} agents: some differ from the others in several ways at once "
            f"(p = {self.p_value:.3f}, bootstrap), about {100 * self.share:.0f} % of them. "
            f"{len(listed)} are on the list, of whom {expected:.1f} are expected to be like the "
            f"rest. {ADVICE}"
        )

    def _view(self) -> View:
        return View(f"Suspicion({self.text})", table=self.table.round(2))


def suspicion(
    evidence: pd.DataFrame,
    treated: ArrayLike | None = None,
    *,
    error: float = 0.1,
    gate: float = 0.05,
    level: float = 0.9,
    resamples: int = 199,
    random_seed: int = 0,
) -> Suspicion:
    """Combine signatures into a probability that an agent differs from honest ones.

    Parameters
    ----------
    evidence : pandas.DataFrame
        Of `evidence_table`. Where z is missing it counts as 0, which speaks for an agent.
    treated : array-like of bool, optional
        Agents who are paid for the score, in the order of the rows: only these are examined, and
        the others, if there are 8, say how z vary and go together among the honest. Without it all
        are examined, and the spread of all is taken for that of the honest.
    error : float
        Limit on the expected share of honest agents on the list.
    gate : float
        Level of the global test that comes first: without it, a limit on a share would still put
        somebody on the list in most firms where nobody games.
    level : float
        Mass of the intervals of ranks.
    resamples : int
        Bootstrap data sets of the global test.
    random_seed : int
        Makes the result repeatable.

    Returns
    -------
    Suspicion

    Raises
    ------
    ValueError
        If fewer than 20 agents are to be examined, there is one source of data only, or a limit is
        not between 0 and 1.

    Notes
    -----
    `two_groups` gives the probabilities. The list is the largest set of eligible agents whose mean
    probability of being honest is within the error (Mueller, Parmigiani and Rice 2007, "FDR and
    Bayesian Multiple Comparisons Rules"); eligible is who stands out (z of 1.28) in signatures of
    two sources, as in Jacob and Levitt 2003, "Rotten Apples". The global test refers the gain of
    two groups over one to data sets drawn from the fit of one.

    Examples
    --------
    >>> z = np.random.default_rng(1).standard_normal((60, 3))
    >>> z[:8] += 3
    >>> found = suspicion(pd.DataFrame(z, columns=["tens", "comments", "sending"]))
    >>> found.p_value, set(found.listed) <= set(range(8))
    (0.005, True)
    """
    _check_limits(error=error, gate=gate)
    z = np.clip(np.nan_to_num(evidence.to_numpy(dtype=float)), -FARTHEST, FARTHEST)
    examined = np.ones(len(z), bool) if treated is None else np.asarray(treated, dtype=bool)
    sources = [evidence.attrs.get("sources", {}).get(name, name) for name in evidence]
    _check_agents(int(examined.sum()), len(set(sources)))
    tells = np.abs(z).max(axis=0) > NOTHING
    tells |= ~tells.any()
    used = z[:, tells]
    honest = used[~examined] if (~examined).sum() >= LEAST_HONEST else used[:0]
    fit = _fit(honest[None], used[None, examined])
    table = _table(evidence.index[examined], z[examined], sources, fit)
    table = table.join(_ranks(table.index, fit, level, random_seed))
    p_value = _global_test(honest, used[examined], fit.gain[0], resamples, random_seed)
    table = _listed(table, error, open_gate=p_value <= gate)
    columns = ["probability", "rank", "rank_lower", "rank_upper", "sources", "wrong_so_far", "look"]
    table = table[columns]
    table.attrs = {
        "interval": f"{100 * level:g} % equal-tailed credible interval of the rank",
        "innocent": evidence.attrs.get("innocent", {}),
        "advice": ADVICE,
    }
    direction = pd.Series(0.0, evidence.columns, name="direction")
    direction[tells] = fit.direction[0]
    return Suspicion(table, p_value, float(fit.share[0]), direction, error, gate)


def _check_limits(**limits: float) -> None:
    for name, value in limits.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} must be between 0 and 1; found {value}. Pass 0.05 for 5 %.")


def _check_agents(agents: int, sources: int) -> None:
    if agents < LEAST_AGENTS:
        raise ValueError(
            f"{agents} agents are to be examined; {LEAST_AGENTS} at least are needed to tell two "
            "groups from one. Look at the z of single detectors instead."
        )
    if sources < 2:
        raise ValueError(
            "all signatures come from one source of data, so that one accident can explain them "
            "all. Add a detector that reads something else: comments, sending, cases, edits."
        )


def _table(index: pd.Index, z: Array, sources: Sequence[str], fit: TwoGroups) -> pd.DataFrame:
    out = {name: np.zeros(len(z), bool) for name in sources}
    for column, name in enumerate(sources):
        out[name] |= z[:, column] >= STANDS_OUT
    standing = np.sum(list(out.values()), axis=0)
    return pd.DataFrame({"probability": fit.probability[0], "sources": standing}, index=index)


def _ranks(index: pd.Index, fit: TwoGroups, level: float, random_seed: int) -> pd.DataFrame:
    """Return mean ranks and their intervals; honest agents share theirs by lot."""
    generator = np.random.default_rng(random_seed)
    shape = (DRAWS, len(index))
    drawn = fit.multiple[0] + fit.multiple_sd[0] * generator.standard_normal(shape)
    member = generator.random(shape) < fit.probability[0]
    # The lots of the honest lie below every multiple.
    height = np.where(member, drawn, drawn.min() - 1 - generator.random(shape))
    ranks = len(index) - height.argsort(axis=1).argsort(axis=1)
    lower, upper = np.quantile(ranks, tail_probabilities(level), axis=0)
    columns = {"rank": ranks.mean(axis=0), "rank_lower": lower, "rank_upper": upper}
    return pd.DataFrame(columns, index=index)


def _fit(honest: Array, z: Array) -> TwoGroups:
    """Fit two groups, given honest agents or, if there are none, all; arrays begin with sets."""
    return two_groups(z, honest_null(honest if honest.shape[1] else z))


def _global_test(honest: Array, z: Array, gain: float, resamples: int, random_seed: int) -> float:
    """Return the share of data sets with one group that gain as much from two, ours included.

    The honest agents are drawn as well: how well their spread is known is part of the test.
    """
    null = honest_null((honest if len(honest) else z)[None])
    agents = len(honest) + len(z)
    drawn = simulated_null(null, np.zeros(z.shape[1]), (resamples, agents), random_seed)
    drawn[:, len(honest) :] += z.mean(axis=0)
    drawn = np.clip(drawn, -FARTHEST, FARTHEST)
    gains = _fit(drawn[:, : len(honest)], drawn[:, len(honest) :]).gain
    return float((1 + (gains >= gain).sum()) / (1 + resamples))


def _listed(table: pd.DataFrame, error: float, *, open_gate: bool) -> pd.DataFrame:
    table = table.sort_values("probability", ascending=False, kind="stable")
    eligible = table["sources"] >= 2
    wrong = (1 - table["probability"]).where(eligible).expanding().mean()
    look = eligible & (wrong <= error) & open_gate
    return table.assign(wrong_so_far=wrong, look=look)
