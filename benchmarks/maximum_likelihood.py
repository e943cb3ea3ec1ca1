"""Compare estimating from counts with estimating from one row an answer.

The same Newton iterations on the same data, once from the count table and once with every answer
as a cell of its own; and the table a hundred times as large, which changes nothing for counts.
"""

import numpy as np
from timing import median_seconds

import nps_research as npsr

RUNS = 20
FORMULA = "score ~ year * problem + mode + language"


def milliseconds(model: npsr.OrdinalModel) -> float:
    """Median time of one maximisation."""
    return 1000 * median_seconds(model.maximum_likelihood, RUNS)


counts = npsr.load_counts("sfo_airport")
known = counts[counts["mode"] != "unknown"].drop(columns=["weight", "weight_squared"])
rows = known.loc[known.index.repeat(known["n"])].assign(n=1)
# Offsets far below any effect on the estimates keep rows from being added up to cells.
rows["own"] = 1e-12 * np.arange(len(rows))
cells = npsr.OrdinalModel(FORMULA, known)
from_cells = milliseconds(cells)
from_rows = milliseconds(npsr.OrdinalModel(f"{FORMULA} + offset(own)", rows))
larger = milliseconds(npsr.OrdinalModel(FORMULA, known.assign(n=100 * known["n"])))
print(f"{len(rows):,} answers as {len(cells.design.cells)} cells: {from_cells:.2f} ms")
print(f"the same as rows: {from_rows:.1f} ms, {from_rows / from_cells:.0f} times as long")
print(f"{100 * len(rows):,} answers as cells: {larger:.2f} ms, {larger / from_cells:.2f} as long")
