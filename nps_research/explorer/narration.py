"""An outcome in words: the line below the controls, and alternative texts of the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nps_research.explorer.labels import label_of
from nps_research.explorer.outcome import INTERVAL

if TYPE_CHECKING:
    from nps_research.explorer.outcome import Outcome
    from nps_research.explorer.years import Year
    from nps_research.intervals import Interval

# How many of the largest contributions the words name.
NAMED = 3
SHOWN_DECIMALS = 1


def sentences(outcome: Outcome) -> list[str]:
    """Return what one sees, in five sentences.

    Examples
    --------
    >>> from nps_research.explorer.outcome import outcome_of
    >>> from nps_research.explorer.settings import Settings
    >>> print(sentences(outcome_of(Settings(customers=200)))[1])
    Inflation, the recorded score less the honest one: 0.0 points.
    """
    inflation = signed(outcome.with_incentives.inflation)
    return [
        scores_in_words(outcome),
        f"Inflation, the recorded score less the honest one: {inflation} points.",
        leaving_in_words(outcome),
        contributions_in_words(outcome),
        target_in_words(outcome),
    ]


def scores_in_words(outcome: Outcome) -> str:
    """Return the scores with their intervals."""
    after, before = outcome.with_incentives, outcome.without
    return (
        f"Recorded NPS {_estimate(after.recorded_nps)}, honest NPS {_estimate(after.honest_nps)}, "
        f"without incentives {_estimate(before.honest_nps)}; in brackets the {INTERVAL}, for the "
        f"{_size(after.recorded)}, {_size(after.honest)} and {_size(before.honest)} answers."
    )


def leaving_in_words(outcome: Outcome) -> str:
    """Return how many customers left."""
    after, before = outcome.with_incentives, outcome.without
    return (
        f"Of {after.customers:,} customers {after.churners:,} left within the year, without "
        f"incentives {before.churners:,}."
    )


def contributions_in_words(outcome: Outcome) -> str:
    """Return the largest contributions to the recorded score, and how exact they are."""
    found = outcome.contributions
    shares = found.table["observed_nps"]["shapley"]
    if shares.empty:
        return "No mechanism is at work."
    order = np.argsort(-shares.abs().to_numpy(), kind="stable")[:NAMED]
    named = ", ".join(
        f"{label_of(name).lower()} {signed(shares[name])}" for name in shares.index[order]
    )
    return (
        f"Change of the recorded NPS {signed(shares.sum())} points, of which {named}; "
        f"{exactness(outcome)}."
    )


def exactness(outcome: Outcome) -> str:
    """Return how the contributions were found, and their Monte Carlo error."""
    found = outcome.contributions
    if found.exact:
        return f"exact, all {found.worlds} combinations simulated"
    return (
        f"Monte Carlo standard error about {found.error('observed_nps'):.2f} points, "
        f"{found.orders} orders of joining"
    )


def target_in_words(outcome: Outcome) -> str:
    """Return how many quarters reached the target."""
    after, target = outcome.with_incentives, outcome.settings.target
    shares = np.array([after.target_reached, after.honest_target_reached])
    if np.isnan(shares).any():
        return "No agent has five answers in a quarter, so none can reach a target."
    recorded, honest = 100 * shares
    return (
        f"Of the agents' quarters with five answers or more, {recorded:.0f} % reached the target "
        f"of {target:g} by the recorded score, {honest:.0f} % by the honest one."
    )


def distribution_in_words(year: Year) -> str:
    """Return the distributions of scores of a year."""
    parts = [
        f"{survey} " + ", ".join(f"{100 * share:.0f}" for share in counts / counts.sum())
        for survey, counts in (("recorded", year.recorded), ("honest", year.honest))
    ]
    return f"Percentages of the scores 0 to 10: {'; '.join(parts)}."


def all_contributions_in_words(outcome: Outcome) -> str:
    """Return every contribution."""
    table = outcome.contributions.table
    parts = [
        f"{label_of(str(name))} {signed(row['observed_nps', 'shapley'])} points, of which "
        f"inflation {signed(row['inflation', 'shapley'])}"
        for name, row in table.iterrows()
    ]
    return "; ".join([*parts, exactness(outcome)]) if parts else "No mechanism is at work"


def signed(value: float) -> str:
    """Return a number with its sign, rounded as everything here is.

    Examples
    --------
    >>> signed(3.14), signed(-0.01), signed(-2.0)
    ('+3.1', '0.0', '-2.0')
    """
    rounded = round(float(value), SHOWN_DECIMALS) + 0.0
    return f"{rounded:+.1f}" if rounded else "0.0"


def _estimate(nps: Interval) -> str:
    return f"{nps.estimate[0]:.1f} ({nps.lower[0]:.1f} to {nps.upper[0]:.1f})"


def _size(counts: np.typing.NDArray[np.int64]) -> str:
    return f"{counts.sum():,}"
