"""Machine code of the ordinal engine."""

from __future__ import annotations

from pathlib import Path

from nps_research.compilation import MachineCode

MACHINE_CODE = MachineCode(
    Path(__file__).parent,
    (
        *("arrays", "compilation", "density", "families", "laplace", "links", "nuts", "optimum"),
        *("parts", "prior_density", "warp"),
    ),
)
compiled, inlined, compiled_for_c = (
    MACHINE_CODE.compiled,
    MACHINE_CODE.inlined,
    MACHINE_CODE.compiled_for_c,
)
