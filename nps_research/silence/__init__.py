"""What the silent would say: weights, bounds, joint models, accounts of several contacts."""
