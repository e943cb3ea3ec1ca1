"""When it pays to turn customers away rather than risk one more rating.

A window has a number of customers left. Each who is served brings a margin and, perhaps, an
answer; at the end there is a bonus if the score has reached its target. The best policy follows by
backward induction over what can still come (Bellman 1957, "Dynamic Programming").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

POINTS = 100.0
STEPS = (-1, 0, 1)  # what detractors, passives and promoters add to promoters less detractors


class Window(NamedTuple):
    """A window in which ratings decide about a bonus.

    Attributes
    ----------
    customers : int
        Who come, one after the other.
    response : float
        Probability that a customer who was served answers.
    shares : tuple of float
        Detractors, passives and promoters among answers.
    target : float
        NPS in points that earns the bonus.
    least : int
        Answers that the bonus needs.
    """

    customers: int = 60
    response: float = 0.27
    shares: tuple[float, float, float] = (0.2, 0.25, 0.55)
    target: float = 40.0
    least: int = 5


@viewed
class Policy(NamedTuple):
    """The best policy.

    Attributes
    ----------
    declined : float
        Expected share of customers who are turned away.
    reached : float
        Probability of reaching the target.
    reached_serving_all : float
        The same if nobody is turned away.
    serves : numpy.ndarray of bool
        Whether the next customer is served, shape (customers left from 1 on, answers so far,
        promoters less detractors so far from -customers on).
    """

    declined: float
    reached: float
    reached_serving_all: float
    serves: NDArray[np.bool_]


def best_policy(window: Window, bonus: float) -> Policy:
    """Return when to turn customers away.

    Parameters
    ----------
    window : Window
        What is to come.
    bonus : float
        Bonus for reaching the target, in margins of one customer.

    Returns
    -------
    Policy

    Raises
    ------
    ValueError
        If a number of the window or the bonus is impossible.

    Examples
    --------
    >>> best_policy(Window(), bonus=0).declined
    0.0
    >>> policy = best_policy(Window(), bonus=100)
    >>> round(policy.declined, 2), bool(policy.reached > policy.reached_serving_all)
    (0.19, True)
    """
    _check(window, bonus)
    value = bonus * _success(window)
    serves = np.empty((window.customers, *value.shape), dtype=bool)
    for left in range(window.customers):
        served = 1.0 + _expected(window, value)
        # Nobody is turned away for nothing: the tolerance is far below any margin.
        serves[left] = served >= value - 1e-9
        value = np.where(serves[left], served, value)
    declined, reached = _followed(window, serves)
    _, served_all = _followed(window, np.ones_like(serves))
    return Policy(declined, reached, served_all, serves)


def _check(window: Window, bonus: float) -> None:
    if window.customers < 1 or window.least < 0 or bonus < 0:
        raise ValueError(
            "customers must be 1 or more, least and the bonus 0 or more; found "
            f"{window.customers}, {window.least} and {bonus}."
        )
    parts = (window.response, *window.shares)
    if not all(0 <= part <= 1 for part in parts) or abs(sum(window.shares) - 1) > 1e-9:
        raise ValueError(
            "the response and the three shares must be from 0 to 1, the shares with the sum 1; "
            f"found {window.response} and {window.shares}."
        )


def _success(window: Window) -> Array:
    """Return 1 where a window ends at its target, shape (answers, net)."""
    answers = np.arange(window.customers + 1)[:, None]
    net = np.arange(-window.customers, window.customers + 1)
    return ((POINTS * net >= window.target * answers) & (answers >= window.least)).astype(float)


def _expected(window: Window, value: Array) -> Array:
    """Return the mean value after serving a customer; the edges are never reached."""
    after = np.zeros_like(value)
    for share, step in zip(window.shares, STEPS, strict=True):
        after[:-1] += share * np.roll(value[1:], -step, axis=1)
    return (1 - window.response) * value + window.response * after


def _followed(window: Window, serves: NDArray[np.bool_]) -> tuple[float, float]:
    """Follow a policy forward; return the share turned away, and the chance of the target."""
    chance = np.zeros(serves.shape[1:])
    chance[0, window.customers] = 1.0
    declined = 0.0
    for now in serves[::-1]:
        served = np.where(now, chance, 0.0)
        declined += float(chance.sum() - served.sum())
        answered = np.zeros_like(chance)
        for share, step in zip(window.shares, STEPS, strict=True):
            answered[1:] += share * np.roll(served[:-1], step, axis=1)
        chance = chance - window.response * served + window.response * answered
    return declined / window.customers, float((chance * _success(window)).sum())
