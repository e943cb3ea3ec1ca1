"""Improvement or inflation: a joint model of scores, silence and leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nps_research.inflation.curves import Structure
from nps_research.inflation.evidence import placebo
from nps_research.inflation.fit import InflationFit
from nps_research.inflation.identification import identification
from nps_research.inflation.latent import LATENTS, NOISES
from nps_research.inflation.likelihood import Likelihood
from nps_research.inflation.parameters import Assumptions, Parameters
from nps_research.inflation.posterior import Posterior
from nps_research.inflation.priors import InflationPriors
from nps_research.inflation.quadrature import FINEST_NOISE
from nps_research.inflation.reading import AuditResponse, read_evidence
from nps_research.survey_files import unknown_name
from nps_research.views import viewed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from nps_research.inflation.curves import Array
    from nps_research.inflation.evidence import Evidence
    from nps_research.inflation.identification import Identification
    from nps_research.scale import RatingScale
    from nps_research.views import View

type LatentName = Literal["normal", "logistic", "skewed"]
type NoiseName = Literal["normal", "logistic"]
type Reliability = float | tuple[float, float] | None


@viewed
class InflationModel:
    """Joint model of scores, silence and leaving in paid and unpaid groups, before and after.

    Every customer has a loyalty. It moves the score (with noise), the odds of answering and the
    odds of leaving. Pay for the score can move loyalty (improvement: leaving and answering follow)
    and the way in which loyalty is reported (reporting shift: they do not). Scores alone tell only
    the sum; leaving, an audit or an indicator that nobody can game splits it. `identification`
    says what the table at hand identifies.

    Parameters
    ----------
    counts : pandas.DataFrame
        Columns `treated` (1: belongs to a group that is paid for the score at some time), `post`
        (1: after the group's roll-out; of groups that are never paid, after that of the others),
        `score` (missing: no answer) and `n`. Optional: `churned` (0, 1 or missing: not known),
        `agent`, `period` (if there are more than two, and for a staggered roll-out), `audit` (1:
        asked in a survey that nobody is paid for) and the indicators. Other columns are added up.
    retest : pandas.DataFrame, optional
        Pairs of answers of customers of the reference group in the first period: `first`, `second`
        and `n`. Only what the second says given the first is used, so that the first answers may be
        in `counts` too.
    reliability : float or tuple of float, optional
        Share of the variance of a score that is loyalty: a number, or mean and standard deviation
        of a Beta prior. By default estimated from a wide prior.
    indicators : sequence of str
        Columns with ordered classes that follow loyalty: sentiment of the comment, score of
        another channel. Missing where there is none.
    leak : float or mapping of str to float
        Share of the reporting shift that reaches an indicator. An assumption.
    audit_response : {"baseline", "own", "complete"}
        Who answers an audit: the kind of people who answered in the same group before; its own
        kind; everybody.
    trend_gap : float
        Log odds of leaving that the paid groups have after the roll-out for other reasons than
        loyalty. An assumption, by default 0.
    surrogacy : float
        Share of the improvement to which leaving reacts. An assumption, by default 1.
    ten_inflation : bool
        Whether a share of the answers that are paid for is the highest score whatever the loyalty.
        By default not: without such a share it puts the reporting shift a third of a standard
        deviation too low, because shares are positive. Where there is one (0.15) and it is left
        out, the shift is too high by 1.5 standard deviations, while improvement, honest NPS and
        inflation stay within half of one. Fit both ways if begging for the highest score is likely.
    latent : {"normal", "logistic", "skewed"}
        Distribution of loyalty; "skewed" has a long lower tail.
    noise : {"normal", "logistic"}
        Distribution of the noise of a score.
    agent_effects : bool, optional
        Keep agents apart; by default if there is a column `agent`.
    priors : InflationPriors, optional
        Prior distributions.
    rating_scale : RatingScale, optional
        By default that of the table, else 0 to 10.

    Raises
    ------
    ValueError
        If the table lacks what a comparison needs; the error says what to collect.

    Examples
    --------
    >>> from nps_research.inflation.simulation import simulated_counts
    >>> counts, retest, true = simulated_counts(random_seed=1)
    >>> fit = InflationModel(counts, retest=retest, agent_effects=False).fit(random_seed=1)
    >>> table = fit.summary()
    >>> table["lower"][["improvement", "reporting_shift"]].gt(0).tolist()
    [True, True]
    >>> fit.anchors
    ('control group', 'churn', 'retest pairs', 'response')
    """

    def __init__(  # noqa: PLR0913  (one argument for each anchor and each assumption)
        self,
        counts: pd.DataFrame,
        *,
        retest: pd.DataFrame | None = None,
        reliability: Reliability = None,
        indicators: Sequence[str] = (),
        leak: float | Mapping[str, float] = 0.0,
        audit_response: AuditResponse = "baseline",
        trend_gap: float = 0.0,
        surrogacy: float = 1.0,
        ten_inflation: bool = False,
        latent: LatentName = "normal",
        noise: NoiseName = "normal",
        agent_effects: bool | None = None,
        priors: InflationPriors | None = None,
        rating_scale: RatingScale | None = None,
    ) -> None:
        _check_families(latent, noise)
        self.evidence = read_evidence(
            counts,
            rating_scale=rating_scale,
            retest=retest,
            indicators=indicators,
            audit_response=audit_response,
            agent_effects=agent_effects,
        )
        self.assumptions = Assumptions(
            trend_gap=trend_gap,
            surrogacy=surrogacy,
            reliability=_checked_reliability(reliability),
            leak=_checked_leak(leak, indicators),
            audit_response=audit_response,
            ten_inflation=ten_inflation,
        )
        self.families = latent, noise
        self.priors = priors or InflationPriors()
        self._start: Array | None = None
        self._assemble()

    def _assemble(self) -> None:
        self.parameters = Parameters(self.evidence, self.priors, self.assumptions)
        latent, noise = LATENTS[self.families[0]], NOISES[self.families[1]]
        leak, complete = self.assumptions.leak or {}, self.parameters.response[0] < 0
        structure = Structure(self.evidence, latent, noise, leak, complete)
        self.likelihood = Likelihood(structure)
        self.posterior = Posterior(self.parameters, self.likelihood)

    @property
    def identification(self) -> Identification:
        """What the table identifies, under which assumptions."""
        return identification(self.evidence, self.assumptions)

    def fit(self, draws: int = 4000, *, random_seed: int | None = None) -> InflationFit:
        """Draw from the posterior by importance resampling around its mode.

        Parameters
        ----------
        draws : int
            Number of draws.
        random_seed : int, optional
            Makes the draws repeatable.

        Returns
        -------
        InflationFit
            The next fit of this model, or of `assuming`, starts where this one ended.
        """
        generator = np.random.default_rng(random_seed)
        drawn = self.posterior.draw(draws, generator, self._start)
        self._start = drawn.mode
        inner = int(generator.integers(2**32))
        return InflationFit(self, drawn.free, drawn.report, inner, random_seed)

    def assuming(self, **changes: Any) -> InflationModel:
        """Return the same model under other assumptions: what a sensitivity analysis varies.

        Parameters
        ----------
        **changes
            `trend_gap`, `surrogacy`, `reliability`, `leak`, as in the model.

        Returns
        -------
        InflationModel
            Fits of it start from the mode that was found, which saves most of their time.
        """
        known = {"trend_gap", "surrogacy", "reliability", "leak"}
        for name in changes:
            if name not in known:
                raise ValueError(unknown_name("assumption", name, sorted(known)))
        if "reliability" in changes:
            changes["reliability"] = _checked_reliability(changes["reliability"])
        if "leak" in changes:
            changes["leak"] = _checked_leak(changes["leak"], tuple(self.evidence.indicators))
        other = self._variant(self.evidence, replace(self.assumptions, **changes))
        if self._start is not None:
            other._start = _moved(self.parameters, self._start, other.parameters)
        return other

    def placebo(self) -> InflationModel:
        """Return the model of what was seen before the roll-out, as if that had been earlier.

        The roll-out is pretended to have been one period before the real one. Improvement and
        reporting shift should be about 0: if not, groups moved apart before anybody was paid.

        Raises
        ------
        ValueError
            If no group that is paid was seen in two periods before its roll-out.
        """
        return self._variant(placebo(self.evidence), self.assumptions)

    def _variant(self, evidence: Evidence, assumptions: Assumptions) -> InflationModel:
        other = object.__new__(InflationModel)
        other.evidence, other.assumptions = evidence, assumptions
        other.families, other.priors, other._start = self.families, self.priors, None
        other._assemble()
        return other

    @property
    def size(self) -> str:
        """Customers, groups and periods, in words."""
        people = self.evidence.people.sum()
        cohorts, periods = len(self.evidence.cohorts), len(self.evidence.periods)
        return f"{people:,.0f} customers, {cohorts} groups, {periods} periods"

    def _view(self) -> View:
        return self.identification.view(f"InflationModel({self.size})")


def _moved(old: Parameters, start: Array, new: Parameters) -> Array:
    """Return where to start with parameters some of which are new."""
    free = new.start()
    for name, place in new.places.items():
        if name in old.places:
            free[place] = start[old.places[name]]
    return free


def _check_families(latent: str, noise: str) -> None:
    if latent not in LATENTS:
        raise ValueError(unknown_name("distribution of loyalty", latent, LATENTS))
    if noise not in NOISES:
        raise ValueError(unknown_name("distribution of noise", noise, NOISES))


def _checked_reliability(reliability: Reliability) -> Reliability:
    if reliability is None:
        return None
    if isinstance(reliability, tuple):
        mean, sd = reliability
        if 0 < mean < 1 and 0 < sd**2 < mean * (1 - mean):
            return float(mean), float(sd)
        raise ValueError(
            "reliability must be a mean between 0 and 1 and the standard deviation of a Beta "
            f"distribution, less than the root of mean (1 - mean); found {reliability!r}. Pass, "
            "for example, (0.6, 0.1)."
        )
    highest = 1 / (1 + FINEST_NOISE**2)
    if not 0 < reliability < highest:
        raise ValueError(
            f"reliability must be between 0 and {highest:.4f}; found {reliability!r}. No score is "
            "without noise: with 0 to 10 points, 0.5 to 0.8 is common."
        )
    return float(reliability)


def _checked_leak(leak: float | Mapping[str, float], indicators: Sequence[str]) -> dict[str, float]:
    if isinstance(leak, int | float):
        return dict.fromkeys(indicators, float(leak))
    for name in leak:
        if name not in indicators:
            raise ValueError(unknown_name("indicator", name, indicators))
    return {name: float(leak.get(name, 0.0)) for name in indicators}
