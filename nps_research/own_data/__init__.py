"""The questions of the notebooks asked of anybody's survey: reading, findings, editions."""
