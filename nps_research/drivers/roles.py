"""Roles: accounts in which one person decides and others use, each moved by other things.

An explicit small world, for what can be learnt and what goes wrong when the two are asked alike. It
says what follows if roles differ, not that they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.planning import detection_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

DRIVERS = ("usability", "terms")
# Accounts behind an expectation over the population.
MANY = 40_000


@dataclass(frozen=True)
class Roles:
    """How the two roles feel, and who decides.

    Drivers are standard normal and independent; feelings have an error of standard deviation 1.

    Attributes
    ----------
    users : tuple of float
        Effects of usability and terms on what end users feel.
    makers : tuple of float
        Effects on what decision makers feel.
    heard : float
        How much of what users feel passes on to the decision maker.
    influence : float
        Weight of what users feel in the decision to renew, beside what the decision maker feels.
    renewal_intercept, renewal_slope : float
        Log odds of renewal at average feelings, and for each standard unit of the weighted feeling.
    response_error : float
        Standard deviation of an answer around what its giver feels.
    """

    users: tuple[float, float] = (0.8, 0.2)
    makers: tuple[float, float] = (0.2, 0.8)
    heard: float = 0.0
    influence: float = 0.3
    renewal_intercept: float = 2.0
    renewal_slope: float = 0.8
    response_error: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.influence <= 1:
            raise ValueError(f"influence is a weight between 0 and 1; found {self.influence}.")

    @property
    def slopes(self) -> pd.DataFrame:
        """Total effect of each driver on what each role feels."""
        users = np.array(self.users)
        effects = {
            "end users": users,
            "decision makers": np.array(self.makers) + self.heard * users,
        }
        return pd.DataFrame(effects, index=pd.Index(DRIVERS, name="driver"))

    def pooled_slopes(self, share_of_users: float) -> pd.Series:
        """Return what a regression finds when this share of the answers comes from end users."""
        slopes = self.slopes
        mixed = slopes["end users"] * share_of_users
        return (mixed + slopes["decision makers"] * (1 - share_of_users)).rename("slope")

    @property
    def tipping_share(self) -> float:
        """Share of end users among the answers at which the two drivers look equally important.

        Missing if the same driver leads in both roles.
        """
        usability, terms = self.slopes.to_numpy()
        users, makers = usability - terms
        return math.nan if users * makers >= 0 else float(makers / (makers - users))

    def simulate(self, accounts: int, *, random_seed: int) -> pd.DataFrame:
        """Draw accounts, one answer of each role.

        Returns
        -------
        pandas.DataFrame
            One row an account: `usability`, `terms`, the answers `user` and `maker` on the latent
            scale, the `chance` of renewal, and whether it `renewed`.
        """
        generator = np.random.default_rng(random_seed)
        drivers = generator.standard_normal((accounts, 2))
        errors = generator.standard_normal((accounts, 4))
        users = drivers @ self.users + errors[:, 0]
        makers = drivers @ self.makers + self.heard * users + errors[:, 1]
        answers = np.column_stack([users, makers]) + self.response_error * errors[:, 2:]
        decisive = (1 - self.influence) * makers + self.influence * users
        chance = special.expit(self.renewal_intercept + self.renewal_slope * decisive)
        columns = dict(zip((*DRIVERS, "user", "maker"), (*drivers.T, *answers.T), strict=True))
        columns |= {"chance": chance, "renewed": generator.random(accounts) < chance}
        return pd.DataFrame(columns)

    def renewal_signal(self, *, random_seed: int = 1) -> float:
        """Return the expected z of the users' answer in a renewal regression, for one account.

        The regression has the answers of both roles. The z of n accounts is this times the square
        root of n. Expectations are means over 40,000 simulated accounts, with the chance of renewal
        in place of the renewal.
        """
        accounts = self.simulate(MANY, random_seed=random_seed)
        slopes, covariance = logistic(accounts[["maker", "user"]], accounts["chance"])
        return float(slopes[2] / math.sqrt(covariance[2, 2] * MANY))

    def accounts_needed(
        self, *, power: float = 0.8, level: float = 0.95, random_seed: int = 1
    ) -> float:
        """Return how many accounts show the influence of end users on renewal.

        Each with an answer of both roles and a known renewal; infinite if they have none and what
        they feel tells nothing about the decision maker.
        """
        signal = self.renewal_signal(random_seed=random_seed)
        z = detection_quantile(power, level)
        return math.inf if signal <= 0 else math.ceil((z / signal) ** 2)


def logistic(predictors: pd.DataFrame, outcome: pd.Series) -> tuple[Array, Array]:
    """Estimate a logistic regression of a yes or no on numbers, by Newton's method.

    Parameters
    ----------
    predictors : pandas.DataFrame
        One column a predictor; an intercept is added in front.
    outcome : pandas.Series
        Whether it happened, or the share of times that it did.

    Returns
    -------
    tuple of numpy.ndarray
        Coefficients and their covariance matrix.

    Raises
    ------
    ValueError
        If all outcomes are the same, or a predictor separates them.

    Examples
    --------
    >>> x = pd.DataFrame({"x": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]})
    >>> logistic(x, pd.Series([True, False, False, True, True, False]))[0].round(3)
    array([-0.693,  1.386])
    """
    design = np.column_stack([np.ones(len(predictors)), predictors.to_numpy(dtype=float)])
    happened = outcome.to_numpy(dtype=float)
    slopes = np.zeros(design.shape[1])
    for _ in range(50):
        chance = special.expit(design @ slopes)
        information = design.T @ (design * (chance * (1 - chance))[:, None])
        if np.linalg.cond(information) > 1e12:
            break
        step = np.linalg.solve(information, design.T @ (happened - chance))
        slopes = slopes + step
        if np.abs(step).max() < 1e-10:
            return slopes, np.linalg.inv(information)
    raise ValueError(
        f"the logistic regression on {', '.join(map(str, predictors.columns))} has no finite "
        f"estimate: {happened.sum():g} of {len(happened)} happened. Add accounts."
    )
