"""Tracking a survey over waves: a level that walks at random, beside the raw score of each wave."""

from __future__ import annotations

import copy
import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.answers import answers_by_group
from nps_research.diagnostics import (
    ConvergenceWarning,
    LaplaceReport,
    SummaryTable,
    draws_view,
    refusal,
    summarise_laplace,
)
from nps_research.intervals import interval, interval_kind, tail_probabilities
from nps_research.ordinal.links import LATENT_SD
from nps_research.ordinal.priors import Priors
from nps_research.progress_bar import progress
from nps_research.survey_files import unknown_name
from nps_research.tracking.nested_laplace import mixture_of, sampled
from nps_research.tracking.state_space import Waves, cutpoints_of, waves_of
from nps_research.tracking.wave_draws import WaveDraws, parameters_of
from nps_research.tracking.wave_times import wave_times
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale
    from nps_research.survey import Survey
    from nps_research.tracking.nested_laplace import Mixture
    from nps_research.tracking.wave_times import Unit

    type Array = NDArray[np.float64]

# The logistic distribution's, which turns latent standard deviations into log odds.
LOGISTIC_SD = LATENT_SD["logit"]
ADVICE = "raise draws=."


@viewed
class WaveModel:
    """A survey in waves, whose latent level moves by a random step from wave to wave.

    P(score <= k in wave w) = sigmoid(cutpoint_k - level_w): all cutpoints are shared, so the waves
    differ in their level alone. The level of the first wave is 0; each step is normal with mean 0
    and a standard deviation that is estimated, and grows with the square root of the time between
    two waves. Answers of several waves inform one another exactly as much as the steps are small.

    Parameters
    ----------
    counts : pandas.DataFrame or Survey
        Count table with the column `wave`. A wave whose rows all lack a score has a level of its
        own, between those of its neighbours.
    wave : str
        Column with the waves: numbers, dates, periods, texts such as ``2026Q1``, or an ordered
        categorical of equally spaced waves (see `nps_research.tracking.wave_times`).
    rating_scale : RatingScale, optional
        By default the scale that the table carries, else 0-10.
    step_scale : float
        Scale of the half-normal prior of the standard deviation of a step in one unit of time, in
        standard deviations of the latent distribution. With the default of 0.1 and shares like the
        airport's, steps of the NPS have under this prior a standard deviation of
        0.2 and 15 at the ends of its 95 % interval, and of 4.4 at its median.
    step_sd : float, optional
        The standard deviation itself, if it is known, in the same unit.
    unit : float, str or pandas.Timedelta, optional
        Unit of time; by default the median gap between waves.
    concentration : sequence of float, optional
        Pseudo-answers to each score in the Dirichlet prior of the first wave's shares. By default
        one to each of detractors, passives and promoters, as in `nps_research.Priors`.

    Raises
    ------
    ValueError
        If the table, a label of a wave, or an option cannot be used.

    Examples
    --------
    >>> counts = pd.DataFrame({"quarter": [1, 1, 2, 2], "score": [3, 9, 3, 9], "n": [9, 9, 5, 15]})
    >>> WaveModel(counts, "quarter")
    WaveModel: 38 answers in 2 waves, 1 to 2 (0 without a score)
    scale: RatingScale(0-10: detractors 0-6, passives 7-8, promoters 9-10)
    """

    def __init__(
        self,
        counts: pd.DataFrame | Survey,
        wave: str,
        *,
        rating_scale: RatingScale | None = None,
        step_scale: float = 0.1,
        step_sd: float | None = None,
        unit: Unit = None,
        concentration: Sequence[float] | None = None,
    ) -> None:
        answers = answers_by_group(counts, wave, rating_scale)
        times, self.unit = wave_times(answers.groups, unit)
        order = np.argsort(times)
        self.wave, self.rating_scale = wave, answers.scale
        self.labels = _plain(answers.groups[order])
        self.times, self.answers = times[order], answers.effective[order]
        self.unanswered = answers.unanswered
        self.step_scale = _positive("step_scale", step_scale)
        self.step_sd = None if step_sd is None else _positive("step_sd", step_sd)
        self.concentration = Priors(concentration=concentration).dirichlet(answers.scale)

    @property
    def waves(self) -> Waves:
        """The answers, as the density takes them."""
        return waves_of(self.answers, np.diff(self.times), self.concentration)

    def mixture(self) -> Mixture:
        """Return the approximate posterior, one normal distribution a step_sd in log odds."""
        known = None if self.step_sd is None else LOGISTIC_SD * self.step_sd
        return mixture_of(self.waves, LOGISTIC_SD * self.step_scale, known)

    def fit(self, draws: int = 4000, *, random_seed: int | None = None) -> WaveFit:
        """Draw from the posterior: nested Laplace, corrected by importance sampling.

        Parameters
        ----------
        draws : int
            Number of draws.
        random_seed : int, optional
            Makes the draws repeatable.

        Returns
        -------
        WaveFit

        Warns
        -----
        ConvergenceWarning
            If the importance weights show that the draws cannot be trusted.
        """
        if isinstance(draws, bool) or int(draws) != draws or draws < 1:
            raise ValueError(f"draws must be a whole number of at least 1; found {draws!r}.")
        return WaveFit(self, draws, random_seed)

    def prior(self, draws: int = 1000, *, random_seed: int | None = None) -> WaveDraws:
        """Draw from the prior, to see what it says about the waves before the answers do.

        Parameters
        ----------
        draws, random_seed
            As in `fit`.
        """
        generator = np.random.default_rng(random_seed)
        below = np.cumsum(generator.dirichlet(self.concentration, draws)[:, :-1], axis=1)
        # A share may be 0 to the last digit; its cutpoints then coincide.
        below = below.clip(np.finfo(float).tiny, 1.0 - np.finfo(float).epsneg)
        sds = np.abs(generator.normal(0.0, self.step_scale, draws))
        sds = sds if self.step_sd is None else np.full(draws, self.step_sd)
        steps = generator.normal(size=(draws, len(self.times) - 1)) * np.sqrt(np.diff(self.times))
        levels = np.cumsum(LOGISTIC_SD * sds[:, None] * steps, axis=1)
        return self.labelled(np.log(below) - np.log1p(-below), levels, sds)

    def until(self, wave: Hashable) -> WaveModel:
        """Return the same model of the waves up to one of them, that included.

        Raises
        ------
        ValueError
            If there is no such wave, or nobody had answered by then.
        """
        labels = list(self.labels)
        if wave not in labels:
            raise ValueError(unknown_name("wave", wave, labels))
        end = labels.index(wave) + 1
        if not self.answers[:end].any():
            raise ValueError(f"nobody had answered by wave {wave!r}. Begin with a later one.")
        earlier = copy.copy(self)
        earlier.labels, earlier.times = self.labels[:end], self.times[:end]
        earlier.answers = self.answers[:end]
        return earlier

    def raw(self, level: float = 0.95, method: str = "adjusted_wald") -> pd.DataFrame:
        """Return the sample NPS of every wave with its interval, without any model.

        Parameters
        ----------
        level, method
            As in `nps_research.nps`.

        Returns
        -------
        pandas.DataFrame
            `nps`, `se`, `lower`, `upper` in points and `n`, in order of time.
        """
        found = interval(100.0 * self.rating_scale.nps_values, self.answers, method, level)
        columns = {"nps": found.estimate, "se": found.se, "lower": found.lower}
        table = pd.DataFrame(columns | {"upper": found.upper}, index=self.labels)
        table["n"] = self.answers.sum(axis=1).astype(np.int64)
        table.attrs = {"interval": interval_kind(method, level)}
        return table

    def labelled(self, cutpoints: Array, later: Array, step_sds: Array) -> WaveDraws:
        """Return draws with the labels of the waves.

        Parameters
        ----------
        cutpoints : numpy.ndarray, shape (draws, cuts)
            Of the first wave.
        later : numpy.ndarray, shape (draws, waves - 1)
            Levels of the waves but the first.
        step_sds : numpy.ndarray, shape (draws,)
            In latent standard deviations.
        """
        levels = np.column_stack([np.zeros(len(later)), later])
        made = parameters_of(cutpoints, levels, step_sds, self.labels, self.rating_scale)
        return WaveDraws(made, self.rating_scale)

    def __str__(self) -> str:
        return (
            f"WaveModel: {self.answers.sum():,.0f} answers in {_ends(self.labels)} "
            f"({self.unanswered:,} without a score)"
        )

    def _view(self) -> View:
        return View(str(self), {"scale": self.rating_scale})


