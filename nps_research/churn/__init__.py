"""Who leaves after which score: lifetimes, hazards, codings of the score, and its borders."""
