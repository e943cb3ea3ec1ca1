"""Who is in the market: customers and agents as arrays, drawn once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.shocks import Purpose, normals, uniforms
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nps_research.market.parameters import Customers, Parameters, Staff

    Array = NDArray[np.float64]

SEGMENTS = ("consumer", "small_business", "enterprise")
CENTS = 100
# A market without contacts has no surveys after contacts; this keeps the mean time finite.
NEVER_SAMPLED = 1e-6


@viewed
class Population(NamedTuple):
    """Customers and agents at the start.

    Customer i belongs to agent i modulo the number of agents, agent j to team j modulo the number
    of teams: more customers leave those who were there as they are.

    Attributes
    ----------
    segment : numpy.ndarray of int8, shape (customers,)
        Position in `SEGMENTS`.
    value : numpy.ndarray of int64, shape (customers,)
        Cents a month.
    power : numpy.ndarray, shape (customers,)
        Bargaining power, from 0 to 1.
    base_loyalty, shift, stretch, compliance : numpy.ndarray, shape (customers,)
        Loyalty that a customer returns to; shift and stretch on the scale; agreeableness.
    age : numpy.ndarray of int8, shape (customers,)
        Months since the customer was last sampled, as if the survey had always been there.
    agent : numpy.ndarray of int32, shape (customers,)
        Whose portfolio the customer is in.
    quality, propensity : numpy.ndarray, shape (agents,)
        Quality of service, and propensity to game.
    team : numpy.ndarray of int32, shape (agents,)
        Team of each agent.
    """

    segment: NDArray[np.int8]
    value: NDArray[np.int64]
    power: Array
    base_loyalty: Array
    shift: Array
    stretch: Array
    compliance: Array
    age: NDArray[np.int8]
    agent: NDArray[np.int32]
    quality: Array
    propensity: Array
    team: NDArray[np.int32]


class _Draws:
    """Draws of customers or agents that are made once."""

    def __init__(self, seed: tuple[int, int], n: int) -> None:
        self.seed, self.entities = seed, np.arange(n)

    def uniform(self, purpose: Purpose) -> Array:
        return uniforms(*self.seed, purpose, 0, self.entities)

    def normal(self, purpose: Purpose) -> Array:
        return normals(*self.seed, purpose, 0, self.entities)


def draw_population(
    parameters: Parameters, sizes: tuple[int, int, int], seed: tuple[int, int]
) -> Population:
    """Draw a population.

    Parameters
    ----------
    parameters : Parameters
        Distributions.
    sizes : tuple of int
        Customers, agents and teams.
    seed : tuple of int
        Root and replicate.

    Returns
    -------
    Population
        The first customers are the same however many follow.
    """
    customers, agents, teams = sizes
    return Population(
        **_customers(parameters.customers, _Draws(seed, customers)),
        age=_ages(parameters, _Draws(seed, customers)),
        agent=(np.arange(customers) % agents).astype(np.int32),
        **_agents(parameters.staff, _Draws(seed, agents)),
        team=(np.arange(agents) % teams).astype(np.int32),
    )


def _customers(customers: Customers, draws: _Draws) -> dict[str, Any]:
    shares = np.array([customers.share_small_business, customers.share_enterprise])
    limits = np.array([1.0 - shares.sum(), 1.0 - shares[1]])
    segment = np.searchsorted(limits, draws.uniform(Purpose.SEGMENT), side="right")
    means = [getattr(customers, f"loyalty_{name}") for name in SEGMENTS]
    medians = [getattr(customers, f"value_{name}") for name in SEGMENTS]
    spread = np.exp(customers.value_spread * draws.normal(Purpose.VALUE))
    return {
        "segment": segment.astype(np.int8),
        "value": np.rint(CENTS * np.array(medians)[segment] * spread).astype(np.int64),
        "power": _power(customers, segment, draws.uniform(Purpose.POWER)),
        "base_loyalty": np.array(means)[segment] + draws.normal(Purpose.BASE_LOYALTY),
        "shift": customers.shift_sd * draws.normal(Purpose.SHIFT),
        "stretch": np.exp(customers.stretch_sd * draws.normal(Purpose.STRETCH)),
        "compliance": draws.normal(Purpose.COMPLIANCE),
    }


def _power(customers: Customers, segment: NDArray[Any], uniform: Array) -> Array:
    low = np.array([0.0, 0.0, customers.power_enterprise])[segment]
    high = np.array([0.0, customers.power_small_business, 1.0])[segment]
    return np.asarray(low + (high - low) * uniform)


def survey_cycle(parameters: Parameters) -> float:
    """Return the mean number of months from one sampling of a customer to the next."""
    survey = parameters.survey
    occasion = parameters.service.contact if survey.after_contact else 1.0
    return survey.gap - 1.0 + 1.0 / max(survey.sampled * occasion, NEVER_SAMPLED)


def _ages(parameters: Parameters, draws: _Draws) -> NDArray[np.int8]:
    """Draw months since the last sampling from their long-run distribution.

    One cycle lasts the gap less one and then a geometric time; each month of the gap is as
    frequent as one sampling a cycle, and whoever is due is due in the same way.
    """
    months = 1.0 + np.floor(survey_cycle(parameters) * draws.uniform(Purpose.LAST_SAMPLED))
    return np.asarray(np.minimum(months, parameters.survey.gap), np.int8)


def _agents(staff: Staff, draws: _Draws) -> dict[str, Any]:
    """Draw quality and propensity: a Beta(1, b) has the quantile 1 - (1 - u) ** (1 / b)."""
    propensity = 1.0 - (1.0 - draws.uniform(Purpose.GAMING)) ** (1.0 / staff.gaming_shape)
    honest = draws.uniform(Purpose.HONESTY) < staff.honest_share
    return {
        "quality": staff.quality_sd * draws.normal(Purpose.QUALITY),
        "propensity": np.where(honest, 0.0, propensity),
    }
