"""How often the model's intervals of NPS contain the truth, beside intervals without a model.

The truth is fixed and samples are drawn from it: unlike in `calibration`, it need not be typical of
the prior.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.calibration import code_identity
from nps_research.diagnostics import MAX_PARETO_K, interval_table
from nps_research.differences import nps_difference
from nps_research.intervals import interval
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.effects import differences
from nps_research.ordinal.families import Family
from nps_research.ordinal.model import METHODS, OrdinalModel
from nps_research.ordinal.priors import Priors
from nps_research.progress_bar import progress
from nps_research.replication import replicated
from nps_research.scale import RatingScale

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

SAMPLE_METHODS = ("adjusted_wald", "score", "dirichlet")
GROUPS = ("a", "b")
# Quantities of the two groups: their NPS, and how much higher that of the second is.
QUANTITIES = ("nps[a]", "nps[b]", "difference")
FAMILY = Family("cumulative", "logit")


def one_group_coverage(
    shares: Sequence[float],
    sizes: Sequence[int],
    *,
    replicates: int = 2000,
    random_seed: int,
    level: float = 0.95,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Simulate the coverage of NPS intervals of a single sample.

    The posterior of NPS in the model ``score ~ 1`` is exact: its three class shares have a
    Dirichlet distribution, with one pseudo-answer in each class.

    Parameters
    ----------
    shares : sequence of float
        True shares of the scores 0 to 10.
    sizes : sequence of int
        Numbers of answers.
    replicates : int
        Samples of each size.
    random_seed : int
        Makes the result repeatable.
    level : float
        Nominal level.
    progressbar : bool, optional
        Whether to show progress; by default in a terminal or an open notebook.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``quantity``, ``method`` and ``n``: ``coverage``, the share of samples whose
        interval contains the true NPS, and ``width``, its mean width in points; each with its Monte
        Carlo standard error in a column ``_error``; and ``unreliable``, the share of samples in
        which the draws failed their own checks.

    Raises
    ------
    ValueError
        If the shares are not 11 positive numbers that sum to 1.

    Examples
    --------
    >>> table = one_group_coverage([1 / 11] * 11, [10], replicates=500, random_seed=1)
    >>> table.loc["nps"].round(3)[["coverage", "coverage_error", "width"]]
                      coverage  coverage_error  width
    method        n
    adjusted_wald 10     0.954           0.009  83.386
    score         10     0.964           0.008  86.498
    dirichlet     10     0.954           0.009  84.212
    model         10     0.924           0.012  81.929
    """
    scale = RatingScale()
    members = scale.nps_values[:, None] == [-1.0, 0.0, 1.0]
    classes = _checked(shares, scale) @ members
    truth = 100.0 * (classes[2] - classes[0])
    cases = [(method, n) for n in sizes for method in (*SAMPLE_METHODS, "model")]

    def limits(case: tuple[str, int]) -> tuple[Array, Array]:
        method, n = case
        generator = np.random.default_rng([random_seed, n])
        samples = generator.multinomial(n, classes, size=replicates).astype(float)
        return _limits(samples, method, level)

    found = progress(map(limits, cases), len(cases), "intervals", progressbar=progressbar)
    parts = {
        ("nps", *case): _summary(*ends, truth, np.zeros(replicates))
        for case, ends in zip(cases, found, strict=True)
    }
    return _table(parts)


def _limits(samples: Array, method: str, level: float) -> tuple[Array, Array]:
    """Return limits of NPS in points for samples of class counts, shape (samples, 3)."""
    different, place = np.unique(samples, axis=0, return_inverse=True)
    values = [-100.0, 0.0, 100.0]
    if method == "model":
        prior = Priors().class_concentration
        limits = interval(values, different, "dirichlet", level, prior=prior)
    else:
        limits = interval(values, different, method, level)
    return limits.lower[place], limits.upper[place]


def two_group_coverage(  # noqa: PLR0913  (one argument for each thing that runs differ in)
    shares: Sequence[float],
    sizes: Sequence[int],
    *,
    effect: float = 0.5,
    settings: TwoGroups | None = None,
    replicates: int = 400,
    random_seed: int,
    n_jobs: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progressbar: bool | None = None,
) -> pd.DataFrame:
    """Simulate the coverage of the NPS of two groups, and of their difference.

    The model is ``score ~ group``, and it is right: all log odds of the second group are higher
    by `effect`.

    Parameters
    ----------
    shares : sequence of float
        True shares of the scores 0 to 10 in the first group.
    sizes : sequence of int
        Numbers of answers, the same in both groups.
    effect : float
        Difference of the groups, in log odds.
    settings : TwoGroups, optional
        How the model is fitted.
    replicates : int
        Pairs of samples of each size.
    random_seed : int
        Makes the result repeatable, in any order and on any number of processors.
    n_jobs, folder, progressbar
        As in `nps_research.replication.replicated`; there is one folder a size inside.

    Returns
    -------
    pandas.DataFrame
        As by `one_group_coverage`, for the quantities ``nps[a]``, ``nps[b]`` and ``difference``.
        Intervals without a model are those of each group by itself.

    Raises
    ------
    ValueError
        If the shares are not 11 positive numbers that sum to 1, or the folder holds something else.
    """
    pair = _pair(_checked(shares, RatingScale()), effect)
    truth = _truth(pair)
    parts = {}
    for n in sizes:
        task = _Task(pair, n, settings or TwoGroups(), random_seed)
        place = None if folder is None else Path(folder) / f"{n:05}"
        found = replicated(
            task,
            replicates,
            identity=task.identity,
            n_jobs=n_jobs,
            folder=place,
            progressbar=progressbar,
        )
        for i, method in enumerate(task.methods):
            for j, quantity in enumerate(QUANTITIES):
                limits = found["lower"][:, i, j], found["upper"][:, i, j]
                if np.isfinite(limits).all():
                    wrong = found["unreliable"][:, i]
                    parts[quantity, method, n] = _summary(*limits, truth[j], wrong)
    return _table(parts)


