"""The performance promises, runnable by anyone: each beside its peer in one run, as ratios."""
