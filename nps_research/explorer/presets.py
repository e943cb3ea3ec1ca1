"""Positions of the controls that are worth a look."""

from __future__ import annotations

from nps_research.explorer.settings import Settings
from nps_research.market.mechanisms import Incentives

PRESETS = {
    "No gaming": Settings(incentives=Incentives.none()),
    "Begging only": Settings(incentives=Incentives.only("begging")),
    "Hiding the unhappy": Settings(incentives=Incentives.only("gating", "editing")),
    "False promises only": Settings(incentives=Incentives.only("false_promises")),
    "A target, few answers": Settings(
        incentives=Incentives.only("begging", "withholding"),
        pay="target",
        target=60.0,
        customers=200,
    ),
    "Everything": Settings(incentives=Incentives.all()),
}
# What the explorer begins with.
START = "Everything"
