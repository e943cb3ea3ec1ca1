"""Simulated accounts: contacts whose loyalties agree in part, and a renewal by a stated mix.

For questions that no public data answer: which summary of an account's answers foretells its loss,
and what the silent contacts would have said. What follows from these assumptions is no finding
about firms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from nps_research.scale import RatingScale
from nps_research.silence.accounts import Accounts, read_accounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Shares of the scores 0 to 10 of a contact of average loyalty among all: those of the simulated
# market (`nps_research.market`), where nobody games.
SHARES = np.array([0.03, 0.01, 0.02, 0.02, 0.025, 0.055, 0.06, 0.12, 0.20, 0.17, 0.29])
ROLES = ("decision maker", "end user")
# Streams of randomness: switching one part of a world leaves the shocks of the others as they are.
LOYALTY, SCORE, ANSWER, LEAVE, SIZE, VALUE = range(6)


@dataclass(frozen=True)
class AccountWorld:
    """Accounts with one decision maker each and some end users.

    Attributes
    ----------
    accounts : int
        How many.
    end_users : float
        Mean number of end users, one or more.
    correlation : float
        Of the loyalties of two contacts of an account, 0 to below 1.
    reliability : float
        Share of the variance of a (latent) score that is the contact's loyalty; the rest is the
        day.
    decision_maker_shift : float
        Loyalty of decision makers less that of end users, in standard deviations.
    decision_weight : float
        Weight of the decision maker's loyalty in the renewal; the rest has the mean of the end
        users.
    response : tuple of float
        Log odds that a contact answers: at average loyalty, and added by a standard deviation.
    response_shift : float
        Log odds of answering that decision makers lack.
    churn : tuple of float
        Log odds that an account leaves: at average loyalty, and taken away by a standard deviation
        of the loyalty of an average contact.
    value : float
        Median yearly value of an account with four contacts, in euros; it grows with the contacts.
    value_spread : float
        Standard deviation of the logarithm of the value.
    """

    accounts: int = 500
    end_users: float = 4.0
    correlation: float = 0.4
    reliability: float = 0.7
    decision_maker_shift: float = -0.2
    decision_weight: float = 0.6
    response: tuple[float, float] = (-0.4, 0.5)
    response_shift: float = 0.3
    churn: tuple[float, float] = (-2.3, 1.2)
    value: float = 10_000.0
    value_spread: float = 0.8

    def __post_init__(self) -> None:
        for name in ("correlation", "reliability", "decision_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1; found {getattr(self, name)!r}.")
        if self.accounts < 1 or self.end_users < 1:
            raise ValueError(
                "an account needs a contact: accounts and end_users must be 1 or more; found "
                f"{self.accounts!r} and {self.end_users!r}."
            )

    def simulate(self, random_seed: int) -> Accounts:
        """Simulate one wave of a survey, and who leaves after it.

        Parameters
        ----------
        random_seed : int
            Worlds that differ in one part share the shocks of the others.

        Returns
        -------
        Accounts
            `contacts` also has `loyalty` and `would_score`, the score that silent contacts would
            have given; `table` has `churned`, `value`, `loyalty` (the mix that decides) and `risk`.
        """
        contacts = self._contacts(random_seed)
        table = self._table(contacts, random_seed)
        scores = self._scores(contacts["loyalty"].to_numpy(), random_seed)
        heard = self._heard(contacts, random_seed)
        score = pd.Series(scores, dtype="Int64").where(heard)
        return read_accounts(contacts.assign(would_score=scores, score=score), table)

    def _contacts(self, random_seed: int) -> pd.DataFrame:
        users = 1 + _stream(random_seed, SIZE).poisson(self.end_users - 1, self.accounts)
        account = np.repeat(np.arange(self.accounts), users + 1)
        contact = np.arange(len(account)) - np.repeat(np.cumsum(users + 1) - users - 1, users + 1)
        generator = _stream(random_seed, LOYALTY)
        shared, own = (
            generator.standard_normal(self.accounts),
            generator.standard_normal(len(account)),
        )
        loyalty = np.sqrt(self.correlation) * shared[account] + np.sqrt(1 - self.correlation) * own
        decides = contact == 0
        columns = {"account": account, "contact": contact, "role": np.where(decides, *ROLES)}
        return pd.DataFrame(columns | {"loyalty": loyalty + self.decision_maker_shift * decides})

    def _table(self, contacts: pd.DataFrame, random_seed: int) -> pd.DataFrame:
        decides = contacts["role"] == ROLES[0]
        decision = contacts.loc[decides, "loyalty"].to_numpy()
        users = contacts[~decides].groupby("account")["loyalty"].agg(["mean", "size"])
        mix = (
            self.decision_weight * decision + (1 - self.decision_weight) * users["mean"].to_numpy()
        )
        risk = special.expit(self.churn[0] - self.churn[1] * mix)
        left = _stream(random_seed, LEAVE).uniform(size=self.accounts) < risk
        luck = np.exp(
            self.value_spread * _stream(random_seed, VALUE).standard_normal(self.accounts)
        )
        value = self.value * luck * (users["size"].to_numpy() + 1) / 4
        columns = {"account": np.arange(self.accounts), "churned": left.astype(int)}
        return pd.DataFrame(columns | {"value": value, "loyalty": mix, "risk": risk})

    def _scores(self, loyalty: Array, random_seed: int) -> NDArray[np.int64]:
        day = _stream(random_seed, SCORE).standard_normal(len(loyalty))
        latent = np.sqrt(self.reliability) * loyalty + np.sqrt(1 - self.reliability) * day
        cuts = special.ndtri(np.cumsum(SHARES)[:-1])
        return np.asarray(RatingScale().scores[np.searchsorted(cuts, latent)])

    def _heard(self, contacts: pd.DataFrame, random_seed: int) -> NDArray[np.bool_]:
        decides = (contacts["role"] == ROLES[0]).to_numpy()
        odds = self.response[0] + self.response[1] * contacts["loyalty"].to_numpy()
        chance = special.expit(odds - self.response_shift * decides)
        drawn = _stream(random_seed, ANSWER).uniform(size=len(contacts))
        return np.asarray(drawn < chance)


def _stream(random_seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([random_seed, purpose])
