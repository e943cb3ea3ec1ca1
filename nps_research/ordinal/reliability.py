"""Reliability: do answers come as often as predicted? Isotonic regression at each cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from nps_research.diagnostics import INTERVAL_MASS
from nps_research.intervals import tail_probabilities
from nps_research.ordinal.latent import SAMPLE_DIMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.design import Design
    from nps_research.ordinal.draws import ScoreDraws

    type Array = NDArray[np.float64]


def calibration(
    draws: ScoreDraws,
    *,
    cuts: Literal["nps", "all"] = "nps",
    simulations: int = 500,
    random_seed: int | None = None,
    mass: float = INTERVAL_MASS,
) -> pd.DataFrame:
    """Compare predicted probabilities of exceeding a cut with how often it was exceeded.

    For each cut k, P(score > k) is predicted for every cell. The pool-adjacent-violators algorithm
    finds the increasing function of the prediction that fits the answers best: where the model is
    calibrated, it is the prediction itself, up to the chance that the band shows. The band holds
    the same function of answers that the model has produced. The predictions are those for
    respondents who took part in the estimation.

    Parameters
    ----------
    draws : ScoreDraws
        Posterior draws.
    cuts : {"nps", "all"}
        The two cuts between detractors, passives and promoters, or all.
    simulations : int
        Replicates of the answers.
    random_seed : int, optional
        Makes them repeatable.
    mass : float
        Probability inside the band, at each prediction by itself.

    Returns
    -------
    pandas.DataFrame
        One row a cut and prediction, in increasing order: `cut` such as ``6|7``, `predicted`, `n`
        respondents, `observed` (their share beyond the cut), `calibrated`, and `lower` and
        `upper`, the band. An interval answer counts where it is on one side of the cut.

    See Also
    --------
    brier_decomposition : The same in three numbers a cut.

    Notes
    -----
    Dimitriadis, Gneiting and Jordan 2021, "Stable Reliability Diagrams for Probabilistic
    Classifiers".

    Examples
    --------
    >>> import nps_research as npsr
    >>> prior = npsr.OrdinalModel("score ~ year", npsr.load_counts("sfo_airport")).prior(100)
    >>> table = calibration(prior, simulations=50)
    >>> table.groupby("cut")["n"].sum().to_dict()
    {'6|7': 5396, '8|9': 5396}
    """
    scale, generator = draws.design.rating_scale, np.random.default_rng(random_seed)
    chosen = np.arange(scale.n_categories - 1)
    if cuts == "nps":
        chosen = np.flatnonzero(np.diff(scale.nps_values))
    predicted, sampled = _exceedances(draws, chosen, simulations)
    tables = {}
    for position, cut in enumerate(chosen):
        beyond, n = _answers_beyond(draws.design, int(cut))
        replicates = generator.binomial(n.astype(np.int64), sampled[..., position])
        table = _pooled(predicted[:, position], n, np.vstack([beyond, replicates]), mass)
        tables[scale.cutpoint_labels[cut]] = table
    return pd.concat(tables, names=["cut"]).reset_index("cut").reset_index(drop=True)


def _exceedances(
    draws: ScoreDraws, cuts: NDArray[np.int64], simulations: int
) -> tuple[Array, Array]:
    """Return P(score > cut): its mean (cells, cuts), and draws of it (simulations, cells, cuts)."""
    means, samples = [], []
    for block in draws.log_probability_blocks():
        p = np.exp(block.transpose(*SAMPLE_DIMS, "cell", "score").to_numpy())
        above = np.cumsum(p[..., ::-1], axis=-1)[..., ::-1][..., cuts + 1]
        flat = above.reshape(-1, *above.shape[2:])
        means.append(flat.mean(axis=0))
        samples.append(flat[np.linspace(0, len(flat) - 1, simulations).astype(int)])
    return np.concatenate(means), np.minimum(np.concatenate(samples, axis=1), 1.0)


def _answers_beyond(design: Design, cut: int) -> tuple[Array, Array]:
    """Return answers above the cut, and answers that are on one side of it, shape (cells,)."""
    above, n = design.counts[:, cut + 1 :].sum(axis=1), design.counts.sum(axis=1)
    cell, lowest, highest = design.censored.T
    np.add.at(above, cell, design.censored_n * (lowest > cut))
    np.add.at(n, cell, design.censored_n * ((lowest > cut) | (highest <= cut)))
    return above, n


def _pooled(predicted: Array, n: Array, beyond: Array, mass: float) -> pd.DataFrame:
    """Regress answers on predictions; the first row of `beyond` is observed, others replicated."""
    order = np.argsort(predicted)
    order = order[n[order] > 0]
    values, first = np.unique(predicted[order], return_index=True)
    sizes = np.add.reduceat(n[order], first)
    shares = np.add.reduceat(beyond[:, order], first, axis=1) / sizes
    fits = np.stack([isotonic_regression(share, weights=sizes).x for share in shares])
    band = np.quantile(fits[1:], tail_probabilities(mass), axis=0)
    return pd.DataFrame(
        {
            "predicted": values,
            "n": sizes.astype(np.int64),
            "observed": shares[0],
            "calibrated": fits[0],
            "lower": band[0],
            "upper": band[1],
        }
    )


def brier_decomposition(table: pd.DataFrame) -> pd.DataFrame:
    """Split the mean squared error of probabilities into what each part of a forecast costs.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `calibration`.

    Returns
    -------
    pandas.DataFrame
        One row a cut: `brier`, the mean of (answer beyond the cut - prediction)**2, and its parts
        `miscalibration` (lost by predictions that are off), `discrimination` (gained by telling
        cells apart) and `uncertainty` (of who says the overall share of everyone):
        brier = miscalibration - discrimination + uncertainty.

    Notes
    -----
    Dimitriadis, Gneiting and Jordan 2021, "Stable Reliability Diagrams for Probabilistic
    Classifiers".

    Examples
    --------
    >>> columns = ["cut", "predicted", "n", "observed", "calibrated"]
    >>> table = pd.DataFrame([["6|7", 0.2, 50, 0.3, 0.3], ["6|7", 0.8, 50, 0.7, 0.7]])
    >>> brier_decomposition(table.set_axis(columns, axis=1)).round(2)
         brier  miscalibration  discrimination  uncertainty
    cut
    6|7   0.22            0.01            0.04         0.25
    """
    parts = {cut: _brier_parts(rows) for cut, rows in table.groupby("cut", sort=False)}
    return pd.DataFrame(parts).T.rename_axis("cut")


def _brier_parts(rows: pd.DataFrame) -> dict[str, float]:
    n, predicted, observed, calibrated = (
        rows[["n", "predicted", "observed", "calibrated"]].to_numpy(dtype=float).T
    )
    shares = n / n.sum()

    def brier(probability: Array) -> float:
        error = observed * (1 - probability) ** 2 + (1 - observed) * probability**2
        return float(shares @ error)

    constant = brier(np.full(len(n), shares @ observed))
    return {
        "brier": brier(predicted),
        "miscalibration": brier(predicted) - brier(calibrated),
        "discrimination": constant - brier(calibrated),
        "uncertainty": constant,
    }
