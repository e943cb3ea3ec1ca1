"""Which anchors a table has, what they identify, and under which assumptions: in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nps_research.views import View, viewed

if TYPE_CHECKING:
    from nps_research.inflation.evidence import Evidence
    from nps_research.inflation.parameters import Assumptions

SPLIT = ("improvement", "reporting_shift", "honest_nps", "inflation")
CHURN = (
    (
        "people leave for their loyalty, not for their score, and what is paid for the score "
        "changes leaving only through loyalty (no concessions, no promises that break later)"
    ),
    "without pay for the score, the log odds of leaving would have moved alike in all groups",
    "a standard deviation of loyalty moves leaving as much in all groups, before and after",
    "leaving reacts to the improvement as it does to differences between customers",
    "leaving is known of everybody, whether or not they answered",
)
SCORES = (
    "without pay for the score, loyalty and the way it is reported would have moved alike in all "
    "groups"
)
AUDIT = {
    "baseline": "the audit is answered by the kind of people who answered the survey of the same "
    "group before, and nobody can tell agents who was asked",
    "own": "the audit is answered in its own way, told from those who did not answer it, and "
    "nobody can tell agents who was asked",
    "complete": "everybody who was audited answered, and nobody can tell agents who was asked",
}


@viewed
@dataclass(frozen=True)
class Identification:
    """What the data tell and what the prior tells.

    Attributes
    ----------
    anchors : tuple of str
        What the table has beside scores.
    identified : dict of str to bool
        Whether the data tell a quantity, under the assumptions.
    assumptions : tuple of str
        What that rests on.
    """

    anchors: tuple[str, ...]
    identified: dict[str, bool]
    assumptions: tuple[str, ...]

    def _view(self) -> View:
        return self.view("Identification")

    def view(self, title: str) -> View:
        """Return a view that says what is identified, and warns where the split is not."""
        assumed = f"under {len(self.assumptions)} assumptions: see identification.statement()"
        split = {"told apart": f"improvement and reporting shift, {assumed}"} if self.split else {}
        facts = {"anchors": ", ".join(self.anchors)} | split
        return View(title, facts, [] if self.split else [self.finding])

    @property
    def split(self) -> bool:
        """Whether improvement and reporting shift are told apart."""
        return self.identified["improvement"]

    def statement(self) -> str:
        """Say what is identified, by what, under which assumptions, and what is not."""
        anchors = f"Anchors: {', '.join(self.anchors)}."
        listed = (f"({i}) {each}" for i, each in enumerate(self.assumptions, 1))
        return f"{anchors} {self.finding} Assumed: {'; '.join(listed)}."

    @property
    def finding(self) -> str:
        """What is identified and what is not, in words."""
        if self.split:
            return (
                "Identified under the assumptions below: the improvement and the reporting shift, "
                f"each by itself.{self._silent()}"
            )
        return (
            "The improvement and the reporting shift are not identified: the data tell only their "
            "sum, net of the common trend, and how it is split comes from the prior. To tell them "
            "apart, collect who left (with the reliability of the score: retest pairs, agents, "
            "reliability=), an audit that nobody is paid for, or an indicator that nobody can game."
        )

    def _silent(self) -> str:
        if self.identified["honest_nps_everybody"]:
            return ""
        return (
            " Not identified: the honest NPS of everybody (honest_nps_everybody), since nothing "
            "tells how those who are silent differ; collect who left."
        )


def identification(evidence: Evidence, assumptions: Assumptions) -> Identification:
    """Tell what a table identifies.

    Parameters
    ----------
    evidence : Evidence
        Counts.
    assumptions : Assumptions
        What is not estimated.
    """
    reliability = _reliability(evidence, assumptions)
    anchors = [_comparison(evidence), *(["churn"] if evidence.has_churn else []), *reliability]
    anchors += ["audit"] if evidence.audit.any() else []
    anchors += [f"indicator {name}" for name in evidence.indicators]
    third = bool(reliability) or (evidence.has_churn and bool(evidence.indicators))
    anchored = (evidence.has_churn or bool(evidence.indicators)) and third
    split = bool(evidence.audit.any()) or anchored
    identified = dict.fromkeys(SPLIT, split) | {
        "honest_nps_everybody": split and _silence_is_known(evidence, assumptions),
        "probability_improved": split,
        "sum": True,
        "reported_nps": True,
        "ten_inflation": assumptions.ten_inflation,
        "reliability": third,
        "churn_slope": evidence.has_churn and bool(reliability),
    }
    rests = _assumed(evidence, assumptions, reliability)
    return Identification(tuple(anchors), identified, tuple(rests))


def _silence_is_known(evidence: Evidence, assumptions: Assumptions) -> bool:
    """Tell whether anything says how the silent differ: leaving, agents, or an audit of all."""
    audited = evidence.audit.any() and assumptions.audit_response == "complete"
    return bool(audited or evidence.has_churn or evidence.agents or not evidence.has_silence)


def _comparison(evidence: Evidence) -> str:
    never = "never" in evidence.cohorts
    staggered = len(evidence.cohorts) - int(never) > 1
    if not never:
        return "staggered roll-out"
    return "control group and staggered roll-out" if staggered else "control group"


def _reliability(evidence: Evidence, assumptions: Assumptions) -> list[str]:
    known = []
    if evidence.has_retest:
        known.append("retest pairs")
    if assumptions.reliability is not None:
        known.append("given reliability")
    if evidence.agents:
        known.append("agents")
    if evidence.has_churn and evidence.has_silence:
        known.append("response")
    return known


def _assumed(evidence: Evidence, assumptions: Assumptions, reliability: list[str]) -> list[str]:
    rests = [SCORES]
    if evidence.has_churn:
        rests += list(CHURN)
    if evidence.audit.any():
        rests.append(AUDIT[assumptions.audit_response])
    for name in evidence.indicators:
        leak = (assumptions.leak or {}).get(name, 0.0)
        rests.append(f"{name} follows loyalty as before, and {leak:.0%} of the reporting shift")
    rests.append(_reliability_words(assumptions, reliability))
    if not evidence.has_silence:
        rests.append("those who answered, of whom the table is, are the same kind as before")
    return rests + _numbers(assumptions)


def _reliability_words(assumptions: Assumptions, reliability: list[str]) -> str:
    if "retest pairs" in reliability:
        return "the two answers of a retest share loyalty and nothing else"
    if isinstance(assumptions.reliability, float):
        return f"the reliability of a score is {assumptions.reliability:g}"
    if assumptions.reliability is not None:
        mean, sd = assumptions.reliability
        return f"the reliability of a score is {mean:g}, give or take {sd:g}"
    if "agents" in reliability:
        return "agents differ in the loyalty of their customers, not in how it is reported"
    if "response" in reliability:
        return (
            "answering, scoring and leaving have nothing in common but loyalty, which tells the "
            "reliability of a score, with help of its prior"
        )
    return "the reliability of a score is as its prior says"


def _numbers(assumptions: Assumptions) -> list[str]:
    found = []
    if assumptions.trend_gap:
        found.append(
            f"the log odds of leaving of the paid groups move by another {assumptions.trend_gap:+g}"
        )
    if assumptions.surrogacy != 1:
        found.append(f"leaving reacts to {assumptions.surrogacy:g} of the improvement")
    return found
