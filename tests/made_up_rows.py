"""Rows of a market without any sense, but for customers who leave and stay away."""

import numpy as np

from nps_research.market.events import Event
from nps_research.market.tallies import Rows


def made_up_rows(months, customers, agents, seed=1):
    generator = np.random.default_rng(seed)
    shape = (months, customers)
    leaves = generator.integers(0, 2 * months, customers)
    month = np.arange(months)[:, None]
    others = generator.integers(0, 2**32, shape, dtype=np.uint32) & ~np.uint32(Event.CHURNED)
    events = np.where(month <= leaves, others | Event.ACTIVE, 0)
    events = np.where(month == leaves, events | Event.CHURNED, events).astype(np.uint32)
    scores = generator.integers(-6, 11, (3, *shape)).clip(-1)
    scores = np.where(events & Event.FRAME > 0, scores, -1).astype(np.int8)
    since = generator.choice([2, 4, months], agents)
    return Rows(*scores, events, np.arange(customers) % agents, since)


def treated(rows):
    """Mark the rows of customers whose agent is paid for the score."""
    month = np.arange(len(rows.events))[:, None]
    return (month >= rows.since[rows.agent]) & (rows.events > 0)
