"""One file per table family."""
