"""Fingerprints of gaming: nine detectors, what they cannot tell apart, and how to combine them."""
