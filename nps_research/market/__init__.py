"""A market in which people are paid for the score: simulation and exact attribution."""
