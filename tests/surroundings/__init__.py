"""The service in other surroundings: real servers of the distribution, in unusual states."""
