"""The draws of a batch of customers, made together because the processor is faster so.

Who meets an agent and who is asked in a month is known at its beginning. What all of these need is
drawn here for many customers at once; what few need, such as the acts of agents, where it is used.
Every number is the same either way, for it depends on its address alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.compilation import compiled, inlined
from nps_research.market.shocks import (
    Purpose,
    draw_normals,
    draw_normals_and_uniforms,
    draw_uniforms,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.shocks import When

    Array = NDArray[np.float64]
    Integers = NDArray[np.int64]

# Customers of a batch: its arrays stay in the first cache.
BATCH = 256


class Batch(NamedTuple):
    """Arrays of length BATCH, of which the first `present`, `visiting` or `asked` are in use.

    Attributes
    ----------
    present, visiting, asked : numpy.ndarray of int64
        Numbers of the customers who are there, who meet an agent, and who are asked.
    meets, is_asked : numpy.ndarray of bool
        For each of those who are there, whether they do.
    loyalty, churn : numpy.ndarray
        Draws of those who are there, a normal and a uniform one.
    difficulty, experience : numpy.ndarray
        Normal draws of those who meet an agent.
    mood, score, signal, response, sentiment, verbatim : numpy.ndarray
        Draws of those who are asked: normal, but for response and verbatim.
    """

    present: Integers
    visiting: Integers
    asked: Integers
    meets: NDArray[np.bool_]
    is_asked: NDArray[np.bool_]
    loyalty: Array
    churn: Array
    difficulty: Array
    experience: Array
    mood: Array
    score: Array
    signal: Array
    response: Array
    sentiment: Array
    verbatim: Array


class Draws(NamedTuple):
    """The draws of one customer: fields as in `Batch`, meaningless for what does not happen."""

    meets: bool
    is_asked: bool
    loyalty: float
    churn: float
    difficulty: float
    experience: float
    mood: float
    score: float
    signal: float
    response: float
    sentiment: float
    verbatim: float


@compiled
def empty_batch() -> Batch:
    """Return a batch to be filled."""
    numbers, flags, draws = (
        np.empty((3, BATCH), np.int64),
        np.empty((2, BATCH), np.bool_),
        np.empty((10, BATCH)),
    )
    return Batch(
        *(numbers[0], numbers[1], numbers[2], flags[0], flags[1]),
        *(draws[0], draws[1], draws[2], draws[3], draws[4]),
        *(draws[5], draws[6], draws[7], draws[8], draws[9]),
    )


@compiled
def fill(rules: Any, people: NDArray[Any], when: When, first: int, batch: Batch) -> int:
    """Fill a batch with the customers from the first on; return how many are there.

    Parameters
    ----------
    rules : numpy.void
        Numbers of the market.
    people : numpy.ndarray
        All customers.
    when : tuple of int
        Root, replicate and month.
    first : int
        Number of the first customer of the batch.
    batch : Batch
        Written.
    """
    present = _those_present(people, first, batch.present)
    visiting, asked = _those_invited(rules, people, when, batch, present)
    here, visitors = batch.present[:present], batch.visiting[:visiting]
    draw_normals_and_uniforms(when, Purpose.LOYALTY, here, batch.loyalty, batch.churn)
    draw_normals(when, Purpose.DIFFICULTY, visitors, batch.difficulty, batch.experience)
    answerers = batch.asked[:asked]
    draw_normals(when, Purpose.MOOD, answerers, batch.mood, batch.score)
    draw_normals_and_uniforms(when, Purpose.SIGNAL, answerers, batch.signal, batch.response)
    draw_normals_and_uniforms(when, Purpose.SENTIMENT, answerers, batch.sentiment, batch.verbatim)
    return present


@inlined
def draws_of(batch: Batch, place: int, visitor: int, answerer: int) -> Draws:
    """Return the draws of a customer, given the places among all, visitors and those asked."""
    return Draws(
        batch.meets[place],
        batch.is_asked[place],
        batch.loyalty[place],
        batch.churn[place],
        batch.difficulty[visitor],
        batch.experience[visitor],
        batch.mood[answerer],
        batch.score[answerer],
        batch.signal[answerer],
        batch.response[answerer],
        batch.sentiment[answerer],
        batch.verbatim[answerer],
    )


@compiled
def _those_present(people: NDArray[Any], first: int, present: Integers) -> int:
    found = 0
    for customer in range(first, min(first + BATCH, len(people))):
        present[found] = customer
        found += int(people[customer].present)
    return found


@compiled
def _those_invited(
    rules: Any, people: NDArray[Any], when: When, batch: Batch, present: int
) -> tuple[int, int]:
    """Find those who meet an agent, and those who are asked: due, and drawn."""
    contact, sampled = np.empty(BATCH), np.empty(BATCH)
    draw_uniforms(when, Purpose.CONTACT, batch.present[:present], contact, sampled)
    visiting, asked = 0, 0
    for place in range(present):
        customer = batch.present[place]
        meets = contact[place] < rules.service.contact
        occasion = meets or rules.survey.after_contact == 0.0
        due = occasion and people[customer].age >= rules.survey.gap
        batch.meets[place] = meets
        batch.is_asked[place] = due and sampled[place] < rules.survey.sampled
        batch.visiting[visiting] = batch.asked[asked] = customer
        visiting += int(batch.meets[place])
        asked += int(batch.is_asked[place])
    return visiting, asked
