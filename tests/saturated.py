"""Draws of a model whose posterior is known: every cell has Dirichlet probabilities of its own."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from nps_research.counts import cross_tabulate


def design(rows, predictors, rating_scale):
    """Tabulate rows with `score`, `n` and optionally `score_upper` as the package's design does."""
    constant = rows.assign(constant=0)[predictors or ["constant"]]
    cells = constant.drop_duplicates().reset_index(drop=True)
    cell = pd.MultiIndex.from_frame(cells).get_indexer(pd.MultiIndex.from_frame(constant))
    lowest = rows["score"].to_numpy(dtype=np.int64) - rating_scale.minimum
    upper = rows.get("score_upper", rows["score"]).fillna(rows["score"])
    highest = upper.to_numpy(dtype=np.int64) - rating_scale.minimum
    exact, n = lowest == highest, rows["n"].to_numpy(dtype=float)
    shape = (len(cells), rating_scale.n_categories)
    return SimpleNamespace(
        rows=rows.assign(cell=cell),
        rating_scale=rating_scale,
        cells=SimpleNamespace(table=cells[predictors]),
        counts=cross_tabulate(cell[exact], lowest[exact], n[exact], shape),
        censored=np.column_stack([cell, lowest, highest])[~exact],
        censored_n=n[~exact],
    )


class SaturatedDraws:
    """Posterior draws of the probabilities of every cell, given counts and a Dirichlet prior."""

    def __init__(self, design, concentration, *, chains=4, draws=1000, seed=1, counts=None):
        self.design, self.concentration = design, np.asarray(concentration, dtype=float)
        rng = np.random.default_rng(seed)
        counts = design.counts if counts is None else counts
        # Gamma variates of shape a, in logarithms: exact where a is tiny.
        shape = (chains, draws, *counts.shape)
        a = np.broadcast_to(self.concentration + counts, shape)
        gammas = np.log(rng.gamma(a + 1)) + np.log(rng.uniform(size=shape)) / a
        log_p = gammas - np.logaddexp.reduce(gammas, axis=-1)[..., None]
        coords = {"cell": np.arange(len(counts)), "score": design.rating_scale.scores}
        dims = ("chain", "draw", "cell", "score")
        self._log_p = xr.DataArray(log_p, dims=dims, coords=coords)
        self.parameters = np.exp(self._log_p).rename("shares").to_dataset()

    def log_probabilities(self):
        return self._log_p

    def log_probability_blocks(self):
        for start in range(0, self._log_p.sizes["cell"], 2):
            yield self._log_p.isel(cell=slice(start, start + 2))

    def iter_log_probabilities(self):
        flat = self._log_p.to_numpy().reshape(-1, *self._log_p.shape[2:])
        half = len(flat) // 2
        for draws in (slice(0, half), slice(half, len(flat))):
            yield draws, flat[draws]

    def refit(self, counts, censored_n):
        assert not censored_n.any()
        return SaturatedDraws(self.design, self.concentration, counts=counts, seed=2)