@dataclass(frozen=True)
class TwoGroups:
    """How the model of two groups is fitted.

    Attributes
    ----------
    methods : sequence of str
        Of `OrdinalModel.fit`.
    draws, tune : int
        Draws kept and for adaptation, of one chain.
    level : float
        Nominal level of all intervals.
    """

    methods: tuple[str, ...] = METHODS
    draws: int = 1000
    tune: int = 300
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class _Task:
    """Both groups at one size."""

    pair: Array
    n: int
    settings: TwoGroups
    random_seed: int

    @property
    def methods(self) -> tuple[str, ...]:
        return (*self.settings.methods, *SAMPLE_METHODS)

    @property
    def identity(self) -> dict[str, Any]:
        return {
            "shares": self.pair.tolist(),
            "n": self.n,
            "settings": asdict(self.settings),
            "random_seed": self.random_seed,
            **code_identity(),
        }

    @cached_property
    def model(self) -> OrdinalModel:
        """The model, with the right number of respondents and no answers of its own."""
        counts = pd.DataFrame({"group": GROUPS, "score": 10, "n": self.n})
        return OrdinalModel("score ~ group", counts)

    def __call__(self, number: int) -> dict[str, Any]:
        generator = np.random.default_rng([self.random_seed, self.n, number])
        counts = generator.multinomial(self.n, self.pair).astype(float)
        seed = int(generator.integers(2**32))
        fits = [self._fitted(counts, method, seed) for method in self.settings.methods]
        samples = [_sample_limits(counts, method, self.settings.level) for method in SAMPLE_METHODS]
        lower, upper = np.stack([limits for limits, _ in fits] + samples, axis=1)
        wrong = [wrong for _, wrong in fits] + [False] * len(samples)
        return {"lower": lower, "upper": upper, "unreliable": wrong}

    def _fitted(self, counts: Array, method: str, random_seed: int) -> tuple[Array, bool]:
        """Return limits, shape (2, quantities), and whether the draws failed their checks."""
        posterior = self.model.posterior.with_answers(counts, np.zeros(0))
        tree = self.model.sampled(
            posterior,
            draws=self.settings.draws,
            tune=self.settings.tune,
            chains=1,
            random_seed=random_seed,
            method=method,
        )
        drawn = ScoreDraws(tree["posterior"].to_dataset(), posterior.design, posterior.family)
        nps, stats = drawn.nps("group"), tree["sample_stats"]
        tables = [
            interval_table(each, self.settings.level)
            for each in (nps, differences(nps, "group", GROUPS[0]))
        ]
        limits = pd.concat([table[["lower", "upper"]] for table in tables]).to_numpy().T
        k = float(stats["pareto_k"]) if "pareto_k" in stats else 0.0
        return limits, bool(k > MAX_PARETO_K or stats["diverging"].any())


def _sample_limits(counts: Array, method: str, level: float) -> Array:
    """Return limits without a model, shape (2, quantities); NaN where a method has none."""
    values = 100.0 * RatingScale().nps_values
    limits = interval(values, counts, method, level)
    of_difference = [np.nan, np.nan]
    if method == "adjusted_wald":
        first, second = (
            pd.DataFrame({"score": range(11), "n": n.astype(np.int64)}) for n in counts
        )
        difference = nps_difference(first, second, method, level)
        of_difference = difference[["lower", "upper"]].iloc[0].tolist()
    return np.column_stack([[limits.lower, limits.upper], of_difference])


def _pair(shares: Array, effect: float) -> Array:
    """Return the shares of both groups, shape (2, categories)."""
    below = np.cumsum(shares)[:-1]
    cutpoints = np.log(below) - np.log1p(-below)
    pair: Array = np.exp(FAMILY.log_probabilities(np.stack([cutpoints, cutpoints - effect])))
    return pair


def _truth(pair: Array) -> Array:
    first, second = 100.0 * pair @ RatingScale().nps_values
    return np.array([first, second, second - first])


def _checked(shares: Sequence[float], scale: RatingScale) -> Array:
    checked = np.asarray(shares, dtype=float)
    if checked.shape != (scale.n_categories,) or not (checked > 0).all():
        raise ValueError(
            f"shares are {scale.n_categories} positive numbers, one a score; found {list(shares)}."
        )
    if not np.isclose(checked.sum(), 1.0):
        raise ValueError(f"shares must sum to 1; found {checked.sum():g}. Divide by their sum.")
    exact: Array = checked / checked.sum()
    return exact


def _summary(lower: Array, upper: Array, truth: float, unreliable: Array) -> dict[str, float]:
    n = len(lower)
    # Rounding must not decide whether an interval that ends at the truth contains it.
    coverage = float(((lower <= truth + 1e-7) & (upper >= truth - 1e-7)).mean())
    width = upper - lower
    return {
        "coverage": coverage,
        "coverage_error": float(np.sqrt(coverage * (1.0 - coverage) / n)),
        "width": float(width.mean()),
        "width_error": float(width.std(ddof=1) / np.sqrt(n)),
        "unreliable": float(np.mean(unreliable)),
    }


def _table(parts: dict[tuple[str, str, int], dict[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(list(parts.values()))
    names = ["quantity", "method", "n"]
    return table.set_index(pd.MultiIndex.from_tuples(list(parts), names=names))
