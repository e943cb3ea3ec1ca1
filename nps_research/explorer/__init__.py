"""Try the market out: one simulated firm with sliders, and the same as a function."""
