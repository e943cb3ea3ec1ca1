"""False alarms and delay of rules that watch simulated surveys whose true NPS is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from nps_research.ordinal.priors import Priors
from nps_research.tracking.model import LOGISTIC_SD
from nps_research.tracking.nested_laplace import mixture_of
from nps_research.tracking.state_space import contrast_moments, waves_of
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nps_research.tracking.control_charts import Rule, WaveRecords
    from nps_research.tracking.worlds import World

    type Array = NDArray[np.float64]

# Shares of replicates with a false alarm at which a trade-off is drawn.
FALSE_ALARMS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class ModelChange:
    """Alarm when the model of `WaveModel` is sure enough that the NPS has changed.

    In every wave the model is fitted to the answers so far, and asked for the probability that the
    NPS of this wave is higher than that of the baseline by more than `points`, or lower. Within
    each node of nested Laplace the difference is taken as normal, and nodes have the weights of
    Laplace's approximation, without the draws and the correction of `WaveFit`.

    Parameters
    ----------
    limit : float
        Probability that raises an alarm.
    points : float
        Change that does not count.
    step_scale : float
        As in `WaveModel`.
    """

    limit: float = 0.975
    points: float = 0.0
    step_scale: float = 0.1

    def statistic(self, records: WaveRecords) -> Array:
        """Return the larger of the two probabilities."""
        found = np.zeros(records.n.shape)
        for replicate, answers in enumerate(records.answers):
            for wave in range(records.baseline, found.shape[1]):
                found[replicate, wave] = self._probability(answers[: wave + 1], records)
        return found

    def _probability(self, answers: Array, records: WaveRecords) -> float:
        scale = records.rating_scale
        waves = waves_of(answers, np.ones(len(answers) - 1), Priors().dirichlet(scale))
        mixture = mixture_of(waves, LOGISTIC_SD * self.step_scale)
        contrast = _since_baseline(answers, records.baseline)
        rises = 100.0 * np.diff(scale.nps_values)
        mean, sd = contrast_moments(mixture.modes, mixture.factors, rises, contrast, waves)
        beyond = special.ndtr((np.stack([mean, -mean]) - self.points) / sd)
        return float((beyond @ mixture.weights).max())


@viewed
@dataclass(frozen=True, eq=False)
class Watch:
    """What rules said of the replicates of a world.

    Attributes
    ----------
    world : World
        The world.
    statistics : dict of str to numpy.ndarray
        Statistic of each rule, shape (replicates, waves).
    limits : dict of str to float
        Limit of each rule.
    """

    world: World
    statistics: dict[str, Array]
    limits: dict[str, float]

    def _view(self) -> View:
        replicates = len(next(iter(self.statistics.values())))
        title = f"Watch: {len(self.limits)} rules over {replicates:,} replicates of {self.world}"
        return View(title, table=self.false_alarms().round(3))

    def first_alarms(self, name: str, limit: float | None = None) -> NDArray[np.int64]:
        """Return the first wave after the baseline with an alarm, one past the last if none.

        Parameters
        ----------
        name : str
            Name of a rule.
        limit : float, optional
            In place of the rule's own.
        """
        least = self.limits[name] if limit is None else limit
        raised = self.statistics[name] >= least - 1e-9
        raised[:, : self.world.baseline] = False
        return np.where(raised.any(axis=1), raised.argmax(axis=1), raised.shape[1])

    def false_alarms(self, within: int | None = None) -> pd.DataFrame:
        """Return the share of replicates with an alarm before the change.

        Parameters
        ----------
        within : int, optional
            Waves after the baseline that are looked at; all before the change, and in a stable
            world all, without it.

        Returns
        -------
        pandas.DataFrame
            One row a rule: ``share`` and its Monte Carlo standard error ``mcse``.
        """
        stable = self.world.waves if self.world.kind == "stable" else self.world.changed
        end = stable if within is None else min(self.world.baseline + within, stable)
        shares = {name: (self.first_alarms(name) < end).astype(float) for name in self.limits}
        return _means(shares, "share")

    def delays(self) -> pd.DataFrame:
        """Return how many waves it takes to notice the change.

        Returns
        -------
        pandas.DataFrame
            One row a rule: ``detected``, the share of replicates with an alarm from the change to
            the last wave; ``waves``, the mean number of waves from the change to the alarm, both
            included, where replicates without one count as if it came in the wave after the last;
            each with its Monte Carlo standard error in a column ``_mcse``. Replicates with an alarm
            before the change are left out, and counted in ``left_out``.
        """
        return pd.DataFrame({name: self._delay(name, None) for name in self.limits}).T

    def _delay(self, name: str, limit: float | None) -> dict[str, float]:
        first = self.first_alarms(name, limit)
        watched = first[first >= self.world.changed]
        seen, needed = watched < self.world.waves, watched - self.world.changed + 1.0
        return {
            "detected": _mean(seen),
            "detected_mcse": _mcse(seen),
            "waves": _mean(needed),
            "waves_mcse": _mcse(needed),
            "left_out": float(len(first) - len(watched)),
        }


def watch(
    rules: Mapping[str, Rule], world: World, *, replicates: int = 1000, random_seed: int
) -> Watch:
    """Let rules watch replicates of a world.

    Parameters
    ----------
    rules : mapping of str to Rule
        Name and rule. All see the same answers.
    world : World
        What happens.
    replicates : int
        How often.
    random_seed : int
        Makes the answers repeatable; worlds of one seed do not share them.

    Returns
    -------
    Watch

    Examples
    --------
    >>> from nps_research.tracking.control_charts import RULES
    >>> from nps_research.tracking.worlds import World
    >>> airport = np.array([24, 11, 24, 26, 24, 205, 133, 334, 601, 498, 770]) / 2650
    >>> stable = watch(RULES, World(airport), replicates=400, random_seed=1)
    >>> bool(stable.false_alarms(within=4).loc["move of 5 points", "share"] > 0.9)
    True
    """
    records = world.records(replicates, random_seed=random_seed)
    statistics = {name: rule.statistic(records) for name, rule in rules.items()}
    return Watch(world, statistics, {name: rule.limit for name, rule in rules.items()})


def with_equal_false_alarms[R: Rule](
    rules: Mapping[str, R], stable: Watch, *, share: float = 0.05, within: int = 4
) -> dict[str, R]:
    """Return the rules with the limits that give all of them the same false alarms.

    Parameters
    ----------
    rules : mapping of str to Rule
        Rules that have watched a stable world.
    stable : Watch
        What they said.
    share : float
        Share of replicates with a false alarm.
    within : int
        Waves after the baseline in which it is raised.

    Returns
    -------
    dict of str to Rule
        By name.
    """
    least = {name: _limit(stable, name, share, within) for name in rules}
    changed: dict[str, Any] = {
        name: replace(rule, limit=least[name])  # type: ignore[type-var]  # rules are dataclasses
        for name, rule in rules.items()
    }
    return changed


def trade_off(
    stable: Watch, changed: Watch, *, within: int = 4, shares: Sequence[float] = FALSE_ALARMS
) -> pd.DataFrame:
    """Return the delay of every rule at given shares of false alarms.

    Parameters
    ----------
    stable, changed : Watch
        The same rules in a stable world and in one that changes right after the baseline.
    within : int
        Waves after the baseline in which false alarms are counted.
    shares : sequence of float
        Shares of replicates of the stable world with a false alarm.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``rule`` and ``false_alarms``: ``limit`` and the columns of `Watch.delays`.
    """
    rows = {}
    for name in stable.limits:
        for share in shares:
            limit = _limit(stable, name, share, within)
            rows[name, share] = {"limit": limit} | changed._delay(name, limit)
    table = pd.DataFrame(rows).T
    return table.rename_axis(["rule", "false_alarms"])


def _since_baseline(answers: Array, baseline: int) -> Array:
    """Return the weights of the last wave less the baseline, whose waves count by their answers."""
    n = answers.sum(axis=1)
    weights = np.zeros(len(n))
    weights[:baseline] = -n[:baseline] / n[:baseline].sum()
    weights[-1] += 1.0
    return weights


def _limit(stable: Watch, name: str, share: float, within: int) -> float:
    monitored = slice(stable.world.baseline, stable.world.baseline + within)
    largest = stable.statistics[name][:, monitored].max(axis=1)
    return float(np.quantile(largest, 1.0 - share, method="higher"))


def _means(values: dict[str, Array], name: str) -> pd.DataFrame:
    rows = {key: {name: _mean(each), "mcse": _mcse(each)} for key, each in values.items()}
    return pd.DataFrame(rows).T.rename_axis("rule")


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _mcse(values: NDArray[Any]) -> float:
    return float(values.std() / math.sqrt(len(values))) if len(values) else math.nan
