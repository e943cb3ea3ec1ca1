"""What a spike of a raw score is made of: a true move, and the noise of two samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]


def noise_share(step_sd: ArrayLike, answers: ArrayLike, standard_deviation: float) -> Array:
    """Return the share of sampling noise in the variance of a raw move between two waves.

    Parameters
    ----------
    step_sd : array_like
        Standard deviation of the true move from wave to wave, in points.
    answers : array_like
        Answers a wave.
    standard_deviation : float
        Of one answer, in points.

    Returns
    -------
    numpy.ndarray
        From 0 to 1. It is one half where answers = 2 * (standard_deviation / step_sd)**2.

    Examples
    --------
    >>> noise_share(3.0, [100, 1217], 74.0).round(2)
    array([0.92, 0.5 ])
    """
    noise = 2.0 * standard_deviation**2 / np.asarray(answers, dtype=float)
    return np.asarray(noise / (noise + np.asarray(step_sd, dtype=float) ** 2))


def steady_worth(step_sd: ArrayLike, answers: ArrayLike, standard_deviation: float) -> Array:
    """Return the share of a surprise that is believed after many waves: the steady Kalman gain.

    Parameters
    ----------
    step_sd, answers, standard_deviation
        As in `noise_share`.

    Returns
    -------
    numpy.ndarray
        From 0 to 1.

    Notes
    -----
    Of the local level model (Harvey 1989, "Forecasting, Structural Time Series Models and the
    Kalman Filter"), with q = step variance / variance of a wave's NPS: 2 / (1 + sqrt(1 + 4 / q)).

    Examples
    --------
    >>> steady_worth(3.0, [100, 1217], 74.0).round(2)
    array([0.33, 0.73])
    """
    variance = standard_deviation**2 / np.asarray(answers, dtype=float)
    q = np.asarray(step_sd, dtype=float) ** 2 / variance
    return np.asarray(2.0 / (1.0 + np.sqrt(1.0 + 4.0 / q)))


def spike_table(
    raw: ArrayLike, truth: ArrayLike, answers: ArrayLike, *, points: float = 5.0
) -> pd.DataFrame:
    """Take the spikes of raw scores apart, where the truth is known.

    A spike is a raw move of `points` or more from one wave to the next. It is mostly noise if the
    true move in its direction is less than half of it.

    Parameters
    ----------
    raw : array_like, shape (sizes, replicates, waves)
        Raw NPS of replicates of a survey, for each number of answers.
    truth : array_like, shape (waves,)
        True NPS.
    answers : array_like, shape (sizes,)
        Answers a wave.
    points : float
        Smallest move that is a spike.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``answers``: ``spikes``, their share of all moves; ``mostly_noise``, the share of
        spikes that are, with its Monte Carlo standard error ``mcse`` over replicates; ``worth``,
        the mean true move in the spike's direction as a share of the mean spike. Missing where
        there are no spikes.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> spike_table([[[30, 40, 41], [30, 31, 50]]], [30, 38, 39], [200])
             spikes  mostly_noise  mcse     worth
    answers
    200         0.5           0.5   0.5  0.310345
    """
    scores, true = np.asarray(raw, dtype=float), np.asarray(truth, dtype=float)
    sizes = np.asarray(answers)
    if scores.ndim != 3 or scores.shape[2:] != true.shape or scores.shape[:1] != sizes.shape:
        raise ValueError(
            f"raw scores have shape (sizes, replicates, waves), the truth (waves,), answers "
            f"(sizes,); found {scores.shape}, {true.shape} and {sizes.shape}."
        )
    moves, true_moves = np.diff(scores, axis=2), np.diff(true)
    rows = [_spikes_of(each, np.sign(each) * true_moves, points) for each in moves]
    return pd.DataFrame(rows, index=pd.Index(sizes, name="answers"))


def _spikes_of(moves: Array, along: Array, points: float) -> dict[str, float]:
    """Return a row of the table from moves and true moves in their direction."""
    size = np.abs(moves)
    spike = size >= points - 1e-9
    noise = spike & (along < 0.5 * size)
    found, noisy = spike.sum(axis=1), noise.sum(axis=1)
    if not found.any():
        return {"spikes": 0.0, "mostly_noise": np.nan, "mcse": np.nan, "worth": np.nan}
    share = noisy.sum() / found.sum()
    # Of a ratio of two sums over replicates, to first order.
    error = np.std(noisy - share * found, ddof=1) / (found.mean() * np.sqrt(len(found)))
    worth = along[spike].sum() / size[spike].sum()
    return {"spikes": spike.mean(), "mostly_noise": share, "mcse": error, "worth": worth}
