"""What moves the score, and for whom: items, relative importance, segments, comparability."""
