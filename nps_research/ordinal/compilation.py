"""Machine code of the ordinal engine."""

from __future__ import annotations

from pathlib import Path

from nps_research.compilation import MachineCode

MACHINE_CODE = MachineCode(
    Path(__file__).parent,
    (
        *(
            "arrays",
            "compilation",
            "density",
            "families",
            "laplace",
            "links",
            "logistic",
            "nuts",
            "optimum",
        ),
        *("parts", "prior_density", "warp"),
    ),
)
compiled, fused, inlined = MACHINE_CODE.compiled, MACHINE_CODE.fused, MACHINE_CODE.inlined
summed, compiled_for_c = MACHINE_CODE.summed, MACHINE_CODE.compiled_for_c
