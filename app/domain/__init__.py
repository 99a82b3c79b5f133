"""The rules of the service: pure functions and frozen dataclasses, without I/O."""
