"""What compiled functions know of a model: a design, its priors and its geometry as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Coordinates of the cutpoints: log odds of stopping at each score, or a centre and log widths.
STICKS, WIDTHS = range(2)
# Priors of the average respondent's cutpoints.
DIRICHLET, NORMAL, STUDENT_T = range(3)
# Positions in Arrays.options.
FAMILY, LINK, STRUCTURE, PRIOR, CUTPOINT_PRIOR = range(5)
# Positions in Arrays.starts: the first coordinate of every block of the free vector.
(
    CUTPOINTS,
    COEFFICIENTS,
    STEPS,
    SCALE,
    CUT_SPECIFIC,
    GROUPS,
    CUTPOINT_GROUPS,
    NO_ANSWER,
    END,
) = range(9)


class Arrays(NamedTuple):
    """A design, its priors and its geometry as arrays, for compiled functions.

    Attributes
    ----------
    options, starts : numpy.ndarray of int64
        See the constants of this module; `starts` also ends the last block.
    entries : numpy.ndarray, shape (entries, 3)
        Answers: number, lowest and highest possible category; sorted by cell.
    entry_starts : numpy.ndarray of int64, shape (cells + 1,)
        First entry of every cell.
    crossing_starts : numpy.ndarray of int64, shape (cutpoints + 1,)
        First crossing of every cut. A crossing is a cell that has answers next to the cut.
    crossing_cells : numpy.ndarray of int64, shape (crossings,)
        Cells of the crossings.
    crossing_n : numpy.ndarray, shape (2, crossings)
        Answers in the categories next below the cut, and next above it.
    gaps : numpy.ndarray, shape (gaps, 4)
        Answers between two cuts: number, first cell whose cuts are as far apart, lower and upper
        cut.
    predictors : numpy.ndarray, shape (cells, terms)
        Less their average over respondents, in standard deviations.
    offset : numpy.ndarray, shape (cells,)
        Less its average.
    scale_predictors : numpy.ndarray, shape (cells, scale terms)
        In standard deviations, not centred.
    cut_predictors : numpy.ndarray, shape (cells, columns)
        Less their average, in standard deviations.
    cut_columns : numpy.ndarray of int64, shape (cut terms,)
        Column of `cut_predictors` of every cut-specific coefficient.
    cut_loadings : numpy.ndarray, shape (cut terms, cutpoints)
        Cuts on which it acts.
    step_codes : numpy.ndarray of int64, shape (monotonic terms, cells)
        Steps below each cell's level.
    step_counts, step_positions : numpy.ndarray of int64, shape (monotonic terms,)
        Number of steps, and position among the coefficients.
    step_shares : numpy.ndarray, shape (monotonic terms, levels)
        Share of the respondents at every level.
    group_index : numpy.ndarray of int64, shape (group terms, cells)
        Position of each cell's level among the effects of all terms.
    group_values : numpy.ndarray, shape (group terms, cells)
        What the effect is multiplied by.
    block_starts : numpy.ndarray of int64, shape (blocks + 1,)
        First effect of every block: one a group-level term and, with cutpoints by group, one a cut.
    block_sds, block_coordinates : numpy.ndarray of int64, shape (blocks,)
        Where in the free vector a block has its log standard deviation, and its first coordinate.
    group_averages, information, pull : numpy.ndarray, shape (effects,)
        Average multiplier over respondents, and the geometry of the effects' coordinates (see
        `geometry.py`).
    projection : numpy.ndarray, shape (sticks + terms, effects)
        What cutpoints and predictors take over from the effects: a stick or coefficient is its
        coordinate less projection @ effects.
    warp : numpy.ndarray, shape (4, bent sticks)
        Centre, scale, and left and right stretch of the sticks' coordinates (see `warp.py`).
    warp_positions : numpy.ndarray of int64, shape (bent sticks,)
        Where in the free vector these are: the cutpoints' sticks, and those of sparse steps.
    basis : numpy.ndarray
        Orthonormal bases of all blocks, one after the other, flattened.
    cutpoint_group : numpy.ndarray of int64, shape (cells,)
        Group whose cutpoints hold.
    structure : numpy.ndarray, shape (cutpoints, widths)
        Cutpoints are centre + structure @ widths.
    hurdle_predictors : numpy.ndarray, shape (cells, hurdle terms)
        Predictors of not answering.
    answered, unanswered : numpy.ndarray, shape (cells,)
        Respondents with and without a score.
    step_concentration : numpy.ndarray, shape (monotonic terms,)
        Concentration of each step of a term, all alike.
    dirichlet : numpy.ndarray, shape (categories,)
        Concentration of the average respondent's shares.
    cutpoint_prior : numpy.ndarray, shape (3,)
        Degrees of freedom, mean and standard deviation of the cutpoints' other priors.
    prior_means, prior_sds : numpy.ndarray, shape (END,)
        Normal priors of all coefficients (infinite for a flat one), at their coordinates.
    scale_positions : numpy.ndarray of int64, shape (standard deviations,)
        Where the logarithms of group-level standard deviations are.
    scale_priors : numpy.ndarray, shape (standard deviations,)
        Scales of their half-normal priors.
    log_constant : numpy.ndarray, shape (1,)
        Logarithm of what normalises all priors.
    units : numpy.ndarray, shape (dimensions,)
        What one unit of a coordinate is in units of its parameter: a coefficient is sampled for
        one standard deviation of its predictor, so that units of measurement do not matter.
    """

    options: Integers
    starts: Integers
    entries: Array
    entry_starts: Integers
    crossing_starts: Integers
    crossing_cells: Integers
    crossing_n: Array
    gaps: Array
    predictors: Array
    offset: Array
    scale_predictors: Array
    cut_predictors: Array
    cut_columns: Integers
    cut_loadings: Array
    step_codes: Integers
    step_counts: Integers
    step_positions: Integers
    step_shares: Array
    group_index: Integers
    group_values: Array
    block_starts: Integers
    block_sds: Integers
    block_coordinates: Integers
    group_averages: Array
    information: Array
    pull: Array
    projection: Array
    warp: Array
    warp_positions: Integers
    basis: Array
    cutpoint_group: Integers
    structure: Array
    hurdle_predictors: Array
    answered: Array
    unanswered: Array
    step_concentration: Array
    dirichlet: Array
    cutpoint_prior: Array
    prior_means: Array
    prior_sds: Array
    scale_positions: Integers
    scale_priors: Array
    log_constant: Array
    units: Array


def without_answers(arrays: Arrays) -> Arrays:
    """Return the arrays of the same model before anybody has answered."""
    gaps = arrays.gaps.copy()
    gaps[:, 0] = 0.0
    return arrays._replace(
        entries=np.zeros((0, 3)),
        entry_starts=np.zeros_like(arrays.entry_starts),
        crossing_starts=np.zeros_like(arrays.crossing_starts),
        crossing_cells=np.zeros(0, dtype=np.int64),
        crossing_n=np.zeros((2, 0)),
        gaps=gaps,
    )


def sums_above(values: Array) -> Array:
    """Return the sum of what follows every value but the last, shape (n - 1,).

    Examples
    --------
    >>> sums_above(np.array([1.0, 2.0, 4.0]))
    array([6., 4.])
    """
    return np.cumsum(values[::-1])[::-1][1:]


def block_basis(arrays: Arrays, block: int) -> Array:
    """Return the basis of the effects of one block, shape (levels, levels)."""
    sizes = np.diff(arrays.block_starts)
    start = int((sizes[:block] ** 2).sum())
    n = int(sizes[block])
    return arrays.basis[start : start + n * n].reshape(n, n)
