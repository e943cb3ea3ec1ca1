"""Functionals: one number for the answers of a group, from the probabilities of its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]
    type Functional = Sequence[float] | Array | Callable[[Array], Array]


def evaluator(functional: Functional, n_categories: int) -> Callable[[Array], Array]:
    """Return the function from probabilities (..., categories) to values (...).

    Parameters
    ----------
    functional : array_like or callable
        One value a score, whose expectation is taken; or the function itself.
    n_categories : int
        Number of scores.

    Raises
    ------
    ValueError
        If there is not one finite value a score. The function returned raises it if the callable
        does not return one value for each set of probabilities.

    Examples
    --------
    >>> shares = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    >>> evaluator([1, 2, 3], 3)(shares)
    array([1.5, 2.6])
    >>> evaluator(lambda p: p.max(axis=-1), 3)(shares)
    array([0.5, 0.7])
    """
    if callable(functional):
        return _checked(functional)
    values = np.asarray(functional, dtype=np.float64)
    if values.shape != (n_categories,) or not np.isfinite(values).all():
        raise ValueError(
            f"a functional has one finite value for each of the {n_categories} scores; found "
            f"{_shown(values)}. Pass such values, or a function of the probabilities."
        )
    return lambda probabilities: probabilities @ values


def functional_name(functional: object) -> str:
    """Return the name of a function that has one, else "functional".

    Examples
    --------
    >>> functional_name(np.median), functional_name([0, 1]), functional_name(lambda p: p)
    ('median', 'functional', 'functional')
    """
    name = getattr(functional, "__name__", "functional")
    return "functional" if name == "<lambda>" else name


def order_probabilities(first: Array, second: Array) -> Array:
    """Return the probabilities that an answer is greater than, equal to and less than another.

    Parameters
    ----------
    first, second : numpy.ndarray
        Probabilities of the scores of the two answers, shape (..., categories).

    Returns
    -------
    numpy.ndarray
        Shape (..., 3).

    Examples
    --------
    >>> order_probabilities(np.array([0.2, 0.8]), np.array([0.5, 0.5]))
    array([0.4, 0.5, 0.1])
    """
    greater, less = _exceeds(first, second), _exceeds(second, first)
    return np.stack([greater, (first * second).sum(axis=-1), less], axis=-1)


def _exceeds(first: Array, second: Array) -> Array:
    below = np.cumsum(second[..., :-1], axis=-1)
    return np.asarray((first[..., 1:] * below).sum(axis=-1))


def _checked(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    def evaluate(probabilities: Array) -> Array:
        values = np.asarray(function(probabilities), dtype=np.float64)
        if values.shape != probabilities.shape[:-1]:
            raise ValueError(
                f"the function {functional_name(function)} has to reduce the last axis, the "
                f"scores: from probabilities of shape {probabilities.shape} to values of shape "
                f"{probabilities.shape[:-1]}; it returned shape {values.shape}. Use axis=-1, as in "
                f"lambda p: p.max(axis=-1)."
            )
        return values

    return evaluate


def _shown(values: Array) -> str:
    return f"shape {values.shape}" if values.ndim != 1 else f"{len(values)}: {values.tolist()}"
