"""Where datasets are read from besides uploads."""