class WaveFit(WaveDraws):
    """Posterior draws of a `WaveModel`.

    Parameters
    ----------
    model : WaveModel
        The model.
    draws, random_seed
        As in `WaveModel.fit`.
    """

    def __init__(self, model: WaveModel, draws: int, random_seed: int | None) -> None:
        waves = model.waves
        drawn = sampled(waves, model.mixture(), draws, random_seed)
        n_cuts = waves.warp.shape[1]
        cutpoints, later = cutpoints_of(drawn.free, waves.warp), drawn.free[:, n_cuts:]
        made = model.labelled(cutpoints, later, drawn.step_sds / LOGISTIC_SD)
        super().__init__(made.parameters, model.rating_scale)
        self.model = model
        self.draws, self.random_seed = draws, random_seed
        self.convergence = LaplaceReport(drawn.pareto_k, drawn.ess, draws)
        if not self.convergence.converged:
            warnings.warn(
                refusal(self.convergence, ADVICE),
                ConvergenceWarning,
                stacklevel=3,
            )

    def summary(self) -> SummaryTable:
        """Summarise the NPS of every wave and the standard deviation of a step.

        Returns
        -------
        SummaryTable
            Rows ``nps[wave]``, in points, and ``step_sd``, in latent standard deviations. Columns
            mean, sd, lower and upper (95 % equal-tailed), ess_bulk, ess_tail, r_hat, mcse_mean.
        """
        report = self.convergence
        stats = xr.Dataset({"pareto_k": report.pareto_k, "ess": report.ess})
        posterior = xr.Dataset({"nps": self.nps(), "step_sd": self.step_sd()})
        idata = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
        labels = [*(f"nps[{wave}]" for wave in self.waves), "step_sd"]
        return summarise_laplace(idata, ["nps", "step_sd"], labels)

    def known_at(self, wave: Hashable) -> WaveFit:
        """Return the fit of the answers up to a wave: what could be known then."""
        return self.model.until(wave).fit(self.draws, random_seed=self.random_seed)

    def filtered(self, *, progressbar: bool | None = None) -> xr.DataArray:
        """Return the NPS of every wave as it was known at that wave: dims chain, draw, wave.

        `nps` looks back from the last wave and uses all answers for every wave; this is one fit a
        wave, each with the answers up to it. Waves before the first answer are left out.

        Parameters
        ----------
        progressbar : bool, optional
            Whether to show progress; by default in a terminal or an open notebook.
        """
        answered = np.cumsum(self.model.answers.sum(axis=1)) > 0
        waves = self.model.labels[answered]
        fits = (self.known_at(wave).nps().isel(wave=-1) for wave in waves)
        known = list(progress(fits, len(waves), "waves", progressbar=progressbar))
        joined: xr.DataArray = xr.concat(known, "wave").transpose("chain", "draw", "wave")
        return joined

    def predict(
        self, ahead: int | Sequence[float] = 1, *, random_seed: int | None = None
    ) -> WaveDraws:
        """Return draws for waves to come.

        Parameters
        ----------
        ahead : int or sequence of float
            How many waves, one unit of time apart; or their distances from the last wave in units,
            ascending.
        random_seed : int, optional
            Makes the draws repeatable.

        Returns
        -------
        WaveDraws
            Its waves are labelled by their distance from the last one.

        Raises
        ------
        ValueError
            If the distances are not positive and ascending.
        """
        distances = np.arange(1, ahead + 1) if isinstance(ahead, int) else np.asarray(ahead)
        gaps = np.diff(distances, prepend=0.0)
        if len(gaps) == 0 or not (gaps > 0).all():
            raise ValueError(
                f"ahead must be a number of waves, 1 or more, or ascending positive distances; "
                f"found {ahead!r}."
            )
        sds = self.step_sd().to_numpy()[0]
        steps = np.random.default_rng(random_seed).normal(size=(len(sds), len(gaps)))
        walked = np.cumsum(LOGISTIC_SD * sds[:, None] * steps * np.sqrt(gaps), axis=1)
        levels = self.level().to_numpy()[0, :, -1:] + walked
        cutpoints = self.parameters["cutpoints"].to_numpy()[0]
        scale = self.rating_scale
        return WaveDraws(parameters_of(cutpoints, levels, sds, pd.Index(distances), scale), scale)

    def spike(self, wave: Hashable, *, mass: float = 0.95) -> pd.Series:
        """Say what a spike is worth: how much of a wave's raw surprise the model believes.

        The surprise is the raw NPS less what the waves before let expect; the model believes the
        part by which the wave's answers move its own estimate. The rest it takes for sampling
        noise. Both are judged at the time, with the answers up to the wave.

        Parameters
        ----------
        wave : hashable
            Label of a wave with answers, after the first that has some.
        mass : float
            Probability inside the equal-tailed interval.

        Returns
        -------
        pandas.Series
            `raw`, `expected` and `surprise`, the raw NPS less the expected, in points; `believed`,
            the estimate at the wave less the expected, with `lower` and `upper`; `worth`, the share
            of the surprise that is believed; `p_value`, how often a surprise as large comes about
            if the model is right, sampling noise included; `n` answers. attrs name the interval.

        Raises
        ------
        ValueError
            If there is no such wave, it has no answers, or there are none before it.
        """
        at = self._spike_position(wave)
        n = self.model.answers[at].sum()
        raw = float(self.model.answers[at] @ (100.0 * self.rating_scale.nps_values) / n)
        replicated = self._replicated(at)
        expected = float(replicated.mean())
        moved = self.known_at(wave).nps().to_numpy()[0, :, -1] - expected
        lower, upper = np.quantile(moved, tail_probabilities(mass))
        as_large = np.abs(replicated - expected) >= abs(raw - expected) - 1e-9
        found = {
            "raw": raw,
            "expected": expected,
            "surprise": raw - expected,
            "believed": moved.mean(),
            "lower": lower,
            "upper": upper,
            "worth": moved.mean() / (raw - expected) if raw != expected else math.nan,
            "p_value": as_large.mean(),
            "n": n,
        }
        table = pd.Series(found, name=wave)
        table.attrs["interval"] = f"{100 * mass:g} % equal-tailed credible interval"
        return table

    def _spike_position(self, wave: Hashable) -> int:
        at = self.position(wave)
        own, before = self.model.answers[at].sum(), self.model.answers[:at].sum()
        if own == 0 or before == 0:
            raise ValueError(
                f"a spike needs answers in its wave and before it; wave {wave!r} has {own:,.0f}, "
                f"the waves before it have {before:,.0f}. Choose another wave."
            )
        return at

    def _replicated(self, at: int) -> Array:
        """Return raw scores of the wave at a position, as the answers before it let expect."""
        times, answers = self.model.times, self.model.answers
        before, seed = self.known_at(self.model.labels[at - 1]), self.random_seed
        forecast = before.predict([times[at] - times[at - 1]], random_seed=seed)
        shares = forecast.score_probabilities().to_numpy()[0, :, 0]
        n = int(answers[at].sum())
        drawn = np.random.default_rng(seed).multinomial(n, shares)
        return np.asarray(drawn @ (100.0 * self.rating_scale.nps_values) / n)

    def _view(self) -> View:
        return draws_view(
            f"WaveFit of {self.model}",
            self.convergence,
            random_seed=self.random_seed,
            numbers=self.summary(),
            advice=ADVICE,
        )


def _plain(labels: pd.Index) -> pd.Index:
    """Return labels of a type that every result can have."""
    kinds = (pd.CategoricalDtype, pd.PeriodDtype)
    if isinstance(labels.dtype, kinds):
        return pd.Index([str(label) for label in labels], dtype=object, name=labels.name)
    return labels


def _ends(labels: pd.Index) -> str:
    if len(labels) == 1:
        return f"1 wave, {labels[0]}"
    return f"{len(labels)} waves, {labels[0]} to {labels[-1]}"


def _positive(name: str, value: float) -> float:
    if not 0.0 < value < math.inf:
        raise ValueError(
            f"{name} must be a positive number of latent standard deviations; found {value!r}."
        )
    return float(value)
