"""Machine code of the market."""

from __future__ import annotations

from pathlib import Path

from nps_research.compilation import MachineCode

MACHINE_CODE = MachineCode(
    Path(__file__).parent,
    (
        "agents",
        "compilation",
        "contacts",
        "draws",
        "events",
        "months",
        "regimes",
        "runs",
        "shocks",
        "surveys",
    ),
)
compiled, inlined = MACHINE_CODE.compiled, MACHINE_CODE.inlined
