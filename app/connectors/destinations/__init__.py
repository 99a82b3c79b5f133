"""One folder per partner."""
