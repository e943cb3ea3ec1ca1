"""The cumulative logit model: all answers at once, in loops that processors run several abreast.

The probability of the categories from a to b, between cuts at z[a-1] and z[b], is

    F(z[b]) * (1 - F(z[a-1])) * (1 - exp(z[a-1] - z[b])).

So an answer is a success at the cut above it, a failure at the cut below it, and a factor for the
gap between the two. The answers of a cell at one cut are added up: a `crossing` costs one
exponential and one logarithm, whatever the number of answers. Gaps depend on no eta: cells with the
same cuts, scale and cut-specific predictors share them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from nps_research.ordinal.compilation import compiled, fused, inlined, summed
from nps_research.ordinal.links import log1mexp
from nps_research.ordinal.parts import CellSlopes, Parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.ordinal.arrays import Arrays

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Crossings that are worked on together: their numbers stay in the fastest memory.
BLOCK = 256
# Taylor series of exp(x) and of 2 artanh(x) / x in x**2, to 16 terms: with |x| below log(2) / 2 and
# 1 / 3 what is left out is below the rounding of double precision.
EXPONENTIAL = tuple(1.0 / math.factorial(k) for k in range(16))
LOGARITHM = tuple(2.0 / (2 * k + 1) for k in range(16))
# exp(x) = 2**k exp(x - k log(2)), with log(2) in two parts whose first has 21 spare bits
# (Cody and Waite 1980, "Software Manual for the Elementary Functions").
LOG_2_HIGH, LOG_2_LOW = (
    float.fromhex("0x1.62e42fefa0000p-1"),
    float.fromhex("0x1.cf79abc9e3b39p-40"),
)
PER_LOG_2 = 1.0 / math.log(2.0)
# Added to a number, it leaves the nearest integer in the last bits.
ROUNDING = 1.5 * 2.0**52
# Of the format of double precision: bits behind the exponent, and the exponent of 1.
FRACTION_BITS, BIAS = 52, 1023
# exp of less is not a normal number: it is held there, far below what adds to 1.
SMALLEST_EXPONENT = -708.0


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _with_bits(typing_context: Any, bits: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _bits(typing_context: Any, number: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@fused
def _polynomial(c: tuple[float, ...], x: float) -> float:
    """Return the polynomial with the 16 coefficients `c`, in four parts that do not wait."""
    low = ((c[3] * x + c[2]) * x + c[1]) * x + c[0]
    middle = ((c[7] * x + c[6]) * x + c[5]) * x + c[4]
    high = ((c[11] * x + c[10]) * x + c[9]) * x + c[8]
    highest = ((c[15] * x + c[14]) * x + c[13]) * x + c[12]
    step = (x * x) * (x * x)
    return ((highest * step + high) * step + middle) * step + low


@fused
def exp_of_negative(x: float) -> float:
    """Return exp(x) for x <= 0, and exp(-708) below.

    Without branches and calls, so that a loop over it runs several numbers abreast.
    """
    x = max(x, SMALLEST_EXPONENT)
    rounded = x * PER_LOG_2 + ROUNDING
    k = rounded - ROUNDING
    rest = x - k * LOG_2_HIGH - k * LOG_2_LOW
    scale: float = _with_bits((_bits(rounded) + BIAS) << FRACTION_BITS)
    return _polynomial(EXPONENTIAL, rest) * scale


@fused
def log_likelihoods(z: Array, below: Array, above: Array, values: Array, slopes: Array) -> None:
    """Write `below` log F(z) + `above` log(1 - F(z)) of the logistic F, and the slopes by z.

    Parameters
    ----------
    z, below, above, values, slopes : numpy.ndarray
        Of one shape (crossings,).
    """
    for i in range(len(z)):
        e = exp_of_negative(-abs(z[i]))
        shared = 1.0 / ((1.0 + e) * (2.0 + e))
        larger = (2.0 + e) * shared
        ratio = e * (1.0 + e) * shared
        log_1_plus_e = ratio * _polynomial(LOGARITHM, ratio * ratio)
        values[i] = below[i] * (min(z[i], 0.0) - log_1_plus_e)
        values[i] += above[i] * (min(-z[i], 0.0) - log_1_plus_e)
        smaller = e * larger
        p, q = (larger, smaller) if z[i] > 0.0 else (smaller, larger)
        slopes[i] = below[i] * q - above[i] * p


@inlined
def add_crossings(  # noqa: PLR0917  (all parts of a model)
    a: Arrays, eta: Array, precision: Array, parts: Parts, slopes: Parts, cells: CellSlopes
) -> None:
    """Add the log-likelihood of all crossings, and its slopes by cells and by parts."""
    # `a` is taken apart here: to hand all of it over costs as much as a block.
    starts, cell_of, n, group = a.crossing_starts, a.crossing_cells, a.crossing_n, a.cutpoint_group
    predictors, scaled = a.cut_predictors, a.scale_predictors.shape[1] > 0
    z, value, by_z = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for k in range(parts.cutpoints.shape[1]):
        for start in range(starts[k], starts[k + 1], BLOCK):
            cell = cell_of[start : min(start + BLOCK, starts[k + 1])]
            end, size = start + len(cell), len(cell)
            _positions(parts.cutpoints[:, k], group, eta, cell, z)
            _shift(parts.shifts[:, k], predictors, cell, z)
            if scaled:
                _times(precision, cell, z)
            log_likelihoods(z[:size], n[0, start:end], n[1, start:end], value, by_z)
            if scaled:
                _subtract_products(z, by_z, cell, cells.by_log_sd)
                _times(precision, cell, by_z)
            _add_shift_slopes(by_z, predictors, cell, slopes.shifts[:, k])
            _add_to_cells(value, by_z, cell, cells.values, cells.by_eta)
            _add_to_cutpoints(by_z[:size], group, cell, slopes.cutpoints[:, k])


@compiled
def _positions(cutpoint: Array, group: Integers, eta: Array, cell: Integers, z: Array) -> None:
    for i in range(len(cell)):
        z[i] = cutpoint[group[cell[i]]] - eta[cell[i]]


@compiled
def _shift(shifts: Array, predictors: Array, cell: Integers, z: Array) -> None:
    for r in range(len(shifts)):
        for i in range(len(cell)):
            z[i] -= predictors[cell[i], r] * shifts[r]


@compiled
def _add_shift_slopes(by_z: Array, predictors: Array, cell: Integers, by_shift: Array) -> None:
    for r in range(len(by_shift)):
        for i in range(len(cell)):
            by_shift[r] -= predictors[cell[i], r] * by_z[i]


@compiled
def _times(precision: Array, cell: Integers, z: Array) -> None:
    for i in range(len(cell)):
        z[i] *= precision[cell[i]]


@compiled
def _subtract_products(z: Array, by_z: Array, cell: Integers, by_log_sd: Array) -> None:
    for i in range(len(cell)):
        by_log_sd[cell[i]] -= by_z[i] * z[i]


@compiled
def _add_to_cells(value: Array, by_z: Array, cell: Integers, values: Array, by_eta: Array) -> None:
    for i in range(len(cell)):
        values[cell[i]] += value[i]
        by_eta[cell[i]] -= by_z[i]


@compiled
def _add_to_cutpoints(by_z: Array, group: Integers, cell: Integers, by_cutpoint: Array) -> None:
    if len(by_cutpoint) == 1:
        by_cutpoint[0] += _total(by_z)
        return
    for i in range(len(cell)):
        by_cutpoint[group[cell[i]]] += by_z[i]


@summed
def _total(values: Array) -> float:
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@inlined
def add_gaps(a: Arrays, precision: Array, parts: Parts, slopes: Parts, cells: CellSlopes) -> None:
    """Add the factors of gaps between cuts to the first cells that have them.

    The value is -inf where cut-specific effects make cuts cross.
    """
    gaps, group, predictors = a.gaps, a.cutpoint_group, a.cut_predictors
    cutpoints, shifts = parts.cutpoints, parts.shifts
    by_cutpoint, by_shift = slopes.cutpoints, slopes.shifts
    for i in range(len(gaps)):
        n, cell = gaps[i, 0], int(gaps[i, 1])
        low, high = int(gaps[i, 2]), int(gaps[i, 3])
        width = cutpoints[group[cell], high] - cutpoints[group[cell], low]
        for r in range(len(shifts)):
            width -= predictors[cell, r] * (shifts[r, high] - shifts[r, low])
        if width < 0.0:
            cells.values[cell] = -math.inf
            return
        if n > 0.0:
            distance = width * precision[cell]
            by_distance = n / math.expm1(distance)
            cells.values[cell] += n * log1mexp(-distance)
            cells.by_log_sd[cell] -= by_distance * distance
            by_width = by_distance * precision[cell]
            by_cutpoint[group[cell], high] += by_width
            by_cutpoint[group[cell], low] -= by_width
            for r in range(len(shifts)):
                by_shift[r, high] -= predictors[cell, r] * by_width
                by_shift[r, low] += predictors[cell, r] * by_width
