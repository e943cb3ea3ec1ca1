"""The No-U-Turn sampler of nutpie on the compiled density: no compilation a model.

nutpie calls a C function with the address of its data. Here it is one function for every model,
compiled once a machine; its data are a table of the addresses of `Arrays` and of the affine map
from the sampler's coordinates to the free vector. The algorithm is that of Hoffman and Gelman 2014,
"The No-U-Turn Sampler: Adaptively Setting Path Lengths in Hamiltonian Monte Carlo"; what is adapted
in it is for nutpie's documentation to say.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nps_research.ordinal.arrays import Arrays
from nps_research.ordinal.compilation import compiled, compiled_for_c
from nps_research.ordinal.density import log_density

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from nps_research.ordinal.frames import Frame

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# What tells nutpie that the density is not finite here: the trajectory ends as a divergence.
REFUSED = 4
# From so many dimensions on, to estimate correlations takes longer than it saves: the frame has
# removed most of them.
MANY = 50
# Columns of the table of addresses.
ADDRESS, ROWS, COLUMNS = range(3)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _pointer(typing_context: Any, address: Any) -> Any:  # noqa: ARG001
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@compiled
def _integers(table: Integers, row: int) -> Any:
    return numba.carray(_pointer(table[row, ADDRESS]), (table[row, ROWS],), np.int64)


@compiled
def _vector(table: Integers, row: int) -> Any:
    return numba.carray(_pointer(table[row, ADDRESS]), (table[row, ROWS],), np.float64)


@compiled
def _matrix(table: Integers, row: int) -> Any:
    shape = (table[row, ROWS], table[row, COLUMNS])
    return numba.carray(_pointer(table[row, ADDRESS]), shape, np.float64)


@compiled
def _integer_matrix(table: Integers, row: int) -> Any:
    shape = (table[row, ROWS], table[row, COLUMNS])
    return numba.carray(_pointer(table[row, ADDRESS]), shape, np.int64)


@compiled
def _arrays_at(t: Integers) -> Arrays:
    return Arrays(
        options=_integers(t, 0),
        starts=_integers(t, 1),
        entries=_matrix(t, 2),
        entry_starts=_integers(t, 3),
        crossing_starts=_integers(t, 4),
        crossing_cells=_integers(t, 5),
        crossing_n=_matrix(t, 6),
        gaps=_matrix(t, 7),
        predictors=_matrix(t, 8),
        offset=_vector(t, 9),
        scale_predictors=_matrix(t, 10),
        cut_predictors=_matrix(t, 11),
        cut_columns=_integers(t, 12),
        cut_loadings=_matrix(t, 13),
        step_codes=_integer_matrix(t, 14),
        step_counts=_integers(t, 15),
        step_positions=_integers(t, 16),
        step_shares=_matrix(t, 17),
        group_index=_integer_matrix(t, 18),
        group_values=_matrix(t, 19),
        block_starts=_integers(t, 20),
        block_sds=_integers(t, 21),
        block_coordinates=_integers(t, 22),
        group_averages=_vector(t, 23),
        information=_vector(t, 24),
        pull=_vector(t, 25),
        projection=_matrix(t, 26),
        warp=_matrix(t, 27),
        warp_positions=_integers(t, 28),
        basis=_vector(t, 29),
        cutpoint_group=_integers(t, 30),
        structure=_matrix(t, 31),
        hurdle_predictors=_matrix(t, 32),
        answered=_vector(t, 33),
        unanswered=_vector(t, 34),
        step_concentration=_vector(t, 35),
        dirichlet=_vector(t, 36),
        cutpoint_prior=_vector(t, 37),
        prior_means=_vector(t, 38),
        prior_sds=_vector(t, 39),
        scale_positions=_integers(t, 40),
        scale_priors=_vector(t, 41),
        log_constant=_vector(t, 42),
        units=_vector(t, 43),
    )


N_ARRAYS = len(Arrays._fields)
_DOUBLES = types.CPointer(types.double)


def _density(size: Any, point: Any, slopes: Any, value: Any, data: Any) -> int:
    """Write the log density of the sampler's coordinates and its slopes; return 0 if finite."""
    table = numba.carray(data, (N_ARRAYS + 2, 3), np.int64)
    y, gradient = numba.carray(point, (size,)), numba.carray(slopes, (size,))
    centre, spread = _vector(table, N_ARRAYS), _matrix(table, N_ARRAYS + 1)
    whitened = len(spread) > 0
    free = centre + np.dot(spread, y) if whitened else centre + y
    by_free = np.empty(len(centre))
    density = log_density(free, by_free, _arrays_at(table))
    value[0] = density
    gradient[:] = np.dot(spread.T, by_free) if whitened else by_free
    finite = np.isfinite(density) and np.all(np.isfinite(gradient))
    return 0 if finite else REFUSED


