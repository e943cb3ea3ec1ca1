"""What the last scores of a customer foretell."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nps_research.churn.codings import compare_codings
from nps_research.churn.hazard import STAYS_OR_LEAVES, default_priors
from nps_research.churn.hazard_draws import HazardDraws
from nps_research.churn.layout import Layout
from nps_research.churn.lifetimes import lifetimes
from nps_research.churn.trajectories import STAYED
from nps_research.ordinal.model import OrdinalModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nps_research.churn.codings import CodingComparison
    from nps_research.churn.trajectories import Trajectories

    type Columns = str | Sequence[str] | None

# What is known of a customer, as formulas of `rating_number`, the last score, and `follow_ups`.
KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "nothing": "score ~ 1",
        "last": "score ~ rating_number",
        "change": "score ~ change",
        "last and change": "score ~ rating_number + change",
        "average": "score ~ average",
    }
)


def follow_ups(paths: Trajectories, answers: int = 2, *, horizon: int) -> pd.DataFrame:
    """Tabulate customers by their last answers and by whether they left soon afterwards.

    Parameters
    ----------
    paths : Trajectories
        Who answered what when.
    answers : int
        Every customer takes part once, at the answer of this number, so that customers are
        independent; at least 2.
    horizon : int
        Leaving counts within so many times, that of the answer being the first. Customers who
        cannot be followed for so long within the panel are left out.

    Returns
    -------
    pandas.DataFrame
        Count table with the last `score`, the `previous` one, their `change` (last less previous),
        the `average` of all answers looked at, `churned` (1 or 0) and `n`, as
        ``lifetimes(table, by=..., months=None)`` reads it. attrs: ``not_followed``, how many were
        left out.

    Raises
    ------
    ValueError
        If nobody has so many answers and was followed.

    Examples
    --------
    >>> from nps_research.churn.trajectories import trajectories
    >>> panel = pd.DataFrame({"customer": [0, 0, 1, 1], "month": [0, 1, 0, 2]})
    >>> panel = panel.assign(score=[9, 4, 8, 8], left=[1, 1, None, None])
    >>> follow_ups(trajectories(panel), horizon=1)
       score  previous  change  average  churned  n
    0      4         9      -5      6.5        1  1
    1      8         8       0      8.0        0  1
    """
    if answers < 2:
        raise ValueError(f"a change needs two answers or more; found answers={answers}.")
    anchor = paths.windows(answers)
    anchor = anchor[paths.position[anchor] == answers - 1]
    followed = paths.time[anchor] + horizon - 1 <= paths.until
    if not followed.any():
        raise ValueError(
            f"nobody with {answers} answers was followed for {horizon} more. Shorten the horizon."
        )
    anchor = anchor[followed]
    scores = paths.score[anchor[:, None] - np.arange(answers)]
    left = paths.left[paths.customer[anchor]]
    # Time to leaving must not overflow for those who stayed.
    soon = (left < STAYED) & (np.minimum(left, paths.until) - paths.time[anchor] < horizon)
    table = pd.DataFrame(
        {
            "score": scores[:, 0],
            "previous": scores[:, 1],
            "change": scores[:, 0] - scores[:, 1],
            "average": scores.mean(axis=1),
            "churned": soon.astype(np.int64),
        }
    )
    counts = table.groupby(list(table.columns)).size().rename("n").reset_index()
    counts.attrs = {"rating_scale": paths.scale, "not_followed": int((~followed).sum())}
    return counts


def forecast(
    table: pd.DataFrame,
    known: Mapping[str, str] = KNOWN,
    *,
    by: Columns = ("change", "average"),
    outcome: str = "churned",
    **settings: Any,
) -> CodingComparison:
    """Compare what the last score and other things known of a customer foretell.

    Parameters
    ----------
    table : pandas.DataFrame
        From `follow_ups`, or any count table with a score, an outcome and other columns.
    known : mapping of str to str
        Name and formula of each model: `rating_number` is the score, other columns have their own
        names. By default nothing, the last score, its change, both, and the average.
    by : str or sequence of str
        Columns that formulas use besides the score.
    outcome : str
        Column that is 1 where it happened, such as leaving or a referral, and 0 elsewhere.
    **settings
        Of `OrdinalModel.fit`, such as random_seed.

    Returns
    -------
    CodingComparison
        Log scores and Brier scores with every customer left out, AUC with every pair left out.
        ``held_out[name].fit.draws.summary()`` has the coefficients.

    Raises
    ------
    ValueError
        If there are fewer than two models, or a formula names an unknown column.

    Examples
    --------
    >>> from nps_research.churn.opinions import drifting_customers
    >>> from nps_research.churn.trajectories import trajectories
    >>> panel = drifting_customers(300, 3, random_seed=1)
    >>> table = follow_ups(trajectories(panel), horizon=2)
    >>> found = forecast(table, random_seed=1, progressbar=False).summary()
    >>> bool(found.loc["last", "auc"] > found.loc["change", "auc"])
    True
    """
    people = lifetimes(table, by, months=None, churned=outcome)
    layout = Layout(people)
    trials = layout.with_codings(people.counts.rename(columns={"score": "rating"}))
    trials = trials.rename(columns={"churned": "score"}).drop(columns=["months", "entered"])
    priors = default_priors("linear", several_periods=False)
    fits = {}
    for name, formula in known.items():
        model = OrdinalModel(formula, trials, rating_scale=STAYS_OR_LEAVES, priors=priors)
        fits[name] = HazardDraws(model.fit(**settings), layout)
    return compare_codings(fits)
