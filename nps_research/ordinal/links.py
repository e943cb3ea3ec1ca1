"""Links: the latent distributions of the cumulative model, in forms that stay finite in the tails.

P(score <= k) = F(cutpoint_k - eta), with F the standard logistic or the standard normal
distribution function. Both are symmetric, so the upper tail is the lower tail of the mirrored
argument: nothing here ever subtracts a probability from one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """A symmetric latent distribution.

    Attributes
    ----------
    name : str
        Name in `OrdinalModel(link=...)`.
    latent_sd : float
        Standard deviation of the latent distribution: the unit of default priors.
    cdf, log_pdf, quantile : callable
        Distribution function, the log density and the inverse of `cdf`.
    slope : callable
        Derivative of the log density.
    log_interval : callable
        log(F(upper) - F(lower)), free of cancellation; infinite bounds are allowed.
    """

    name: str
    latent_sd: float
    cdf: Callable[[Array], Array]
    log_pdf: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    quantile: Callable[[Array], Array]
    log_interval: Callable[[Array, Array], Array]

    def quantile_of_tails(self, lower: Array, upper: Array) -> Array:
        """Return the quantile from both tails, reading the smaller one.

        Parameters
        ----------
        lower, upper : numpy.ndarray
            P(Y <= k) and P(Y > k), each accurate in its own tail.
        """
        with np.errstate(divide="ignore"):
            return np.where(lower < upper, self.quantile(lower), -self.quantile(upper))


def log1mexp(x: Array) -> Array:
    """Return log(1 - exp(x)) for x <= 0, accurate for every x.

    Switches at -log 2 (Maechler 2012, "Accurately Computing log(1 - exp(-|a|))").

    Examples
    --------
    >>> float(log1mexp(np.array(-1e-20)).round(4))
    -46.0517
    """
    with np.errstate(divide="ignore"):
        near = np.log(-np.expm1(np.maximum(x, -np.log(2.0))))
        far = np.log1p(-np.exp(np.minimum(x, -np.log(2.0))))
    return np.asarray(np.where(x > -np.log(2.0), near, far))


def _logit_log_pdf(x: Array) -> Array:
    size = np.abs(x)
    return np.asarray(-size - 2.0 * np.log1p(np.exp(-size)))


def _logit_log_interval(lower: Array, upper: Array) -> Array:
    # The form of Stan's ordered_logistic: no difference of probabilities is taken.
    tails: Array = special.log_expit(upper) + special.log_expit(-lower)
    return np.asarray(tails + log1mexp(lower - upper))


def _probit_log_pdf(x: Array) -> Array:
    return np.asarray(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi))


def _probit_log_interval(lower: Array, upper: Array) -> Array:
    # Mirror intervals right of the centre: both tails are then small numbers and nothing cancels.
    mirrored = lower + upper > 0
    top: Array = special.log_ndtr(np.where(mirrored, -lower, upper))
    bottom = special.log_ndtr(np.where(mirrored, -upper, lower))
    # Rounding can put the tail of a hair-thin interval in the wrong order.
    return np.asarray(top + log1mexp(np.minimum(bottom - top, 0.0)))


LINKS = {
    "logit": Link(
        name="logit",
        latent_sd=float(np.pi / np.sqrt(3.0)),
        cdf=special.expit,
        log_pdf=_logit_log_pdf,
        slope=lambda x: -np.tanh(x / 2.0),
        quantile=special.logit,
        log_interval=_logit_log_interval,
    ),
    "probit": Link(
        name="probit",
        latent_sd=1.0,
        cdf=special.ndtr,
        log_pdf=_probit_log_pdf,
        slope=lambda x: -x,
        quantile=special.ndtri,
        log_interval=_probit_log_interval,
    ),
}