def _identity(size: Any, expanded: Any, point: Any, out: Any, data: Any) -> int:  # noqa: ARG001
    """Keep the sampler's coordinates as they are."""
    for i in range(size):
        out[i] = point[i]
    return 0


@cache
def _callbacks() -> tuple[Any, Any]:
    """Return both functions for nutpie, compiled when they are first needed."""
    density = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
    identity = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr)
    return compiled_for_c(density)(_density), compiled_for_c(identity)(_identity)


def sample(
    arrays: Arrays, frame: Frame, *, chains: int, random_seed: int | None, **settings: Any
) -> tuple[Array, xr.Dataset]:
    """Draw from the posterior.

    Parameters
    ----------
    arrays : Arrays
        The model.
    frame : Frame
        The sampler's coordinates.
    chains : int
        Number of chains.
    random_seed : int, optional
        Makes the draws repeatable.
    **settings
        Passed to nutpie: draws, tune, target_accept, progress_bar.

    Returns
    -------
    tuple of numpy.ndarray and xarray.Dataset
        Free vectors, shape (chains, draws, dimensions), and the sampler's statistics.
    """
    import nutpie  # noqa: PLC0415  (slow to import)

    tree = nutpie.sample(
        nutpie_model(arrays, frame),
        chains=chains,
        seed=random_seed,
        save_warmup=False,
        adaptation="diag" if len(frame.centre) >= MANY else "low_rank",
        **settings,
    )
    drawn = tree["posterior"]["free"].to_numpy()
    # Messages are text or missing, which no file format keeps apart.
    stats = tree["sample_stats"].to_dataset().drop_vars("divergence_message", errors="ignore")
    return frame.free(drawn), stats


def nutpie_model(arrays: Arrays, frame: Frame) -> Any:
    """Return the model as `nutpie.sample` takes it, with one variable: the coordinates ``free``."""
    from nutpie.compile_pymc import CompiledPyMCModel  # noqa: PLC0415  (slow to import)

    held = [np.ascontiguousarray(each) for each in (*arrays, frame.centre, frame.spread)]
    size = len(frame.centre)
    density, identity = _callbacks()

    def starting_point(seed: int | None) -> Array:
        return np.random.default_rng(seed).uniform(-1.0, 1.0, size)

    return CompiledPyMCModel(
        dims={"free": ("coordinate",)},
        _n_dim=size,
        _coords={"coordinate": np.arange(size)},
        _shapes={"free": (size,)},
        compiled_logp_func=density,
        compiled_expand_func=identity,
        initial_point_func=starting_point,
        shared_data=dict(zip([*Arrays._fields, "centre", "spread"], held, strict=True)),
        shared_var_keys={},
        user_data=_addresses(held),
        n_expanded=size,
        shape_info=(["free"], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
    )


def _addresses(held: list[Any]) -> Integers:
    return np.array(
        [(each.ctypes.data, each.shape[0], each.shape[-1]) for each in held], dtype=np.int64
    )
