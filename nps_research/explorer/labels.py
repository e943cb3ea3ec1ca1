"""What the mechanisms are called in the explorer, and what each of them is."""

from __future__ import annotations

from nps_research.explorer.contributions import PAY_ITSELF
from nps_research.market.mechanisms import MECHANISMS

# In the order of the mechanisms.
MEANINGS = dict(
    zip(
        MECHANISMS,
        (
            "Staff plead for a 10: softer answers, some tens, more answers.",
            "Staff pay customers for a 10.",
            "Staff send no survey to customers who look unhappy.",
            "Bad answers are deleted or altered after they came in.",
            "The firm rewards answers; below 0 the reward makes them harsher.",
            "Powerful business customers demand something for their score.",
            "Staff give away what the firm pays for.",
            "Staff promise what will not be kept.",
            "Staff pass difficult cases on, so that no survey is theirs.",
            "Staff stop asking once the quarter has reached the target.",
            "Good staff who are told off for a bad score lose heart.",
            "Pay for the score replaces the wish to serve.",
        ),
        strict=True,
    )
)
_OWN_LABELS = {
    PAY_ITSELF: "Effort for pay",
    "completion_incentive": "Rewarded answers",
    "giveaways": "Give-aways",
}


def label_of(mechanism: str) -> str:
    """Return the name of a mechanism as readers see it.

    Examples
    --------
    >>> label_of("false_promises")
    'False promises'
    """
    return _OWN_LABELS.get(mechanism, mechanism.replace("_", " ").capitalize())
