"""What a score says about people and teams: variance components, ranking, flags, targets."""
