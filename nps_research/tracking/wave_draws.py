"""Draws of the scores of every wave, and what a reader asks of them: NPS, mean, boxes, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from nps_research.survey_files import unknown_name
from nps_research.views import View, sized, viewed

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from nps_research.scale import RatingScale

    type Array = NDArray[np.float64]


@viewed
class WaveDraws:
    """Draws of cutpoints and of the level of every wave.

    Parameters
    ----------
    parameters : xarray.Dataset
        ``cutpoints`` (chain, draw, cutpoint), ``level`` (chain, draw, wave), in log odds, and
        ``step_sd`` (chain, draw), the standard deviation of a step in a unit of time.
    rating_scale : RatingScale
        Scale of the scores.
    """

    def __init__(self, parameters: xr.Dataset, rating_scale: RatingScale) -> None:
        self.parameters = parameters
        self.rating_scale = rating_scale

    def _view(self) -> View:
        sizes = self.parameters.sizes
        return View(
            f"{type(self).__name__}: {sized(sizes['wave'], 'wave')}",
            {"draws": f"{sizes['chain']} x {sizes['draw']:,} (chains x draws)"},
        )

    @property
    def waves(self) -> list[Hashable]:
        """Labels of the waves, in order of time."""
        return list(self.parameters["wave"].to_index())

    def level(self) -> xr.DataArray:
        """Return the latent level in log odds, 0 in the first wave: dims chain, draw, wave."""
        return self.parameters["level"]

    def step_sd(self) -> xr.DataArray:
        """Return the standard deviation of a step of the level, in log odds: dims chain, draw."""
        return self.parameters["step_sd"]

    def score_probabilities(self) -> xr.DataArray:
        """Return the probability of every score: dims chain, draw, wave, score."""
        z = self.parameters["cutpoints"] - self.parameters["level"]
        below = special.expit(z.transpose("chain", "draw", "wave", "cutpoint").to_numpy())
        shares = np.diff(below, axis=-1, prepend=0.0, append=1.0)
        coords: dict[str, Any] = {name: z[name] for name in ("chain", "draw", "wave")}
        coords["score"] = self.rating_scale.scores
        return xr.DataArray(shares, coords, list(coords), "probability")

    def nps(self) -> xr.DataArray:
        """Return the Net Promoter Score in points (-100..100): dims chain, draw, wave."""
        return self._expectation(100.0 * self.rating_scale.nps_values, "nps")

    def mean_score(self) -> xr.DataArray:
        """Return the mean score in points of the scale: dims chain, draw, wave."""
        return self._expectation(self.rating_scale.scores.astype(float), "mean_score")

    def top_box(self, k: int = 2) -> xr.DataArray:
        """Return the share of the `k` highest scores (0..1): dims chain, draw, wave."""
        return self._expectation(self.rating_scale.box_values(k), "top_box")

    def change(self, since: Hashable, wave: Hashable = None) -> xr.DataArray:
        """Return how much higher the NPS of a wave is than that of another: dims chain, draw.

        Parameters
        ----------
        since : hashable
            Label of the wave to compare with.
        wave : hashable, optional
            Label of the wave; the last one without it.

        Raises
        ------
        ValueError
            If there is no such wave, or both are the same.
        """
        later = self.position(self.waves[-1] if wave is None else wave)
        earlier = self.position(since)
        if later == earlier:
            raise ValueError(
                f"a change needs two waves; since={since!r} is the wave itself. Compare with one "
                f"of {_listed([w for i, w in enumerate(self.waves) if i != later])}."
            )
        nps = self.nps()
        return (nps[..., later].drop_vars("wave") - nps[..., earlier].drop_vars("wave")).rename(
            "nps_change"
        )

    def probability_of_change(
        self, since: Hashable, points: float = 0.0, *, wave: Hashable = None
    ) -> pd.Series:
        """Return the probability that the NPS has risen or fallen by more than so many points.

        Parameters
        ----------
        since : hashable
            Label of the wave to compare with.
        points : float
            Smallest change that counts, 0 or more.
        wave : hashable, optional
            Label of the wave that is compared; the last one without it.

        Returns
        -------
        pandas.Series
            ``fall``, ``neither`` and ``rise``, with sum 1.

        Raises
        ------
        ValueError
            If there is no such wave, or `points` is negative.
        """
        if not points >= 0.0:
            raise ValueError(f"points must be 0 or more; found {points!r}. Falls are counted too.")
        change = self.change(since, wave)
        fall, rise = float((change < -points).mean()), float((change > points).mean())
        found = {"fall": fall, "neither": 1.0 - fall - rise, "rise": rise}
        return pd.Series(found, name="probability")

    def position(self, wave: Hashable) -> int:
        """Return the place of a wave, counted from 0.

        Raises
        ------
        ValueError
            If there is no such wave.
        """
        if wave not in self.waves:
            raise ValueError(unknown_name("wave", wave, self.waves))
        return self.waves.index(wave)

    def _expectation(self, values: Array, name: str) -> xr.DataArray:
        weights = xr.DataArray(values, dims="score")
        return (self.score_probabilities() * weights).sum("score").rename(name)


def parameters_of(
    cutpoints: Array, levels: Array, step_sds: Array, waves: pd.Index, rating_scale: RatingScale
) -> xr.Dataset:
    """Return one chain of draws as a labelled data set.

    Parameters
    ----------
    cutpoints : numpy.ndarray, shape (draws, cuts)
        Cutpoints of the first wave.
    levels : numpy.ndarray, shape (draws, waves)
        Level of every wave.
    step_sds : numpy.ndarray, shape (draws,)
        Standard deviation of a step.
    waves : pandas.Index
        Labels of the waves.
    rating_scale : RatingScale
        Scale of the scores.
    """
    dims = ("chain", "draw")
    return xr.Dataset(
        {
            "cutpoints": ((*dims, "cutpoint"), cutpoints[None]),
            "level": ((*dims, "wave"), levels[None]),
            "step_sd": (dims, step_sds[None]),
        },
        {
            "chain": [0],
            "draw": np.arange(len(step_sds)),
            "cutpoint": rating_scale.cutpoint_labels,
            "wave": waves.rename("wave"),
        },
    )


def _listed(names: list[Hashable]) -> str:
    return ", ".join(map(repr, names)) if names else "another survey: there is only one wave"
