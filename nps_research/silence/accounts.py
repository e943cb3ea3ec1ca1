"""Accounts of several contacts: what one number for an account says, and how well it says it.

A business customer is an account with contacts in different roles: a decision maker who renews or
does not, and end users who work with the product. Each contact may answer or be silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy import special

from nps_research.churn.outcomes import coded_outcomes
from nps_research.counts import as_counts, declared_scale, refuse_unknown_columns
from nps_research.scale import RatingScale
from nps_research.survey_files import numbers, refuse_rows, shown, unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Array = NDArray[np.float64]

type Summary = Literal["mean", "lowest", "decision maker", "one response", "model"]

# Points of the effect that the contacts of an account share.
NODES = 60


@viewed
@dataclass(frozen=True, eq=False)
class Accounts:
    """Contacts and their accounts, checked.

    Attributes
    ----------
    contacts : pandas.DataFrame
        One row a contact: `account`, `contact`, `role`, `score` (missing if silent).
    table : pandas.DataFrame
        One row an account, indexed by it: what is known of it, such as `value` and `churned`.
    scale : RatingScale
        Possible scores.
    decision_maker : str
        The role that decides.

    See Also
    --------
    read_accounts : makes it from two tables.
    """

    contacts: pd.DataFrame
    table: pd.DataFrame
    scale: RatingScale
    decision_maker: str

    @cached_property
    def answers(self) -> pd.DataFrame:
        """The contacts that answered, with `score` as a number."""
        answered = self.contacts[self.contacts["score"].notna()]
        return answered.assign(score=answered["score"].astype(float))

    @cached_property
    def silent(self) -> pd.Series:
        """Whether nobody of an account answered, by account."""
        heard = self.table.index.isin(self.answers["account"])
        return pd.Series(~heard, self.table.index, name="silent")

    @cached_property
    def correlation(self) -> float:
        """Intraclass correlation of the answers, roles at their means: see `agreement`."""
        return float(self.agreement()["correlation"].iloc[0])

    def agreement(self, level: float = 0.95) -> pd.DataFrame:
        """Estimate how far the contacts of an account agree.

        Parameters
        ----------
        level : float
            Confidence level.

        Returns
        -------
        pandas.DataFrame
            One row: the intraclass `correlation` of two contacts of an account, which is also the
            reliability of a single response (see `account_reliability`), `lower`, `upper`, and
            `accounts` and `answers` behind it.

        Raises
        ------
        ValueError
            If no account has two answers, or there are fewer than two accounts.

        Notes
        -----
        One-way analysis of variance after subtracting the mean of every role (Fisher 1925,
        "Statistical Methods for Research Workers"; the mean size of unequal accounts as in Searle,
        Casella and McCulloch 1992, "Variance Components"). The interval supposes normal scores,
        and sizes that have nothing to do with them.
        """
        groups = _Groups.of(self.answers)
        freedom = groups.accounts - 1, groups.answers - groups.accounts
        tails = special.fdtri(*freedom, np.array([(1 + level) / 2, (1 - level) / 2]))
        found = _correlation(groups.ratio / np.array([1, *tails]), groups.size)
        columns = dict(zip(["correlation", "lower", "upper"], found.tolist(), strict=True))
        columns |= {"accounts": groups.accounts, "answers": groups.answers}
        table = pd.DataFrame(columns, index=["all"])
        table.attrs["interval"] = f"{100 * level:g} % confidence interval, analysis of variance"
        return table

    def scores(self, summary: Summary = "mean", *, random_seed: int | None = None) -> pd.Series:
        """Return one score for every account.

        Parameters
        ----------
        summary : {"mean", "lowest", "decision maker", "one response", "model"}
            Of the answers: their mean, the lowest, the mean of the decision makers', one drawn at
            random; or the best linear prediction of the account's loyalty from all of them, roles
            at their means (Henderson 1975, "Best Linear Unbiased Estimation and Prediction under a
            Selection Model"), which shrinks accounts with few answers.
        random_seed : int, optional
            For "one response".

        Returns
        -------
        pandas.Series
            By account; missing where no answer serves.

        Raises
        ------
        ValueError
            If the summary is unknown.
        """
        if summary not in get_args(Summary.__value__):
            raise ValueError(unknown_name("summary", summary, get_args(Summary.__value__)))
        found = self._summarised(summary, random_seed)
        return found.reindex(self.table.index).rename(summary)

    def _summarised(self, summary: Summary, random_seed: int | None) -> pd.Series:
        answers = self.answers
        if summary == "model":
            return _predicted(answers, max(self.correlation, 0.0))
        if summary == "decision maker":
            answers = answers[answers["role"] == self.decision_maker]
        if summary == "one response":
            answers = answers.sample(frac=1, random_state=random_seed).drop_duplicates("account")
        scores = answers.groupby("account")["score"]
        return scores.min() if summary == "lowest" else scores.mean()

    def _view(self) -> View:
        return View(
            f"Accounts: {len(self.table):,} accounts with {len(self.contacts):,} contacts, of whom "
            f"{len(self.answers):,} answered; {int(self.silent.sum()):,} accounts are silent"
        )


def read_accounts(
    contacts: pd.DataFrame,
    table: pd.DataFrame,
    *,
    decision_maker: str = "decision maker",
    rating_scale: RatingScale | None = None,
) -> Accounts:
    """Check contacts against accounts.

    Parameters
    ----------
    contacts : pandas.DataFrame
        One row a contact: `account`, `contact` (unique inside the account), `role`, and `score`,
        missing if the contact was silent.
    table : pandas.DataFrame
        One row an account: `account`, and what is known of it. `value`, if it is there, must be 0
        or more; `churned` 0 or 1, or "no" and "yes".
    decision_maker : str
        The role that decides.
    rating_scale : RatingScale, optional
        By default that of `contacts`, else 0 to 10.

    Returns
    -------
    Accounts

    Raises
    ------
    ValueError
        If a contact has no account or one that `table` lacks, an account has no contact, an
        account or a contact is there twice, nobody has the role of the decision maker, or a score,
        value or outcome is impossible. Rows are counted from 0.

    Examples
    --------
    >>> contacts = pd.DataFrame(
    ...     {
    ...         "account": ["A", "A", "B"],
    ...         "contact": ["Ann", "Bob", "Cem"],
    ...         "role": ["decision maker", "end user", "decision maker"],
    ...         "score": [6, 9, None],
    ...     }
    ... )
    >>> accounts = read_accounts(contacts, pd.DataFrame({"account": ["A", "B"], "value": [10, 20]}))
    >>> accounts
    Accounts: 2 accounts with 3 contacts, of whom 2 answered; 1 accounts are silent
    >>> accounts.scores("lowest").to_dict()
    {'A': 6.0, 'B': nan}
    """
    refuse_unknown_columns(["account", "contact", "role", "score"], contacts.columns)
    refuse_unknown_columns(["account"], table.columns)
    scale = declared_scale(contacts, rating_scale)
    people = as_counts(contacts.drop(columns="n", errors="ignore"), scale).drop(columns="n")
    _check_contacts(people)
    _check_accounts(people, table)
    if decision_maker not in set(people["role"]):
        raise ValueError(unknown_name("role of the decision maker", decision_maker, _roles(people)))
    known = table.set_index("account").sort_index()
    if "churned" in known:
        known["churned"] = coded_outcomes(known["churned"])
    return Accounts(people, known, scale, decision_maker)


def account_reliability(
    correlation: ArrayLike, answers: ArrayLike, contacts: ArrayLike = np.inf
) -> Array:
    """Return the squared correlation of the mean of some answers with that of all contacts.

    Parameters
    ----------
    correlation : array_like
        Intraclass correlation of two contacts of an account.
    answers : array_like
        Contacts that answered.
    contacts : array_like
        Contacts that the account has. Infinite: the account's loyalty itself (Spearman 1910,
        "Correlation Calculated from Faulty Data"; Brown 1910).

    Returns
    -------
    numpy.ndarray
        Arguments broadcast.

    Examples
    --------
    >>> account_reliability(0.4, [1, 2, 6])
    array([0.4       , 0.57142857, 0.8       ])
    >>> account_reliability(0.4, [1, 5], 5)
    array([0.52, 1.  ])
    """
    shared = np.asarray(correlation, dtype=float)
    own = 1 - shared
    whole = shared + own / np.asarray(contacts, dtype=float)
    return np.asarray(whole / (shared + own / np.asarray(answers, dtype=float)))


def class_agreement(
    shares: ArrayLike, correlation: float, *, rating_scale: RatingScale | None = None
) -> pd.Series:
    """Return how often two contacts of an account are in the same class, and in opposite ones.

    Parameters
    ----------
    shares : array_like, shape (scores,)
        Of all answers, lowest score first.
    correlation : float
        Of the latent scores of two contacts of an account, 0 to below 1.
    rating_scale : RatingScale, optional
        0 to 10 by default.

    Returns
    -------
    pandas.Series
        Probabilities: `same` class, `neighbouring`, `opposite` (promoter and detractor).

    Raises
    ------
    ValueError
        If the correlation is not 0 or more and below 1.

    Notes
    -----
    A normal latent score cut at the shares; the effect that both share is integrated by
    Gauss-Hermite quadrature.

    Examples
    --------
    >>> shares = [0.02, 0.02, 0.02, 0.02, 0.02, 0.05, 0.05, 0.1, 0.2, 0.2, 0.3]
    >>> class_agreement(shares, 0.4).round(2).to_dict()
    {'same': 0.49, 'neighbouring': 0.4, 'opposite': 0.11}
    """
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation must be 0 or more and below 1; found {correlation!r}.")
    scale = rating_scale or RatingScale()
    below = np.cumsum(np.asarray(shares, dtype=float))[
        np.array(scale.cuts) - [0, 1] - scale.minimum
    ]
    effect, mass = special.roots_hermitenorm(NODES)
    cuts = special.ndtri(below.clip(0, 1))[:, None]
    reached = special.ndtr((cuts - np.sqrt(correlation) * effect) / np.sqrt(1 - correlation))
    classes = np.diff(reached, axis=0, prepend=0, append=1)
    both = (classes * (mass / mass.sum())) @ classes.T
    same, opposite = float(np.trace(both)), float(2 * both[0, 2])
    return pd.Series({"same": same, "neighbouring": 1 - same - opposite, "opposite": opposite})


@dataclass(frozen=True)
class _Groups:
    """An analysis of variance of answers in accounts: sums of squares and sizes."""

    within: float
    between: float
    accounts: int
    answers: int
    size: float

    @classmethod
    def of(cls, answers: pd.DataFrame) -> _Groups:
        score = answers["score"] - answers.groupby("role")["score"].transform("mean")
        groups = score.groupby(answers["account"]).agg(["mean", "size"])
        means, sizes = (groups[name].to_numpy(dtype=float) for name in ("mean", "size"))
        accounts, n = len(means), len(answers)
        if accounts < 2 or n == accounts:
            raise ValueError(
                f"agreement needs accounts with two answers or more; found {n} answers in "
                f"{accounts} accounts. Ask more contacts of an account."
            )
        between = float(sizes @ (means - score.mean()) ** 2)
        within = float(((score - score.mean()) ** 2).sum()) - between
        return cls(within, between, accounts, n, (n - sizes @ sizes / n) / (accounts - 1))

    @property
    def ratio(self) -> float:
        """The F ratio."""
        within = self.within / (self.answers - self.accounts)
        return self.between / (self.accounts - 1) / within if within > 0 else np.inf


def _correlation(ratio: Array, size: float) -> Array:
    with np.errstate(invalid="ignore"):
        found = (ratio - 1) / (ratio + size - 1)
    return np.where(np.isinf(ratio), 1.0, found)


def _predicted(answers: pd.DataFrame, correlation: float) -> pd.Series:
    """Return the best linear prediction of every account that answered."""
    mean = float(answers["score"].mean())
    surplus = answers["score"] - answers.groupby("role")["score"].transform("mean")
    found = surplus.groupby(answers["account"]).agg(["mean", "size"])
    weight = account_reliability(correlation, found["size"].to_numpy())
    return pd.Series(mean + weight * found["mean"].to_numpy(), found.index)


def _roles(contacts: pd.DataFrame) -> list[str]:
    return sorted(map(str, contacts["role"].dropna().unique()))


def _check_contacts(contacts: pd.DataFrame) -> None:
    nobody = contacts["account"].isna().to_numpy()
    refuse_rows(
        contacts["account"],
        nobody,
        "every contact must name its account",
        "Fill in the account, or leave the contact out.",
    )
    twice = contacts.duplicated(["account", "contact"]).to_numpy()
    if twice.any():
        row = int(twice.argmax())
        account, contact = contacts.loc[row, ["account", "contact"]]
        raise ValueError(
            f"{int(twice.sum())} rows repeat a contact of the same account, first "
            f"{shown(contact)} of account {shown(account)} at row {row}. Keep one answer of each "
            "contact, such as the latest."
        )


def _check_accounts(contacts: pd.DataFrame, table: pd.DataFrame) -> None:
    twice = table["account"].duplicated().to_numpy()
    refuse_rows(table["account"], twice, "an account must have one row", "Merge its rows.")
    orphan = ~table["account"].isin(contacts["account"]).to_numpy()
    refuse_rows(
        table["account"],
        orphan,
        "every account must have a contact (a customer who could be asked)",
        "Add its contacts with missing scores, or leave the account out.",
    )
    unknown = ~contacts["account"].isin(table["account"]).to_numpy()
    refuse_rows(
        contacts["account"],
        unknown,
        "contacts must belong to accounts of the table",
        "Add the account to the table, or leave the contact out.",
    )
    if "value" in table:
        value = numbers(table["value"])
        wrong = ~((value >= 0) & np.isfinite(value)).to_numpy()
        refuse_rows(table["value"], wrong, "value must be a number, 0 or more", "Correct it.")
