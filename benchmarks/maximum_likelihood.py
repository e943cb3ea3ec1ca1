"""Compare estimating from counts with estimating from one row an answer.

The same Newton iterations on the same data, once from the count table and once with every answer
as a cell of its own; and the table a hundred times as large, which changes nothing for counts.
"""

import dataclasses
import statistics
import time

import numpy as np

import nps_research as npsr
from nps_research.ordinal.design import Design
from nps_research.ordinal.links import LINKS
from nps_research.ordinal.maximum_likelihood import maximise

RUNS = 20


def milliseconds(design: Design) -> float:
    """Median time of one maximisation."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        maximise(design, LINKS["logit"])
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def one_row_an_answer(design: Design) -> Design:
    """Return the design with every answer as a cell of its own."""
    cell, category = np.nonzero(design.counts)
    repeats = design.counts[cell, category].astype(int)
    rows = np.eye(design.counts.shape[1])[np.repeat(category, repeats)]
    return dataclasses.replace(
        design, counts=rows, predictors=design.predictors[np.repeat(cell, repeats)]
    )


counts = npsr.load_counts("sfo_airport")
known = counts[counts["mode"] != "unknown"]
design = npsr.OrdinalModel("score ~ year * problem + mode + language", known).design
from_counts = milliseconds(design)
from_rows = milliseconds(one_row_an_answer(design))
larger = milliseconds(dataclasses.replace(design, counts=100 * design.counts))
print(f"5,393 answers as {len(design.cells)} cells: {from_counts:.2f} ms")
print(f"the same as rows: {from_rows:.1f} ms, {from_rows / from_counts:.0f} times as long")
print(f"539,300 answers as cells: {larger:.2f} ms, {larger / from_counts:.2f} times as long")
